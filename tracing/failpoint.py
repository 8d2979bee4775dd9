"""Named points before and after every durable effect, at which a test ends the process or breaks the disk.

For tests only, and nothing unless `RALPH_FAILPOINT` was set when the process began; no command of a repository sees or
sets it, since `ralph.environment.clean_env` lets no `RALPH_*` variable through. Its value is one or more of these, with
`;` between them, where AT is the number of the point reached (from 1) or a point's name and count, `after git update-ref#2`:

    log:FILE          append each point's number and name to FILE
    exit:AT           end at once with code 137, without any clean-up
    kill:AT           SIGKILL to the whole process group
    error:AT:ENOSPC   OSError of that name at AT; `error:AT+:ENOSPC` from there on, as a disk that stays full

Knows nothing about what the points stand for.
"""

import errno
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

VARIABLE = "RALPH_FAILPOINT"
KILLED = 137


@dataclass(frozen=True)
class _Where:
    """The point that is meant: by its number over all, or by its name and the number of that name."""

    count: int
    name: str = ""
    onward: bool = False

    @classmethod
    def parse(cls, text: str) -> "_Where":
        place = text.removesuffix("+")
        name, _, count = place.rpartition("#")
        return cls(int(count), name, onward=place != text)

    def is_here(self, number: int, name: str, of_name: int) -> bool:
        count = of_name if self.name else number
        return self.name in {"", name} and (count == self.count or (self.onward and count > self.count))


@dataclass
class _Armed:
    """What happens at which point. Points are counted over all threads, in the order in which they are reached."""

    actions: list[tuple[_Where, Callable[[], None]]]
    log: str = ""
    _number: int = 0
    _by_name: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reach(self, name: str) -> None:
        with self._lock:
            self._number += 1
            self._by_name[name] += 1
            number, of_name = self._number, self._by_name[name]
            if self.log:
                _append(self.log, f"{number} {name}#{of_name}\n")
        for where, act in self.actions:
            if where.is_here(number, name, of_name):
                act()


_armed: _Armed | None = None


def failpoint(name: str) -> None:
    """A place where a test may let the process die or an effect fail; nothing at all otherwise.

    Raises:
        OSError: a test asked for it.
    """
    if _armed is not None:
        _armed.reach(name)


@contextmanager
def effect(name: str) -> Iterator[None]:
    """Around one durable effect: a point before it, and one after it when it came about."""
    failpoint(f"before {name}")
    yield
    failpoint(f"after {name}")


def arm(text: str | None) -> None:
    """Do from here on what `text` says (see the top of this file); None or "": nothing."""
    global _armed  # noqa: PLW0603 - one for the process, as the environment is
    _armed = _parse(text) if text else None


def _parse(text: str) -> _Armed:
    armed = _Armed([])
    for part in text.split(";"):
        kind, _, rest = part.partition(":")
        if kind == "log":
            armed.log = rest
        else:
            armed.actions.append(_action(kind, rest))
    return armed


def _action(kind: str, rest: str) -> tuple[_Where, Callable[[], None]]:
    if kind == "error":
        place, _, name = rest.rpartition(":")
        number = int(getattr(errno, name))
        return _Where.parse(place), lambda: _raise(number)
    return _Where.parse(rest), {"exit": _exit, "kill": _kill}[kind]


def _raise(number: int) -> NoReturn:
    raise OSError(number, os.strerror(number))


def _exit() -> None:
    os._exit(KILLED)


def _kill() -> None:
    os.killpg(0, signal.SIGKILL)


def _append(path: str, line: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(fd, line.encode())
    finally:
        os.close(fd)


arm(os.environ.get(VARIABLE))
