"""What is told of stories and of the commit that they start from: a story was parked, the base is red."""

import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from ralph.alerts.guilty import guilty_span, whole_trace
from ralph.alerts.known_runs import KnownRuns
from ralph.finish import Ending
from ralph.history.trace_reading import failing_lines
from ralph.state import MIGRATIONS
from tracing.alerts.message import Alert, Fact
from tracing.alerts.rule import Happened, Holds, Rule, View
from tracing.budget import Ledger
from tracing.failures.trace_facts import TITLE
from tracing.finding import Severity
from tracing.span import JsonValue, SpanKind
from tracing.sqlite import connect, migrate
from tracing.store import TraceFilter, TraceRow, TraceStore
from tracing.store.detail import SpanRow
from tracing.words import cut, money, plain

AGENT = "ralph"
BASELINE = "baseline"
CHECK = "check "
NEWEST = 5  # traces of a repository in which the last look at its base is searched
FARTHER = 20  # and among which is the one that has the output, where that look came from the cache
REASON_CHARS = 400
MOST_SEEN = 1_000  # traces that a daemon remembers; read again when they are forgotten
PARKED = """
SELECT * FROM parked_stories WHERE at_ns >= ? ORDER BY at_ns
"""
ATTEMPTS = """
SELECT trace_id, outcome, counted FROM story_attempts WHERE repo_id = ? AND story_id = ? AND text_hash = ? ORDER BY id
"""


def story_rules(runs: KnownRuns) -> tuple[Rule, ...]:
    parked, base = Parked(runs), RedBase(runs)
    return (
        Rule("story_parked", "a story is set aside and waits for a person", parked.look),
        Rule("red_base", "a check fails on the commit that stories start from, before any work", base.look),
    )


@dataclass(frozen=True)
class Parked:
    """Stories that were parked; not those that a person has skipped."""

    runs: KnownRuns

    def look(self, view: View) -> Iterator[Happened]:
        ledger_db = self.runs.home.ledger_db
        with closing(connect(ledger_db, synchronous="FULL")) as db, closing(Ledger.open(ledger_db)) as ledger:
            migrate(db, "stories", MIGRATIONS)
            for row in db.execute(PARKED, (view.since_ns,)).fetchall():
                attempts = db.execute(ATTEMPTS, (row["repo_id"], row["story_id"], row["text_hash"])).fetchall()
                if not attempts or attempts[-1]["outcome"] != Ending.SKIPPED:
                    cost = ledger.spent(story_scope(row)).total_micros
                    yield _parked(view.store, row, attempts, cost, self.runs.root_of(row["repo_id"]))


def story_scope(row: sqlite3.Row) -> str:
    """What the ledger counts all attempts at a story under, as it is worded now."""
    return f"story:{row['repo_id'][:16]}:{row['story_id']}:{row['text_hash'][:16]}"


def _parked(store: TraceStore, row: sqlite3.Row, attempts: list[sqlite3.Row], cost: int, root: str) -> Happened:
    story_id, repo = plain(row["story_id"]), Path(root).name
    trace = whole_trace(store, attempts[-1]["trace_id"] if attempts else "")
    title = plain(trace.metadata.get(TITLE) or "") if trace else ""
    at = f" --repo {shlex.quote(root)}" if root else ""
    what = shlex.quote(story_id)
    alert = Alert(
        rule="story_parked",
        key=f"{row['repo_id'][:16]}/{story_id}",
        severity=Severity.WARNING,
        title=f"{repo + ': ' if repo else ''}{story_id} is parked{': ' + cut(title, 80) if title else ''}",
        text=f"{sentence(cut(plain(row['reason']), REASON_CHARS))} Ralph leaves it out until you act.\n"
        f"What happened to it: ralph explain {what}{at}\n"
        f"To have it tried again: ralph unblock {what}{at}, or word the story differently.",
        facts=(
            *([Fact("Repository", repo)] if repo else []),
            Fact("Attempts", str(len(attempts))),
            Fact("Cost of all attempts", money(cost)),
        ),
        cost_micros=cost,
        agent=AGENT,
        trace_id=trace.trace_id if trace else "",
        span_id=guilty_span(store, trace.trace_id) if trace else "",
    )
    return Happened(alert, f"{row['repo_id']}/{story_id}/{row['text_hash']}/{row['at_ns']}", row["at_ns"])


@dataclass(frozen=True)
class Base:
    """What a run saw of the commit that it began from."""

    trace_id: str
    span_id: str  # of the first check that failed, where its output is known
    red: tuple[str, ...]
    commit: str
    failure: str  # the first line of it that says something


@dataclass
class RedBase:
    """The newest look at each repository's base decides: the next run that sees it green resolves the alert."""

    runs: KnownRuns
    _seen: dict[str, Base | None] = field(default_factory=dict)  # by trace: a look that is over does not change

    def look(self, view: View) -> Iterator[Holds]:
        if len(self._seen) > MOST_SEEN:
            self._seen.clear()
        for root in self.runs.repos():
            base = self._newest(view.store, root)
            if base is not None and base.red:
                yield Holds(_red(base, root))

    def _newest(self, store: TraceStore, root: str) -> Base | None:
        for trace in store.traces(TraceFilter(agent=AGENT, repo=root, limit=NEWEST, own=True)):
            if trace.trace_id not in self._seen:
                base = _base_of(store, trace)
                if base is None and trace.ended_at_ns is None:
                    continue  # it has not looked yet
                self._seen[trace.trace_id] = base
            if base := self._seen[trace.trace_id]:
                return base
        return None


def _base_of(store: TraceStore, trace: TraceRow) -> Base | None:
    """None where the trace has not looked at its base."""
    line = next((one for one in store.span_rows(trace.trace_id) if one.name == BASELINE and one.ended_at_ns), None)
    if line is None:
        return None
    span = store.span(trace.trace_id, line.span_id)
    red = _mapping(span.output()).get("red")
    names = tuple(plain(name) for name in red) if isinstance(red, list) else ()
    commit = str(_mapping(span.input()).get("commit") or "")
    if not names:
        return Base(trace.trace_id, line.span_id, (), commit, "")
    check = _failed_check(store, trace, commit, names)
    words = "".join(failing_lines(str(check.output() or ""), 1)) if check else ""
    guilty = check.span_id if check and check.trace_id == trace.trace_id else line.span_id
    return Base(trace.trace_id, guilty, names, commit, words)


def _failed_check(store: TraceStore, trace: TraceRow, commit: str, red: tuple[str, ...]) -> SpanRow | None:
    """The first of the red checks, as it ran on this commit: in this trace, or in an earlier one where that was cached."""
    earlier = TraceFilter(agent=AGENT, repo=trace.repo, until_ns=trace.started_at_ns, limit=FARTHER, own=True)
    for one in (trace, *store.traces(earlier)):
        lines = store.span_rows(one.trace_id)
        base = next((line for line in lines if line.name == BASELINE), None)
        below = [
            line
            for line in lines
            if base and line.parent_span_id == base.span_id and line.kind is SpanKind.EVALUATOR and line.passed == 0
        ]
        found = [line for line in below if line.name.removeprefix(CHECK) in red]
        if base and found and _mapping(store.span(one.trace_id, base.span_id).input()).get("commit") == commit:
            return store.span(one.trace_id, found[0].span_id)
    return None


def _red(base: Base, root: str) -> Alert:
    names, repo = ", ".join(base.red), Path(root).name
    fails = "fails" if len(base.red) == 1 else "fail"
    said = f" It says: {sentence(cut(plain(base.failure), REASON_CHARS))}" if base.failure else ""
    return Alert(
        rule="red_base",
        key=root,
        severity=Severity.WARNING,
        title=f"{repo}: {cut(names, 80)} {fails} before any work",
        text=f"The check{'s' * (len(base.red) != 1)} {names} {fails} on the commit {base.commit[:10]} that stories start from.{said} "
        "Stories are not blamed for it, but nobody vouches for what these checks would have caught.\n"
        f"Mend it on the branch, or correct the command in ralph.toml; to try the checks: ralph init --dry-run --repo {shlex.quote(root)}",
        facts=(Fact("Repository", repo), Fact("Red", names), Fact("Commit", base.commit[:10])),
        agent=AGENT,
        trace_id=base.trace_id,
        span_id=base.span_id,
    )


def sentence(text: str) -> str:
    """With a full stop where nothing else ends it, and beginning with a capital letter."""
    text = text.strip()
    return text[:1].upper() + text[1:] + "." * (text[-1:] not in {".", "!", "?", "…", ":"}) if text else ""


def _mapping(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}
