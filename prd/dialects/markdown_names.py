"""Ids of the stories of a Markdown file, and which story a name in it means. Knows nothing of files."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from prd.dependencies import find_cycles
from prd.dialects.markdown_drafts import Draft
from prd.errors import Problem, quoted
from prd.naming import MAX_ID_CHARS, derived_id
from prd.spelling import nearest, plain

MAX_SUGGESTIONS = 10
"""Each looks at every id."""

_NUMBER = re.compile(r"(?:#|task\s*|story\s*)?(\d{1,6})", re.IGNORECASE)


@dataclass(frozen=True)
class Names:
    """The stories in the order of the file, each with its id."""

    drafts: tuple[Draft, ...]

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Derived ids keep clear of the explicit ones wherever these stand."""
        taken = {draft.id for draft in self.drafts if draft.id is not None}
        ids = []
        for draft in self.drafts:
            story_id = derived_id(draft.title, taken) if draft.id is None else draft.id
            taken.add(story_id)
            ids.append(story_id)
        return tuple(ids)

    @cached_property
    def depends_on(self) -> tuple[tuple[str, ...], ...]:
        """For each story the ids that it depends on, as far as they are known."""
        meant = ((self._meant(name) for name in draft.depends_on) for draft in self.drafts)
        return tuple(tuple(dict.fromkeys(known for known in found if known is not None)) for found in meant)

    @cached_property
    def _by_name(self) -> dict[str, str]:
        """Ids win over titles, and earlier stories over later ones."""
        titles = {plain(draft.title): story_id for draft, story_id in self._pairs_backwards}
        ids = {plain(story_id): story_id for _, story_id in self._pairs_backwards}
        return titles | ids | {story_id: story_id for story_id in self.ids}

    @property
    def _pairs_backwards(self) -> list[tuple[Draft, str]]:
        return list(zip(self.drafts, self.ids, strict=True))[::-1]

    def _meant(self, name: str) -> str | None:
        """By its id, by its title, or by its number in the file when no story has such an id."""
        if found := self._by_name.get(name) or (self._by_name.get(plain(name)) if plain(name) else None):
            return found
        number = _NUMBER.fullmatch(name)
        return self.ids[int(number[1]) - 1] if number and 1 <= int(number[1]) <= len(self.ids) else None

    def problems(self) -> Iterable[Problem]:
        yield from self._double_ids()
        for at, (draft, story_id, name) in enumerate(self._unknown(strict=True)):
            what = f"story {quoted(story_id)} depends on {quoted(name)}, which is no story of this PRD"
            meant = nearest(name, self.ids) if at < MAX_SUGGESTIONS and len(name) <= MAX_ID_CHARS else None
            yield Problem(
                draft.at, what, f"Write {quoted(meant)}." if meant else "Write the id of a story, or remove it."
            )
        yield from self._cycles()

    def notes(self) -> Iterable[str]:
        for _, story_id, name in self._unknown(strict=False):
            yield f"story {quoted(story_id)} says that it depends on {quoted(name)}, which is no story of this file"

    def _double_ids(self) -> Iterable[Problem]:
        seen: set[str] = set()
        for draft in self.drafts:
            if draft.id is not None and draft.id in seen:
                what = f"the id {quoted(draft.id)} is used by an earlier story"
                yield Problem(draft.at, what, "Give this story an id of its own.")
            if draft.id is not None:
                seen.add(draft.id)

    def _unknown(self, *, strict: bool) -> Iterable[tuple[Draft, str, str]]:
        for draft, story_id in zip(self.drafts, self.ids, strict=True):
            for name in draft.depends_on:
                if draft.strict is strict and self._meant(name) is None:
                    yield draft, story_id, name

    def _cycles(self) -> Sequence[Problem]:
        places = {story_id: draft.at for draft, story_id in self._pairs_backwards}
        return [
            Problem(
                places[cycle[0]],
                f"the stories depend on each other in a circle: {' -> '.join(quoted(story_id) for story_id in cycle)}",
                "Remove one of these dependencies.",
            )
            for cycle in find_cycles(dict(zip(self.ids, self.depends_on, strict=True)))
        ]
