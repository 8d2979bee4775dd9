"""How the Landlock level holds a command to its `Resources`: by limits that the launcher sets on itself.

The kernel counts processes by user, not by sandbox, so what the user runs already is added to the number; root it does
not hold at all, and a control group does that where there is one.
"""

import os

from ralph.sandbox.control_group import ControlGroup, shared_group
from ralph.sandbox.resources import Resources, threads_of_user

RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_CORE, RLIMIT_NPROC = 1, 2, 4, 6


def limit_words(resources: Resources) -> list[str]:
    """The launcher's options."""
    group = _group(resources)
    limits = {RLIMIT_CORE: 0}
    if resources.file_size_bytes:
        limits[RLIMIT_FSIZE] = resources.file_size_bytes
    if resources.memory_bytes and not (group and group.holds_memory):
        limits[RLIMIT_DATA] = resources.memory_bytes
    if resources.processes and os.geteuid() != 0:
        limits[RLIMIT_NPROC] = resources.processes + threads_of_user(os.getuid())
    joins = [word for path in (group.joins if group else ()) for word in ("--join", str(path))]
    return [*joins, *(word for number, value in limits.items() for word in ("--limit", str(number), str(value)))]


def enforced(resources: Resources) -> frozenset[str]:
    """The probes of growth that are held here."""
    group = _group(resources)
    held = {
        "memory": resources.memory_bytes,
        "forks": resources.processes and (group.holds_processes if group else os.geteuid() != 0),
        "file-size": resources.file_size_bytes,
    }
    return frozenset(name for name, is_held in held.items() if is_held)


def _group(resources: Resources) -> ControlGroup | None:
    return shared_group(resources.processes, resources.memory_bytes) if os.geteuid() == 0 else None
