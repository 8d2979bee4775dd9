"""What is told of schedules: a run that should have begun and did not, and one that could not do its work at all."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

from ralph.alerts.story_rules import sentence
from ralph.durations import duration_text
from ralph.errors import ExitCode
from ralph.home import Home
from ralph.schedule.nights import last_words, logs_of
from ralph.schedule.rows import Outcome, Overdue, Schedule, State
from ralph.schedule.store import Schedules
from ralph.settings.schema import Settings
from tracing.alerts.message import Alert, Fact
from tracing.alerts.rule import Happened, Holds, Rule, View
from tracing.finding import Severity
from tracing.words import cut, length, local_time, plain

NS = 10**9
NEWEST = 10  # due times of each schedule
WAKING_NS = 60 * NS  # so long a machine that was asleep has to begin what it missed, before anybody is told
LINE_CHARS = 300
ENDED_AS_IT_MAY: frozenset[int] = frozenset(  # the traces, the limits and the ledger tell of these where it matters
    (
        ExitCode.ALL_DONE,
        ExitCode.STORIES_REMAIN,
        ExitCode.LIMIT,
        ExitCode.RECONCILE,
        ExitCode.HUNG_UP,
        ExitCode.INTERRUPTED,
        ExitCode.TERMINATED,
    )
)
MEANS = {
    ExitCode.USAGE: "It could not begin: a setting, the PRD, the checks, the sandbox or the key.",
    ExitCode.SERVICE: "The model service refused or stayed away.",
    ExitCode.BUSY: "Another run held the branch.",
    ExitCode.BUG: "Ralph broke off with a bug of its own. What was committed stays.",
}


def schedule_rules(home: Home, settings: Settings, clock: Callable[[], int]) -> tuple[Rule, ...]:
    grace_s = settings.alerts.schedule_grace_s
    late, failed = Late(home, grace_s, clock), Failed(home, clock)
    return (
        Rule("schedule_missed", f"a scheduled run has not begun {duration_text(grace_s)} after it was due", late.look),
        Rule("schedule_failed", "a scheduled run could not begin, was given up or was skipped", failed.look),
    )


@dataclass(frozen=True)
class Late:
    """Also where no daemon runs: then nobody has written down that it is due."""

    home: Home
    grace_s: float
    clock: Callable[[], int]

    def look(self, view: View) -> Iterator[Holds]:
        with closing(Schedules(self.home, clock=self.clock)) as schedules:
            late = schedules.late(self.grace_s)
        for one, since_ns in late:
            if view.now_ns - since_ns >= WAKING_NS:
                yield Holds(_late(one, view.now_ns))


def _late(one: Overdue, now_ns: int) -> Alert:
    name, due_ns = one.schedule.name, int(one.due_at.timestamp()) * NS
    why = (
        "A daemon has written it down and does not begin it: it may be at its work elsewhere, or have died. See: ralph schedule list"
        if one.is_written_down
        else "No daemon looks after schedules on this machine. Start one: ralph daemon; to have one start with the machine: "
        "ralph schedule install"
    )
    return Alert(
        rule="schedule_missed",
        key=name,
        severity=Severity.WARNING,
        title=f"Schedule {name} was due {length(now_ns - due_ns)} ago and has not run",
        text=f"It was due at {local_time(due_ns)} and nothing has begun. {why}\n"
        f"To run it now: ralph schedule run-now {shlex.quote(name)}",
        facts=(*_of(one.schedule), Fact("Due", local_time(due_ns))),
        agent="ralph",
    )


@dataclass(frozen=True)
class Failed:
    """Each due run once, when it is over."""

    home: Home
    clock: Callable[[], int]

    def look(self, view: View) -> Iterator[Happened]:
        with closing(Schedules(self.home, clock=self.clock)) as schedules:
            for row in schedules.list():
                for outcome in schedules.history(row.schedule.name, NEWEST):
                    if _is_news(outcome, view.since_ns) and not _went_well(outcome):
                        yield self._failed(row.schedule, outcome)

    def _failed(self, schedule: Schedule, outcome: Outcome) -> Happened:
        assert outcome.ended_at is not None
        due_ns, said = int(outcome.due_at.timestamp()) * NS, last_words(logs_of(self.home, outcome))
        skipped = outcome.state is State.SKIPPED
        what = "was skipped" if skipped else "was given up" if outcome.exit_code is None else "could not do its work"
        code = "" if outcome.exit_code is None else f" (exit code {outcome.exit_code})"
        sentences = (
            MEANS.get(ExitCode(outcome.exit_code), "") if outcome.exit_code in set(ExitCode) else "",
            sentence(cut(plain(outcome.note), LINE_CHARS)),
            f"Its last words: {said}" if said else "",
            f"What is wrong there: ralph doctor --repo {shlex.quote(str(schedule.repo))}" if not skipped else "",
            f"To run it now: ralph schedule run-now {shlex.quote(schedule.name)}",
        )
        alert = Alert(
            rule="schedule_failed",
            key=schedule.name,
            severity=Severity.NOTE if _is_as_set(outcome) or outcome.exit_code == ExitCode.BUSY else Severity.WARNING,
            title=f"Schedule {schedule.name}: the run of {local_time(due_ns)} {what}{code}",
            text="\n".join(filter(None, sentences)),
            facts=(*_of(schedule), Fact("Due", local_time(due_ns))),
            agent="ralph",
        )
        ended_ns = int(outcome.ended_at.timestamp() * NS)
        return Happened(alert, f"{schedule.name}/{outcome.id}/{outcome.legs}", ended_ns)


def _is_news(outcome: Outcome, since_ns: int) -> bool:
    is_over = outcome.state in {State.DONE, State.SKIPPED}
    return is_over and outcome.ended_at is not None and outcome.ended_at.timestamp() * NS >= since_ns


def _went_well(outcome: Outcome) -> bool:
    return outcome.state is State.DONE and outcome.exit_code in ENDED_AS_IT_MAY


def _is_as_set(outcome: Outcome) -> bool:
    """Skipped because its user said so; not because its window closed before anybody could begin."""
    was_closed = outcome.until is not None and outcome.ended_at is not None and outcome.ended_at >= outcome.until
    return outcome.state is State.SKIPPED and not was_closed


def _of(schedule: Schedule) -> tuple[Fact, ...]:
    return Fact("Schedule", f"{schedule.name} ({schedule.cron.line})"), Fact("Repository", schedule.repo.name)
