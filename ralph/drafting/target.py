"""The file that a draft is for: a new one, or a PRD that is there and gets more stories. Writes only when it is told to."""

import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prd.add import next_id, next_priority
from prd.errors import PrdError
from prd.find import Found, find
from prd.read import parse_prd, read_prd
from prd.story import Prd, Story
from prd.writeback import append_story
from ralph.errors import RalphError
from ralph.files import write_atomically

NEW_NAME = "prd.json"
FIRST_ID = "US-001"


@dataclass(frozen=True)
class Target:
    """`prd` and `data` are what is there already; None where the file is new."""

    path: Path
    name: str
    prd: Prd | None = None
    data: bytes | None = None
    notes: tuple[str, ...] = ()  # on why it is this file

    @property
    def stories(self) -> tuple[Story, ...]:
        return self.prd.stories if self.prd else ()

    @property
    def first_priority(self) -> int | None:
        """Behind everything that is there; None where the stories there do not have one each."""
        return next_priority(self.stories) if self.stories else 1

    def ids(self, titles: Sequence[str]) -> list[str]:
        """An id for each new story, going on in the way of those that are there."""
        stories = list(self.stories)
        for title in titles:
            stories.append(Story(id=next_id(stories, title) if stories else FIRST_ID, title=title))
        return [story.id for story in stories[len(self.stories) :]]

    def loses_dependencies(self, draft: Prd) -> bool:
        """Whether the format of the file that is there has no place for them."""
        if self.data is None:
            return False
        kept = parse_prd(with_stories(self.data, draft.stories, self.name), self.name)
        count = sum(len(story.depends_on) for story in (*self.stories, *draft.stories))
        return sum(len(story.depends_on) for story in kept.stories) < count

    def run_command(self, root: Path) -> str:
        """How a run on this PRD is started."""
        usual = _existing(root)
        return (
            "ralph run"
            if usual and usual.path.resolve() == self.path.resolve()
            else f"ralph run {shlex.quote(self.name)}"
        )

    def check(self, draft: Prd, text: str) -> None:
        """See that the draft would make a good PRD here.

        Raises: PrdError.
        """
        if self.data is None:
            parse_prd(text.encode(), self.name)
        else:
            parse_prd(with_stories(self.data, draft.stories, self.name), self.name)

    def write(self, draft: Prd, text: str) -> None:
        """Put the draft where it belongs, as the file is now.

        Raises:
            PrdError, RalphError: the file has changed so that it does not fit any more; nothing was written.
        """
        if self.data is None and self.path.exists():
            raise RalphError(f"{self.name}: somebody has made this file meanwhile. Nothing was written.")
        try:
            if self.data is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(self.path, text.encode())
                self.path.chmod(0o644)
                return
            _, data = read_prd(self.path, self.name)
            write_atomically(self.path, with_stories(data, draft.stories, self.name))
        except OSError as error:
            raise RalphError(
                f"{self.name}: cannot be written ({error.strerror}). Give another place with --out."
            ) from error


def find_target(root: Path, out: Path | None) -> Target:
    """The file that `out` names, else the repo's own PRD, else a new one at its root.

    Raises:
        PrdError: there is a PRD that cannot be read.
        RalphError: a new file would be of a kind that Ralph does not write.
    """
    found = None if out else _existing(root)
    path = out or (found.path if found else root / NEW_NAME)
    name = _shown(path, root)
    if path.exists():
        prd, data = read_prd(path, name)
        return Target(path, name, prd, data, found.notes(root) if found else ())
    if path.suffix.lower() != ".json":
        raise RalphError(f"{name}: a new PRD is written as JSON. Name a file that ends in .json, or one that exists.")
    return Target(path, name)


def with_stories(data: bytes, stories: Sequence[Story], name: str) -> bytes:
    """Raises: PrdError for one that cannot be added."""
    for story in stories:
        data = append_story(data, story, name=name)
    return data


def _existing(root: Path) -> Found | None:
    with suppress(PrdError):
        return find(root)
    return None


def _shown(path: Path, root: Path) -> str:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return str(path)
