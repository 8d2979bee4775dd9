"""Taking typed values out of an object of a JSON file, collecting what is wrong with them. Knows the keys of no dialect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prd.errors import Problem, quoted
from prd.spelling import nearest, plain
from prd.tree import Kind, Node

MAX_NUMBER_CHARS = 9


@dataclass(frozen=True)
class Field:
    """A key that a dialect reads."""

    key: str
    example: str
    """A value as it stands in the file."""
    other_names: tuple[str, ...] = ()
    """What people and other tools write for it."""

    @property
    def shown(self) -> str:
        return f'"{self.key}": {self.example}'


@dataclass
class Fields:
    """Reads one object. `where` is how a message calls it: `story "US-001"`."""

    node: Node
    where: str
    known: Mapping[str, Field]
    problems: list[Problem] = field(default_factory=list)

    def note(self, node: Node, what: str, remedy: str) -> None:
        self.problems.append(Problem(node.start, what, remedy))

    def wrong_type(self, key: str, node: Node, wanted: str) -> None:
        self.note(node, f'{self.where}: "{key}" is {node.in_words}, not {wanted}', f"Write {self.known[key].shown}.")

    def value(self, key: str) -> Node | None:
        """None for a key that is missing or null."""
        node = self.node.get(key)
        return None if node is None or node.kind is Kind.NULL else node

    def text(self, key: str) -> str:
        """Empty when the key is missing, null or wrong."""
        node = self.value(key)
        if node is None or node.kind is Kind.TEXT:
            return node.text if node else ""
        self.wrong_type(key, node, "a text")
        return ""

    def texts(self, key: str) -> tuple[Node, ...]:
        """The texts of a list, each with its place; none when the key is missing, null or wrong."""
        node = self.value(key)
        if node is None:
            return ()
        if node.kind is not Kind.LIST:
            self.wrong_type(key, node, "a list of texts")
            return ()
        for item in node.items:
            if item.kind is not Kind.TEXT:
                self.note(
                    item,
                    f'{self.where}: an entry of "{key}" is {item.in_words}, not a text',
                    f"Write {self.known[key].shown}.",
                )
        return tuple(item for item in node.items if item.kind is Kind.TEXT)

    def whole_number(self, key: str) -> int | None:
        node = self.value(key)
        if node is None:
            return None
        digits = node.text.removeprefix("-")
        if node.kind is Kind.NUMBER and digits.isdigit() and len(digits) <= MAX_NUMBER_CHARS:
            return int(node.text)
        self.wrong_type(key, node, f"a whole number of at most {MAX_NUMBER_CHARS} digits")
        return None

    def flag(self, key: str) -> bool:
        """False when the key is missing or wrong; null is wrong."""
        node = self.node.get(key)
        if node is not None and node.kind not in {Kind.TRUE, Kind.FALSE}:
            self.note(node, f'{self.where}: "{key}" is {node.in_words}', "Write true or false, without quotes.")
        return node is not None and node.kind is Kind.TRUE

    def note_near_misses(self) -> frozenset[str]:
        """Notes for each known key that is missing the unknown one that was probably meant as it; gives the known ones.

        Beside the known key itself an odd one is somebody's own business, as every other unknown key is.
        """
        given = {member.key.text: member.key for member in self.node.members}
        unknown = [key for key in given if key not in self.known]
        meant = {key: _near_miss(known, unknown) for key, known in self.known.items() if key not in given}
        for key, near in meant.items():
            if near is not None:
                what = f"{self.where} has the unknown key {quoted(near)}"
                self.note(given[near], what, f"Rename it, for example {self.known[key].shown}.")
        return frozenset(key for key, near in meant.items() if near is not None)


def _near_miss(known: Field, unknown: Sequence[str]) -> str | None:
    """The most likely first: the same but for spelling, then another name for it, then a typing mistake."""
    spelt = {plain(key): key for key in reversed(unknown)}
    names = (spelt.get(plain(name)) for name in (known.key, *known.other_names))
    typed = (key for key in unknown if nearest(key, [known.key]))
    return next((key for key in (*names, *typed) if key), None)
