"""Runs commands confined by Landlock, a system-call filter and limits: needs no program, no root and no namespaces.

For machines where bubblewrap cannot work, containers above all. It shows what bubblewrap shows, by the same functions,
but it can only forbid, not rearrange. What follows from that:

- Nothing stands in for /tmp. The folder for temporary files is named by TMPDIR, and the machine's own /tmp is shut, to
  programs too that have its name built in (the Java class library).
- A rule covers all below its folder. A folder that holds something read-only gets no rule; what lies in it does, each
  its own, so nothing new can be made in that folder itself. For a single file that would cost too much: one is left
  writable, and put back when the command ends.
- There is no loopback without a network: sockets cannot be made, apart from connected pairs.
- Processes outside can be seen by name and arguments. Mode, owner and times of files outside are the user's to change,
  and with them the command's; Landlock governs content.
- /dev/shm and /dev/pts are shut, since what lies there is other programs': no locks of Python's multiprocessing, no
  pseudo-terminals. Whoever has nothing in /dev/shm, as in most containers, opens it by `caches = ["/dev/shm"]`.
- The repository's settings are shown as they are: nothing cleaned can stand in their place, and git fails without them.
- With a network there are still no sockets of the unix family: those lead to the services of this machine.

Below ABI 6 (Linux 6.12) processes outside can be signalled. Limits on the number of processes do not bind root.
"""

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from functools import cache, cached_property
from pathlib import Path

from ralph.sandbox.bubblewrap import bubblewrap
from ralph.sandbox.landlock_limits import enforced, limit_words
from ralph.sandbox.resources import Resources
from ralph.sandbox.seccomp import MACHINES, seccomp_filter
from ralph.sandbox.toolchains import system_folders

OLDEST_ABI = 3  # Linux 6.2; before it, truncate(2) of a file outside went through
SIGNALS_SINCE_ABI = 6
CREATE_RULESET, ASK_VERSION = 444, 1
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
KERNEL_FOLDERS = (Path("/proc"), Path("/sys/fs/cgroup"))
NAME_SERVICE = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf")
LARGEST_KEPT_BYTES = 4_000_000
TRIAL_S = 20
PROMISES = frozenset(
    [
        *("write-outside", "write-through-link", "read-ssh", "read-state", "git-config", "git-hooks"),
        *("tcp", "udp", "unix-abstract", "unix-path", "environ-outside", "kernel-settings", "keyrings"),
    ]
)


class Right(IntFlag):
    """Rights on files that differ from one kernel to another or are given one by one (landlock(7))."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_FOLDER = 1 << 3
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    DEVICE_CONTROL = 1 << 15


READ = Right.EXECUTE | Right.READ_FILE | Right.READ_FOLDER
FILE_RIGHTS = Right.EXECUTE | Right.WRITE_FILE | Right.READ_FILE | Right.TRUNCATE | Right.DEVICE_CONTROL
DEVICE = Right.READ_FILE | Right.WRITE_FILE | Right.TRUNCATE | Right.DEVICE_CONTROL


@dataclass(frozen=True)
class Landlock:
    """`readable` is what every command may read, `hidden` what it may not among that; `state` is Ralph's own folder.

    `caches` are folders outside of the worktree that every command may write to, if they are there. `checkouts` are
    hidden too, but for the tools in them.
    """

    abi: int
    state: Path
    readable: tuple[Path, ...]
    hidden: tuple[Path, ...] = ()
    resources: Resources = field(default_factory=Resources.default)
    caches: tuple[Path, ...] = ()
    checkouts: tuple[Path, ...] = ()
    level = "landlock"

    @property
    def promises(self) -> frozenset[str]:
        """The probes that must be blocked; it depends on the kernel and on who runs it."""
        signals = {"signal-outside"} if self.abi >= SIGNALS_SINCE_ABI else set()
        return PROMISES | signals | enforced(self.resources)

    def wrap(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,  # noqa: ARG002 - where the command is started, it is started
        writable: Sequence[Path],
        read_only: Sequence[Path] = (),
        network: bool = False,
        tmp: Path | None = None,
    ) -> list[str]:
        roots = [path.resolve() for path in _outermost([*writable, *self.caches, *([tmp] if tmp else [])])]
        inside = [path for path in read_only if _is_within(path, roots)]
        kept = [path for path in inside if _can_be_kept(path)]
        frozen = [path for path in inside if path not in kept]
        outside = [path for path in read_only if path not in inside]
        files, ports, scopes = governed(self.abi)
        governs = (files, 0 if network else ports, scopes)
        return [
            *_launcher(),
            *("--ralph", str(os.getpid()), "--handled", *map(str, governs)),
            *self._shown,
            *(_rules(READ, map(Path.resolve, map(Path, NAME_SERVICE))) if network else ()),
            *_rules(READ, (path.resolve() for path in outside)),
            *(word for root in roots for word in _writable(root, frozen, files)),
            *(word for path in kept for word in ("--keep", str(path))),
            *(("--tmp", str(tmp)) if tmp else ("--new-tmp", _tmp(), str(files))),
            *limit_words(self.resources),
            *("--filter", _filter(network=network), "--", *argv),
        ]

    @cached_property
    def _shown(self) -> tuple[str, ...]:
        """What is the same for every command."""
        hidden = (*self.hidden, *self.checkouts, self.state)
        readable = _outermost([path.resolve() for path in (*self.readable, *KERNEL_FOLDERS)])
        tools = [path for path in self.readable if _is_within(path, self.checkouts)]
        known = Right(governed(self.abi)[0])
        return (
            *(word for path in readable for word in _around(path, hidden, READ, Right.READ_FOLDER)),
            *(word for path in tools for word in _around(path, self.hidden, READ, Right.READ_FOLDER)),
            *_rules(DEVICE & known, (Path("/dev") / name for name in DEVICES)),
        )


def landlock(state: Path, environ: Mapping[str, str] | None = None, hide: Iterable[Path] = ()) -> Landlock:
    """The level for this user: shows the system and the tools that bubblewrap shows."""
    shown = bubblewrap("", state, environ, hide)
    readable = (*system_folders(), *shown.toolchains)
    hidden, checkouts = (tuple(one.path for one in some) for some in (shown.hidden, shown.checkouts))
    return Landlock(landlock_abi(), shown.state, readable, hidden, checkouts=checkouts)


def why_no_landlock(system: str = platform.system(), machine: str = platform.machine(), abi: int | None = None) -> str:
    """Why this level cannot be used here, in a sentence; "" if it can. That it blocks, probes have to show."""
    if system != "Linux":
        return f"Landlock is a part of Linux, and this is {system}."
    if machine not in MACHINES:
        return f"the system-call filter is written for {' and '.join(MACHINES)}, and this is {machine}."
    abi = landlock_abi() if abi is None else abi
    if abi == 0:
        return "this kernel has no Landlock, its boot parameter lsm= leaves it out, or this container forbids it."
    if abi < OLDEST_ABI:
        return f"this kernel's Landlock is too old (ABI {abi}). Ralph needs ABI {OLDEST_ABI}: Linux 6.2 or later."
    return ""


@cache
def landlock_abi() -> int:
    """The version of Landlock in this kernel; 0: there is none."""
    import ctypes  # noqa: PLC0415 - only where this level is considered

    call = ctypes.CDLL(None, use_errno=True).syscall
    return max(0, int(call(ctypes.c_long(CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint32(ASK_VERSION))))


def governed(abi: int) -> tuple[int, int, int]:
    """All rights on files and on TCP ports and all scopes that this ABI knows: what is not allowed, is forbidden."""
    younger = {2: Right.REFER, 3: Right.TRUNCATE, 5: Right.DEVICE_CONTROL}
    files = (1 << 13) - 1 | sum(right for since, right in younger.items() if abi >= since)
    return files, 0b11 if abi >= 4 else 0, 0b11 if abi >= SIGNALS_SINCE_ABI else 0


@cache
def launcher() -> tuple[str, ...]:
    """The words that start the launcher, for commands with no rules; empty where it does not run."""
    if platform.system() != "Linux" or platform.machine() not in MACHINES:
        return ()
    trial = [*_launcher(), "--ralph", str(os.getpid()), "--", "true"]
    try:
        done = subprocess.run(trial, capture_output=True, timeout=TRIAL_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return _launcher() if done.returncode == 0 else ()


@cache
def _launcher() -> tuple[str, ...]:
    """Our interpreter without its environment, site packages and frozen start, to run the launcher beside this file."""
    start = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import launcher; launcher.main(sys.argv[1:])"
    )
    return os.path.realpath(sys.executable), "-I", "-S", "-c", start


@cache
def _filter(*, network: bool) -> str:
    return seccomp_filter(platform.machine(), network=network).hex()


def _tmp() -> str:
    return os.path.realpath(tempfile.gettempdir())


def _rules(rights: int, paths: Iterable[Path]) -> list[str]:
    return [word for path in paths for word in ("--rule", str(int(_fitting(rights, path))), str(path))]


def _fitting(rights: int, path: Path) -> int:
    return rights & FILE_RIGHTS if path.is_file() else rights


def _writable(root: Path, frozen: Sequence[Path], files: int) -> list[str]:
    return _around(root, frozen, files, READ)


def _around(folder: Path, without: Sequence[Path], rights: int, rights_around: int) -> list[str]:
    """Rules that give `rights` on a folder except for the paths `without`. A folder that one lies in gets only
    `rights_around`, and what it holds gets rules of its own, as it is now.
    """
    if _is_within(folder, without):
        return []
    below = [path for path in without if folder in path.parents]
    if not below:
        return _rules(rights, [folder])
    return [
        *_rules(rights_around, [folder]),
        *(word for path in _entries(folder) for word in _around(path, below, rights, rights_around)),
    ]


def _entries(folder: Path) -> Iterator[Path]:
    """What lies in it, links left out: where they lead has its own rule, or none."""
    try:
        return (path for path in sorted(folder.iterdir()) if not path.is_symlink())
    except OSError:
        return iter(())


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Each path that lies in no other: one below another is covered, wherever the agent has made it lead by now."""
    given = dict.fromkeys(paths)
    return [path for path in given if not any(parent in given for parent in path.parents)]


def _can_be_kept(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST_KEPT_BYTES


def _is_within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path == folder or folder in path.parents for folder in folders)
