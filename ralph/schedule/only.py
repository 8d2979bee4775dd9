"""The due runs of one schedule alone, for who asks for that one. Leases are the store's, so nothing is doubled."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from ralph.errors import ExitCode
from ralph.home import Home
from ralph.schedule.daemon import Daemon, Execute, serve_once
from ralph.schedule.execute import outlives
from ralph.schedule.own_settings import own_settings
from ralph.schedule.rows import DueRun, Missed, Outcome, State
from ralph.schedule.store import Schedules
from ralph.signals import listen

MOST_OPEN = 50
OPEN = (State.PENDING, State.RUNNING)


def once_of(home: Home, name: str, execute: Execute, clock: Callable[[], int] = time.time_ns) -> ExitCode:
    """Carry out what is due of this schedule, beside a daemon or without one. A signal lets it finish its step."""
    last = own_settings(home)
    with closing(Schedules(home, clock=clock, outlives=outlives)) as schedules, listen() as stop:
        serving = Daemon(OnlyOf(schedules, name, clock), execute, settings=lambda: last().schedules, clock=clock)
        return serve_once(serving, stop)


@dataclass(frozen=True)
class OnlyOf:
    """`DueRuns` that offers nothing of other schedules."""

    schedules: Schedules
    name: str
    clock: Callable[[], int]

    def materialise(self, missed: str = Missed.RUN) -> Sequence[Outcome]:
        return self.schedules.materialise(missed)

    def claim(self, only: int | None = None) -> DueRun | None:
        """The longest due first; one that goes on later, or whose window has closed, is left."""
        for outcome in reversed(self.schedules.history(self.name, MOST_OPEN)):
            if only in {None, outcome.id} and self._is_due(outcome) and (run := self.schedules.claim(outcome.id)):
                return run
        return None

    def heartbeat(self, run: DueRun) -> bool:
        return self.schedules.heartbeat(run)

    def finish(self, run: DueRun, exit_code: int, note: str = "") -> bool:
        return self.schedules.finish(run, exit_code, note)

    def again(self, run: DueRun, at_ns: int, exit_code: int, note: str = "") -> bool:
        return self.schedules.again(run, at_ns, exit_code, note)

    def _is_due(self, outcome: Outcome) -> bool:
        now = datetime.fromtimestamp(self.clock() / 10**9, UTC)
        is_early = outcome.again_at is not None and outcome.again_at > now
        return outcome.state in OPEN and not is_early
