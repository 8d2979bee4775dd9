"""A draft as text for a person, on a terminal of any width. Knows nothing about terminals."""

import textwrap
from collections.abc import Iterator, Sequence

from prd.lint import Finding
from prd.story import Prd, Story
from ralph.drafting.target import Target
from ralph.screen_text import on_screen, one_line

MOST_WIDTH = 100


def shown(draft: Prd, findings: Sequence[Finding], target: Target, width: int) -> str:
    """The stories with their criteria, and what is weak in them."""
    wrapped_at = min(width, MOST_WIDTH)
    lines = [*_head(draft, target, wrapped_at)]
    for story in draft.stories:
        lines += ["", *_story(story, [one for one in findings if one.story_id == story.id], wrapped_at)]
    return "\n".join(lines)


def counted(draft: Prd) -> str:
    return f"{len(draft.stories)} {'story' if len(draft.stories) == 1 else 'stories'}"


def _head(draft: Prd, target: Target, width: int) -> Iterator[str]:
    if target.prd:
        done = " (all done; --out PATH starts a new PRD)" if target.prd.all_done() else ""
        yield f"{counted(draft)} for {target.name}, behind the {len(target.stories)} that are there{done}"
        return
    yield f"{one_line(draft.project)}: {counted(draft)}, on branch {draft.branch_name}"
    if draft.description:
        yield ""
        yield from _paragraphs(draft.description, width, "")


def _story(story: Story, findings: Sequence[Finding], width: int) -> Iterator[str]:
    yield from _wrapped(f"{story.id}  {one_line(story.title)}", width, "", "  ")
    yield from _paragraphs(story.description, width, "  ")
    if story.depends_on:
        yield f"  needs {', '.join(story.depends_on)}"
    for criterion in story.acceptance_criteria:
        yield from _wrapped(one_line(criterion), width, "  - ", "    ")
    for finding in findings:
        yield from _wrapped(one_line(f"{finding.what} {finding.remedy}"), width, "  ! ", "    ")


def _paragraphs(text: str, width: int, indent: str) -> Iterator[str]:
    for line in on_screen(text).split("\n"):
        yield from _wrapped(line, width, indent, indent) if line.strip() else [""]


def _wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, 20),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
