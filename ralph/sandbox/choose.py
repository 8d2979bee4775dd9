"""Chooses the sandbox by attacking each that there is: what counts is what the probes prove, not what is installed.

Knows nothing about tools and checks; they get a `Sandbox` and use it.
"""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from ralph.errors import RalphError
from ralph.home import Home
from ralph.sandbox.base import NoSandbox, Sandbox
from ralph.sandbox.bubblewrap import ISOLATION, bubblewrap
from ralph.sandbox.landlock import landlock, launcher, why_no_landlock
from ralph.sandbox.probes import CONTROL, PROBES, ProbeResult, run_probes
from ralph.sandbox.remedies import CONTAINER_OR_VM, OTHER_KERNEL, install_command, mend_bubblewrap
from ralph.sandbox.seatbelt import UNTESTED, seatbelt, why_no_seatbelt

ESSENTIAL = frozenset({"write-outside", "read-state", "tcp"})  # what holds less than this is no sandbox
NO_BASH = "bash is not on PATH, and every check and command is run by it"
ORDER = ("bwrap", "landlock", "seatbelt")
MADE_FOR = {"bwrap": "linux", "landlock": "linux", "seatbelt": "darwin"}
SETTINGS = ("auto", "required", *ORDER, "none")
LESS = {
    "landlock": "which holds as much but allows no local ports and no shared memory",
}
NAMES = {"bwrap": "bubblewrap", "landlock": "Landlock", "seatbelt": "Seatbelt"}


@dataclass(frozen=True)
class Tried:
    """One level on this machine. `why` says what is amiss ("" for nothing), `remedy` what mends it."""

    level: str
    why: str = ""
    remedy: str = ""
    sandbox: Sandbox | None = None  # None: it does not run here, or holds too little to be called one
    results: tuple[ProbeResult, ...] = ()


@dataclass(frozen=True)
class Choice:
    """The sandbox that was chosen, what was proved of it, the levels that were tried, and what to warn of."""

    sandbox: Sandbox
    results: tuple[ProbeResult, ...]
    tried: tuple[Tried, ...]
    warning: str | None


class Limited(Protocol):
    """What the user's settings say about limits; None: the sandbox's own."""

    @property
    def memory_bytes(self) -> int | None: ...
    @property
    def processes(self) -> int | None: ...
    @property
    def file_size_bytes(self) -> int | None: ...


@dataclass(frozen=True)
class Machine:
    """What every level is made from: Ralph's state folder, the environment, and what the user allows."""

    home: Home
    environ: Mapping[str, str]
    caches: Sequence[str] = ()
    limits: Limited | None = None
    levels: Sequence[str] = ORDER
    hide: Sequence[Path] = ()

    @property
    def path(self) -> str | None:
        return self.environ.get("PATH")

    @property
    def fitting_levels(self) -> list[str]:
        """Those made for this system; all where there are none, so that each says why."""
        return [name for name in self.levels if sys.platform.startswith(MADE_FOR[name])] or list(self.levels)

    @property
    def is_linux(self) -> bool:
        return sys.platform.startswith("linux")


def choose_sandbox(
    setting: str,
    home: Home,
    *,
    environ: Mapping[str, str] | None = None,
    caches: Sequence[str] = (),
    limits: Limited | None = None,
    hide: Sequence[Path] = (),
) -> tuple[Sandbox, str | None]:
    """The sandbox for `setting`, and a warning when "auto" had to take less than the best.

    `caches` are folders that every command may write; those that are not there yet are made. `hide` are
    folders that no command may see unless it is given them: the user's checkout.

    Raises:
        RalphError: "required" or a level by its name was asked for, and the probes do not prove it; or `setting` is
            none that there is.

    """
    machine = Machine(home, os.environ if environ is None else environ, caches, limits, hide=hide)
    choice = examine(setting, machine)
    return choice.sandbox, choice.warning


def examine(setting: str, machine: Machine) -> Choice:
    """The same with what was found out on the way.

    Raises:
        RalphError: as `choose_sandbox`.

    """
    if setting not in SETTINGS:
        names = ", ".join(f'"{name}"' for name in SETTINGS[:-1])
        raise RalphError(f'unknown sandbox "{setting}". Write {names} or "{SETTINGS[-1]}".')
    if setting == "none":
        return Choice(NoSandbox(launcher()), (), (), None)
    tried = _try_each([setting] if setting in ORDER else machine.fitting_levels, machine)
    whole = next((one for one in tried if one.sandbox and not one.why), None)
    if whole is None and setting != "auto":
        raise RalphError(_refusal(setting, tried))
    best = whole or next((one for one in tried if one.sandbox), None)
    if best is None or best.sandbox is None:
        return Choice(NoSandbox(launcher()), (), tried, f"commands run without a sandbox: {_reasons(tried)}")
    return Choice(best.sandbox, best.results, tried, _shortfall(best, tried))


def _try_each(levels: Sequence[str], machine: Machine) -> tuple[Tried, ...]:
    """In order, until one keeps all that it promises."""
    if shutil.which("bash", path=machine.path) is None:
        return (Tried(levels[0], NO_BASH, install_command("bash", machine.path)),)
    tried: list[Tried] = []
    for level in levels:
        tried.append(LEVELS[level](machine))
        if tried[-1].sandbox and not tried[-1].why:
            break
    return tuple(tried)


def _bubblewrap(machine: Machine) -> Tried:
    if not machine.is_linux:
        return Tried("bwrap", f"bubblewrap does not run on {platform.system()}", CONTAINER_OR_VM)
    program = shutil.which("bwrap", path=machine.path)
    if program is None:
        return Tried("bwrap", "bubblewrap is not installed", install_command("bubblewrap", machine.path))
    sandbox = bubblewrap(program, machine.home.root, machine.environ, machine.hide)
    sandbox = replace(sandbox, **_equipment(sandbox, machine))
    for isolation in ISOLATION:
        tried = prove(replace(sandbox, isolation=isolation), machine.home, mend_bubblewrap())
        if tried.sandbox:
            break
    return tried


def _equipment(sandbox: Sandbox, machine: Machine) -> dict[str, Any]:
    """The caches and limits that the user's settings name, as far as this level knows them."""
    caches = tuple(Path(folder).expanduser() for folder in machine.caches)
    for folder in caches:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
    wanted = {name: getattr(machine.limits, name, None) for name in ("memory_bytes", "processes", "file_size_bytes")}
    given = {name: value for name, value in wanted.items() if value is not None}
    equipment: dict[str, Any] = {"caches": tuple(folder.resolve() for folder in caches if folder.is_dir())}
    resources = getattr(sandbox, "resources", None)
    return equipment | ({"resources": replace(resources, **given)} if resources else {})


def _landlock(machine: Machine) -> Tried:
    why = why_no_landlock().rstrip(".")
    if why:
        return Tried("landlock", f"Landlock cannot be used: {why}", OTHER_KERNEL)
    sandbox = landlock(machine.home.root, machine.environ, machine.hide)
    return prove(replace(sandbox, **_equipment(sandbox, machine)), machine.home, OTHER_KERNEL)


def _seatbelt(machine: Machine) -> Tried:
    why = why_no_seatbelt().rstrip(".")
    if why:
        return Tried("seatbelt", why, CONTAINER_OR_VM)
    sandbox = seatbelt(machine.home.root, machine.environ, machine.hide)
    return prove(replace(sandbox, **_equipment(sandbox, machine)), machine.home, CONTAINER_OR_VM)


LEVELS: Mapping[str, Callable[[Machine], Tried]] = {
    "bwrap": _bubblewrap,
    "landlock": _landlock,
    "seatbelt": _seatbelt,
}


def prove(sandbox: Sandbox, home: Home, remedy: str) -> Tried:
    """Attack it, and say what it is worth."""
    results = run_probes(sandbox, home)
    by_name = {result.name: result for result in results}
    name = NAMES[sandbox.level]
    if not by_name[CONTROL].blocked:
        return Tried(sandbox.level, f"{name} does not work here ({by_name[CONTROL].detail})", remedy, results=results)
    open_gates = [result for result in results if result.is_broken or (result.name in ESSENTIAL and not result.blocked)]
    if not open_gates:
        return Tried(sandbox.level, sandbox=sandbox, results=results)
    why = f"{name} does not keep what it promises: commands can {_listed(open_gates)} ({open_gates[0].detail})"
    is_worth_it = not any(result.name in ESSENTIAL for result in open_gates)
    return Tried(sandbox.level, why, remedy, sandbox if is_worth_it else None, results)


def _shortfall(best: Tried, tried: Sequence[Tried]) -> str | None:
    """What the chosen level leaves open, where a better one was wanted or it breaks a promise."""
    amiss = [one for one in tried if one.why]
    if not amiss:
        return UNTESTED if best.level == "seatbelt" else None
    if best in amiss:
        return f"commands run in a sandbox that is not whole: {_reasons(amiss)}"
    left_open = [result for result in best.results if not result.blocked]
    able = f"where they can {_listed(left_open)}" if left_open else LESS[best.level]
    return f"commands run in {NAMES[best.level]}, {able}: {_reasons(amiss)}"


def _refusal(setting: str, tried: Sequence[Tried]) -> str:
    asked = f'sandbox = "{setting}" was asked for, but {_whys(tried)}.'
    return f"{asked} To run with what there is: --sandbox auto. {tried[0].remedy}"


def _reasons(tried: Sequence[Tried]) -> str:
    """Why each level is not used; the remedy is that of the best one, the first."""
    return f"{_whys(tried)}. {tried[0].remedy}"


def _whys(tried: Sequence[Tried]) -> str:
    return "; ".join(one.why for one in tried)


def _listed(results: Sequence[ProbeResult]) -> str:
    *most, last = [PROBES[result.name] for result in results]
    return f"{', '.join(most)} and {last}" if most else last


def require_bash(environ: Mapping[str, str] = os.environ) -> None:
    """Raises: RalphError: there is no bash, which the checks and the agent's commands are run by."""
    path = environ.get("PATH")
    if shutil.which("bash", path=path) is None:
        raise RalphError(f"{NO_BASH}. {install_command('bash', path)}")
