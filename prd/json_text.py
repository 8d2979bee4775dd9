"""JSON with places: a strict reader whose every value and key knows where it stands, and whose errors say what to write.

What can be read on past (a trailing comma, a key given twice) is collected; what cannot ends the reading. Knows nothing of PRDs.
Grammar: RFC 8259. A UTF-8 byte order mark is skipped; a number keeps its own spelling.
"""

import re
from dataclasses import dataclass, field

from prd.errors import Problem, quoted
from prd.source import BOM
from prd.tree import Kind, Member, Node, Tree

MAX_DEPTH = 100

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![0-9A-Za-z_.+-])")
_NUMBER_LIKE = re.compile(r"[+.\-0-9][0-9A-Za-z_.+-]*")
_WORD = re.compile(r"[A-Za-z_$][\w$-]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_UNICODE_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})(?:\\u([dD][c-fC-F][0-9A-Fa-f]{2}))?")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_FOREIGN_WORDS = {
    "True": "true",
    "TRUE": "true",
    "False": "false",
    "FALSE": "false",
    "None": "null",
    "undefined": "null",
}
_SPELT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


_WORDS = {"true": Kind.TRUE, "false": Kind.FALSE, "null": Kind.NULL}


def parse_json(text: str) -> Tree:
    """The values of the text with their places, and everything that is wrong with it as JSON. Never raises."""
    reader = _Reader(text, len(BOM) if text.startswith(BOM) else 0)
    try:
        root = reader.document()
    except _StopReading as stop:
        return Tree(None, (*reader.problems, stop.problem))
    return Tree(root, tuple(reader.problems))


class _StopReading(Exception):  # noqa: N818 - it never leaves this file
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


@dataclass
class _Reader:
    text: str
    at: int
    problems: list[Problem] = field(default_factory=list)

    def document(self) -> Node:
        if not self._peek():
            raise self._fault("the file is empty", 'Write a PRD: {"userStories": [...]}')
        root = self._value(0)
        if self._peek():
            raise self._fault(
                "there is more text after the end of the JSON", "Remove it, or the bracket too many before it."
            )
        return root

    def _fault(self, what: str, remedy: str, at: int | None = None) -> _StopReading:
        return _StopReading(Problem(self.at if at is None else at, what, remedy))

    def _note(self, at: int, what: str, remedy: str) -> None:
        self.problems.append(Problem(at, what, remedy))

    def _peek(self) -> str:
        """The next character that is not white space; empty at the end of the file."""
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at
        return self.text[self.at : self.at + 1]

    def _value(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._fault(f"values are nested more than {MAX_DEPTH} deep", "Flatten them.")
        char = self._peek()
        if char == "{":
            return self._object(depth)
        if char == "[":
            return self._list(depth)
        if char == '"':
            return self._string()
        return self._scalar(char)

    def _scalar(self, char: str) -> Node:
        start = self.at
        if number := _NUMBER.match(self.text, start):
            self.at = number.end()
            return Node(Kind.NUMBER, start, self.at, number[0])
        if word := _WORD.match(self.text, start):
            self.at = word.end()
            return Node(self._word(word[0], start), start, self.at)
        if odd := _NUMBER_LIKE.match(self.text, start):
            raise self._fault(
                f"{odd[0][:40]} is not a number in JSON", "Write it like 7 or -7.5, without leading zeros or a plus."
            )
        raise self._unexpected(char, "a value")

    def _word(self, word: str, start: int) -> Kind:
        if word in _WORDS:
            return _WORDS[word]
        if word in _FOREIGN_WORDS:
            raise self._fault(f"{word} is not JSON", f"Write {_FOREIGN_WORDS[word]}.", start)
        raise self._fault(f"the text {word[:40]} has no quotes", f"Write {quoted(word, limit_chars=43)}.", start)

    def _unexpected(self, char: str, wanted: str) -> _StopReading:
        if not char:
            return self._fault(
                f"the file ends where {wanted} should stand", "Add what is missing; the file may have been cut short."
            )
        if char == "/":
            return self._fault("there is a comment, which JSON does not have", "Remove it.")
        if char in "'\u2018\u2019\u201c\u201d`":
            return self._fault(f"{char} does not quote a text in JSON", 'Use " instead.')
        if char == ",":
            return self._fault(
                f"there is a comma where {wanted} should stand", "Remove the comma, or add what is missing before it."
            )
        return self._fault(
            f"{quoted(char)} stands where {wanted} should", "Remove it, or add what is missing before it."
        )

    def _object(self, depth: int) -> Node:
        start, members = self.at, []
        self.at += 1
        more = self._peek() != "}"
        while more:
            members.append(self._member(depth))
            more = self._goes_on(start, "}")
        self.at += 1
        self._note_doubles(members)
        return Node(Kind.OBJECT, start, self.at, members=tuple(members))

    def _list(self, depth: int) -> Node:
        start, items = self.at, []
        self.at += 1
        more = self._peek() != "]"
        while more:
            items.append(self._value(depth + 1))
            more = self._goes_on(start, "]")
        self.at += 1
        return Node(Kind.LIST, start, self.at, items=tuple(items))

    def _goes_on(self, opened_at: int, closing: str) -> bool:
        """Whether another element follows; if not, the closing bracket is the next character."""
        char, comma_at = self._peek(), self.at
        if char == closing:
            return False
        if not char:
            raise self._fault(f"this {self.text[opened_at]} is never closed", f"Add the missing {closing}.", opened_at)
        if char != ",":
            raise self._no_comma(char, closing)
        self.at += 1
        if self._peek() != closing:
            return True
        self._note(comma_at, f"there is a comma before the closing {closing}", "Remove the comma.")
        return False

    def _no_comma(self, char: str, closing: str) -> _StopReading:
        if char in '"{[' or char.isalnum():
            return self._fault(
                "a comma is missing before this",
                'Add a comma after the value before it; a quote inside a text is written \\".',
            )
        return self._unexpected(char, f"a comma or {closing}")

    def _member(self, depth: int) -> Member:
        char = self._peek()
        if char != '"':
            raise self._no_key(char)
        key = self._string()
        if self._peek() != ":":
            raise self._fault(
                f"the key {quoted(key.text)} has no colon after it", f"Write {quoted(key.text)}: and its value."
            )
        self.at += 1
        return Member(key, self._value(depth + 1))

    def _no_key(self, char: str) -> _StopReading:
        if word := _WORD.match(self.text, self.at):
            return self._fault(f"the key {word[0][:40]} has no quotes", f"Write {quoted(word[0], limit_chars=43)}.")
        return self._unexpected(char, "a key in quotes")

    def _note_doubles(self, members: list[Member]) -> None:
        seen: set[str] = set()
        for member in members:
            if member.key.text in seen:
                self._note(
                    member.key.start, f"the key {quoted(member.key.text)} is given twice in one object", "Keep one."
                )
            seen.add(member.key.text)

    def _string(self) -> Node:
        start = self.at
        parts: list[str] = []
        self.at += 1
        while (char := self._plain(parts)) != '"':
            if char == "\\":
                parts.append(self._escape())
            elif not char:
                raise self._fault("this text is never closed", 'Add the missing ".', start)
            else:
                raise self._raw_control(char, start)
        self.at += 1
        return Node(Kind.TEXT, start, self.at, "".join(parts))

    def _plain(self, parts: list[str]) -> str:
        """Moves past plain characters and says what stopped it; empty at the end of the file."""
        plain = _PLAIN.match(self.text, self.at)
        assert plain is not None
        parts.append(plain[0])
        self.at = plain.end()
        return self.text[self.at : self.at + 1]

    def _raw_control(self, char: str, start: int) -> _StopReading:
        if char in "\r\n":
            return self._fault(
                "this text is not closed on its line", 'Close it with ", or write a line break inside it as \\n.', start
            )
        spelt = _SPELT.get(char, f"\\u{ord(char):04x}")
        return self._fault(
            f"a text has the raw control character U+{ord(char):04X}", f"Write it as {spelt}, or remove it."
        )

    def _escape(self) -> str:
        char = self.text[self.at + 1 : self.at + 2]
        if char == "u":
            return self._unicode_escape()
        if char not in _ESCAPES or not char:
            raise self._fault(
                f"\\{char} is not an escape in JSON" if char.isprintable() else "a backslash escapes nothing",
                "Write a backslash as \\\\.",
            )
        self.at += 2
        return _ESCAPES[char]

    def _unicode_escape(self) -> str:
        found = _UNICODE_ESCAPE.match(self.text, self.at)
        if found is None:
            raise self._fault(
                "\\u is not followed by four hexadecimal digits", "Write it like \\u00e9, or a backslash as \\\\."
            )
        high, low = int(found[1], 16), found[2]
        if not 0xD800 <= high <= 0xDFFF:
            self.at += 6
            return chr(high)
        if low is None or high >= 0xDC00:
            raise self._fault(f"{found[0][:6]} is half of a character", "Write both halves, or the character itself.")
        self.at += 12
        return chr(0x10000 + ((high - 0xD800) << 10) + (int(low, 16) - 0xDC00))
