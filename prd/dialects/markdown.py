"""Markdown PRDs: which dialect a document is written in, and what all of them share (title, branch, description).

`<promise>` tags and other words for an agent mean nothing here.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from prd.branch_name import branch_fault, proposed_branch
from prd.dialects.markdown_blocks import Block, Kind, Page, parse_page
from prd.dialects.markdown_drafts import Draft, Found
from prd.dialects.markdown_headings import find_chief, find_ralphex, find_tracked, find_user_stories
from prd.dialects.markdown_inline import plain_text
from prd.dialects.markdown_names import Names
from prd.dialects.markdown_sections import Place, places, title_block
from prd.dialects.markdown_tasks import find_tasks
from prd.document import Document, Edit
from prd.errors import Problem, quoted
from prd.source import Source
from prd.story import Prd, Story

_BRANCH = re.compile(
    r"""^\s*(?:[-*+]\s+)?(?:\*\*|__)?branch(?:[ _-]?name)?(?:\*\*|__)?\s*:\s*(?:\*\*|__)?\s*"""
    r"""[`"']?(?P<name>[^\s`"']+)[`"']?\s*$""",
    re.IGNORECASE,
)
_MAX_BRANCH_LINE_CHARS = 300
_NO_BRANCH = frozenset({"tbd", "none", "n/a", "-"})
_ABOUT = re.compile(
    r"[\W\d]*(overview|introduction|summary|executive summary|description|goals?|about|context|background|problem)\b",
    re.IGNORECASE,
)
_NOTES = re.compile(r"\W*(?:(?:developer|technical|implementation|additional|general) )?notes?\b", re.IGNORECASE)
_MAX_NOTES_CHARS = 4_000
_FACT = re.compile(r"\s*(?:(?:\*\*|__)?[\w -]+(?:\*\*|__)?:|\*\*|__)")
_FINDERS: Sequence[Callable[[Page], Found | None]] = (find_chief, find_ralphex, find_user_stories, find_tracked)


def read_markdown(source: Source) -> Document:
    """The stories of the first dialect that the document holds; a problem when it holds none."""
    page = parse_page(source.text)
    found = next((found for find in _FINDERS if (found := find(page)) is not None), None) or find_tasks(page)
    names = Names(found.drafts)
    preamble = _preamble(page, found.drafts)
    branch, branch_problems = _branch(page, preamble)
    title = title_block(page)
    project = plain_text(title.text) if title else ""
    return Document(
        prd=Prd(
            project=project,
            branch_name=branch,
            description="\n\n".join(filter(None, (_description(preamble, project), _notes(page, found.drafts)))),
            stories=_stories(names),
        ),
        dialect=found.dialect,
        problems=(*found.problems, *branch_problems, *_no_stories(found), *names.problems()),
        set_done=_set_done(source, names),
        append=found.append,
        places={story_id: draft.at for draft, story_id in zip(found.drafts, names.ids, strict=True)},
        notes=(*found.notes, *names.notes()),
    )


def _set_done(source: Source, names: Names) -> Callable[[str, bool], tuple[Edit, ...]]:
    def edits(story_id: str, done: bool) -> tuple[Edit, ...]:
        found = [draft for draft, known in zip(names.drafts, names.ids, strict=True) if known == story_id]
        if len(found) > 1:
            what = f"the id {quoted(story_id)} is used by {len(found)} stories"
            raise source.refusal([Problem(found[1].at, what, "Give each story an id of its own.")])
        if not found:
            what = f"there is no story {quoted(story_id)}"
            raise source.refusal([Problem(0, what, "Put the story back, or start the run again.")])
        return found[0].flag.edits(done=done)

    return edits


def _stories(names: Names) -> tuple[Story, ...]:
    return tuple(
        Story(
            id=story_id,
            title=draft.title,
            description=draft.description,
            acceptance_criteria=draft.criteria,
            priority=draft.priority,
            passes=draft.flag.done,
            depends_on=depends_on,
            optional=draft.optional,
            held="" if draft.flag.done else draft.flag.held or draft.held,
        )
        for draft, story_id, depends_on in zip(names.drafts, names.ids, names.depends_on, strict=True)
    )


def _no_stories(found: Found) -> Iterable[Problem]:
    if found.drafts or found.problems:
        return
    skipped = f" ({'; '.join(found.notes)})" if found.notes else ""
    yield Problem(
        0,
        f"there is no story in this file{skipped}: no checkbox in a list, and no heading like "
        '"### US-001: Title" or "### Task 1: Title"',
        'Write one line for each story, for example "- [ ] Add a login page".',
    )


def _preamble(page: Page, drafts: Iterable[Draft]) -> list[tuple[Block, Place]]:
    """What stands before the first story."""
    first = min((page.line_at(draft.at) for draft in drafts), default=len(page.starts))
    return [(block, place) for block, place in places(page) if block.end <= first]


def _branch(page: Page, preamble: Iterable[tuple[Block, Place]]) -> tuple[str | None, list[Problem]]:
    for block, _ in preamble:
        for number in range(block.line, block.end) if block.kind in {Kind.PARAGRAPH, Kind.LIST} else ():
            found = _BRANCH.match(page.line(number)[:_MAX_BRANCH_LINE_CHARS])
            if found and found["name"].lower() not in _NO_BRANCH:
                return _checked_branch(found["name"], page.starts[number] + found.start("name"))
    return None, []


def _checked_branch(name: str, at: int) -> tuple[str | None, list[Problem]]:
    if fault := branch_fault(name):
        return None, [Problem(at, f"the branch name {quoted(name)} {fault}", f"Write {quoted(proposed_branch(name))}.")]
    return name, []


def _notes(page: Page, drafts: Iterable[Draft]) -> str:
    """What stands under a heading like "Notes" that belongs to the whole PRD, without the stories in it."""
    stories = {page.line_at(draft.at) for draft in drafts}
    found = [
        page.lines(block.line, block.end)
        for block, place in places(page)
        if place.above and _NOTES.match(place.above[0]) and not stories.intersection(range(block.line, block.end))
    ]
    text = "\n\n".join(found).strip()
    shown = text if len(text) <= _MAX_NOTES_CHARS else f"{text[:_MAX_NOTES_CHARS].rstrip()} [...]"
    return f"Notes:\n{shown}" if text else ""


def _description(preamble: Iterable[tuple[Block, Place]], project: str) -> str:
    """The first paragraph under the title or a heading like "Overview" that is text rather than a fact (`**Date:** ...`)."""
    texts = (
        block.text
        for block, place in preamble
        if block.kind is Kind.PARAGRAPH and all(name == project or _ABOUT.match(name) for name in place.above)
    )
    return next((" ".join(text.split()) for text in texts if not _FACT.match(text)), "")
