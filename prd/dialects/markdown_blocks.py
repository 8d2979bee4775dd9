"""The blocks of a Markdown file with their places in it: headings, paragraphs, lists with checkboxes. Knows nothing of stories.

CommonMark decides what is a list, what is code and what is a comment. Three exceptions follow what people mean: front matter is
passed over; `**Status:** done` above a `---` is a paragraph above a line, not a heading; and right under a list it starts a
paragraph of its own instead of continuing the last item.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from prd.source import BOM

OPEN_MARKS = " ~/"
"""What stands in the box of something to do; the last two say that somebody is at it."""
DONE_MARKS = "xX"
HELD_MARKS = "-!>"
"""Blocked, cancelled, put off: not to be worked on."""

_LINE_END = re.compile(r"\r\n?|\n")
_BOX = re.compile(rf"\[([{re.escape(OPEN_MARKS + DONE_MARKS + HELD_MARKS)}])\](?:\s+|$)")
_FRONT_MATTER = re.compile(r"---[ \t]*\n[\w-]+:.*\n(?:(?!---[ \t]*\n|#).*\n)*---[ \t]*(?=\n|\Z)")
_LABELLED = re.compile(r"(\*\*|__)[^*_]+(:\1|\1\s*:)")


class Kind(StrEnum):
    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    RULE = "rule"
    HTML = "html"
    OTHER = "other"


@dataclass(frozen=True)
class Box:
    """A checkbox: `at` is the offset of the character between its brackets."""

    at: int
    mark: str


@dataclass(frozen=True)
class Item:
    """An item of a list, from its first line up to (not with) `end`."""

    line: int
    end: int
    text: str
    """Its first paragraph as it is spelt, without the checkbox."""
    box: Box | None
    more: tuple[str, ...]
    """What else it holds beside lists: further paragraphs, code."""
    children: tuple["Item", ...]


@dataclass(frozen=True)
class Block:
    """One block of the outermost level, from its first line up to (not with) `end`."""

    kind: Kind
    line: int
    end: int
    text: str = ""
    """Of a heading and a paragraph: as it is spelt, without the marks of the heading."""
    level: int = 0
    """Of a heading [1-6]."""
    items: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Page:
    """A Markdown text by lines and blocks. Lines count from 0."""

    text: str
    starts: tuple[int, ...]
    """The offset of each line; one more for the end of the text."""
    blocks: tuple[Block, ...]

    @cached_property
    def eol(self) -> str:
        """The line end that the file uses first."""
        found = _LINE_END.search(self.text)
        return found[0] if found else "\n"

    def line(self, number: int) -> str:
        """The line without its end."""
        return self.text[self.starts[number] : self.starts[number + 1]].rstrip("\r\n")

    def line_at(self, offset: int) -> int:
        return bisect_right(self.starts, offset) - 1

    def line_end(self, number: int) -> int:
        """The offset behind the last character of the line."""
        return self.starts[number] + len(self.line(number))

    def lines(self, first: int, end: int) -> str:
        return "\n".join(self.line(number) for number in range(first, end))


def parse_page(text: str) -> Page:
    """Never raises: every text is Markdown."""
    base = len(BOM) if text.startswith(BOM) else 0
    starts = (base, *(found.end() for found in _LINE_END.finditer(text, base)))
    lines = _without_front_matter(_LINE_END.sub("\n", text[base:])).split("\n")
    shown, origin = _with_labels_apart(lines)
    reader = _Reader(text, (*starts, len(text)), origin)
    tree = SyntaxTreeNode(_parser().parse("\n".join(shown)))
    blocks = (reader.block(node) for node in tree.children if node.map)
    return Page(text, reader.starts, tuple(blocks))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark")
    parser.core.ruler.disable("inline")  # the spelling is what is wanted, and the places are by line
    return parser


def _without_front_matter(text: str) -> str:
    """The same text with empty lines in place of the front matter."""
    found = _FRONT_MATTER.match(text)
    return text if found is None else "\n" * found[0].count("\n") + text[found.end() :]


def _with_labels_apart(lines: Sequence[str]) -> tuple[list[str], tuple[int, ...]]:
    """The lines with an empty one before each label, and for each of them (and the end) which line of the file it is."""
    shown: list[str] = []
    origin: list[int] = []
    for number, line in enumerate(lines):
        if _LABELLED.match(line) and shown and shown[-1].strip():
            shown.append("")
            origin.append(number)
        shown.append(line)
        origin.append(number)
    return shown, (*origin, len(lines))


@dataclass(frozen=True)
class _Reader:
    text: str
    starts: tuple[int, ...]
    origin: tuple[int, ...]
    """The line of the file for each line that was parsed."""

    def block(self, node: SyntaxTreeNode) -> Block:
        line, end = self.range(node)
        content = _content(node)
        if node.type in {"heading", "lheading"} and not (node.markup in {"-", "="} and _LABELLED.match(content)):
            return Block(Kind.HEADING, line, end, content, level=int(node.tag[1:]))
        if node.type in {"heading", "lheading"}:
            return Block(Kind.PARAGRAPH, line, end - 1, content)
        if node.type == "paragraph":
            return Block(Kind.PARAGRAPH, line, end, content)
        if node.type in {"bullet_list", "ordered_list"}:
            return Block(Kind.LIST, line, end, items=tuple(self.item(child) for child in node.children))
        return Block({"hr": Kind.RULE, "html_block": Kind.HTML}.get(node.type, Kind.OTHER), line, end)

    def range(self, node: SyntaxTreeNode) -> tuple[int, int]:
        """The first line and the one behind the last that is not blank."""
        first, behind = node.map or (0, 1)
        line, end = self.origin[first], self.origin[behind]
        while end > line + 1 and not self.text[self.starts[end - 1] : self.starts[end]].strip():
            end -= 1
        return line, end

    def item(self, node: SyntaxTreeNode) -> Item:
        line, end = self.range(node)
        first = node.children[0] if node.children and node.children[0].type == "paragraph" else None
        content = _content(first) if first else ""
        box = self.box(first, content) if first else None
        rest = [child for child in node.children if child is not first]
        return Item(
            line,
            end,
            text=_BOX.sub("", content, count=1) if box else content,
            box=box,
            more=tuple(self.more(child) for child in rest if child.type not in {"bullet_list", "ordered_list"}),
            children=tuple(
                self.item(child)
                for inner in rest
                if inner.type in {"bullet_list", "ordered_list"}
                for child in inner.children
            ),
        )

    def box(self, node: SyntaxTreeNode, content: str) -> Box | None:
        """The checkbox that the paragraph starts with; its place is told from the end of the line, where nothing was taken away."""
        found = _BOX.match(content)
        line = self.range(node)[0]
        spelt = self.text[self.starts[line] : self.starts[line + 1]].rstrip()
        shown = content.split("\n", 1)[0].rstrip()
        if found is None or not spelt.replace("\0", "\ufffd").endswith(shown):
            return None
        return Box(self.starts[line] + len(spelt) - len(shown) + 1, found[1])

    def more(self, node: SyntaxTreeNode) -> str:
        if node.type == "paragraph":
            return _content(node)
        if node.type in {"fence", "code_block"}:
            return f"```{node.info}\n{node.content}```"
        return "" if node.type in {"html_block", "hr"} else _content(node)


def _content(node: SyntaxTreeNode) -> str:
    return "\n".join(child.content for child in node.children if child.type == "inline")
