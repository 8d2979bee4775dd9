"""Task lists: fix_plan.md, PRD.md, IMPLEMENTATION_PLAN.md and their like. Each outermost checkbox is a story.

What is nested under it are its criteria. Headings (or a short label before a list) give priority and say what is optional;
checkboxes under acceptance criteria, success criteria, a definition of done, a checklist, a legend or what is out of scope are no
stories.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from prd.dialects.markdown_blocks import Block, Item, Kind, Page
from prd.dialects.markdown_drafts import Boxes, Draft, Found, joined_lines
from prd.dialects.markdown_inline import dependencies_line, lead_of, plain_text, title_of
from prd.dialects.markdown_sections import MAX_LABEL_CHARS, Place, label_of, places
from prd.dialects.markdown_tasks_append import Listed, append_task
from prd.errors import Problem, quoted
from prd.words import priority_of

_NEAR_BOX = re.compile(
    r"\[(?:\](?=\s|$)|\s{1,3}\](?=[^\s(])|\s{2,3}\]|\s{1,3}[xX]\s{0,3}\]|[xX]\s{1,3}\]|[xX]\](?=[\w*`]))", re.ASCII
)
_NEAR_ITEM = re.compile(r"[-*+]\[[ xX]?\]", re.ASCII)
_PRIORITY_LINE = re.compile(r"priority\s*:\s*(\S+)\s*$", re.IGNORECASE)
_REMEDY = 'Write "- [ ] " before something to do and "- [x] " before something done.'


def find_tasks(page: Page) -> Found:
    """The stories of the page's task lists; none when it has no such list."""
    reader = _Reader(page)
    label: str | None = None
    for block, place in places(page):
        if block.kind is Kind.HEADING:
            label = None
        elif block.kind is Kind.PARAGRAPH:
            label = label_of(block.text)
            reader.note_near_items(block, place)
        elif block.kind is Kind.LIST:
            reader.read(block.items, place.under(label) if label else place)
    return Found(
        "Markdown task list",
        tuple(listed.draft for listed in reader.found),
        lambda story: append_task(page, reader.found, story),
        tuple(reader.problems),
        tuple(reader.notes()),
    )


@dataclass
class _Reader:
    page: Page
    found: list[Listed] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    criteria: list[Item] = field(default_factory=list)
    empty: list[Item] = field(default_factory=list)

    def read(self, items: Iterable[Item], place: Place) -> None:
        for item in items:
            if item.box is None:
                self._read_group(item, place)
            elif place.criteria:
                self.criteria.append(item)
            elif not (item.text.strip() or item.children):
                self.empty.append(item)
            else:
                self.found.append(Listed(item, place, _draft(item, place)))

    def _read_group(self, item: Item, place: Place) -> None:
        """An item without checkbox: those nested under it may have one, and its text is their heading."""
        if (near := _NEAR_BOX.match(item.text)) and not place.criteria:
            self._note_near(self.page.starts[item.line], near[0])
        name = plain_text(item.text).rstrip(":") if len(item.text) <= MAX_LABEL_CHARS else ""
        self.read(item.children, place.under(name) if name else place)

    def note_near_items(self, block: Block, place: Place) -> None:
        for number in range(block.line, block.end):
            near = _NEAR_ITEM.match(self.page.line(number).lstrip())
            if near and not place.criteria:
                self._note_near(self.page.starts[number], near[0])

    def _note_near(self, line_start: int, near: str) -> None:
        at = self.page.text.find(near, line_start)
        self.problems.append(Problem(at, f"{quoted(near)} is nearly a checkbox", _REMEDY))

    def notes(self) -> Iterable[str]:
        for items, what in (
            (self.criteria, "criteria, a legend or out of scope, so no stories"),
            (self.empty, "empty, and passed over"),
        ):
            if items:
                count = f"{len(items)} checkbox{'' if len(items) == 1 else 'es'}"
                yield f"{count} from line {items[0].line + 1} on: {what}"


def _draft(item: Item, place: Place) -> Draft:
    assert item.box is not None
    lead = lead_of(item.text.strip())
    plain = plain_text(lead.text) or plain_text(item.text) or "untitled"
    title = title_of(plain)
    nested = _nested(item.children)
    in_full = [lead.text] if title != plain or "`" in lead.text else []  # a title has no marks of code
    own = lead.priority if lead.priority is not None else nested.priority
    return Draft(
        at=item.box.at,
        flag=Boxes((item.box,)),
        title=title,
        id=lead.id,
        description=joined_lines([*in_full, *(f"\n{more}" for more in item.more)]),
        criteria=nested.criteria,
        priority=place.priority if own is None else own,
        optional=place.optional,
        held=place.held,
        depends_on=(*lead.depends_on, *nested.depends_on),
    )


@dataclass(frozen=True)
class _Nested:
    """What the items under a story say about it."""

    criteria: tuple[str, ...] = ()
    priority: int | None = None
    depends_on: tuple[str, ...] = ()

    def joined(self, other: "_Nested") -> "_Nested":
        return _Nested(
            (*self.criteria, *other.criteria),
            other.priority if self.priority is None else self.priority,
            (*self.depends_on, *other.depends_on),
        )


def _nested(items: Sequence[Item]) -> _Nested:
    found = _Nested()
    for item in items:
        found = found.joined(_nested_one(item))
    return found


def _nested_one(item: Item) -> _Nested:
    plain = plain_text(item.text)
    if (names := dependencies_line(plain)) is not None:
        return _Nested(depends_on=names)
    if (line := _PRIORITY_LINE.match(plain)) and (priority := number_or_word(line[1])) is not None:
        return _Nested(priority=priority)
    if item.children and item.box is None and Place((plain,)).criteria:
        return _nested(item.children)
    inner = _nested(item.children)
    return replace(inner, criteria=(_criterion(item, inner.criteria),)) if plain else inner


def criterion_of(item: Item) -> str:
    """One criterion: the item's own text, then what is nested under it."""
    return _criterion(item, tuple(criterion_of(child) for child in item.children))


def _criterion(item: Item, inner: Sequence[str]) -> str:
    own = " ".join(" ".join((item.text, *item.more)).split())
    if not inner:
        return own
    return f"{own}{'' if own.endswith(':') else ':'} {'; '.join(inner)}"


def number_or_word(word: str) -> int | None:
    """A priority as it is written: 2, P2, medium."""
    return int(word) if word.isdecimal() and len(word) <= 9 else priority_of(word)
