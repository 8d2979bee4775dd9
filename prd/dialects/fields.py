"""Taking typed values out of an object of a structured file, collecting what is wrong with them. Knows the keys of no dialect."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prd.errors import Problem, quoted
from prd.spelling import nearest, plain
from prd.tree import Kind, Member, Node


@dataclass(frozen=True)
class Field:
    """A key that a dialect reads."""

    key: str
    example: str
    """A value as it stands in the file."""
    also: tuple[str, ...] = ()
    """Keys that are read in the same way, the likelier first."""
    other_names: tuple[str, ...] = ()
    """What else people write for it: refused with the right key, while that one is missing."""
    exact: bool = False
    """A key that is like it was not meant as it."""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.key, *self.also)

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
        what = f'{self.where}: "{key}" is {node.in_words}, not {wanted}'
        self.note(node, what, f"Write {self._shown_as(key)}.")

    def _shown_as(self, name: str) -> str:
        example = next(known.example for known in self.known.values() if name in known.names)
        return f'"{name}": {example}'

    def given(self, key: str) -> Iterator[Member]:
        """The members under any of the field's names that are not null, in the order of the names."""
        for name in self.known[key].names:
            member = next((member for member in self.node.members if member.key.text == name), None)
            if member is not None and member.value.kind is not Kind.NULL:
                yield member

    def text(self, key: str) -> str:
        """Empty when the key is missing, null or wrong. Under another name than its first only a text is taken for it."""
        for member in self.given(key):
            text = member.value.as_text
            if text is not None:
                return text
            if member.key.text == key:
                self.wrong_type(key, member.value, "a text")
                return ""
        return ""

    def texts(self, member: Member) -> tuple[Node, ...]:
        """The texts of a list, or the one text that stands for a list of one; each with its place."""
        name, node = member.key.text, member.value
        if node.as_text is not None:
            return (node,) if node.as_text.strip() else ()
        if node.kind is not Kind.LIST:
            self.wrong_type(name, node, "a list of texts")
            return ()
        found = [(item, _text_of(item)) for item in node.items]
        for item, text in found:
            if text is None:
                self._note_no_text(name, item)
        return tuple(text for _, text in found if text is not None)

    def _note_no_text(self, name: str, item: Node) -> None:
        what = f'{self.where}: an entry of "{name}" is {item.in_words}, not a text'
        if item.kind is Kind.OBJECT:
            self.note(item, what, "Put the whole entry in quotes.")
        else:
            self.note(item, what, f"Write {self._shown_as(name)}.")

    def note_near_misses(self, needless: Collection[str] = ()) -> frozenset[str]:
        """Notes for each known key that is missing the unknown one that was probably meant as it; gives the known ones.

        Beside the known key itself, and beside what makes it `needless`, an odd one is somebody's own business, as every other
        unknown key is.
        """
        given = {member.key.text: member.key for member in self.node.members}
        names = {name for known in self.known.values() for name in known.names}
        unknown = [key for key in given if key not in names]
        missing = {key: known for key, known in self.known.items() if not given.keys() & {*known.names}}
        meant = {
            key: _near_miss(known, unknown) for key, known in missing.items() if not known.exact and key not in needless
        }
        for key, near in meant.items():
            if near is not None:
                what = f"{self.where} has the unknown key {quoted(near)}"
                self.note(given[near], what, f"Rename it, for example {self.known[key].shown}.")
        return frozenset(key for key, near in meant.items() if near is not None)


_TEXT_KEYS = ("text", "description", "criterion", "title", "name", "step")


def _text_of(item: Node) -> Node | None:
    """The entry itself, or the text that stands in an entry with keys of its own."""
    if item.as_text is not None:
        return item
    inner = (item.get(key) for key in _TEXT_KEYS)
    return next((node for node in inner if node is not None and node.kind is Kind.TEXT), None)


def _near_miss(known: Field, unknown: Sequence[str]) -> str | None:
    """The most likely first: the same but for spelling, then another name for it, then a typing mistake."""
    spelt = {plain(key): key for key in reversed(unknown)}
    names = (spelt.get(plain(name)) for name in (*known.names, *known.other_names))
    typed = (key for key in unknown if nearest(key, [known.key]))
    return next((key for key in (*names, *typed) if key), None)
