"""YAML with places, read into the same tree as JSON. Knows nothing of PRDs.

Read from the parser's events, so that nothing is expanded: an alias is refused, not followed, and tags make no objects. Scalars
without quotes are true, false (also yes, no, on, off), null, numbers or texts; dates stay texts.
"""

import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from prd.errors import Problem, quoted
from prd.tree import Kind, Member, Node, Tree

MAX_CHARS = 1_000_000
MAX_DEPTH = 100

_WORDS = {
    **dict.fromkeys(("true", "yes", "on"), Kind.TRUE),
    **dict.fromkeys(("false", "no", "off"), Kind.FALSE),
    **dict.fromkeys(("", "~", "null"), Kind.NULL),
}
_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?")
_REMEDIES = (
    ("character '\\t'", "a tab stands where YAML takes spaces only", "Replace it with spaces."),
    (
        "mapping values are not allowed",
        "a colon stands inside a text without quotes, or the line is indented too far",
        "Put the text in quotes, or indent the line like those above it.",
    ),
    (
        "expected <block end>",
        "the line is not indented like those above it",
        "Indent it like the entries of the same list or object.",
    ),
    (
        "could not find expected ':'",
        "the line has no colon and a space after its key",
        "Write it like title: Add login page.",
    ),
    ("unexpected end of stream", "a text in quotes is never closed", "Add the missing quote."),
    ("expected ',' or", "a bracket is never closed, or a comma is missing", "Add what is missing."),
    ("expected the node content", "a value is missing here", "Write it, or put the text in quotes."),
    ("cannot start any token", "a text without quotes cannot start with this character", "Put the text in quotes."),
    ("expected alphabetic or numeric", "a text without quotes cannot start with * or &", "Put the text in quotes."),
    (
        "unknown escape",
        "a backslash in double quotes escapes nothing",
        "Write a backslash as \\\\, or use single quotes.",
    ),
)


def parse_yaml(text: str) -> Tree:
    """The values of the text with their places, and everything that is wrong with it. Never raises."""
    reader = _Reader(text)
    try:
        if len(text) > MAX_CHARS:
            reader.stop(0, "the file is longer than 1,000,000 characters", "Split it into several PRDs.")
        root = reader.document()
    except _StopReading as stop:
        return Tree(None, (*reader.problems, stop.problem))
    except yaml.YAMLError as error:
        return Tree(None, (*reader.problems, _in_words(error, len(text))))
    except (ValueError, OverflowError):  # an escape for a character that does not exist
        what = "a text in double quotes has an escape for no character"
        return Tree(
            None, (*reader.problems, Problem(reader.at, what, "Write a backslash as \\\\, or use single quotes."))
        )
    return Tree(root, tuple(reader.problems))


class _StopReading(Exception):  # noqa: N818 - it never leaves this file
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.problems: list[Problem] = []
        self.at = 0
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.SafeLoader)

    def stop(self, at: int, what: str, remedy: str) -> NoReturn:
        raise _StopReading(Problem(at, what, remedy))

    def document(self) -> Node:
        self._next()
        if not isinstance(self._next(), yaml.DocumentStartEvent):
            self.stop(0, "the file is empty", "Write a PRD: tasks: [...]")
        root = self._node(self._next(), 0)
        self._next()
        after: Any = self._next()
        if isinstance(after, yaml.DocumentStartEvent):
            self.stop(self.at, "a second document starts here", "Keep one document in the file.")
        return root

    def _next(self) -> Any:
        event = next(self._events)
        self.at = _index(event.start_mark)
        return event

    def _node(self, event: Any, depth: int) -> Node:
        self._check(event, depth)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, depth)
        return self._scalar(event)

    def _check(self, event: Any, depth: int) -> None:
        if isinstance(event, yaml.AliasEvent):
            self.stop(
                self.at, f"*{event.anchor} is an alias, which Ralph does not follow", "Write out what it stands for."
            )
        if event.anchor is not None:
            self.stop(self.at, f"&{event.anchor} is an anchor, which Ralph does not follow", "Remove it.")
        if event.tag is not None:
            self.stop(self.at, f"the tag {quoted(event.tag)} is not for a PRD", "Remove it, or put the text in quotes.")
        if depth > MAX_DEPTH:
            self.stop(self.at, f"values are nested more than {MAX_DEPTH} deep", "Flatten them.")

    def _sequence(self, start: Any, depth: int) -> Node:
        items = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        end = (
            _index(event.end_mark)
            if start.flow_style
            else max((item.end for item in items), default=_index(start.start_mark))
        )
        return Node(Kind.LIST, _index(start.start_mark), end, items=tuple(items))

    def _mapping(self, start: Any, depth: int) -> Node:
        members: list[Member] = []
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, depth)
            members.append(Member(key, self._node(self._next(), depth + 1)))
        end = _index(event.end_mark) if start.flow_style else members[-1].value.end
        self._note_doubles(members)
        return Node(Kind.OBJECT, _index(start.start_mark), end, members=tuple(members))

    def _key(self, event: Any, depth: int) -> Node:
        explicit = self.text[: self.at].rstrip(" \t")[-1:] == "?"
        if explicit or not isinstance(event, yaml.ScalarEvent):
            self.stop(self.at, "the key is not a plain one", "Write it like title: Add login page.")
        node = self._node(event, depth + 1)
        return Node(Kind.TEXT, node.start, node.end, event.value)

    def _note_doubles(self, members: list[Member]) -> None:
        seen: set[str] = set()
        for member in members:
            if member.key.text in seen:
                what = f"the key {quoted(member.key.text)} is given twice in one object"
                self.problems.append(Problem(member.key.start, what, "Keep one."))
            seen.add(member.key.text)

    def _scalar(self, event: Any) -> Node:
        start, end = _index(event.start_mark), _index(event.end_mark)
        if any("\ud800" <= char <= "\udfff" for char in event.value):
            self.stop(start, "a text has half of a character in it", "Write the character itself.")
        if event.style is not None:
            block = event.style in "|>"
            end = len(self.text[:end].rstrip()) if block else end
            return Node(Kind.TEXT, start, end, event.value.rstrip("\n") if block else event.value)
        kind = _WORDS.get(event.value.lower()) or (Kind.NUMBER if _NUMBER.fullmatch(event.value) else Kind.TEXT)
        return Node(kind, start, end, event.value, unquoted=True)


def _index(mark: Any) -> int:
    index: int = mark.index
    return index


def _in_words(error: yaml.YAMLError, end: int) -> Problem:
    said = str(getattr(error, "problem", None) or "")
    mark = getattr(error, "problem_mark", None)
    at = mark.index if mark is not None else getattr(error, "position", end)
    at = min(at, end)
    for sign, what, remedy in _REMEDIES:
        if sign in said:
            return Problem(at, what, remedy)
    if isinstance(error, yaml.reader.ReaderError):
        return Problem(at, "a character stands here that YAML does not allow", "Remove it.")
    return Problem(
        at, f"this is not YAML ({said or 'it cannot be read'})", "Mend this line, or put its text in quotes."
    )
