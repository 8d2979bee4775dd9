"""Runs commands confined by Seatbelt, the sandbox of macOS. UNTESTED: written to its documentation, never run.

What it rests on: sandbox-exec(1), and profiles that are in use elsewhere (Chromium's and Codex's). The later of two
rules that match wins. Paths are handed over as parameters, so nothing in a path can be read as a rule.

- What is not allowed is denied. Reading is allowed but for homes, Ralph's state and what is hidden; writing only where
  it is asked for; unix sockets count as network.
- Nothing stands in for /tmp: TMPDIR names `tmp`, or else the last of the writable folders.
- It holds neither memory nor processes nor file sizes, and a process that leaves its session outlives Ralph's death.
"""

import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ralph.sandbox.bubblewrap import bubblewrap

PROGRAM = Path("/usr/bin/sandbox-exec")
UNTESTED = "Seatbelt is untested: its rules are written to the documentation of macOS. Look at what the probes say."
PROMISES = frozenset(
    [
        *("write-outside", "write-through-link", "read-ssh", "read-state", "git-config", "git-hooks"),
        *("tcp", "udp", "unix-path", "signal-outside", "environ-outside"),
    ]
)
OUT_OF_SIGHT = (Path("/private/tmp"), Path("/private/var/tmp"), Path("/private/var/folders"), Path("/Volumes"))
BASE = r"""
(version 1)
(deny default)
(allow process-exec process-fork)
(allow signal (target same-sandbox))
(allow process-info* (target same-sandbox))
(allow user-preference-read)
(allow ipc-posix-sem)
(allow pseudo-tty)
(allow sysctl-read
  (sysctl-name-prefix "hw.") (sysctl-name-prefix "machdep.cpu.") (sysctl-name-prefix "vm.")
  (sysctl-name "kern.argmax") (sysctl-name "kern.hostname") (sysctl-name "kern.maxfilesperproc")
  (sysctl-name "kern.maxproc") (sysctl-name "kern.ngroups") (sysctl-name "kern.osproductversion")
  (sysctl-name "kern.osrelease") (sysctl-name "kern.ostype") (sysctl-name "kern.osvariant_status")
  (sysctl-name "kern.osversion") (sysctl-name "kern.secure_kernel") (sysctl-name "kern.usrstack64")
  (sysctl-name "kern.version") (sysctl-name "sysctl.proc_cputype"))
(allow sysctl-write (sysctl-name "kern.grade_cputype"))
(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))
(allow file-read*)
(allow file-write* file-ioctl
  (literal "/dev/null") (literal "/dev/zero") (literal "/dev/tty") (literal "/dev/ptmx") (literal "/dev/dtracehelper")
  (subpath "/dev/fd") (regex #"^/dev/ttys[0-9]+$"))
"""
NETWORK = r"""
(allow network-outbound (remote ip))
(allow network-inbound network-bind (local ip))
(allow system-socket)
(allow network-outbound (literal "/private/var/run/mDNSResponder"))
(allow mach-lookup
  (global-name "com.apple.SystemConfiguration.configd") (global-name "com.apple.SystemConfiguration.DNSConfiguration")
  (global-name "com.apple.trustd.agent") (global-name "com.apple.networkd"))
"""


@dataclass(frozen=True)
class Seatbelt:
    """`hidden` is not to be read, apart from what of it is `readable`; `state` is Ralph's own folder.

    `caches` are folders outside of the worktree that every command may write to, if they are there.
    """

    state: Path
    hidden: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    never: tuple[Path, ...] = ()
    """Hidden even where it lies in what is readable: credentials among tools."""
    caches: tuple[Path, ...] = ()
    level = "seatbelt"
    promises = PROMISES

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
        folders = [*writable, *([tmp] if tmp else [])]
        profile = self._profile(folders, read_only, network=network)
        temporary = [f"{name}={folder}" for folder in folders[-1:] for name in ("TMPDIR", "TMP", "TEMP")]
        given = [word for name, path in profile.parameters.items() for word in ("-D", f"{name}={path}")]
        return [str(PROGRAM), *given, "-p", profile.text, "/usr/bin/env", *temporary, *argv]

    def _profile(self, writable: Sequence[Path], read_only: Sequence[Path], *, network: bool) -> "Profile":
        profile = Profile([BASE.strip()])
        profile.add("deny file-read* file-write*", "subpath", [*self.hidden, *OUT_OF_SIGHT])
        profile.add("allow file-read*", "subpath", self.readable)
        profile.add("deny file-read* file-write*", "subpath", [*self.never, self.state])
        profile.lines.append("(allow file-read-metadata)")  # a path is resolved through folders that stay unread
        if network:
            profile.lines.append(NETWORK.strip())
        roots = [*writable, *self.caches]
        profile.add("allow file-read*", "subpath", read_only)
        profile.add("allow file-read* file-write*", "subpath", roots)
        profile.add("deny file-write*", "subpath", read_only)
        profile.add("deny file-write-unlink", "literal", _between(roots, read_only))
        return profile


@dataclass(frozen=True)
class Profile:
    """A profile as it grows, and the paths that it speaks of, by the name of their parameter."""

    lines: list[str]
    parameters: dict[str, Path] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def add(self, what: str, how: str, paths: Iterable[Path]) -> None:
        """A rule for paths: `how` is "subpath" (with all below it) or "literal". Without paths there is no rule."""
        names = [self._name(path.resolve()) for path in paths]
        if names:
            filters = " ".join(f'({how} (param "{name}"))' for name in names)
            self.lines.append(f"({what} {filters})")

    def _name(self, path: Path) -> str:
        known = {there: name for name, there in self.parameters.items()}
        name = known.get(path, f"PATH_{len(self.parameters)}")
        self.parameters[name] = path
        return name


def seatbelt(state: Path, environ: Mapping[str, str] | None = None, hide: Iterable[Path] = ()) -> Seatbelt:
    """The level for this user: hides the homes, but shows the tools in them that bubblewrap shows."""
    shown = bubblewrap("", state, environ, hide)
    hidden = tuple(one.path for one in (*shown.hidden, *shown.checkouts))
    return Seatbelt(shown.state, shown.homes, shown.toolchains, hidden)


def why_no_seatbelt() -> str:
    """Why this level cannot be used here, in a sentence; "" if it can. That it blocks, probes have to show."""
    if sys.platform != "darwin":
        return f"Seatbelt is a part of macOS, and this is {platform.system()}."
    return "" if PROGRAM.exists() else f"{PROGRAM} is missing, which macOS starts Seatbelt with."


def _between(roots: Sequence[Path], read_only: Sequence[Path]) -> list[Path]:
    """The folders on the way to what is read-only: with one of them it could be moved away."""
    return sorted(
        {folder for path in read_only for folder in path.parents if any(root in folder.parents for root in roots)}
    )
