"""One control group for all commands of this process, where root can have it at no cost for a command.

Version 1 of the kernel's interface: a group below our own for processes and one for memory. Version 2: a threaded group
for processes; its memory controller could be joined by whole processes only, which costs each command 10 ms.
A group carries the process's id and start time in its name, so that a later run knows which ones nobody needs any more.
Threads share one: two that ask for the same limits at once must not make two, of which one would hold nothing.
"""

import atexit
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
NAME = re.compile(r"ralph-(?P<pid>\d+)-(?P<started>\d+)-(?P<number>\d+)")
REMOVAL_S = 0.5

_lock = threading.RLock()
_numbers = count()
_made: list[Path] = []
_shared: dict[tuple[int, int], "ControlGroup | None"] = {}


@dataclass(frozen=True)
class ControlGroup:
    """`joins`: the files into which a single-threaded process writes "0" to move itself."""

    joins: tuple[Path, ...]
    holds_processes: bool
    holds_memory: bool

    @property
    def is_there(self) -> bool:
        return all(os.access(path, os.W_OK) for path in self.joins)


def shared_group(processes: int, memory_bytes: int, root: Path = CGROUPS) -> ControlGroup | None:
    """The group for these limits, None where this process cannot have one. It is made anew if somebody has removed it;
    where that fails, it stays the one that is gone: a command that cannot join its group is not run, and none runs
    without the limits that were proved.
    """
    limits = (processes, memory_bytes)
    with _lock:
        known = _shared.get(limits)
        if limits not in _shared or (known and not known.is_there):
            made = control_group(processes, memory_bytes, root)
            _shared[limits] = made if made and _holds_as_much(made, known) else known
        return _shared[limits]


def _holds_as_much(made: ControlGroup, known: ControlGroup | None) -> bool:
    return known is None or (made.holds_processes, made.holds_memory) >= (known.holds_processes, known.holds_memory)


def control_group(processes: int, memory_bytes: int, root: Path = CGROUPS) -> ControlGroup | None:
    """A new group with these limits (0: none), None where this process cannot have one."""
    own = _own_groups()
    name = f"ralph-{os.getpid()}-{_started(os.getpid())}-{next(_numbers)}"
    pids = _version_1(root, own, "pids", name, {"pids.max": processes}) or _version_2(root, own, name, processes)
    if pids is None:
        return None
    size = {"memory.limit_in_bytes": memory_bytes, "memory.memsw.limit_in_bytes": memory_bytes}
    memory = _version_1(root, own, "memory", name, size) if memory_bytes else None
    return ControlGroup(tuple(path for path in (pids, memory) if path), processes > 0, memory is not None)


def _own_groups() -> dict[str, str]:
    """Where this process is, by controller; "" stands for version 2."""
    lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    return {name: path for _, names, path in (line.split(":", 2) for line in lines) for name in names.split(",")}


def _version_1(root: Path, own: dict[str, str], controller: str, name: str, values: dict[str, int]) -> Path | None:
    if controller not in own:
        return None
    parent = root / controller / own[controller].strip("/")
    return _make(parent / name, "tasks", values)


def _version_2(root: Path, own: dict[str, str], name: str, processes: int) -> Path | None:
    if "" not in own:
        return None
    parent = root / own[""].strip("/")
    group = parent / name
    try:
        if "pids" not in (parent / "cgroup.controllers").read_text().split():
            return None
        _remove_abandoned(parent)
        group.mkdir()
        _made.append(group)
        (group / "cgroup.type").write_text("threaded")
        if "pids" not in (parent / "cgroup.subtree_control").read_text().split():
            (parent / "cgroup.subtree_control").write_text("+pids")
        (group / "pids.max").write_text(str(processes or "max"))
    except OSError:
        _discard(group)
        return None
    return group / "cgroup.threads"


def _make(group: Path, join: str, values: dict[str, int]) -> Path | None:
    """The first value must hold; the others are for kernels that know them."""
    try:
        _remove_abandoned(group.parent)
        group.mkdir()
        _made.append(group)
        for number, (file, value) in enumerate(values.items()):
            if value and (number == 0 or (group / file).exists()):
                (group / file).write_text(str(value))
    except OSError:
        _discard(group)
        return None
    return group / join


def _discard(group: Path) -> None:
    if group in _made and _remove(group):
        _made.remove(group)


def _remove_abandoned(parent: Path) -> None:
    for group, pid, started in _groups(parent):
        if _started(pid) != started:
            _remove(group)


def _groups(parent: Path) -> Iterator[tuple[Path, int, int]]:
    for group in parent.glob("ralph-*-*-*"):
        if found := NAME.fullmatch(group.name):
            yield group, int(found["pid"]), int(found["started"])


def _remove(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return not group.exists()
    return True


def _started(pid: int) -> int:
    """When a process began, in the kernel's ticks; -1 when there is none of this id."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return -1


@atexit.register
def remove_groups() -> None:
    """Remove what this process made; what the kernel is still clearing gets a moment."""
    give_up_s = time.monotonic() + REMOVAL_S
    with _lock:
        while _made:
            _made[:] = [group for group in _made if not _remove(group)]
            if not _made or time.monotonic() > give_up_s:
                return
            time.sleep(0.01)
