"""Runs commands in bubblewrap: only the system and the tools in sight, no network, no other process, limited resources.

An allow-list: the root is empty, and what toolchains need is bound into it read-only. The order of the binds matters,
since a later one covers an earlier one: system, tools, what is hidden among them, then what the command itself is given.
"""

import os
import platform
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ralph.files import write_private
from ralph.sandbox.account import recorded_home
from ralph.sandbox.hidden import Hidden, config_to_show, configs_of, hidden_below
from ralph.sandbox.resources import FILTER, Resources, limits
from ralph.sandbox.seccomp import MACHINES, filter_in_namespaces
from ralph.sandbox.toolchains import system_folders, toolchain_folders

ISOLATION = (
    ("--unshare-all", "--unshare-user", "--disable-userns"),
    ("--unshare-all", "--unshare-user"),  # bubblewrap before 0.8 cannot forbid nested user namespaces
)
ALWAYS = ("--die-with-parent", "--new-session", "--cap-drop", "ALL")
NAME_SERVICE = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf")
NOBODY = "65534"
"""Root runs commands as this one: every system knows its name, and whatever is not root's seems to be its own."""
PROMISES = frozenset(
    [
        *("write-outside", "write-through-link", "read-ssh", "read-state", "git-config", "git-hooks"),
        *("tcp", "udp", "unix-abstract", "unix-path", "signal-outside", "environ-outside", "kernel-settings"),
    ]
)
FILTERED = frozenset({"keyrings"})


@dataclass(frozen=True)
class Bubblewrap:
    """`state` is Ralph's own folder, hidden from every command except for the paths it may write.

    `caches` are folders outside of the worktree that every command may write to, if they are there. `checkouts` are
    hidden too, but for the tools in them.
    """

    program: str
    state: Path
    homes: tuple[Path, ...]
    toolchains: tuple[Path, ...]
    hidden: tuple[Hidden, ...] = ()
    isolation: tuple[str, ...] = ISOLATION[0]
    resources: Resources = field(default_factory=Resources.default)
    caches: tuple[Path, ...] = ()
    checkouts: tuple[Hidden, ...] = ()
    level = "bwrap"

    @property
    def promises(self) -> frozenset[str]:
        """The probes that must be blocked; which limits hold depends on who runs it on which kernel."""
        return PROMISES | limits(self.resources).enforced | (FILTERED if self._system_calls else frozenset())

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
        system_calls = self._filter_file()
        limited = limits(self.resources, system_calls)
        return [
            *limited.outside,
            self.program,
            *self.isolation,
            *(("--share-net",) if network else ()),
            *ALWAYS,
            *(("--seccomp", str(FILTER)) if system_calls else ()),
            *self._shown,
            *(_name_service() if network else ()),
            *(("--bind", str(tmp), "/tmp") if tmp else ("--tmpfs", "/tmp")),  # noqa: S108
            *_own_home(),
            *_hide(self.checkouts),
            *_bind("--ro-bind-try", self.toolchains),
            *_hide(self.hidden),
            *_bind("--bind-try", self.caches),
            *_bind("--ro-bind", outside),
            *_bind("--bind", writable),
            *_bind(
                "--bind", [tmp] if tmp and _is_within(tmp, writable) else []
            ),  # what is mounted on cannot be replaced
            *_bind("--ro-bind", inside),
            *self._clean_configs(read_only),
            *("--remount-ro", "/", "--chdir", str(cwd), "--"),
            *limited.inside,
            *argv,
        ]

    def _clean_configs(self, read_only: Iterable[Path]) -> list[str]:
        """A repository is shown for its history, not for the passwords in its settings."""
        configs = [config for path in read_only for config in configs_of(path)]
        copies = [(config_to_show(config, self.state / "run"), config) for config in configs]
        return [word for copy, config in copies if copy for word in ("--ro-bind", str(copy), str(config))]

    @cached_property
    def _system_calls(self) -> bytes:
        """The filter; b"" on a processor for which there is none."""
        return filter_in_namespaces(platform.machine()) if platform.machine() in MACHINES else b""

    def _filter_file(self) -> Path | None:
        """Where the filter lies, out of reach of every command."""
        if not self._system_calls:
            return None
        path = self.state / "run" / f"system-calls-{zlib.crc32(self._system_calls):08x}.bpf"
        if not os.access(path, os.R_OK):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(path, self._system_calls, "filter of system calls")
        return path

    @cached_property
    def _shown(self) -> tuple[str, ...]:
        """What is the same for every command. Without a capability, whoever is root outside may still set kernel settings
        (core_pattern runs programs outside), so for root all of /proc is read-only.
        """
        is_root = os.geteuid() == 0
        return (
            *(("--uid", NOBODY, "--gid", NOBODY) if is_root else ()),
            *(word for path in system_folders() for word in _as_it_is(path)),
            *("--dev", "/dev", "--proc", "/proc", "--dir", "/run"),
            *(("--remount-ro", "/proc") if is_root else ()),
            *("--tmpfs", "/var/tmp"),  # noqa: S108 - a mount of its own
            *(word for home in self.homes for word in ("--dir", str(home))),
        )


def bubblewrap(
    program: str, state: Path, environ: Mapping[str, str] | None = None, hide: Iterable[Path] = ()
) -> Bubblewrap:
    """A sandbox for this user: finds the toolchains to leave visible, and what must not be seen among them. `hide` are
    folders to hide as well, wherever they lie.
    """
    source = os.environ if environ is None else environ
    homes, root = _homes(source), state.resolve()
    shown = system_folders()
    wanted = [path.resolve() for path in hide]
    checkouts = [path for path in wanted if _is_within(path, shown)]
    tools = tuple(toolchain_folders(homes, source, shown=shown, hide=checkouts))
    covering = [path for path in (root, *wanted) if path not in checkouts and _is_within(path, [*shown, *tools])]
    return Bubblewrap(
        program,
        root,
        homes,
        tools,
        (*hidden_below(tools, homes), *(Hidden(path, is_folder=True) for path in covering)),
        checkouts=tuple(Hidden(path, is_folder=True) for path in checkouts),
    )


def _homes(source: Mapping[str, str]) -> tuple[Path, ...]:
    named = [Path("/home"), Path("/root"), recorded_home(), Path(source.get("HOME", "/root"))]
    real = {path.resolve() for path in named if path and path.is_absolute() and path.is_dir()} - {Path("/")}
    return tuple(sorted(path for path in real if not _is_within(path, real - {path})))


def _name_service() -> list[str]:
    """Where names are looked up: the files behind links that lead out of /etc (systemd, NetworkManager, WSL)."""
    found = {os.path.realpath(path) for path in NAME_SERVICE if os.path.exists(path)}  # noqa: PTH110
    return _bind("--ro-bind-try", sorted(path for path in found if not path.startswith(("/etc/", "/usr/", "/nix/"))))


def _as_it_is(path: Path) -> list[str]:
    if path.is_symlink():
        return ["--symlink", str(path.readlink()), str(path)]
    return ["--ro-bind-try", str(path), str(path)]


def _hide(hidden: Iterable[Hidden]) -> list[str]:
    """Each that is still there: nothing can be put over a file that somebody removed meanwhile."""
    there = [one for one in hidden if os.access(one.path, os.F_OK)]
    return [word for one in there for word in _cover(one)]


def _cover(hidden: Hidden) -> tuple[str, ...]:
    path = str(hidden.path)
    return ("--tmpfs", path) if hidden.is_folder else ("--dev-bind", "/dev/null", path)


def _is_within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _bind(option: str, paths: Iterable[Path | str]) -> list[str]:
    return [word for path in paths for word in (option, str(path), str(path))]


def _own_home() -> tuple[str, ...]:
    """An empty folder that can be written, for tools that ask the system for the home, whatever HOME says (Java)."""
    home = recorded_home()
    is_wanted = os.geteuid() != 0 and home not in {None, Path("/")} and os.access(str(home), os.X_OK)
    return ("--tmpfs", str(home)) if is_wanted else ()
