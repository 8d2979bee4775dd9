"""Once a day, by itself: what `ralph gc` does, in small portions between the other chores of a daemon, and one at a time."""

import time
from collections.abc import Callable
from datetime import datetime

from ralph.files import write_private
from ralph.history.event_log import RunFolders
from ralph.home import Home
from ralph.housekeeping.pile import Done
from ralph.housekeeping.plan import carry_out, plan
from ralph.settings.schema import Settings
from ralph.workspace.lock import try_hold

EVERY_NS = 86_400 * 10**9
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
    """A portion of what is due; None: nothing is due, a run is just starting, or somebody else is at it."""
    now_ns = clock()
    if not _is_due(home, now_ns) or _is_starting(home, now_ns):
        return None
    held = try_hold(home.folder("locks") / "housekeeping.lock")
    if held is None:
        return None
    try:
        until = monotonic() + PORTION_S
        done = carry_out(plan(home, settings, now_ns), lambda: monotonic() > until)
        if done.is_finished:
            write_private(home.root / MARK, f"{now_ns}\n".encode(), "housekeeping mark")
        return done
    finally:
        held.release()


def _is_due(home: Home, now_ns: int) -> bool:
    """A day after the last time; a clock that was set back is no reason to wait for longer."""
    try:
        last_ns = int((home.root / MARK).read_text())
    except (OSError, ValueError):
        return True
    return not 0 <= now_ns - last_ns < EVERY_NS


def _is_starting(home: Home, now_ns: int) -> bool:
    newest = RunFolders(home).newest()
    if newest is None or not newest.is_going:
        return False
    began_s = newest.log.stat().st_ctime if not newest.head or not newest.head.at else _seconds(newest.head.at)
    return 0 <= now_ns / 1e9 - began_s < STARTING_S


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
