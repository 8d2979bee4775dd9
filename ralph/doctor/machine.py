"""Probes of this machine: the programs that Ralph uses, the sandbox, the state folder."""

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

from ralph.doctor.finding import Finding, Patient, Status
from ralph.schedule.serving import is_served

OLDEST_GIT = (2, 31)
GIT_FOR_JOBS = (2, 38)
GIB = 2**30
LITTLE_GIB, TOO_LITTLE_GIB = 2.0, 0.2


def python(_: Patient) -> Iterator[Finding]:
    yield Finding("python", Status.OK, f"Python {platform.python_version()} ({sys.executable})")


def git(patient: Patient) -> Iterator[Finding]:
    program = patient.where("git")
    if program is None:
        yield Finding("git", Status.FAIL, "git is not installed", "install git 2.31 or newer (https://git-scm.com)")
        return
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    numbers = re.search(r"(\d+)\.(\d+)", said)
    version = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    if version < OLDEST_GIT:
        yield Finding("git", Status.FAIL, f"{said or program} is too old", "install git 2.31 or newer")
    elif version < GIT_FOR_JOBS:
        yield Finding(
            "git", Status.WARN, f"{said} cannot land parallel stories", "for --jobs above 1 install git 2.38 or newer"
        )
    else:
        yield Finding("git", Status.OK, said)


def bash(patient: Patient) -> Iterator[Finding]:
    found = patient.where("bash")
    if found:
        yield Finding("bash", Status.OK, found)
    else:
        yield Finding("bash", Status.FAIL, "bash is not installed; checks are run by it", "install the package bash")


def ripgrep(patient: Patient) -> Iterator[Finding]:
    found = patient.where("rg")
    slow = "ripgrep is not installed; the agent's searches are slower (nothing else changes)"
    yield Finding("ripgrep", Status.OK, found or slow)


def state(patient: Patient) -> Iterator[Finding]:
    """Raises: HomeError when it cannot be written."""
    root = patient.home.root
    free_gib = shutil.disk_usage(root).free / GIB
    what = f"{root}, {free_gib:.1f} GB free"
    if free_gib < LITTLE_GIB:
        status = Status.FAIL if free_gib < TOO_LITTLE_GIB else Status.WARN
        yield Finding("state", status, what, "worktrees and traces need room: free some, or set RALPH_HOME elsewhere")
    else:
        yield Finding("state", Status.OK, what)


def schedules(patient: Patient) -> Iterator[Finding]:
    """Only where some are set: most people have none."""
    if not patient.home.ledger_db.exists():
        return
    from ralph.schedule.store import Schedules  # noqa: PLC0415  # it needs half a second of imports

    with closing(Schedules(patient.home)) as store:
        rows = store.list()
    if not rows:
        return
    names = ", ".join(row.schedule.name for row in rows)
    if is_served(patient.home):
        yield Finding("schedules", Status.OK, f"{names}; `ralph daemon` is there to carry them out")
    else:
        yield Finding(
            "schedules",
            Status.WARN,
            f"{names}, but nobody carries them out",
            "from boot on: ralph schedule install; in this terminal: ralph daemon",
        )
