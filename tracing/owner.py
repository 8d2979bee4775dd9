"""Which process writes, and whether it still lives. A pid alone lies: pids are reused, and a reboot forgets them all."""

import functools
import os
import subprocess
from pathlib import Path

from tracing.span import Owner


def this_process() -> Owner:
    return _owner(os.getpid())


def is_alive(owner: Owner) -> bool:
    """Whether the very process `owner` still runs here; a process that cannot be told apart counts as alive."""
    if owner.boot_id != boot_id():
        return False
    return _pid_exists(owner.pid) and process_started(owner.pid) == owner.started


@functools.lru_cache(maxsize=4)
def _owner(pid: int) -> Owner:
    return Owner(pid=pid, started=process_started(pid), boot_id=boot_id())


def process_started(pid: int) -> str:
    """When the process began, in whatever unit the platform tells; "" where it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _ask("ps", "-o", "lstart=", "-p", str(pid))
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


@functools.cache
def boot_id() -> str:
    """Differs after every boot; "" where the platform does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return _ask("sysctl", "-n", "kern.bootsessionuuid")


def _pid_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _ask(*command: str) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return ""
    return " ".join(answer.stdout.split())
