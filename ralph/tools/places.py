"""Where the file tools may go: inside the worktree and the scratch folder, and not where the harness keeps its own.

Every path is resolved through all its symlinks before it is judged; the file itself is then opened step by step from
the folder that contains it, never through a link, so that swapping one in between gains nothing.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ralph.tools.result import ToolRefusedError

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Place:
    """A path inside one of the permitted folders. `name` is how it is shown to the model."""

    base: Path
    parts: tuple[str, ...]
    name: str

    @property
    def path(self) -> Path:
        return self.base.joinpath(*self.parts)


@dataclass(frozen=True)
class Places:
    """`root` and `scratch` are real paths; `protected` are paths or globs relative to `root`."""

    root: Path
    scratch: Path
    protected: tuple[str, ...] = ()
    tmp: Path | None = None
    """What commands see as /tmp; None when they see the real one."""
    instead_of_tmp: Path | None = None
    """Where temporary files go when /tmp is shut to commands."""

    def find(self, file_path: str) -> Place:
        """The place that a path of the model means.

        Raises:
            ToolRefusedError: it leads outside, or its links lead nowhere.

        """
        wanted = self._translate(Path(file_path))
        try:
            real = Path(os.path.realpath(wanted, strict=False))
            if wanted.is_symlink() and real.is_symlink():
                raise ToolRefusedError(f"{file_path}: a loop of symbolic links.")
        except OSError as error:
            raise ToolRefusedError(f"{file_path}: {error.strerror}.") from error
        for base in (self.root, self.scratch):
            if real.is_relative_to(base):
                relative = real.relative_to(base)
                return Place(base, relative.parts, str(relative) if base == self.root else str(real))
        if self.instead_of_tmp and file_path.startswith("/tmp/"):  # noqa: S108
            raise ToolRefusedError(f"{file_path}: /tmp is shut here; temporary files go to {self.instead_of_tmp}.")
        raise ToolRefusedError(
            f"{file_path} is outside the repository. The file tools work inside it; use paths relative to its root."
        )

    def find_to_change(self, file_path: str) -> Place:
        """The same, refused also for what the agent may not change: `.git` and protected paths.

        Raises:
            ToolRefusedError: as `find`, or the path is protected.

        """
        place = self.find(file_path)
        if any(part.lower() == ".git" for part in place.parts):
            raise ToolRefusedError(f"{file_path}: .git belongs to the harness, which makes the commit itself.")
        if place.base == self.root and self.is_protected("/".join(place.parts)):
            raise ToolRefusedError(
                f"{file_path} is protected and stays as it is. If the story cannot be done without changing it, "
                "call finish with status `blocked`."
            )
        return place

    def is_protected(self, relative: str) -> bool:
        folded = relative.casefold()
        return any(_covers(pattern.casefold().strip("/"), folded) for pattern in self.protected)

    def existing_protected(self) -> list[Path]:
        """The protected paths that exist and are named without wildcards."""
        plain = [self.root / pattern for pattern in self.protected if not set(pattern) & set("*?[")]
        return [path for path in plain if path.exists() and not path.is_symlink()]

    def _translate(self, path: Path) -> Path:
        if self.tmp is not None and path.is_absolute() and not path.is_relative_to(self.root):
            inside_tmp = Path(os.path.normpath(path))
            if inside_tmp.is_relative_to("/tmp") and not inside_tmp.is_relative_to(self.scratch):  # noqa: S108
                return self.tmp / inside_tmp.relative_to("/tmp")  # noqa: S108
        return self.root / path


def _covers(pattern: str, relative: str) -> bool:
    return relative == pattern or relative.startswith(f"{pattern}/") or fnmatchcase(relative, pattern)


@contextmanager
def opened_parent(place: Place, *, create: bool = False) -> Iterator[int]:
    """A descriptor of the folder that holds the place, reached without following a single link.

    Raises:
        OSError: a folder is missing, or something on the way is a link by now.

    """
    current = os.open(place.base, OPEN_FOLDER)
    try:
        for part in place.parts[:-1]:
            if create:
                _make_folder(part, current)
            below = os.open(part, OPEN_FOLDER, dir_fd=current)
            os.close(current)
            current = below
        yield current
    finally:
        os.close(current)


def _make_folder(name: str, parent: int) -> None:
    try:
        os.mkdir(name, dir_fd=parent)
    except FileExistsError:
        return


def read_bytes(place: Place, limit_bytes: int) -> tuple[bytes, os.stat_result]:
    """The content of a regular file, up to a limit (-1: none). Pipes, devices and sockets are refused before they are read.

    Raises:
        ToolRefusedError: it is not a regular file.
        OSError: it cannot be opened.

    """
    with opened_parent(place) as parent:
        number = os.open(place.parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    with os.fdopen(number, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise ToolRefusedError(f"{place.name} is not a regular file (a pipe, device or socket).")
        return file.read(limit_bytes), about


def replace_bytes(place: Place, data: bytes, mode: int | None) -> None:
    """Put the content in place at once: readers see the old file or the new one. `mode` None: as umask says.

    Raises:
        OSError: no space, no permission.

    """
    with opened_parent(place, create=True) as parent:
        name = place.parts[-1]
        temporary = f".{name[:50]}.ralph-new"
        try:
            _write_new(temporary, data, mode, parent)
            _rename(temporary, name, parent, data)
        finally:
            _remove(temporary, parent)


def _write_new(name: str, data: bytes, mode: int | None, parent: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    _remove(name, parent)
    with os.fdopen(os.open(name, flags, 0o666, dir_fd=parent), "wb") as file:
        file.write(data)
        if mode is not None:
            os.fchmod(file.fileno(), stat.S_IMODE(mode))


def _rename(temporary: str, name: str, parent: int, data: bytes) -> None:
    """Some file systems and mount points refuse a rename; then the old file is written over."""
    try:
        os.replace(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
    except OSError:
        _write_over(name, data, parent)


def _write_over(name: str, data: bytes, parent: int) -> None:
    flags = os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, dir_fd=parent), "wb") as file:
        file.write(data)


def _remove(name: str, parent: int) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return


def protected_patterns(patterns: Sequence[str]) -> tuple[str, ...]:
    return tuple(pattern.removeprefix("./") for pattern in patterns if pattern.strip("./"))
