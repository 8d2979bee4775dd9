"""Chooses the sandbox by attacking each that there is: what counts is what the probes prove, not what is installed.

Knows nothing about tools and checks; they get a `Sandbox` and use it.
"""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ralph.errors import RalphError
from ralph.home import Home
from ralph.sandbox.base import NoSandbox, Sandbox
from ralph.sandbox.bubblewrap import ISOLATION, bubblewrap
from ralph.sandbox.probes import CONTROL, PROBES, ProbeResult, run_probes
from ralph.sandbox.remedies import install_command, mend_bubblewrap

SETTINGS = ("auto", "required", "bwrap", "none")
ESSENTIAL = frozenset({"write-outside", "read-state", "tcp"})  # what holds less than this is no sandbox
NO_BASH = "bash is not on PATH, and every check and command is run by it"
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


def choose_sandbox(setting: str, home: Home, *, environ: Mapping[str, str] | None = None) -> tuple[Sandbox, str | None]:
    """The sandbox for `setting`, and a warning when "auto" had to take less than the best.

    Raises:
        RalphError: "required" or a level by its name was asked for, and the probes do not prove it; or `setting` is
            none that there is.

    """
    choice = examine(setting, home, environ=environ)
    return choice.sandbox, choice.warning


def examine(setting: str, home: Home, *, environ: Mapping[str, str] | None = None) -> Choice:
    """The same with what was found out on the way.

    Raises:
        RalphError: as `choose_sandbox`.

    """
    if setting not in SETTINGS:
        names = ", ".join(f'"{name}"' for name in SETTINGS[:-1])
        raise RalphError(f'unknown sandbox "{setting}". Write {names} or "{SETTINGS[-1]}".')
    if setting == "none":
        return Choice(NoSandbox(), (), (), None)
    source = os.environ if environ is None else environ
    levels = [name for name in LEVELS if setting in ("auto", "required", name)]
    tried = _try_each(levels, home, source)
    whole = next((one for one in tried if one.sandbox and not one.why), None)
    if whole is None and setting != "auto":
        raise RalphError(_refusal(setting, tried))
    best = whole or next((one for one in tried if one.sandbox), None)
    if best is None or best.sandbox is None:
        return Choice(NoSandbox(), (), tried, f"commands run without a sandbox: {_reasons(tried)}")
    return Choice(best.sandbox, best.results, tried, _shortfall(best, tried))


def _try_each(levels: Sequence[str], home: Home, environ: Mapping[str, str]) -> tuple[Tried, ...]:
    """In order, until one keeps all that it promises."""
    path = environ.get("PATH")
    if shutil.which("bash", path=path) is None:
        return (Tried(levels[0], NO_BASH, install_command("bash", path)),)
    tried: list[Tried] = []
    for level in levels:
        tried.append(LEVELS[level](home, environ))
        if tried[-1].sandbox and not tried[-1].why:
            break
    return tuple(tried)


def _bubblewrap(home: Home, environ: Mapping[str, str]) -> Tried:
    if not sys.platform.startswith("linux"):
        return Tried(
            "bwrap", f"there is none for {platform.system()} yet", "Run Ralph in a Linux container to get one."
        )
    path = environ.get("PATH")
    program = shutil.which("bwrap", path=path)
    if program is None:
        return Tried("bwrap", "bubblewrap is not installed", install_command("bubblewrap", path))
    sandbox = bubblewrap(program, home.root, environ)
    for isolation in ISOLATION:
        tried = prove(replace(sandbox, isolation=isolation), home, mend_bubblewrap())
        if tried.sandbox:
            break
    return tried


LEVELS: Mapping[str, Callable[[Home, Mapping[str, str]], Tried]] = {"bwrap": _bubblewrap}


def prove(sandbox: Sandbox, home: Home, remedy: str) -> Tried:
    """Attack it, and say what it is worth."""
    results = run_probes(sandbox, home)
    by_name = {result.name: result for result in results}
    name = NAMES.get(sandbox.level, sandbox.level)
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
        return None
    if best in amiss:
        return f"commands run in a sandbox that is not whole: {_reasons(amiss)}"
    left_open = [result for result in best.results if not result.blocked]
    able = f", where they can {_listed(left_open)}" if left_open else ""
    return f"commands run in {NAMES.get(best.level, best.level)}{able}: {_reasons(amiss)}"


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
