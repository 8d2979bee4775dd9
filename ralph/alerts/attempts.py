"""A failed attempt of Ralph's own is normal life: Ralph tries again, or parks the story and says that. So it is a note.

Of an attempt that parked its story nothing is told here: `story_parked` tells it. A verification that a person asked for has
told that person.
"""

import shlex
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from ralph.alerts.guilty import whole_trace
from ralph.alerts.story_rules import AGENT
from ralph.home import Home
from ralph.state import MIGRATIONS
from tracing.alerts.message import Alert
from tracing.alerts.rule import Rule, Seen, View
from tracing.failures.trace_facts import TITLE
from tracing.finding import Severity
from tracing.span import TraceStatus
from tracing.sqlite import connect, migrate
from tracing.store import TraceRow
from tracing.words import cut, plain

VERIFIER = "ralph verify"
MOST_REMEMBERED = 1_000
PARKED_BY = """
SELECT 1 FROM parked_stories AS parked JOIN story_attempts AS attempt USING (repo_id, story_id, text_hash)
WHERE attempt.trace_id = ?
  AND attempt.id = (SELECT max(id) FROM story_attempts WHERE repo_id = parked.repo_id AND story_id = parked.story_id)
"""


@dataclass
class Attempts:
    """The rule about failed traces, with Ralph's own in Ralph's words."""

    home: Home
    rule: Rule
    _parking: set[str] = field(default_factory=set)  # traces; also after a person has unblocked the story

    def look(self, view: View) -> Iterator[Seen]:
        for seen in self.rule.look(view):
            if seen.alert.agent == VERIFIER:
                continue
            trace = whole_trace(view.store, seen.alert.trace_id) if seen.alert.agent == AGENT else None
            if trace is None or not trace.story:
                yield seen
            elif not self._has_parked(trace.trace_id):
                yield replace(seen, alert=_as_attempt(seen.alert, trace))

    def _has_parked(self, trace_id: str) -> bool:
        if trace_id not in self._parking and _parked_by(self.home, trace_id):
            if len(self._parking) >= MOST_REMEMBERED:
                self._parking.clear()
            self._parking.add(trace_id)
        return trace_id in self._parking


def _parked_by(home: Home, trace_id: str) -> bool:
    with closing(connect(home.ledger_db, synchronous="FULL")) as db:
        migrate(db, "stories", MIGRATIONS)
        return db.execute(PARKED_BY, (trace_id,)).fetchone() is not None


def _as_attempt(alert: Alert, trace: TraceRow) -> Alert:
    repo, story = Path(trace.repo).name, plain(trace.story)
    title = cut(plain(trace.metadata.get(TITLE) or ""), 80)
    what = f"{story}: {title}" if title else story
    in_repo = f"{repo}: " if repo else ""
    explain = f"ralph explain {shlex.quote(story)}" + (f" --repo {shlex.quote(trace.repo)}" if trace.repo else "")
    if trace.status is TraceStatus.TIMEOUT:
        how = f"{in_repo}the run's time was over at {what}"
        text = (
            f"{alert.text}\nNothing to do: the work is kept, and the next run takes the story up again. More: {explain}"
        )
    else:
        how = f"{in_repo}an attempt failed at {what}"
        text = f"{alert.text}\nNothing to do yet: Ralph tries the story again, or parks it and then tells you. More: {explain}"
    return replace(alert, severity=Severity.NOTE, title=how, text=text)
