"""Which service manager this machine has, and the plan for it."""

import hashlib
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import platformdirs

from ralph.home import Home
from ralph.schedule.install import crontab, launchd, systemd
from ralph.schedule.install.plan import MARK, InstallError, Plan, Service

ASK_S = 20
OTHERS = (
    "Other ways: `ralph schedule install --with cron`; `ralph daemon` as the command of your container or of a service of "
    "your own; or a timer of your own that calls `ralph schedule once`."
)
NO_CRON = "this machine has no `crontab`. Install cron (apt install cron), or run `ralph daemon` yourself, for example as the command of your container; or call `ralph schedule once` from a timer of your own."
CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # cron and systemd end a line at some, and a plist may hold none


class Manager(StrEnum):
    SYSTEMD = "systemd"
    LAUNCHD = "launchd"
    CRON = "cron"


@dataclass(frozen=True)
class Machine:
    """Whose machine it is; everything it is asked goes through the programs on its PATH."""

    environ: Mapping[str, str]
    platform: str = sys.platform

    @property
    def user_home(self) -> Path:
        return Path(self.environ.get("HOME") or Path.home())

    @property
    def user(self) -> str:
        return pwd.getpwuid(os.getuid()).pw_name

    @property
    def config(self) -> Path:
        named = self.environ.get("XDG_CONFIG_HOME", "")
        return Path(named) if named.startswith("/") else self.user_home / ".config"

    @property
    def agents(self) -> Path:
        return self.user_home / "Library" / "LaunchAgents"

    def has(self, program: str) -> bool:
        return shutil.which(program, path=self.environ.get("PATH", os.defpath)) is not None

    def run(self, argv: tuple[str, ...], stdin: str | None = None) -> tuple[int, str, str]:
        """Exit code, standard output and standard error; 127 for a program that is not there.

        Bytes that are no UTF-8 come back as surrogates and are written as they were.
        """
        program = shutil.which(argv[0], path=self.environ.get("PATH", os.defpath))
        if program is None:
            return 127, "", f"{argv[0]} is not installed"
        try:
            done = subprocess.run(
                [program, *argv[1:]],
                input=None if stdin is None else os.fsencode(stdin),
                stdin=subprocess.DEVNULL if stdin is None else None,
                env={**_bus(), **self.environ, "LC_ALL": "C"},
                capture_output=True,
                timeout=ASK_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return 124, "", f"no answer within {ASK_S} s"
        return done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr).strip()


def service_for(home: Home, environ: Mapping[str, str]) -> Service:
    """Raises: InstallError for a path that no service manager can be told."""
    places = dict.fromkeys(
        (environ.get("PATH") or os.defpath).split(os.pathsep)
    )  # each once: a venv in a venv repeats them
    found = Service(sys.executable, home.root, os.pathsep.join(places), _instance(home))
    if any(CONTROL.search(text) for text in (found.python, str(found.home), found.search_path)):
        raise InstallError(
            "RALPH_HOME, PATH or the path of Python holds a line break or another control character. Use a path without one."
        )
    return found


def choose(machine: Machine) -> Manager:
    """The best that is there.

    Raises:
        InstallError: there is none.
    """
    if machine.platform == "darwin":
        return Manager.LAUNCHD
    if not (trouble := _no_systemd(machine)):
        return Manager.SYSTEMD
    if machine.has("crontab"):
        return Manager.CRON
    raise InstallError(f"{trouble}, and there is no `crontab` either. {NO_CRON.partition('. ')[2]}")


def require(manager: Manager, machine: Machine) -> None:
    """Raises: InstallError when the manager that was asked for is not there."""
    if manager is Manager.SYSTEMD and (trouble := _no_systemd(machine)):
        raise InstallError(f"{trouble}. {OTHERS}")
    if manager is Manager.CRON and not machine.has("crontab"):
        raise InstallError(NO_CRON)
    if manager is Manager.LAUNCHD and not machine.has("launchctl"):
        raise InstallError(f"launchd is macOS's, and there is no `launchctl` here. {OTHERS}")


def installation(manager: Manager, service: Service, machine: Machine) -> Plan:
    if manager is Manager.SYSTEMD:
        return systemd.installation(service, machine.config, machine.user)
    if manager is Manager.LAUNCHD:
        return launchd.installation(service, machine.agents, os.getuid())
    return crontab.installation(service, crontab_now(machine))


def removals(service: Service, machine: Machine) -> list[Plan]:
    """One for each manager that holds something that an installation wrote."""
    plans = [
        systemd.removal(service, machine.config),
        launchd.removal(service, machine.agents, os.getuid()),
        crontab.removal(service, crontab_now(machine)),
    ]
    return [plan for plan in plans if any(is_ours(file.path) for file in plan.files) or _changes_crontab(plan)]


def is_ours(path: Path) -> bool:
    try:
        return MARK in path.read_text(errors="replace")
    except OSError:
        return False


def crontab_now(machine: Machine) -> str:
    """The user's crontab; empty where there is none, or no cron.

    Raises:
        InstallError: it cannot be read, so it must not be replaced.
    """
    if not machine.has("crontab"):
        return ""
    code, listed, said = machine.run(("crontab", "-l"))
    if code and "no crontab" not in said.lower():
        raise InstallError(f"`crontab -l` failed: {said or f'exit code {code}'}. Nothing was changed.")
    return "" if code else listed


def _changes_crontab(plan: Plan) -> bool:
    return plan.manager == Manager.CRON and bool(plan.before)


def _no_systemd(machine: Machine) -> str:
    """Why its user manager cannot be used; empty when it can."""
    if not machine.has("systemctl"):
        return "this machine has no systemd"
    code, _, said = machine.run(("systemctl", "--user", "show-environment"))
    why = said.splitlines()[0] if said else f"exit code {code}"
    return f"systemd's user manager cannot be reached here ({why})" if code else ""


def _bus() -> dict[str, str]:
    """Where the user's manager listens: `su` and cron do not say."""
    folder = Path(f"/run/user/{os.getuid()}")
    return {"XDG_RUNTIME_DIR": str(folder)} if folder.is_dir() else {}


def _instance(home: Home) -> str:
    if home.root == platformdirs.user_state_path("ralph"):
        return ""
    return hashlib.sha256(str(home.root).encode()).hexdigest()[:8]
