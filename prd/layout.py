"""Edits that fit into a JSON or YAML file as it is laid out: its indentation, quotes, line ends and words. Knows nothing of stories.

In YAML a value in brackets is written as in JSON, which YAML takes as well; one without brackets goes by its indentation.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from prd.document import Edit
from prd.source import BOM
from prd.tree import Kind, Node

Value = str | bool | int | Sequence[str]

_LINE_END = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_PLAIN = re.compile(r"[A-Za-z][\w ./()'-]*(?<! )")
_NOT_TEXT = re.compile(r"(?i:true|false|yes|no|on|off|null|y|n)")
_PAIRS = (("true", "false"), ("yes", "no"), ("on", "off"))


@dataclass(frozen=True)
class Layout:
    """`flags` are the true and false that the file has, in the order in which they are to be copied."""

    text: str
    yaml: bool
    flags: Sequence[Node] = ()

    def replaced_flag(self, node: Node, *, value: bool) -> Edit:
        return Edit(node.start, node.end, self._flag_like(self._spelt(node), value=value))

    def replaced_word(self, node: Node, word: str) -> Edit:
        """The word in the quotes that stand there now."""
        quote = self.text[node.start] if self.text[node.start] in "\"'" else ""
        written = json.dumps(word) if quote == '"' else f"'{word.replace(chr(39), chr(39) * 2)}'" if quote else word
        return Edit(node.start, node.end, written)

    def filled(self, node: Node, *, value: Value) -> Edit:
        """The value in place of a null, which in YAML may be nothing at all."""
        return Edit(node.start, node.end, ("" if node.start < node.end else " ") + self.scalar(value))

    def added_member(self, mapping: Node, key: str, value: Value) -> Edit:
        """The member behind the last one, laid out as that one is."""
        if not self._in_brackets(mapping):
            at = self._line_end(mapping.end)
            return Edit(at, at, f"{self.newline}{self._indent_of(mapping)}{key}: {self.scalar(value)}")
        if not mapping.members:
            return Edit(mapping.start + 1, mapping.start + 1, f'"{key}": {self.scalar(value)}')
        last = mapping.members[-1]
        colon = self.text[last.key.end : last.value.start]
        shown = f'"{key}"' if self.text[last.key.start] == '"' else key
        space = self._space_between(len(mapping.members), last.key, tight=self._is_tight(mapping))
        written = f",{space}{shown}{colon if ':' in colon else ': '}{self.scalar(value)}"
        return Edit(last.value.end, last.value.end, written)

    def added_item(self, items: Node, members: Mapping[str, Value]) -> Edit:
        """The object behind the last one of a list, laid out as that one is."""
        if not self._in_brackets(items):
            return self._added_block_item(items, members)
        if not items.items:
            return self._first_item(items, members)
        last = items.items[-1]
        space = self._space_between(len(items.items), last, tight=self._is_tight(last))
        return Edit(last.end, last.end, f",{space}{self._like(last, members)}")

    def scalar(self, value: Value) -> str:
        if isinstance(value, bool):
            return self._flag_like(self._spelt(self.flags[0]) if self.flags else "true", value=value)
        if isinstance(value, int):
            return str(value)
        if isinstance(value, str):
            return value if self.yaml and _is_plain(value) else quoted_text(value)
        return "[" + ", ".join(quoted_text(item) for item in value) + "]"

    @cached_property
    def newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    def _like(self, model: Node, members: Mapping[str, Value]) -> str:
        """An object in brackets; with a line for each member when the model has one."""
        if not model.members or not _LINE_END.search(self.text[model.start : model.members[0].key.start]):
            colon, comma = (":", ",") if self._is_tight(model) else (": ", ", ")
            return "{" + comma.join(f'"{key}"{colon}{self.scalar(value)}' for key, value in members.items()) + "}"
        return self._on_lines(members, self._indentation(model.end), self._indent_of(model))

    def _space_between(self, count: int, last: Node, *, tight: bool) -> str:
        """What stands between a comma and the last of so many; for the second of two on one line it cannot be seen."""
        space = self._space_before(last)
        return " " if count == 1 and not space and not tight else space

    def _is_tight(self, model: Node) -> bool:
        """Whether the file is written without spaces."""
        return bool(model.members) and not self._space_before(model.members[-1].value)

    def _on_lines(self, members: Mapping[str, Value], outer: str, inner: str) -> str:
        unit = inner.removeprefix(outer) or "  "
        lines = (f'"{key}": {self._spread(value, inner, unit)}' for key, value in members.items())
        return "{" + ",".join(f"{self.newline}{inner}{line}" for line in lines) + f"{self.newline}{outer}}}"

    def _spread(self, value: Value, inner: str, unit: str) -> str:
        if isinstance(value, str | bool | int) or not value:
            return self.scalar(value)
        lines = ",".join(f"{self.newline}{inner}{unit}{quoted_text(item)}" for item in value)
        return f"[{lines}{self.newline}{inner}]"

    def _first_item(self, items: Node, members: Mapping[str, Value]) -> Edit:
        outer = self._indentation(items.start)
        unit = outer or "  "
        inner = outer + unit
        written = f"{self.newline}{inner}{self._on_lines(members, inner, inner + unit)}{self.newline}{outer}"
        return Edit(items.start + 1, items.end - 1, written)

    def _added_block_item(self, items: Node, members: Mapping[str, Value]) -> Edit:
        last = items.items[-1]
        dash = self._indent_of(items)
        inner = dash + "  " if self._in_brackets(last) else self._indent_of(last)
        lines = [line for key, value in members.items() for line in self._block_lines(key, value)]
        first = f"{dash}-{' ' * (len(inner) - len(dash) - 1)}{lines[0]}"
        at = self._line_end(items.end)
        return Edit(at, at, "".join(self.newline + line for line in (first, *(inner + line for line in lines[1:]))))

    def _block_lines(self, key: str, value: Value) -> Iterable[str]:
        if isinstance(value, str | bool | int) or not value:
            return [f"{key}: {self.scalar(value)}"]
        return [f"{key}:", *(f"  - {self.scalar(item)}" for item in value)]

    def _in_brackets(self, node: Node) -> bool:
        return self.text[node.start] in "{["

    def _indentation(self, at: int) -> str:
        """The white space at the start of the line."""
        line = _LINE_END.split(self.text[:at].removeprefix(BOM))[-1]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def _indent_of(self, node: Node) -> str:
        """The white space before the first entry of an object or a block list, as wide as what really stands there."""
        start = node.members[0].key.start if node.members else node.start
        before = _LINE_END.split(self.text[:start].removeprefix(BOM))[-1]
        return before if before.isspace() or not before else " " * len(before)

    def _line_end(self, at: int) -> int:
        """The end of the line on which something ends: behind a comment that follows it."""
        found = _LINE_END.search(self.text, at)
        return found.start() if found else len(self.text)

    def _space_before(self, node: Node) -> str:
        return self.text[len(self.text[: node.start].rstrip(" \t\r\n")) : node.start]

    def _spelt(self, node: Node) -> str:
        return self.text[node.start : node.end]

    def _flag_like(self, model: str, *, value: bool) -> str:
        pair = next((pair for pair in _PAIRS if model.lower() in pair), _PAIRS[0])
        word = pair[0] if value else pair[1]
        return word.upper() if model.isupper() else word.capitalize() if model[:1].isupper() else word


def flags_in(nodes: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(node for node in nodes if node.kind in {Kind.TRUE, Kind.FALSE})


def quoted_text(text: str) -> str:
    """In double quotes, as JSON and YAML both read it: what cannot be seen is escaped."""
    return "".join(_escaped(char) for char in json.dumps(text, ensure_ascii=False))


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    return json.dumps(char)[1:-1] if ord(char) <= 0xFFFF else char


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None and _NOT_TEXT.fullmatch(text) is None
