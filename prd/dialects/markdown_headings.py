"""Stories that have a heading each: chief's prd.md, ralphex plans, snarktank's tasks/prd-*.md, TASKS.md, staged plans.

Done is, in this order, what a checkbox in the heading says, what a status line says, whether all checkboxes of the section are
ticked (in a ralphex plan these count before a status line). A story with none of them is open, and gets a status line when it
becomes done. Checkboxes outside the sections of stories are no stories.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from prd.dialects.markdown_blocks import Block, Box, Kind, Page
from prd.dialects.markdown_body import Body, boxes_of, read_body
from prd.dialects.markdown_drafts import Boxes, Draft, Flag, Found, NoFlag, StatusWord
from prd.dialects.markdown_headings_append import Neighbour, Style, append_section
from prd.dialects.markdown_inline import lead_of, plain_text, title_of
from prd.dialects.markdown_sections import Place, places, section_end
from prd.errors import Problem, quoted

_HEADING_BOX = re.compile(r" {0,3}#{1,6}[ \t]+\[([ xX~/!>-])\][ \t]+(?=\S)")
_BOX_TEXT = re.compile(r"\[[ xX~/!>-]\]\s+")
_TASK = re.compile(r"(Task|Iteration)\s+#?(\d+(?:\.\d+)*[a-z]?)\s*(?:[:.\u2013\u2014-]\s*|$)(.*)", re.IGNORECASE)
_STORY = re.compile(r"(?:User\s+)?(Story)\s+#?(\d+(?:\.\d+)*[a-z]?)\s*[:.\u2013\u2014-]\s*(.+)", re.IGNORECASE)
_STAGE = re.compile(
    r"(Stage|Phase|Step|Milestone|Sprint)\s+(\d+(?:\.\d+)*[a-z]?)\s*(?:[:.\u2013\u2014-]\s*|$)(.*)", re.IGNORECASE
)
_STORY_ID = re.compile(r"(?:US|STORY|TASK|BUG|FEAT|FIX|ISSUE|CHORE|SPIKE|T)-?\d+(?:\.\d+)*[A-Za-z]?", re.IGNORECASE)
_NO_STORY_ID = re.compile(r"(?:N?FR|ADR|RFC|AC|TC|REQ|UC|OQ|KPI|H|Q|V|R|G|M|E|D|A)-?\d", re.IGNORECASE)
_SLUG = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")


@dataclass(frozen=True)
class Section:
    """A story's heading with what stands under it."""

    page: Page
    heading: Block
    place: Place
    blocks: tuple[Block, ...]
    body: Body
    id: str | None
    title: str

    @property
    def end(self) -> int:
        return section_end(self.blocks) or self.heading.end

    @property
    def heading_box(self) -> Box | None:
        found = _HEADING_BOX.match(self.page.line(self.heading.line))
        return Box(self.page.starts[self.heading.line] + found.start(1), found[1]) if found else None


Naming = Callable[[str], tuple[str | None, str] | None]
"""From the plain text of a heading to the id (None: derived) and title of its story; None: it is no story."""


def find_chief(page: Page) -> Found | None:
    """`### US-001: Title` with `**Status:** todo`, on some at least."""
    sections = _sections(page, _user_story)
    if not any(section.body.status for section in sections):
        return None
    return _found(page, "Markdown, user stories with a status line (chief)", sections, Style.STATUS)


def find_ralphex(page: Page) -> Found | None:
    """`### Task 1: Title` with checkboxes."""
    sections = _sections(page, _numbered(_TASK))
    if not sections:
        return None
    return _found(page, "Markdown, plan with tasks (ralphex)", sections, Style.TASK)


def find_user_stories(page: Page) -> Found | None:
    """`### US-001: Title` with criteria as checkboxes."""
    sections = _sections(page, _user_story)
    if not sections:
        return None
    return _found(page, "Markdown, user stories with criteria (snarktank)", sections, Style.CRITERIA)


def find_tracked(page: Page) -> Found | None:
    """Any headings with a status line right under them, when they hold no task list of their own."""
    sections = [
        section for section in _sections(page, _any_heading) if section.heading.level > 1 and section.body.status
    ]
    known = [section for section in sections if section.body.status and section.body.status.is_known]
    if not known or any(section.body.loose_boxes for section in sections):
        return None
    if not any(_STAGE.match(plain_text(one.heading.text)) or _is_bulleted(one) for one in known) and len(known) < 2:
        return None
    levels = {section.heading.level for section in known}
    kept = [section for section in sections if section.heading.level in levels]
    style = Style.BULLETS if _is_bulleted(kept[-1]) else Style.STAGE
    return _found(page, "Markdown, headings with a status line", kept, style)


def _is_bulleted(section: Section) -> bool:
    return section.body.status is not None and section.body.status.bullet and bool(section.body.content)


def _user_story(heading: str) -> tuple[str | None, str] | None:
    if numbered := _numbered(_STORY)(heading):
        return numbered
    lead = lead_of(heading)
    if lead.id is None or _NO_STORY_ID.match(lead.id) or not (_STORY_ID.fullmatch(lead.id) or "-" in lead.id):
        return None
    return lead.id, plain_text(lead.text) or lead.id


def _numbered(pattern: re.Pattern[str]) -> Naming:
    def name(heading: str) -> tuple[str | None, str] | None:
        found = pattern.match(heading)
        return (f"{found[1].lower()}-{found[2].lower()}", found[3] or f"{found[1]} {found[2]}") if found else None

    return name


def _any_heading(heading: str) -> tuple[str | None, str] | None:
    if found := _numbered(_STAGE)(heading):
        return found
    if _SLUG.fullmatch(heading):
        return heading, heading
    lead = lead_of(heading)
    return (lead.id, plain_text(lead.text)) if lead.text else None


def _sections(page: Page, naming: Naming) -> list[Section]:
    """Each reaches to the next heading of its level or above, or to the next story."""
    found: list[_Open] = []
    reading: list[_Open] = []
    for block, place in places(page):
        if block.kind is Kind.HEADING:
            name = _name(block, naming)
            reading = [] if name else [one for one in reading if one.heading.level < block.level]
            if name:
                reading = [_Open(block, place, *name)]
                found += reading
                continue
        for one in reading:
            one.blocks.append(block)
    sections = [one.section(page) for one in found]
    return [section for section in sections if naming is not _user_story or _is_story(section)]


@dataclass
class _Open:
    """A section whose end is not reached yet."""

    heading: Block
    place: Place
    id: str | None
    title: str
    blocks: list[Block] = field(default_factory=list)

    def section(self, page: Page) -> Section:
        blocks = tuple(self.blocks)
        return Section(
            page, self.heading, self.place, blocks, read_body(page, blocks), self.id, self.title or "untitled"
        )


def _name(heading: Block, naming: Naming) -> tuple[str | None, str] | None:
    text = plain_text(heading.text)
    boxed = _BOX_TEXT.match(text)
    if boxed is None:
        return naming(text)
    rest = text[boxed.end() :]
    return naming(rest) or ((None, rest) if naming is _user_story else None)


def _is_story(section: Section) -> bool:
    """An id of a kind that nobody knows, as in "### ABC-12: Title", makes a story only with a status or criteria."""
    usual = section.id is None or _STORY_ID.fullmatch(section.id)
    return bool(usual or section.heading_box or section.body.status or section.body.criteria)


def _found(page: Page, dialect: str, sections: Sequence[Section], style: Style) -> Found:
    words = tuple(section.body.status.text for section in sections if section.body.status)
    strict = style is Style.BULLETS
    drafts = tuple(_draft(section, words, strict=strict, boxes_first=style is Style.TASK) for section in sections)
    last = next(
        (s for s in reversed(sections) if not (s.place.completed or s.place.optional or s.place.held)), sections[-1]
    )
    neighbour = Neighbour(style, last.heading, last.end, [section.id for section in sections], words)
    return Found(
        dialect,
        drafts,
        lambda story: append_section(page, neighbour, story),
        tuple(_unknown_words(sections)),
        tuple(_notes(page, sections)),
    )


def _draft(section: Section, words: tuple[str, ...], *, strict: bool, boxes_first: bool) -> Draft:
    body = section.body
    asked = plain_text(body.content) if body.content and section.id == section.title else section.title
    title = title_of(asked)
    description = "\n".join([*_in_full(section, title, asked), body.description]).strip()
    return Draft(
        at=section.page.starts[section.heading.line],
        flag=_flag(section, words, boxes_first=boxes_first),
        title=title,
        id=section.id,
        description=description,
        criteria=tuple(body.criteria),
        priority=section.place.priority if body.priority is None else body.priority,
        optional=section.place.optional,
        held=section.place.held,
        depends_on=body.depends_on,
        strict=strict,
    )


def _in_full(section: Section, title: str, asked: str) -> list[str]:
    """What the title leaves out: the rest of a long text, the marks of code."""
    content, heading = section.body.content, lead_of(section.heading.text).text
    if content and (title != plain_text(content) or "`" in content):
        return [content]
    if title != asked:
        return [asked, ""]
    return [heading, ""] if "`" in heading else []


def _flag(section: Section, words: tuple[str, ...], *, boxes_first: bool) -> Flag:
    status, boxes = section.body.status, Boxes(tuple(section.body.boxes))
    if section.heading_box:
        return Boxes((section.heading_box,))
    if boxes.boxes and (boxes_first or status is None):
        return boxes
    if status is not None:
        return StatusWord(status.text, status.start, words)
    page, behind = section.page, section.heading.end
    is_followed = behind < len(page.starts) - 1 and page.line(behind).strip()
    return NoFlag(page.line_end(behind - 1), f"{page.eol}**Status:** done{page.eol if is_followed else ''}")


def _unknown_words(sections: Sequence[Section]) -> Iterator[Problem]:
    for section in sections:
        status = section.body.status
        if status is not None and not status.is_known:
            what = f"story {quoted(section.id or section.title)} has the unknown status {quoted(status.text)}"
            yield Problem(status.start, what, "Write todo, in-progress, done or blocked.")


def _notes(page: Page, sections: Sequence[Section]) -> Iterator[str]:
    inside = {id(block) for section in sections for block in section.blocks}
    outside = [
        box for block in page.blocks if id(block) not in inside for item in block.items for box in boxes_of(item)
    ]
    if outside:
        count = f"{len(outside)} checkbox{'' if len(outside) == 1 else 'es'}"
        yield f"{count} from line {page.line_at(outside[0].at) + 1} on: outside the stories, and passed over"
    yield from _commands(page)


def _commands(page: Page) -> Iterator[str]:
    """Commands in a PRD are shown, never run."""
    for block, place in places(page):
        if block.kind is Kind.LIST and place.above and place.above[-1].lower() == "validation commands":
            commands = "; ".join(plain_text(item.text) for item in block.items)
            yield f"validation commands, shown and never run: {commands}"
