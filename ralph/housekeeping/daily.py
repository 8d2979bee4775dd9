"""Once a day, by itself: what `ralph gc` does, in small portions between the other chores of a daemon, and one at a time."""

import time
from collections.abc import Callable
from datetime import datetime

from ralph.files import write_private
from ralph.history.event_log import RunFolders
from ralph.home import Home
from ralph.housekeeping.alone import try_alone
from ralph.housekeeping.pile import Done
from ralph.housekeeping.plan import carry_out, plan
from ralph.settings.schema import Settings

EVERY_NS = 86_400 * 10**9
LEAP_NS = (
    7 * EVERY_NS
)  # after so long a clock may be wrong, and everything would look old: a day has to pass by it first
STARTING_S = 120.0
PORTION_S = 5.0
MARK = "housekeeping"  # when it was last finished, in the state folder


def gc_if_due(
    home: Home,
    settings: Settings,
    clock: Callable[[], int] = time.time_ns,
    *,
    monotonic: Callable[[], float] = time.monotonic,
) -> Done | None:
    """A portion of what is due; None: nothing is due, a run is just starting, somebody else is at it, or the clock has leapt."""
    now_ns = clock()
    if not _is_due(home, now_ns) or _is_starting(home, now_ns):
        return None
    held = try_alone(home)
    if held is None:
        return None
    try:
        if _has_leapt(home, now_ns):
            _mark(home, now_ns)
            return None
        until = monotonic() + PORTION_S
        done = carry_out(plan(home, settings, now_ns), lambda: monotonic() > until)
        if done.is_finished:
            _mark(home, now_ns)
        return done
    finally:
        held.release()


def _is_due(home: Home, now_ns: int) -> bool:
    """A day after the last time; a clock that was set back is no reason to wait for longer."""
    last_ns = _last_ns(home)
    return last_ns is None or not 0 <= now_ns - last_ns < EVERY_NS


def _has_leapt(home: Home, now_ns: int) -> bool:
    """Whether the machine was off for long, or its clock says a date that has not come."""
    last_ns = _last_ns(home)
    return last_ns is not None and now_ns - last_ns > LEAP_NS


def _last_ns(home: Home) -> int | None:
    try:
        return int((home.root / MARK).read_text())
    except (OSError, ValueError):
        return None


def _mark(home: Home, now_ns: int) -> None:
    write_private(home.root / MARK, f"{now_ns}\n".encode(), "housekeeping mark")


def _is_starting(home: Home, now_ns: int) -> bool:
    newest = RunFolders(home).newest()
    if newest is None or not newest.is_going:
        return False
    began_s = newest.log.stat().st_ctime if not newest.head or not newest.head.at else _seconds(newest.head.at)
    return 0 <= now_ns / 1e9 - began_s < STARTING_S


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
