"""Prd and Story: the one shape that every dialect is read into. Knows nothing of files."""

import hashlib
import json
from collections.abc import Collection

from pydantic import BaseModel, ConfigDict


class Story(BaseModel):
    """One piece of work that an agent does in one go."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    title: str
    description: str = ""
    acceptance_criteria: tuple[str, ...] = ()
    priority: int | None = None
    """1 is worked on first; None comes after every number."""
    passes: bool = False
    notes: str = ""
    depends_on: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    """What else the PRD says of it, under keys that Ralph does not know: `technicalNotes: use the existing helper`."""
    optional: bool = False
    """Worked on only when it is asked for; a run is complete without it."""
    held: str = ""
    """The PRD's own word why it is not to be worked on ("blocked"); empty: it may be."""

    @property
    def text_hash(self) -> str:
        """SHA-256 (hex) of what the story asks for: id, title, description, criteria, more. Flags, notes and order are no part of it."""
        asked = [self.id, self.title, self.description, list(self.acceptance_criteria), *self.more]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


class Prd(BaseModel):
    """The stories in the order of the file, ids unique, dependencies known and free of cycles."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: str = ""
    branch_name: str | None = None
    """None: the PRD names no branch."""
    description: str = ""
    stories: tuple[Story, ...]

    def all_done(self, done: Collection[str] = ()) -> bool:
        """Whether every story passes or is in `done`; optional ones do not count, held ones do."""
        return all(story.optional or story.passes or story.id in done for story in self.stories)

    def story(self, story_id: str) -> Story:
        """Raises: KeyError when there is none."""
        for story in self.stories:
            if story.id == story_id:
                return story
        raise KeyError(story_id)
