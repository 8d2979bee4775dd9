"""Where a repo keeps its PRD: the paths that people already use. Knows nothing of what stands in it."""

from pathlib import Path

from prd.errors import PrdError

PLACES = (
    "scripts/ralph/prd.json",
    "prd.json",
    "ralph/prd.json",
    "tasks/prd.json",
    ".ralph/prd.json",
    "plans/prd.json",
)


def find_prd(repo: Path, named: Path | None = None) -> Path:
    """The PRD that was named (a file, or a folder that keeps one; relative to where the user is, else to the repo), else the
    first of PLACES that is there.

    Raises: PrdError with the places that were looked at.
    """
    if named is not None:
        return _named(repo, named)
    if found := _first_in(repo):
        return found
    places = "".join(f"\n  {place}" for place in PLACES)
    raise PrdError(
        f"{repo}: no PRD found. Write one at one of these, or name it, for example: ralph run docs/prd.json{places}"
    )


def _named(repo: Path, named: Path) -> Path:
    for path in (named, repo / named):
        if _is_file(path):
            return path
        if found := _first_in(path):
            return found
    raise PrdError(
        f"{named}: there is no such PRD. Name a file that exists, or leave it out to use the first of {', '.join(PLACES)}."
    )


def _first_in(folder: Path) -> Path | None:
    return next((folder / place for place in PLACES if _is_file(folder / place)), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be searched, a name that is too long
        return False
