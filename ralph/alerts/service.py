"""Alerts beside a run, the viewer or the daemon: every rule is asked about every 15 seconds, and soon after something ended.

All of it happens in a thread of its own, imports too: the agent never waits for it, and a failure in here ends no run. What is
not sent when the process ends waits in the outbox for the next one. A config.toml that goes wrong meanwhile changes nothing: the
settings read last stay in force, and the rule `settings_broken` tells people through their channels.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ralph.errors import RalphError
from ralph.events import Event, EventKind
from ralph.home import Home

if TYPE_CHECKING:
    from ralph.alerts.desk import Desk
    from ralph.settings.last import LastSettings
    from ralph.settings.schema import Settings
    from tracing.redact import Redactor

LOG = logging.getLogger("ralph.alerts")
EVERY_S = 15.0
SOON_S = 1.0  # after a poke: several spans end at a time
ENDS = {  # of a call, a tool, a check, a story, a run: something ended that a rule may have to do with
    EventKind.BASELINE,
    EventKind.TURN,
    EventKind.TOOL,
    EventKind.CHECK,
    EventKind.COMMITTED,
    EventKind.STORY_ENDED,
    EventKind.RUN_ENDED,
}
LAST_S = 4.0  # what the end of a process may wait for the last look and what it sends


@dataclass(frozen=True)
class Told:
    """What came of one look."""

    new: int  # messages put into the outbox
    sent: int
    left: int  # still waiting in the outbox


class Alerting:
    """A context manager; `once` works without entering it. `redact` knows secrets beside those of the environment, `settings`
    are those of a process that does more than this.
    """

    def __init__(
        self,
        home: Home,
        *,
        redact: "Redactor | None" = None,
        settings: "LastSettings | None" = None,
        clock: Callable[[], int] = time.time_ns,
        environment: Mapping[str, str] | None = None,
        every_s: float = EVERY_S,
        soon_s: float = SOON_S,
        last_s: float = LAST_S,
    ) -> None:
        self._home, self._redact, self._settings, self._clock = home, redact, settings, clock
        self._environment = os.environ if environment is None else environment
        self._every_s, self._soon_s, self._last_s = every_s, soon_s, last_s
        self._desk: Desk | None = None
        self._made_from: Settings | None = None
        self._said = ""
        self._busy = threading.Lock()
        self._poked, self._ending = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def poke(self) -> None:
        """Something ended that a rule may have to do with. Costs nothing; any thread."""
        self._poked.set()

    def hear(self, event: Event) -> None:
        """The same, from a run's events."""
        if event.kind in ENDS:
            self.poke()

    def once(self) -> Told:
        """Ask every rule, and send what is due.

        Raises:
            RalphError, StateError, sqlite3.Error, OSError: config.toml is wrong and never was right, or the state cannot be used.
        """
        with self._busy:
            desk = self._opened()
            new = desk.evaluate()
            delivered = desk.deliver()
            return Told(new, delivered.sent, delivered.left)

    def try_once(self) -> None:
        """The same as a chore: what goes wrong is logged, once."""
        self._guarded(self.once)

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  the one boundary: no run, no page and no schedule fails for an alert
            said = str(error) if isinstance(error, RalphError) else f"{type(error).__name__}: {error}"
            if said != self._said:
                LOG.warning(
                    "Alerts cannot be evaluated or sent now: %s. Everything else goes on; this is said once.",
                    said.rstrip("."),
                )
            self._said = said

    def close(self) -> None:
        """A last look. Waits a few seconds at most; what is not sent by then is sent by the next process."""
        self._ending.set()
        self._poked.set()
        if self._thread is not None:
            self._thread.join(self._last_s)
            if self._thread.is_alive():
                return  # it ends with the process, and so do its connections
            self._thread = None
        self._let_go()

    def _work(self) -> None:
        self._guarded(self._opened)  # from now on it counts as news, whatever becomes of this process
        ending = False
        while not ending:
            if self._poked.wait(self._every_s):
                self._ending.wait(self._soon_s)
            ending = self._ending.is_set()  # asked before the look: so the last look sees all that came before the end
            self._poked.clear()
            self.try_once()

    def _opened(self) -> "Desk":
        from ralph.alerts.desk import Desk  # noqa: PLC0415  # heavy: in the thread, not where a run begins
        from ralph.known_secrets import own_secrets  # noqa: PLC0415
        from ralph.settings.last import LastSettings  # noqa: PLC0415
        from tracing.redact import Redactor  # noqa: PLC0415

        self._settings = self._settings or LastSettings(self._home)
        settings = self._settings()
        if self._desk is None or settings != self._made_from:
            self._let_go()
            redact = self._redact or Redactor(own_secrets(self._environment, self._home))
            self._desk = Desk.open(self._home, settings, redact, clock=self._clock, environment=self._environment)
            self._made_from = settings
        return self._desk

    def _let_go(self) -> None:
        desk, self._desk = self._desk, None
        if desk is not None:
            desk.close()
