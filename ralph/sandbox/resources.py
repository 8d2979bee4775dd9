"""How much a command may take: memory, processes, the size of a file; and never a core dump.

Each limit is set by something that costs next to nothing for a command: one small shell in front of it.

- Root is not held by RLIMIT_NPROC, so there a control group counts processes. The shell moves itself alone ("0" into
  `tasks` or `cgroup.threads`): moving a whole process takes the kernel 10 ms. One group serves all commands of this
  process, so it limits what they take together. It is removed at the end; one left behind by a killed run, by a later.
- Everybody else has RLIMIT_NPROC, set inside of the sandbox: the kernel counts by user namespace (since 5.14), so the
  user's other processes do not count. On an older kernel they do, and are added to the limit.
- Memory is held by the same group where the kernel can do that at no cost (version 1), else by RLIMIT_DATA, which
  counts what each process can write to. Never by address space: Node, Java and Go reserve much more than they use.
"""

import os
import platform
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

from ralph.sandbox.control_group import ControlGroup, shared_group

GIB = 2**30
MEMORY_SHARE = 0.75
LEAST_PROCESSES, PROCESSES_PER_CORE = 4096, 128
FILE_SIZE_BYTES = 16 * GIB
SHELL = "/bin/sh"  # starts in half of bash's time
COUNTED_BY_NAMESPACE = (5, 14)
FILTER = 9
NO_GROUP = "the control group that limits commands cannot be joined"
NO_FILTER = "the filter of system calls cannot be read"


@dataclass(frozen=True)
class Resources:
    """What commands may take; 0: no limit. Threads count as processes, as they do for the kernel."""

    memory_bytes: int
    processes: int
    file_size_bytes: int

    @classmethod
    def default(cls) -> Self:
        """Three quarters of the memory, and more processes than builds and tests start on this many cores."""
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        processes = max(LEAST_PROCESSES, PROCESSES_PER_CORE * (os.cpu_count() or 1))
        return cls(memory_bytes=int(machine * MEMORY_SHARE), processes=processes, file_size_bytes=FILE_SIZE_BYTES)


@dataclass(frozen=True)
class Limits:
    """Words before the sandbox's own program, words before the command inside, and what they hold for certain."""

    outside: tuple[str, ...]
    inside: tuple[str, ...]
    enforced: frozenset[str]


def limits(resources: Resources, system_calls: Path | None = None) -> Limits:
    """How `resources` are enforced here, for a sandbox with a user namespace of its own.

    `system_calls` is a file that the sandbox's program is started with as its descriptor `FILTER`.
    """
    is_root = os.geteuid() == 0
    group = shared_group(resources.processes, resources.memory_bytes) if is_root else None
    return _limits(resources, group, system_calls, is_root)


@cache
def _limits(resources: Resources, group: ControlGroup | None, system_calls: Path | None, is_root: bool) -> Limits:
    if group:
        outside = _outside(resources, group, system_calls)
        return Limits(outside, (), _enforced(resources, counts=group.holds_processes))
    opening = _shell([], system_calls=system_calls) if system_calls else ()
    return Limits(opening, _shell(_ulimits(resources)), _enforced(resources, counts=not is_root))


def _outside(resources: Resources, group: ControlGroup, system_calls: Path | None) -> tuple[str, ...]:
    joins = [f"{{ echo 0 > {shlex.quote(str(path))}; }} 2>/dev/null || {_refuse(NO_GROUP)}" for path in group.joins]
    ulimits = _ulimits(resources, memory=not group.holds_memory, processes=False)
    return _shell(ulimits, first=joins, system_calls=system_calls)


def _ulimits(resources: Resources, *, memory: bool = True, processes: bool = True) -> list[str]:
    """By the units of every `sh`: kilobytes for memory, blocks of 512 bytes for files. Processes are -u or -p."""
    wanted = [
        ("-f", resources.file_size_bytes // 512),
        ("-d", resources.memory_bytes // 1024 if memory else 0),
    ]
    limits = ["ulimit -c 0", *(f"ulimit {option} {number}" for option, number in wanted if number)]
    if processes and resources.processes:
        number = resources.processes + _others()
        limits.append(f'if [ "$BASH_VERSION" ]; then ulimit -u {number}; else ulimit -p {number}; fi')
    return limits


def _shell(ulimits: list[str], *, first: Sequence[str] = (), system_calls: Path | None = None) -> tuple[str, ...]:
    """A limit that cannot be set (a lower one stands already) is left as it is; without its group no command runs."""
    start = 'exec "$@"'
    if system_calls:
        start = f"{{ {start}; }} {FILTER}< {shlex.quote(str(system_calls))} || {_refuse(NO_FILTER)}"
    script = "; ".join([*first, *(f"{command} 2>/dev/null" for command in ulimits), start])
    return (SHELL, "-c", script, "limits")


def _refuse(why: str) -> str:
    return f"{{ echo 'ralph: {why}, so the command was not run' >&2; exit 126; }}"


def _enforced(resources: Resources, *, counts: bool) -> frozenset[str]:
    held = {
        "memory": resources.memory_bytes > 0,
        "forks": resources.processes > 0 and counts,
        "file-size": resources.file_size_bytes > 0,
    }
    return frozenset(name for name, is_held in held.items() if is_held)


def _others() -> int:
    """The user's processes that count towards our limit, too: none where the kernel counts by user namespace."""
    release = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2] if part.isdigit())
    if release >= COUNTED_BY_NAMESPACE:
        return 0
    return threads_of_user(os.getuid())


def threads_of_user(uid: int) -> int:
    """What the kernel counts towards RLIMIT_NPROC already."""
    return sum(_threads(name) for name in os.listdir("/proc") if name.isdigit() and _owner(name) == uid)  # noqa: PTH208


def _threads(pid: str) -> int:
    try:
        return os.stat(f"/proc/{pid}/task").st_nlink - 2  # noqa: PTH116 - a Path for each process would double the cost
    except OSError:
        return 0


def _owner(pid: str) -> int:
    try:
        return os.stat(f"/proc/{pid}").st_uid  # noqa: PTH116
    except OSError:
        return -1
