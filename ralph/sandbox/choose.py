"""Chooses the sandbox by trying it: a sandbox counts only if a probe shows that it really blocks.

Knows nothing about tools and checks; they get a `Sandbox` and use it.
"""

import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ralph.errors import RalphError
from ralph.home import Home
from ralph.sandbox.base import NoSandbox, Sandbox
from ralph.sandbox.bubblewrap import ISOLATION, Bubblewrap, bubblewrap

PROBE_TIMEOUT_S = 10
INSTALLERS = {
    "apt-get": "sudo apt-get install",
    "dnf": "sudo dnf install",
    "pacman": "sudo pacman -S",
    "zypper": "sudo zypper install",
    "apk": "sudo apk add",
}
NO_BASH = "bash is not on PATH, and every check and command is run by it"
APPARMOR_REMEDY = (
    "On Ubuntu 24.04 and later allow it with: sudo apt-get install apparmor-profiles && "
    "sudo cp /usr/share/apparmor/extra-profiles/bwrap-userns-restrict /etc/apparmor.d/ && "
    "sudo apparmor_parser -r /etc/apparmor.d/bwrap-userns-restrict"
)
CONTAINER_REMEDY = "In a container, start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
PROBE = """
: > "$1/inside" || exit 11
if : > "$2/outside"; then exit 12; fi 2>/dev/null
if [ -e "$3" ]; then exit 13; fi
if (exec 3<>"/dev/tcp/127.0.0.1/$4"); then exit 14; fi 2>/dev/null
exit 0
"""
LEAKS = {
    11: "a permitted write failed",
    12: "a write outside was not blocked",
    13: "Ralph's own state was readable",
    14: "the network was not off",
}


def choose_sandbox(setting: str, home: Home, *, environ: Mapping[str, str] | None = None) -> tuple[Sandbox, str | None]:
    """The sandbox for `setting` ("auto", "bwrap" or "none"), and a warning when "auto" had to go without one.

    Raises:
        RalphError: "bwrap" was asked for and does not work here; or `setting` is none of the three.

    """
    if setting == "none":
        return NoSandbox(), None
    if setting not in ("auto", "bwrap"):
        raise RalphError(f'unknown sandbox "{setting}". Write "auto", "bwrap" or "none".')
    found = _find(home, os.environ if environ is None else environ)
    if isinstance(found, Bubblewrap):
        return found, None
    if setting == "bwrap":
        raise RalphError(f'sandbox = "bwrap" was asked for, but {found}')
    return NoSandbox(), f"commands run without a sandbox: {found}"


def _find(home: Home, environ: Mapping[str, str]) -> Bubblewrap | str:
    """The sandbox that passed the probe, or why there is none and what to do."""
    if not sys.platform.startswith("linux"):
        return (
            f"there is none for {platform.system()} yet. Run Ralph in a Linux virtual machine or container to get one."
        )
    path = environ.get("PATH")
    if shutil.which("bash", path=path) is None:
        return f"{NO_BASH}. {_install_command('bash', path)}"
    program = shutil.which("bwrap", path=path)
    if program is None:
        return f"bubblewrap is not installed. {_install_command('bubblewrap', path)}"
    trouble = ""
    for isolation in ISOLATION:
        sandbox = replace(bubblewrap(program, home.root, environ), isolation=isolation)
        trouble = probe(sandbox, home)
        if not trouble:
            return sandbox
    return f"bubblewrap does not work here ({trouble}). {_remedy()}"


def probe(sandbox: Sandbox, home: Home) -> str:
    """Run the sandbox for real: "" if it runs and blocks what it must, else what went wrong in a few words."""
    secret = home.folder("run") / "probe-secret"
    secret.touch()
    with (
        tempfile.TemporaryDirectory(dir=home.folder("run"), prefix="probe-") as inside,
        tempfile.TemporaryDirectory(prefix="ralph-probe-") as outside,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        words = ["bash", "-c", PROBE, "probe", inside, outside, str(secret), str(listener.getsockname()[1])]
        argv = sandbox.wrap(words, cwd=Path(inside), writable=[Path(inside)])
        return _run_probe(argv) or _unproven(Path(inside), Path(outside))


def _run_probe(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return LEAKS.get(done.returncode) or (said[-1] if said else f"exit code {done.returncode}")


def _unproven(inside: Path, outside: Path) -> str:
    """What the probe claims is checked from outside: a file it may not make is not there, the one it may make is."""
    if any(outside.iterdir()):
        return LEAKS[12]
    return "" if any(inside.iterdir()) else LEAKS[11]


def require_bash(environ: Mapping[str, str] = os.environ) -> None:
    """Raises: RalphError: there is no bash, which the checks and the agent's commands are run by."""
    path = environ.get("PATH")
    if shutil.which("bash", path=path) is None:
        raise RalphError(f"{NO_BASH}. {_install_command('bash', path)}")


def _install_command(package: str, path: str | None) -> str:
    for program, command in INSTALLERS.items():
        if shutil.which(program, path=path):
            return f"Install it with: {command} {package}"
    return f"Install the package {package}."


def _remedy() -> str:
    return CONTAINER_REMEDY if Path("/.dockerenv").exists() else APPARMOR_REMEDY
