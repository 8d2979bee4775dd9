"""What is told of limits that fill up: of the day, of a run, of a story; each part of each once."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from ralph.alerts.guilty import dearest_span, dearest_trace, named
from ralph.alerts.known_runs import KnownRuns, RunLimits
from ralph.history.event_log import RunHead
from ralph.limits import run_scope
from ralph.settings.schema import Settings
from tracing.alerts.message import Alert, Fact
from tracing.alerts.rule import Happened, View
from tracing.budget import Ledger, Spend
from tracing.finding import Severity
from tracing.ledger_lately import changed_scopes, under_way_micros
from tracing.ledger_schema import MIGRATIONS
from tracing.sqlite import connect, migrate
from tracing.store import TraceFilter
from tracing.words import money, plain

DAY_NS = 86_400 * 10**9
END = {
    "day": "at the limit Ralph stops for the day, and keeps what is done",
    "run": "at the limit the run stops, and keeps what is done",
    "story": "at the limit the attempt ends, its work is kept, and the run goes on with another story",
}
LATEST = 500  # traces of one scope
GRAVE_PERCENT = {
    "day": 80,
    "run": 95,
    "story": 95,
}  # a run and a story end by themselves; after a day's limit nothing runs
RECONCILE = "ralph costs reconcile"


@dataclass(frozen=True)
class LimitUsed:
    """Once for each part of a limit and each day, run and story; of several parts passed at once, only the last is told."""

    runs: KnownRuns
    settings: Settings

    def look(self, view: View) -> Iterator[Happened]:
        if not self.settings.alerts.limit_percents:
            return
        with closing(connect(self.runs.home.ledger_db, synchronous="FULL")) as db:
            migrate(db, "ledger", MIGRATIONS)
            scopes = changed_scopes(db, view.since_ns)
            known = list(self.runs.touched(view.since_ns - DAY_NS)) if scopes else []
            ledger = Ledger(db, lambda: view.now_ns)
            for scope in scopes:
                if limit := limit_of(scope, known, self.settings):
                    yield from self._of(view, Use(scope, limit, ledger.spent(scope), under_way_micros(db, scope)))

    def _of(self, view: View, use: "Use") -> Iterator[Happened]:
        passed = [
            percent for percent in self.settings.alerts.limit_percents if use.micros * 100 >= percent * use.limit_micros
        ]
        if passed:
            yield _limit_used(view, use, max(passed))


@dataclass(frozen=True)
class Use:
    """How far one limit is used up, without what calls under way hold for a moment."""

    scope: str
    limit_micros: int
    spend: Spend
    under_way_micros: int

    @property
    def kind(self) -> str:
        """Of what it is a limit: day, run or story."""
        return self.scope.partition(":")[0]

    @property
    def micros(self) -> int:
        return self.spend.total_micros - self.under_way_micros

    @property
    def unknown_micros(self) -> int:
        return self.micros - self.spend.known_micros


def limit_of(scope: str, runs: list[tuple[RunHead, RunLimits]], settings: Settings) -> int | None:
    """The tightest that the run, or the runs that share it, kept to; else the user's own. None: there is none, or it is no limit."""
    kind, _, rest = scope.partition(":")
    own = settings.limits
    if kind == "run":
        found = [limits.run_micros for head, limits in runs if run_scope(head.run) == scope]
    elif kind == "story":
        found = [limits.story_micros for head, limits in runs if head.repo_id[:16] == rest.partition(":")[0]]
        found += [own.micros("per_story_usd")]
    elif kind == "day":
        found = [limits.day_micros for _, limits in runs] + [own.micros("per_day_usd")]
    else:
        return None
    return min((limit for limit in found if limit), default=None)


def _limit_used(view: View, use: Use, percent: int) -> Happened:
    what, remedy, filters = _subject(use.scope)
    most = dearest_trace(view.store, filters)
    used = f"{money(use.micros)} of {money(use.limit_micros)}"
    is_full = use.micros >= use.limit_micros
    spender = f"{named(most)}, {money(most.known_micros)}" if most else ""
    sentences = (
        f"{used} is used{'' if is_full else f'; {END[use.kind]}'}.",
        f"Most of it: {spender}." if spender else "",
        f"{money(use.unknown_micros)} of it is reserved by calls whose end nobody saw: {RECONCILE}"
        if use.unknown_micros
        else "",
        remedy,
    )
    alert = Alert(
        rule="limit_used",
        key=use.scope,
        severity=Severity.WARNING if percent >= GRAVE_PERCENT[use.kind] else Severity.NOTE,
        title=f"{what}: {100 * use.micros // use.limit_micros} % of its limit is used",
        text="\n".join(filter(None, sentences)),
        facts=(Fact("Used", used), *([Fact("Most", spender)] if spender else [])),
        cost_micros=use.micros,
        agent=most.agent_id if most else "",
        trace_id=most.trace_id if most else "",
        span_id=dearest_span(view.store, most),
    )
    return Happened(alert, f"{use.scope} {percent}%", view.now_ns)


def _subject(scope: str) -> tuple[str, str, TraceFilter]:
    """What the limit is of, what to do about it, and the traces that can have used it."""
    kind, _, rest = scope.partition(":")
    if kind == "day":
        began = int(datetime.fromisoformat(rest).replace(tzinfo=UTC).timestamp()) * 10**9
        remedy = "To allow more: [limits] per_day_usd in config.toml. The next day begins at 00:00 UTC."
        return (
            f"The day {rest} (UTC)",
            remedy,
            TraceFilter(since_ns=began, until_ns=began + DAY_NS, limit=LATEST, own=True),
        )
    if kind == "run":
        remedy = "Commits stay. To go on with more: ralph run --max-cost USD."
        return f"Run {rest}", remedy, TraceFilter(session=rest, limit=LATEST, own=True)
    story_id = rest.split(":", 1)[1].rpartition(":")[0]
    remedy = "To allow more: [limits] per_story_usd; a story that costs so much is often two stories."
    return f"Story {plain(story_id)}", remedy, TraceFilter(story=story_id, limit=LATEST, own=True)
