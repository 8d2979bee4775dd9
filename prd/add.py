"""Adds a story that a person describes to the bytes of a PRD, numbered as the file numbers its own. Knows nothing of files."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from prd.document import Document
from prd.errors import PrdError, quoted
from prd.naming import derived_id
from prd.read import read_document
from prd.spelling import nearest, plain, same_but_for_spelling
from prd.story import Story
from prd.writeback import append_story

_NUMBERED = re.compile(r"(.*?)(\d{1,9})")


@dataclass(frozen=True)
class Wish:
    """What a person says of a new story; `priority` None: after all others."""

    title: str
    description: str = ""
    criteria: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    priority: int | None = None


@dataclass(frozen=True)
class Added:
    """The PRD with the new story, as it is read again, and where that stands: `prd.json:12:5`."""

    data: bytes
    story: Story
    place: str


def add_story(data: bytes, wish: Wish, *, name: str) -> Added:
    """The PRD with one more story; every other byte is as it was.

    Raises: PrdError for a PRD that has problems, a wish that makes no story, or what the PRD's format cannot keep.
    """
    source, document = read_document(data, name)
    if document.problems and document.prd.stories:
        raise source.refusal(document.problems)
    wanted = _story(wish, document, name)
    changed = append_story(data, wanted, name=name)
    source, after = read_document(changed, name)
    if after.problems:
        raise source.refusal(after.problems)
    before = {story.id for story in document.prd.stories}
    found = next(story for story in after.prd.stories if story.id not in before)
    if plain(wanted.title) != plain(found.title):
        raise PrdError(f"{name}: the title would be read as {quoted(found.title)}. Write it in other words.")
    if lost := _lost(wanted, found):
        raise PrdError(
            f"{name}: this format ({document.dialect}) cannot keep the {lost} of a story. Leave it out, write it in by hand, or "
            "move to a prd.json, which can: ralph prd convert --to snarktank"
        )
    return Added(changed, found, source.place(after.places[found.id]))


def _story(wish: Wish, document: Document, name: str) -> Story:
    stories = document.prd.stories
    title = " ".join(wish.title.split())
    if not title:
        raise PrdError('the title is empty. Say what is to be done, for example: ralph prd add "Add a login page"')
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in title):
        raise PrdError(f"the title {quoted(title)} has characters that cannot be seen. Leave them out.")
    ids = [story.id for story in stories]
    return Story(
        id=next_id(stories, title),
        title=title,
        description=wish.description.strip(),
        acceptance_criteria=tuple(text for given in wish.criteria if (text := " ".join(given.split()))),
        priority=next_priority(stories) if wish.priority is None else wish.priority,
        depends_on=tuple(dict.fromkeys(_known(story_id, ids, name) for story_id in wish.depends_on)),
    )


def _known(story_id: str, ids: Sequence[str], name: str) -> str:
    if story_id in ids:
        return story_id
    meant = same_but_for_spelling(story_id, ids) or nearest(story_id, ids)
    remedy = f"Did you mean {quoted(meant)}?" if meant else f"Its stories are: {', '.join(ids)}."
    raise PrdError(f"{name} has no story {quoted(story_id)} to depend on. {remedy}")


def next_id(stories: Sequence[Story], title: str) -> str:
    """US-007 after US-006, 8 after 7; made from the title where ids are not numbered."""
    found = (_NUMBERED.fullmatch(story.id) for story in stories if not _is_derived(story))
    numbered = [(match[1], match[2]) for match in found if match]
    if not numbered or 2 * len(numbered) < len(stories):
        return derived_id(title, {story.id for story in stories})
    prefix, digits = numbered[-1]
    highest = max(int(number) for before, number in numbered if before == prefix)
    return f"{prefix}{str(highest + 1).zfill(len(digits))}"


def _is_derived(story: Story) -> bool:
    return re.fullmatch(rf"{re.escape(derived_id(story.title, ()))}(-\d+)?", story.id) is not None


def next_priority(stories: Sequence[Story]) -> int | None:
    """One more where each story has a number of its own; else none, which comes last too."""
    given = [story.priority for story in stories if story.priority is not None]
    return max(given) + 1 if given and len(set(given)) == len(stories) else None


def _lost(wanted: Story, found: Story) -> str:
    """The first thing that was asked for and is not read again; markup and line ends may differ."""
    kept = {
        "description": plain(wanted.description) in plain(found.description),
        "criteria": list(map(plain, wanted.acceptance_criteria))
        == list(map(plain, found.acceptance_criteria))[: len(wanted.acceptance_criteria)],
        "dependencies": set(wanted.depends_on) <= set(found.depends_on),
        "priority": wanted.priority in {None, found.priority},
    }
    return next((name for name, is_kept in kept.items() if not is_kept), "")
