"""What stands under the heading of a story: status, priority, dependencies, description, criteria. Knows nothing of headings."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from prd.dialects.markdown_blocks import Block, Box, Item, Kind, Page
from prd.dialects.markdown_drafts import joined_lines, status_state
from prd.dialects.markdown_inline import names_in, plain_text
from prd.dialects.markdown_sections import Place, label_of
from prd.dialects.markdown_tasks import criterion_of, number_or_word

MAX_STATUS_CHARS = 80

_FIELD = re.compile(
    r"[ \t]*(?P<bullet>[-*+][ \t]+)?(?P<strong>\*\*|__)?(?P<key>[A-Za-z][A-Za-z _-]{0,30}?)(?:\*\*|__)?[ \t]*:"
    r"(?:\*\*|__)?[ \t]*(?P<value>.*)"
)
_DEPENDENCIES = frozenset({"depends on", "depends", "dependencies", "blocked by"})
_DESCRIPTIONS = frozenset({"description", "goal", "content", "story", "user story"})
_TESTS = frozenset({"test", "tests"})
_STATUS_END = re.compile(r"\s*[(\[,;:.\u2013\u2014]|\s+-\s|[^\w']+$")


@dataclass(frozen=True)
class Field:
    """A line like `**Status:** done`."""

    key: str
    """Lower case, words apart."""
    value: str
    start: int
    """The offset of the value."""
    marked: bool
    """In bold letters or with a bullet, so that it is no prose."""


@dataclass(frozen=True)
class Status:
    text: str
    start: int
    bullet: bool

    @property
    def is_known(self) -> bool:
        return not self.text or status_state(self.text) is not None


@dataclass
class Body:
    """Collected block by block."""

    page: Page
    status: Status | None = None
    priority: int | None = None
    depends_on: tuple[str, ...] = ()
    criteria: list[str] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    loose_boxes: int = 0
    """How many checkboxes stand under no label that calls them criteria."""
    content: str = ""
    """The value of a `content:` line."""
    lines: list[str] = field(default_factory=list)
    """Of the description."""

    @property
    def description(self) -> str:
        return joined_lines(self.lines)


def read_body(page: Page, blocks: Iterable[Block]) -> Body:
    body, in_criteria = Body(page), False
    for block in blocks:
        if block.kind is Kind.HEADING:
            in_criteria = Place((plain_text(block.text),)).criteria
            body.lines += [] if in_criteria else ["", page.lines(block.line, block.end), ""]
        elif block.kind is Kind.PARAGRAPH:
            in_criteria = _read_paragraph(body, block)
        elif block.kind is Kind.LIST:
            _read_items(body, block.items, in_criteria=in_criteria)
        elif block.kind is Kind.OTHER:
            body.lines += ["", page.lines(block.line, block.end), ""]
    return body


def field_at(page: Page, number: int) -> Field | None:
    """The field on that line of the page."""
    found = _FIELD.match(page.line(number))
    if found is None:
        return None
    key = " ".join(re.split(r"[\s_-]+", found["key"].lower()))
    marked = found["strong"] is not None or found["bullet"] is not None
    return Field(key, found["value"].rstrip(), page.starts[number] + found.start("value"), marked)


def _read_paragraph(body: Body, block: Block) -> bool:
    """Whether its last line says that criteria follow."""
    body.lines.append("")
    for number in range(block.line, block.end):
        found = field_at(body.page, number)
        if found is None or not _take(body, found, bullet=False):
            body.lines.append(body.page.line(number).strip())
    last = field_at(body.page, block.end - 1)
    label = label_of(block.text)
    return _is_criteria(last.key if last else "") or (label is not None and _is_criteria(label.lower()))


def _is_criteria(key: str) -> bool:
    return key in _TESTS or Place((key,)).criteria


def _take(body: Body, found: Field, *, bullet: bool) -> bool:
    """Whether the field says something that a story has a place for."""
    if found.key == "status":
        return _take_status(body, found, bullet=bullet)
    if found.key == "priority":
        word = found.value.split()[0].strip("()*`,.") if found.value.split() else ""
        body.priority = number_or_word(word)
        return body.priority is not None
    if found.key in _DEPENDENCIES:
        body.depends_on += names_in(found.value)
    elif found.key in _DESCRIPTIONS and found.marked:
        if found.key == "content" and not body.content:
            body.content = found.value
        else:
            body.lines.append(found.value)
    elif _is_criteria(found.key) and (found.marked or not found.value):
        body.criteria += [f"Tests: {found.value}" if found.key in _TESTS else found.value] if _says(found.value) else []
    else:
        return False
    return True


def _says(value: str) -> bool:
    return bool(value) and not re.match(r"(none|n/a|-)\b", value, re.IGNORECASE)


def _take_status(body: Body, found: Field, *, bullet: bool) -> bool:
    word = found.value.lstrip("`*_ ")
    status = Status(_status_text(word.rstrip("`*_ ")), found.start + len(found.value) - len(word), bullet)
    if body.status is not None or not (found.marked or status.is_known):
        return False
    body.status = status
    return True


def _status_text(value: str) -> str:
    """The word itself without what is said about it after a bracket, comma or dash."""
    value = value[:MAX_STATUS_CHARS].rstrip()
    starts = (value, *(value[: found.start()] for found in _STATUS_END.finditer(value)))
    return next((start.rstrip("`*_ ") for start in starts if status_state(start)), value)


def _read_items(body: Body, items: Sequence[Item], *, in_criteria: bool) -> None:
    for item in items:
        body.boxes += boxes_of(item)
        if in_criteria or item.box is not None:
            body.criteria.append(criterion_of(item))
            body.loose_boxes += 0 if in_criteria else 1
        else:
            _read_plain_item(body, item)


def _read_plain_item(body: Body, item: Item) -> None:
    """A field, or part of the description; checkboxes nested under it are criteria all the same."""
    found = field_at(body.page, item.line)
    taken = found is not None and _take(body, found, bullet=True)
    boxed = [child for child in item.children if list(boxes_of(child))]
    if taken and found is not None:
        body.lines += [line.strip() for line in item.text.split("\n")[1:]] if found.key in _DESCRIPTIONS else []
        body.lines += [f"\n{more}" for more in item.more]
        body.criteria += [criterion_of(child) for child in item.children]
    elif boxed:
        body.loose_boxes += 0 if Place((plain_text(item.text),)).criteria else len(boxed)
        body.lines.append(f"- {' '.join(item.text.split())}")
        body.criteria += [criterion_of(child) for child in item.children]
    else:
        body.lines.append(body.page.lines(item.line, item.end))


def boxes_of(item: Item) -> Iterator[Box]:
    if item.box is not None:
        yield item.box
    for child in item.children:
        yield from boxes_of(child)
