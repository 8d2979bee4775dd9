"""Adds a story with a heading of its own, written as its neighbours are. Knows nothing of how these were read."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from prd.dialects.markdown_blocks import Block, Page
from prd.dialects.markdown_drafts import status_state
from prd.dialects.markdown_inline import lead_of
from prd.document import Edit
from prd.story import Story
from prd.words import State

_BOXED = re.compile(r"\[[^\]]\]\s+")
_WORD_AND_NUMBER = re.compile(r"((?:User\s+)?[^\W\d]+)\s+#?\d", re.IGNORECASE)
_NUMBERED = re.compile(r"(.*?)(\d+)")


class Style(StrEnum):
    """How a file writes its stories."""

    STATUS = "status line"
    TASK = "numbered tasks"
    CRITERIA = "criteria"
    BULLETS = "bullets"
    STAGE = "stages"


@dataclass(frozen=True)
class Neighbour:
    """The story that a new one goes behind, and what it has in common with the others of the file."""

    style: Style
    heading: Block
    end: int
    """The line behind its section."""
    ids: Sequence[str | None]
    words: Sequence[str]
    """The statuses that the file uses."""


def append_section(page: Page, last: Neighbour, story: Story) -> tuple[Edit, ...]:
    """Behind the neighbour's section."""
    section = page.lines(last.heading.line, last.end)
    behind = last.heading.end
    gap = [""] if behind < last.end and not page.line(behind).strip() else []
    body = _BODIES[last.style](section, _open_word(last.words, last.style), story)
    lines = ["", "", f"{'#' * last.heading.level} {_heading(last, story)}", *gap, *body]
    at = page.line_end(last.end - 1)
    return (Edit(at, at, page.eol.join(lines).rstrip()),)


def _heading(last: Neighbour, story: Story) -> str:
    title = _one_line(story.title)
    boxed = _BOXED.match(last.heading.text)
    text = last.heading.text[boxed.end() :] if boxed else last.heading.text
    box = "[ ] " if boxed else ""
    if last.style is Style.BULLETS:
        return story.id if re.fullmatch(r"[A-Za-z0-9][\w.-]*", story.id) else title
    if numbered := _WORD_AND_NUMBER.match(text):
        return f"{box}{numbered[1]} {_next_number(last.ids)}: {title}"
    if last.style is Style.STAGE:
        return f"{box}{title}"
    return f"{box}{_story_id(last.ids, story)}{title}"


def _story_id(ids: Sequence[str | None], story: Story) -> str:
    """`US-007: `, the story's own id when it looks like those of the file, else the next one of theirs; empty when they have none."""
    used = [story_id for story_id in ids if story_id and lead_of(f"{story_id}: x").id == story_id]
    last = _NUMBERED.match(used[-1]) if used else None
    if last is None:
        return ""
    if re.fullmatch(rf"{re.escape(last[1])}\d+", story.id):
        return f"{story.id}: "
    return f"{last[1]}{str(_next_number(used)).zfill(len(last[2]))}: "


def _next_number(ids: Sequence[str | None]) -> int:
    numbers = (_NUMBERED.match(story_id) for story_id in ids if story_id)
    return max((int(found[2][:9]) for found in numbers if found), default=0) + 1


def _open_word(words: Sequence[str], style: Style) -> str:
    used = Counter(word for word in words if word and status_state(word) is State.OPEN)
    usual = {Style.BULLETS: "pending", Style.STAGE: "Not Started"}.get(style, "todo")
    return next((word for word in (usual, "todo", "pending", "open") if word in used), None) or usual


def _status_lines(section: str, status: str, story: Story) -> list[str]:
    priority = [f"**Priority:** {story.priority}"] if story.priority is not None else []
    return [f"**Status:** {status}", *priority, "", *_criteria_lines(section, status, story)]


def _criteria_lines(section: str, _status: str, story: Story) -> list[str]:
    label = "**Description:** " if "**Description:**" in section else ""
    description = [f"{label}{_one_line(story.description)}", ""] if story.description else []
    criteria = (
        ["**Acceptance Criteria:**"] if "**Acceptance Criteria:**" in section and story.acceptance_criteria else []
    )
    return [*description, *criteria, *_boxes(story)]


def _task_lines(_section: str, _status: str, story: Story) -> list[str]:
    description = [_one_line(story.description), ""] if story.description else []
    return [*description, *(_boxes(story) or [f"- [ ] {_one_line(story.title)}"])]


def _bullet_lines(_section: str, status: str, story: Story) -> list[str]:
    return [
        f"- content: {_one_line(story.title)}",
        *([f"- description: {_one_line(story.description)}"] if story.description else []),
        *(["- acceptance criteria:"] if story.acceptance_criteria else []),
        *(f"  - {_one_line(text)}" for text in story.acceptance_criteria),
        f"- status: {status}",
        f"- dependencies: {', '.join(story.depends_on) or 'none'}",
    ]


def _stage_lines(_section: str, status: str, story: Story) -> list[str]:
    criteria = [f"- {_one_line(text)}" for text in story.acceptance_criteria]
    return [
        f"**Goal**: {_one_line(story.description or story.title)}",
        *(["**Success Criteria**:", *criteria, ""] if criteria else []),
        f"**Status**: {status}",
    ]


def _boxes(story: Story) -> list[str]:
    return [f"- [ ] {_one_line(text)}" for text in story.acceptance_criteria]


def _one_line(text: str) -> str:
    return " ".join(text.split())


_BODIES: Mapping[Style, Callable[[str, str, Story], list[str]]] = {
    Style.STATUS: _status_lines,
    Style.TASK: _task_lines,
    Style.CRITERIA: _criteria_lines,
    Style.BULLETS: _bullet_lines,
    Style.STAGE: _stage_lines,
}
"""The lines under the heading, from the neighbour's section, the word for open, and the story."""
