"""Where a repo keeps its PRD: the paths that people already use, most used first. Reads a file only to see whether stories are in it.

A `prd.json` is one whatever stands in it: a broken one is an error for whoever reads it. The other names are used for other things
too, so one that holds no story is passed over, and that is told.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from prd.document import Document
from prd.errors import PrdError
from prd.read import read_bytes, read_document
from prd.spelling import begun_by

PLACES = (
    "scripts/ralph/prd.json",
    "prd.json",
    "ralph/prd.json",
    ".omc/prd.json",
    "tasks/prd.json",
    ".ralph/fix_plan.md",
    ".ralph/prd.json",
    "@fix_plan.md",
    "plans/prd.json",
    ".agents/tasks/prd*.json",
    "tasks/prd-*.md",  # what a prd.json is made from: written for such a loop, as the names after it need not be
    "PRD.md",
    "fix_plan.md",
    "IMPLEMENTATION_PLAN.md",
    "docs/plans/*.md",
    ".chief/prds/*/prd.md",
    ".ralph/PRD.md",
    ".ralph/ralph-tasks.md",
    "tasks.yaml",
    "tasks.yml",
    "features.json",
    "TASKS.md",  # last, because most files of this name were not written for a loop
)
"""In this order; those that one pattern fits are of the same rank."""

MAX_TOLD = 3
"""Of the files that were passed over; the rest is counted."""


@dataclass(frozen=True)
class Found:
    """The PRD that is taken, and what else might have been meant."""

    path: Path
    also: tuple[Path, ...] = ()
    """Others of the same rank by name; not all of them were read."""
    passed_over: tuple[tuple[Path, str], ...] = ()
    """Files that came before it and hold no story, with the reason."""
    elsewhere: tuple[Path, ...] = ()
    """PRDs of the same kind at later places that have an open story too."""

    def notes(self, root: Path) -> tuple[str, ...]:
        """What a person should know of the choice, a line each; paths as seen from `root`."""
        lines = _told(self.passed_over, root)
        if self.also:
            lines.append(
                f"took {_shown(self.path, root)}, one of {len(self.also) + 1} at its place (the first by name; those that are "
                f"all done come last). To take another, name it, for example {_shown(self.also[0], root)}"
            )
        if self.elsewhere:
            names = [_shown(path, root) for path in self.elsewhere]
            are, it = ("is", "it") if len(names) == 1 else ("are", "one")
            lines.append(f"{', '.join(names)} {are} there too; to use {it}: ralph run {shlex.quote(names[0])}")
        return tuple(lines)


def find_prd(repo: Path, named: Path | None = None) -> Path:
    """The path that `find` gives. Raises: PrdError as `find`."""
    return find(repo, named).path


def find(repo: Path, named: Path | None = None) -> Found:
    """The PRD that was named (a file, or a folder that keeps one; relative to where the user is, else to the repo), else the
    first of PLACES that is there.

    Of several at one place the first by name that has an open story, so that numbered and dated plans are worked through in order;
    where none has, the first.

    Raises: PrdError with the places that were looked at.
    """
    if named is not None:
        return _named(repo, named)
    search = _Search(repo)
    if found := search.first(PLACES):
        return replace(found, elsewhere=tuple(_elsewhere(repo, found)))
    raise PrdError(
        f'{repo}: no PRD found. Have one drafted with: ralph prd new "what you want"; or name yours, for example: '
        "ralph run docs/prd.json"
        f"{_lines(search)}\nlooked for: {', '.join(PLACES)}"
    )


def _elsewhere(repo: Path, found: Found) -> Iterator[Path]:
    """One for each later place. A Markdown file beside a `prd.json` is mostly what that was made from, so it is not told."""
    is_json = found.path.suffix == ".json"
    seen = {path.resolve() for path in (found.path, *found.also)}
    for place in PLACES:
        other = _Search(repo).first([place]) if place.endswith(".json") == is_json else None
        if other and other.path.resolve() not in seen and _may_be_open(_document(other.path)):
            seen.add(other.path.resolve())
            yield other.path


def _named(repo: Path, named: Path) -> Found:
    for path in (named, repo / named):
        if _is_file(path):
            return Found(path)
        search = _Search(path)
        if found := search.first((*PLACES, *_rests(path))):
            return found
        if _is_folder(path):
            raise PrdError(f"{named}: there is no PRD in this folder. Name the file itself.{_lines(search)}")
    raise PrdError(f"{named}: there is no such PRD. {_meant(repo, str(named))}")


def _meant(repo: Path, word: str) -> str:
    """What to do about a name that no file has: it may be a story's."""
    found = _Search(repo).first(PLACES)
    document = _document(found.path) if found else None
    if isinstance(document, Document) and (ids := begun_by(word, [story.id for story in document.prd.stories])):
        meant = ids[0] if len(ids) == 1 else word
        return (
            f"Did you mean --story {shlex.quote(meant)}? What became of it so far: ralph explain {shlex.quote(meant)}"
        )
    return "Name a file that exists, or leave it out to have one looked for at the usual places."


def _rests(folder: Path) -> Iterator[str]:
    """What is left of the places that begin with this folder: `*.md` for `docs/plans`."""
    for place in PLACES:
        parts = PurePosixPath(place).parts
        for count in range(1, len(parts)):
            if folder.resolve().match("/".join(parts[:count])):
                yield "/".join(parts[count:])


@dataclass
class _Search:
    """Looks for a PRD in one folder, and remembers what it passed over."""

    folder: Path
    passed_over: list[tuple[Path, str]] = field(default_factory=list)

    def first(self, places: Sequence[str]) -> Found | None:
        return next((found for place in places if (found := self._at(place))), None)

    def _at(self, place: str) -> Found | None:
        candidates = self._candidates(place)
        if [path.name for path in candidates] == ["prd.json"]:
            return self._found(candidates[0], candidates)
        with_stories: list[Path] = []
        for path in candidates:
            document = _document(path)
            if why := _why_not(path, document):
                self.passed_over.append((path, why))
                continue
            with_stories.append(path)
            if _may_be_open(document):
                return self._found(path, candidates)
        return self._found(with_stories[0], candidates) if with_stories else None

    def _found(self, taken: Path, candidates: Sequence[Path]) -> Found:
        others = {taken, *(path for path, _ in self.passed_over)}
        return Found(taken, tuple(path for path in candidates if path not in others), tuple(self.passed_over))

    def _candidates(self, place: str) -> list[Path]:
        if "*" not in place:
            return [self.folder / place] if _is_file(self.folder / place) else []
        try:
            return sorted(filter(_is_file, self.folder.glob(place)), key=_by_name)
        except OSError:  # a folder that may not be searched
            return []


def _lines(search: _Search) -> str:
    return "".join(f"\n  {line}" for line in _told(search.passed_over, search.folder))


def _told(passed_over: Sequence[tuple[Path, str]], root: Path) -> list[str]:
    lines = [f"passed over {_shown(path, root)}: {why}" for path, why in passed_over[:MAX_TOLD]]
    more = len(passed_over) - MAX_TOLD
    return [*lines, f"passed over {more} more files without a story"] if more > 0 else lines


def _document(path: Path) -> Document | PrdError:
    try:
        return read_document(read_bytes(path, path.name), path.name)[1]
    except PrdError as error:
        return error


def _why_not(path: Path, document: Document | PrdError) -> str:
    """Why the file is no PRD; empty: it is taken for one. A typing mistake in JSON must not send Ralph to another PRD."""
    if isinstance(document, PrdError):
        return "" if path.suffix == ".json" else str(document).splitlines()[0].removeprefix(f"{path.name}:")
    if document.prd.stories or path.name == "prd.json":
        return ""
    what = next((problem.what for problem in document.problems), "")
    return "no story in it" if path.suffix == ".md" or not what else f"no story in it ({what})"


def _may_be_open(document: Document | PrdError) -> bool:
    """True for what cannot be read well: whoever reads it says why."""
    return isinstance(document, PrdError) or bool(document.problems) or not document.prd.all_done()


def _by_name(path: Path) -> list[tuple[int, str]]:
    """Numbers count as such: plan-2 comes before plan-10."""
    pieces = re.split(r"(\d+)", path.as_posix().lower())
    return [(int(piece[:18]), "") if piece.isdecimal() else (-1, piece) for piece in pieces]


def _shown(path: Path, root: Path) -> str:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return str(path)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be searched, a name that is too long
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False
