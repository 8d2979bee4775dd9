"""Proves a sandbox by attacking it: what it promises counts only when the attack was tried and nothing came of it.

One process in the sandbox tries to get out, a second one under tight limits tries to grow; both at once. They are a bare
Python (ours, shown read-only), since sockets, signals and memory cannot be had from every shell. Their word is not taken:
`probes_ground` looks from outside. An attack that could not be tried proves nothing, so it counts as got through.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ralph.home import Home
from ralph.sandbox import probes_attacks
from ralph.sandbox.account import recorded_home
from ralph.sandbox.base import Sandbox
from ralph.sandbox.probes_ground import Attack, Ground, lay_out

TIMEOUT_S = 10
CONTROL = "write-inside"
PROBES: Mapping[str, str] = {
    "write-outside": "change files outside of the worktree",
    "write-through-link": "change files outside through links inside",
    "read-ssh": "read the keys in ~/.ssh",
    "read-state": "read Ralph's own state",
    "tcp": "reach the network by TCP",
    "udp": "reach the network by UDP",
    "unix-abstract": "talk to programs outside by abstract sockets",
    "unix-path": "talk to programs outside by socket files",
    "signal-outside": "stop processes outside",
    "environ-outside": "read the environment of processes outside",
    "git-config": "change the repository's .git/config",
    "git-hooks": "change the repository's hooks",
    "kernel-settings": "change settings of the kernel",
    "keyrings": "use the keys that the kernel keeps for users",
    "forks": "start processes without end",
    "memory": "take memory without end",
    "file-size": "fill the disk with one file",
}
BIG = "big"
GROWTH = ("forks", "memory", "file-size")
MIB = 2**20
TIGHT = {"memory_bytes": 64 * MIB, "processes": 32, "file_size_bytes": MIB}


@dataclass(frozen=True)
class ProbeResult:
    """`promised`: the level says that it blocks this. `detail`: what came of it; "" where it was blocked as it should."""

    name: str
    promised: bool
    blocked: bool
    detail: str = ""

    @property
    def is_broken(self) -> bool:
        """Promised, and not kept."""
        return self.promised and not self.blocked


@dataclass(frozen=True)
class _Told:
    """What the attacks printed: those begun, those that say they went well, all that they said; why it ended early."""

    begun: tuple[str, ...] = ()
    went: frozenset[str] = frozenset()
    said: str = ""
    trouble: str = ""

    def untried(self, name: str, times: int = 1) -> str:
        if self.begun.count(name) == times:
            return ""
        return f"could not be tried: {self.trouble or 'the sandbox ran nothing'}"


def run_probes(sandbox: Sandbox, home: Home, *, user_homes: Sequence[Path] | None = None) -> tuple[ProbeResult, ...]:
    """Try the control and every attack of `PROBES`, in this order; takes a few tenths of a second.

    `user_homes` are the folders whose `.ssh` must not be readable. None: this user's.
    """
    homes = _user_homes() if user_homes is None else user_homes
    with lay_out(home, homes) as ground, ThreadPoolExecutor(1) as pool:
        tight = _tightened(sandbox)
        reach = _command(sandbox, ground, [[aim.name, *aim.attack] for aim in ground.aims])
        growth = pool.submit(_attack, _command(tight, ground, _growth(ground)), ground) if tight else None
        found = _reach(ground, _attack(reach, ground)) | _grown(ground, growth.result() if growth else None)
    promises: frozenset[str] = getattr(sandbox, "promises", frozenset())
    return tuple(
        ProbeResult(name, name == CONTROL or name in promises, not found[name], found[name])
        for name in (CONTROL, *PROBES)
    )


def _reach(ground: Ground, told: _Told) -> dict[str, str]:
    """For each probe of the ground what went wrong; "" where nothing did."""
    found = {name: _leak(name, ground, told) for name in PROBES if name not in GROWTH}
    is_written = any(aim.leaked(told.said) for aim in ground.aims if aim.name == CONTROL)
    return {CONTROL: "" if is_written else told.trouble or "the worktree cannot be written", **found}


def _leak(name: str, ground: Ground, told: _Told) -> str:
    aims = [aim for aim in ground.aims if aim.name == name]
    if not aims:
        return "" if name == "read-ssh" else "could not be tried here"  # no such folder, and no home to make one in
    return next((leak for aim in aims if (leak := aim.leaked(told.said))), told.untried(name, len(aims)))


def _tightened(sandbox: Sandbox) -> Sandbox | None:
    """The same with limits so tight that they are reached at once; None where it has no limits."""
    resources = getattr(sandbox, "resources", None)
    return replace(sandbox, resources=replace(resources, **TIGHT)) if resources else None  # type: ignore[type-var]


def _growth(ground: Ground) -> list[Attack]:
    return [
        ["file-size", str(ground.inside / BIG), TIGHT["file_size_bytes"]],
        ["forks", 2 * TIGHT["processes"]],
        ["memory", 2 * TIGHT["memory_bytes"]],  # last: it may take the others with it
    ]


def _grown(ground: Ground, told: _Told | None) -> dict[str, str]:
    if told is None:
        return dict.fromkeys(GROWTH, "there is no limit")
    file = ground.inside / BIG
    grown = {"file-size"} if file.exists() and file.stat().st_size > TIGHT["file_size_bytes"] else set()
    return {name: "the limit did not hold" if name in told.went | grown else told.untried(name) for name in GROWTH}


def _command(sandbox: Sandbox, ground: Ground, attacks: Sequence[Attack]) -> list[str]:
    python, shown = _python()
    words = [python, "-I", "-S", "-B", "-c", Path(probes_attacks.__file__).read_text("utf-8"), json.dumps(attacks)]
    return sandbox.wrap(words, cwd=ground.inside, writable=[ground.inside], read_only=[*ground.read_only, *shown])


def _attack(argv: Sequence[str], ground: Ground) -> _Told:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(ground.inside)}
    try:
        process = subprocess.Popen(
            argv,
            cwd=ground.inside,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return _Told(trouble=str(error))
    try:
        printed, complaint = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return _Told(trouble=f"no end after {TIMEOUT_S} s")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return _heard(printed, complaint, process.returncode)


def _heard(printed: bytes, complaint: bytes, exit_code: int) -> _Told:
    lines = [fact for line in printed.splitlines() if isinstance(fact := _parsed(line), dict)]
    complaints = complaint.decode(errors="replace").strip().splitlines()
    return _Told(
        begun=tuple(fact["name"] for fact in lines if "begun" in fact),
        went=frozenset(fact["name"] for fact in lines if fact.get("went")),
        said="\n".join(fact.get("said", "") for fact in lines),
        trouble="" if exit_code == 0 else complaints[-1] if complaints else f"exit code {exit_code}",
    )


def _parsed(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _python() -> tuple[str, list[Path]]:
    """Our own interpreter and what it needs to be shown, unless that would show more: a home, or all there is."""
    program = Path(sys.executable).resolve()
    folders = {Path(sys.base_prefix).resolve(), program.parent.parent}
    return str(program), sorted(folder for folder in folders if not _holds_a_home(folder))


def _holds_a_home(folder: Path) -> bool:
    return any(home.is_relative_to(folder) for home in _user_homes())


def _user_homes() -> list[Path]:
    named = {Path.home(), recorded_home()}
    return sorted({path.resolve() for path in named if path and path.is_dir() and path != Path("/")})
