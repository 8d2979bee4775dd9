"""Adds a story to a task list, written as its neighbours are. Knows nothing of how the list was read."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from prd.dialects.markdown_blocks import Block, Item, Kind, Page
from prd.dialects.markdown_drafts import Draft
from prd.dialects.markdown_inline import lead_of
from prd.dialects.markdown_sections import Place, places, priority_in, section_end
from prd.document import Edit
from prd.naming import derived_id
from prd.story import Story

_MARKER = re.compile(r"([ \t]*)([-*+]|\d+[.)])([ \t]+)\[")
_NESTED_MARKER = re.compile(r"([ \t]*)([-*+])[ \t]")
_OPEN_SECTION = re.compile(
    r"^\W*(tasks?|to[ -]?dos?|discovered|next|in progress|open|stories|plan|work)\b", re.IGNORECASE
)
_CLOSING_SECTION = re.compile(r"^\W*(notes?|references?|learnings?)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Listed:
    """A story with the item and the place that it comes from."""

    item: Item
    place: Place
    draft: Draft


def append_task(page: Page, listed: Sequence[Listed], story: Story) -> tuple[Edit, ...]:
    """Behind the last story of the open lists, of its own priority where there is one; without such, under a fitting heading."""
    still_open = [
        one for one in listed if not (one.place.completed or one.place.held) and one.place.optional is story.optional
    ]
    has_priorities = any(one.draft.priority is not None for one in listed)
    same = [one for one in still_open if one.place.priority == story.priority]
    if same or still_open:
        shown = story if has_priorities else story.model_copy(update={"priority": None})
        return _behind(page, (same or still_open)[-1], still_open, shown)
    return _under_heading(page, story)


def _behind(page: Page, last: Listed, others: Sequence[Listed], story: Story) -> tuple[Edit, ...]:
    line = page.line(last.item.line)
    marker = _MARKER.match(line)
    indent, bullet, gap = marker.groups() if marker else ("", "-", " ")
    number = re.match(r"\d+", bullet)
    bullet = bullet.replace(number[0], str(int(number[0]) + 1), 1) if number else bullet
    between = page.eol * (2 if _is_loose(page, others) else 1)
    at = page.line_end(last.item.end - 1)
    siblings = (one for one in others if page.line(one.item.line).startswith(f"{indent}{bullet[-1]}"))
    nested = _nested_indent(page, siblings) or indent + " " * (len(bullet) + 1)
    lines = _lines(story, f"{indent}{bullet}{gap}", nested, last.place.priority)
    return (Edit(at, at, between + page.eol.join(lines).rstrip()),)


def _is_loose(page: Page, listed: Sequence[Listed]) -> bool:
    """Whether a blank line stands between the last two stories that are neighbours."""
    pairs = [(one, two) for one, two in pairwise(listed) if one.place == two.place]
    return bool(pairs) and not page.line(pairs[-1][1].item.line - 1).strip()


def _nested_indent(page: Page, others: Iterable[Listed]) -> str | None:
    children = (child for one in others for child in one.item.children)
    found = (_NESTED_MARKER.match(page.line(child.line)) for child in children)
    return next((match[1] for match in found if match), None)


def _lines(story: Story, start: str, nested: str, priority: int | None) -> list[str]:
    prefix = "" if story.priority in {None, priority} or story.priority not in range(5) else f"**P{story.priority}** "
    title = " ".join(story.title.split())
    named = title if derived_id(title, ()) == story.id else f"{story.id}: {title}"
    written_id = named if lead_of(named).id == story.id else title
    details = ["", f"{nested}{' '.join(story.description.split())}", ""] if story.description else []
    nested_lines = [f"{nested}- {' '.join(text.split())}" for text in story.acceptance_criteria]
    depends = [f"{nested}- Depends on: {', '.join(story.depends_on)}"] if story.depends_on else []
    return [f"{start}[{'x' if story.passes else ' '}] {prefix}{written_id}", *details, *nested_lines, *depends]


def _under_heading(page: Page, story: Story) -> tuple[Edit, ...]:
    lines = page.eol.join(_lines(story, "- ", "  ", None))
    target = _target(page, story)
    if target is None:
        return _before_closing(page, lines)
    heading, blocks = target
    end = section_end(blocks) or heading.end
    at = page.line_end(end - 1)
    return (Edit(at, at, page.eol + lines),)


def _target(page: Page, story: Story) -> tuple[Block, list[Block]] | None:
    """The section for it: that of its priority, else an open one, else the first that names a priority."""
    sections = _sections(page)
    usable = [entry for entry in sections if not (_is_closed(entry[0]) or Place((entry[0],)).criteria)]
    ranked = [
        *(entry for entry in usable if story.priority is not None and priority_in(entry[0]) == story.priority),
        *(entry for entry in usable if _OPEN_SECTION.search(entry[0])),
        *(entry for entry in usable if priority_in(entry[0]) is not None),
    ]
    return (ranked[0][1], ranked[0][2]) if ranked else None


def _is_closed(name: str) -> bool:
    place = Place((name,))
    return bool(place.completed or place.optional or place.held)


def _sections(page: Page) -> list[tuple[str, Block, list[Block]]]:
    found: list[tuple[str, Block, list[Block]]] = []
    for block, _ in places(page):
        if block.kind is Kind.HEADING:
            found.append((block.text, block, []))
        elif found:
            found[-1][2].append(block)
    return found


def _before_closing(page: Page, lines: str) -> tuple[Edit, ...]:
    """In front of the first heading of what is done, optional or notes; at the end of the file when there is none.

    Other sections before it get no story: it has a heading of its own then.
    """
    below = [(name, heading) for name, heading, _ in _sections(page) if heading.level > 1]
    closing = next((at for at, (name, _) in enumerate(below) if _is_closing(name)), len(below))
    added = f"## Tasks{page.eol}{lines}" if closing else lines
    if closing < len(below):
        at = page.starts[below[closing][1].line]
        return (Edit(at, at, f"{added}{page.eol}{page.eol}"),)
    at = len(page.text.rstrip())
    return (Edit(at, at, (page.eol * 2 if at else "") + added),)


def _is_closing(name: str) -> bool:
    return _is_closed(name) or _CLOSING_SECTION.search(name) is not None
