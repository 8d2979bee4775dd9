"""What follows when a scheduled run has ended: it is done, or it goes on later within its window.

Tables from the exit code, and from what the run said of the model service. Knows nothing about the store or processes.
"""

import signal
from dataclasses import dataclass
from enum import StrEnum

from ralph.errors import ExitCode
from ralph.schedule.rows import DueRun
from ralph.schedule.words import day_and_time

S_NS = 10**9
FIRST_WAIT_S = 600
LONGEST_WAIT_S = 3600
BUSY_WAIT_S = 300
PATIENCE_S = 6 * 3600  # a run without a window goes on until so long after it was due, or begun where that was later
STOPPED = "the daemon was stopped"

KILLED = {128 + number for number in (signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV)}  # for want of memory, say
MOST_KILLS = 5  # legs: what dies so often would die again
KILLED_WAIT_S = 120  # longer by so much with each

CUT_SHORT = {ExitCode.TERMINATED, ExitCode.HUNG_UP, ExitCode.INTERRUPTED}


class Next(StrEnum):
    DONE = "done"
    SOON = "soon"  # what is in the way will be gone in minutes
    WAIT = "wait"  # until the service said, or longer each time


AFTER_TROUBLE = {
    "offline": (Next.WAIT, "no connection to the model service"),
    "down": (Next.WAIT, "the model service was down"),
    "rate": (Next.WAIT, "a rate limit of the model service"),
    "spent": (Next.DONE, "the account's credit or spend limit is used up"),
    "refused": (Next.DONE, "the model service refused the key or the request"),
}

AFTER_EXIT = {
    ExitCode.ALL_DONE: Next.DONE,
    ExitCode.STORIES_REMAIN: Next.DONE,
    ExitCode.USAGE: Next.DONE,
    ExitCode.LIMIT: Next.DONE,
    ExitCode.SERVICE: Next.DONE,
    ExitCode.BUSY: Next.SOON,
    ExitCode.RECONCILE: Next.DONE,
    ExitCode.BUG: Next.DONE,
    ExitCode.HUNG_UP: Next.DONE,
    ExitCode.INTERRUPTED: Next.DONE,
    ExitCode.TERMINATED: Next.DONE,
}


@dataclass(frozen=True)
class End:
    """How a run's process ended, and what the run said of the model service."""

    exit_code: int
    note: str = ""  # of an error of ours
    trouble: str = ""  # "": none
    again_at_ns: int | None = None  # None: the service did not say when


@dataclass(frozen=True)
class Follow:
    """What is recorded: it goes on at `at_ns`, or is done where that is None."""

    at_ns: int | None
    note: str


def what_follows(run: DueRun, end: End, now_ns: int, *, stopped: bool = False) -> Follow:
    """`stopped`: the daemon had it stopped, or died while it ran; a run that a person stopped by itself is done."""
    if stopped and end.exit_code in CUT_SHORT:
        follow = _within(run, now_ns, STOPPED, now_ns)
        return follow if follow.at_ns is None else Follow(now_ns, f"{STOPPED}; the next one carries it on")
    if end.exit_code in KILLED:
        return _after_kill(run, now_ns)
    next_, why = _after(end)
    if next_ is Next.DONE:
        return Follow(None, "; ".join(filter(None, (end.note, why))))
    if next_ is Next.SOON:
        return _within(run, now_ns + BUSY_WAIT_S * S_NS, why, now_ns)
    return _within(run, _reset_ns(run, end, now_ns), why, now_ns)


def _after_kill(run: DueRun, now_ns: int) -> Follow:
    if run.leg >= MOST_KILLS:
        return Follow(None, f"given up: it was killed, and begun {run.leg} times")
    return _within(run, now_ns + KILLED_WAIT_S * (run.leg - 1) * S_NS, "the run was killed", now_ns)


def _after(end: End) -> tuple[Next, str]:
    if end.trouble in AFTER_TROUBLE and end.exit_code != ExitCode.ALL_DONE:
        return AFTER_TROUBLE[end.trouble]
    next_ = next((what for code, what in AFTER_EXIT.items() if code == end.exit_code), Next.DONE)
    return next_, "another run held the branch" if next_ is Next.SOON else ""


def _reset_ns(run: DueRun, end: End, now_ns: int) -> int:
    """When the service said, but not at once; else after a wait that doubles with each leg."""
    wait_s = min(FIRST_WAIT_S * 2 ** min(run.leg - 1, 8), LONGEST_WAIT_S)
    least_ns = now_ns + BUSY_WAIT_S // 5 * S_NS
    return now_ns + wait_s * S_NS if end.again_at_ns is None else max(end.again_at_ns, least_ns)


def _within(run: DueRun, at_ns: int, why: str, now_ns: int) -> Follow:
    """Later, where that lies in the window. Who was stopped may go on whenever there is a daemon again."""
    patient_until_ns = max(run.due_at_ns, run.began_ns) + PATIENCE_S * S_NS
    last_ns = run.until_ns if run.until_ns is not None else max(patient_until_ns, now_ns + 1)
    at = day_and_time(at_ns, run.timezone)
    if at_ns < last_ns:
        return Follow(at_ns, f"goes on at {at}: {why}")
    if run.until_ns is None:
        return Follow(None, f"{why}; it could have gone on at {at}, too late for this run: the next one carries it on")
    return Follow(
        None, f"{why}; its window closes at {day_and_time(run.until_ns, run.timezone)}: the next run carries it on"
    )
