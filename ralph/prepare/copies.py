"""Files that git ignores and the work needs, such as `.env`: found in the user's checkout, copied into a worktree.

They are never committed, because they are ignored there too; a file that is not is refused. A link is copied as a link, and
only when it stays in the repo.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ralph.errors import RalphError
from ralph.tools.places import Place, opened_parent, replace_bytes
from ralph.workspace.git import Git, join_z, split_z
from ralph.workspace.repo import Repo
from ralph.workspace.worktree import Worktree


@dataclass(frozen=True)
class Copies:
    """What is copied: paths relative to `root`, the user's checkout. `unmatched` are the patterns that found nothing."""

    root: Path
    names: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Changes when one of the files does; empty when there is none."""
        if not self.names:
            return ""
        about = [(name, *_times(self.root / name)) for name in self.names]
        return hashlib.sha256(repr(about).encode()).hexdigest()

    def into(self, checkout: Path) -> None:
        """Copy what is not there yet; a file that the commit has stays as it is.

        Raises:
            RalphError: a file is gone from the user's checkout, or cannot be written.
        """
        base = checkout.resolve()
        for name in self.names:
            if os.path.lexists(base / name):
                continue
            try:
                _copy(self.root / name, Place(base, PurePosixPath(name).parts, name))
            except OSError as error:
                raise RalphError(
                    f"copy: {name} cannot be copied from {self.root} ({error.strerror}). "
                    "Put it back, or take it out of `copy` in your settings."
                ) from error

    def refuse_exposed(self, worktree: Worktree) -> None:
        """See that the worktree's own ignore rules hide every file that would be copied there.

        Raises:
            RalphError: one would be committed.
        """
        new = [name for name in self.names if not os.path.lexists(worktree.path / name)]
        exposed = _not_ignored(worktree.git(worktree.pristine_index), new)
        if exposed:
            raise RalphError(
                f"copy: {exposed[0]} is ignored in {self.root}, but not at the commit {worktree.base_sha[:10]} where "
                "the work starts, so it would be committed. Commit your .gitignore first."
            )


def find_copies(repo: Repo, patterns: Sequence[str]) -> Copies:
    """The ignored files of the user's checkout that match; tracked ones are left out, since a worktree has them.

    Raises:
        RalphError: a match is neither tracked nor ignored, or leads out of the repo.
    """
    found = {pattern: sorted(set(_expand(repo.root, pattern))) for pattern in patterns}
    every = sorted({name for names in found.values() for name in names})
    tracked = set(repo.git.names("ls-files", "-z")) if every else set()
    untracked = [name for name in every if name not in tracked]
    for name in untracked:
        _refuse_escape(repo.root, name)
    for name in _not_ignored(repo.git, untracked):
        pattern = next(pattern for pattern, names in found.items() if name in names)
        raise RalphError(
            f'copy: {name} matches "{pattern}" and git does not ignore it, so it would be committed with a story. '
            "Add it to .gitignore, commit it yourself, or write a narrower pattern."
        )
    return Copies(repo.root, tuple(untracked), tuple(pattern for pattern, names in found.items() if not names))


def _expand(root: Path, pattern: str) -> Iterator[str]:
    """Files below the root that match, all files of a folder that does. No link is followed."""
    try:
        matches = list(root.glob(pattern.rstrip("/")))
    except (ValueError, NotImplementedError) as error:
        raise RalphError(
            f'copy: "{pattern}" is no pattern: {error}. Write for example "config/*.local.json".'
        ) from error
    for match in matches:
        below = _files_below(match) if match.is_dir() and not match.is_symlink() else [match]
        for file in below:
            relative = file.relative_to(root)
            if ".git" not in relative.parts and (file.is_symlink() or file.is_file()):
                yield relative.as_posix()


def _files_below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if Path(place, name).is_symlink()]
        yield from (Path(place, name) for name in [*files, *links])


def _refuse_escape(root: Path, name: str) -> None:
    file, real = root / name, root.resolve()
    target = str(file.readlink()) if file.is_symlink() else ""
    wanted = os.path.normpath(PurePosixPath(name).parent / target) if target else name
    if file.parent.resolve() != real / PurePosixPath(name).parent or PurePosixPath(wanted).is_absolute():
        raise RalphError(f"copy: {name} is reached through a link. Name the file itself, in the repo.")
    if wanted.split("/")[0] == "..":
        raise RalphError(f"copy: {name} is a link to {target}, outside of the repo. Put a copy of the file there.")


def _not_ignored(git: Git, names: Iterable[str]) -> list[str]:
    given = [f"./{name}" for name in names]  # a name may start with a colon, which git would read as a command
    if not given:
        return []
    _, listing, _ = git.attempt("check-ignore", "-z", "--stdin", stdin=join_z(given))
    ignored = set(split_z(listing))
    return [name.removeprefix("./") for name in given if name not in ignored]


def _copy(source: Path, place: Place) -> None:
    if source.is_symlink():
        with opened_parent(place, create=True) as parent:
            os.symlink(source.readlink(), place.parts[-1], dir_fd=parent)
    else:
        replace_bytes(place, source.read_bytes(), stat.S_IMODE(source.stat().st_mode))


def _times(file: Path) -> tuple[int, int]:
    try:
        about = file.lstat()
    except OSError:
        return 0, 0
    return about.st_mtime_ns, about.st_size
