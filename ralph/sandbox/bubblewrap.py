"""Runs commands in bubblewrap: the file system read-only, the home hidden, no network, no other process in sight.

Built so that real toolchains still work: `/` is there read-only, and what they need below the hidden home is bound
back. The order of the binds matters, since a later one covers an earlier one.
"""

import os
import pwd
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ralph.sandbox.toolchains import toolchain_folders

ISOLATION = (
    ("--unshare-all", "--unshare-user", "--disable-userns"),
    ("--unshare-all", "--unshare-user"),  # bubblewrap before 0.8 cannot forbid nested user namespaces
)
ALWAYS = ("--die-with-parent", "--new-session", "--cap-drop", "ALL")
EMPTIED = (Path("/tmp"), Path("/run"), Path("/var/tmp"))  # noqa: S108 - mounts of their own, nothing is created there
NAME_SERVICE = ("/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager")
SYSTEM_TOOLS = ("/run/current-system", "/run/wrappers")  # NixOS keeps its programs there


@dataclass(frozen=True)
class Bubblewrap:
    """`state` is Ralph's own folder, hidden from every command except for the paths it may write."""

    program: str
    state: Path
    homes: tuple[Path, ...]
    toolchains: tuple[Path, ...]
    isolation: tuple[str, ...] = ISOLATION[0]
    level = "bwrap"

    def wrap(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        writable: Sequence[Path],
        read_only: Sequence[Path] = (),
        network: bool = False,
        tmp: Path | None = None,
    ) -> list[str]:
        outside = [path for path in read_only if not _is_within(path, writable)]
        inside = [path for path in read_only if _is_within(path, writable)]
        return [
            self.program,
            *self.isolation,
            *(("--share-net",) if network else ()),
            *ALWAYS,
            *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
            *_empty(EMPTIED[1:]),
            *_bind("--ro-bind-try", SYSTEM_TOOLS),
            *(_bind("--ro-bind-try", NAME_SERVICE) if network else ()),
            *(("--bind", str(tmp), "/tmp") if tmp else ("--tmpfs", "/tmp")),  # noqa: S108
            *_empty(self.homes),
            *_bind("--ro-bind-try", self.toolchains),
            *_empty([self.state]),
            *_bind("--ro-bind", outside),
            *_bind("--bind", writable),
            *_bind("--ro-bind", inside),
            *("--chdir", str(cwd), "--"),
            *argv,
        ]


def bubblewrap(program: str, state: Path, environ: Mapping[str, str] | None = None) -> Bubblewrap:
    """A sandbox for this user: finds the homes to hide and the toolchains to leave visible."""
    source = os.environ if environ is None else environ
    homes = _homes(source)
    return Bubblewrap(program, state.resolve(), homes, tuple(toolchain_folders(homes, source, emptied=EMPTIED)))


def _homes(source: Mapping[str, str]) -> tuple[Path, ...]:
    named = [Path("/home"), Path("/root"), Path(pwd.getpwuid(os.getuid()).pw_dir), Path(source.get("HOME", "/root"))]
    real = {path.resolve() for path in named if path.is_absolute() and path.is_dir()} - {Path("/")}
    return tuple(sorted(path for path in real if not _is_within(path, real - {path})))


def _is_within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _bind(option: str, paths: Iterable[Path | str]) -> list[str]:
    return [word for path in paths for word in (option, str(path), str(path))]


def _empty(paths: Iterable[Path | str]) -> list[str]:
    return [word for path in paths if Path(path).is_dir() for word in ("--tmpfs", str(path))]
