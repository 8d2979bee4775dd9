"""Schedules, as the report wants them: what fires next, what did not start or did not run, and why a night was quiet."""

import shlex
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime

from ralph.errors import ExitCode
from ralph.home import Home
from ralph.report.facts import Firing, Need, Why
from ralph.report.words import place
from ralph.schedule.nights import last_words, logs_of
from ralph.schedule.reading import Plan, read_plans
from ralph.schedule.rows import Outcome, ScheduleRow, State
from ralph.schedule.serving import is_served
from ralph.schedule.words import day_and_time, ended_words
from tracing.sqlite import StateError

IS_OFF = "The daemon, which carries schedules out, is not running."
NEVER_BEGAN = {int(ExitCode.USAGE), int(ExitCode.BUG), int(ExitCode.BUSY)}


def known_plans(home: Home, now_ns: int) -> list[Plan]:
    """Nothing where the ledger cannot be read: that is told as such."""
    try:
        return read_plans(home, now_ns)
    except (StateError, sqlite3.Error):
        return []


def firings(plans: Sequence[Plan]) -> tuple[Firing, ...]:
    """The soonest first."""
    found = [Firing(one.name, one.repo, _ns(one.row.next_due), _state(one.row), _last(one.row.last)) for one in plans]
    return tuple(sorted(found, key=lambda one: (one.next_at_ns is None, one.next_at_ns or 0, one.name)))


def schedule_needs(home: Home, plans: Sequence[Plan], since_ns: int) -> Iterator[Need]:
    """What should have run and did not, or could not begin."""
    for plan in plans:
        if plan.overdue:
            due = day_and_time(_ns_of(plan.overdue.due_at))
            text = IS_OFF if not is_served(home) else "It waits to be begun: is the limit of runs at once reached?"
            yield Need(Why.MISSED, f"{plan.name} was due {due} and has not begun", text, "ralph daemon", plan.repo)
        if bad := _bad_end(plan, since_ns):
            yield _not_run(home, plan, bad)


def no_schedule(repo: str | None) -> str:
    where, option = (f" for {repo}", f" --repo {shlex.quote(repo)}") if repo else ("", "")
    return f'No schedule is set{where}. To make one: ralph schedule add nightly{option} --cron "0 2 * * *"'


def why_quiet(home: Home, plans: Sequence[Plan], since_ns: int, repo: str | None = None) -> str:
    """Why nothing ran, in a sentence or two; `repo`: where the plans are its own alone."""
    if not plans:
        return no_schedule(repo)
    active = [plan for plan in plans if not plan.row.schedule.paused]
    if not active:
        return f"Every schedule is paused. To go on: ralph schedule resume {shlex.quote(plans[0].name)}"
    if late := [plan.name for plan in active if plan.overdue]:
        return f"{_were_due(late)}. {IS_OFF}" if not is_served(home) else f"{_were_due(late)}, and not begun yet."
    if missed := [plan.name for plan in active if any(_ns_of(one.due_at) >= since_ns for one in plan.outcomes)]:
        return f"{_were_due(missed)}, and did not come to run."
    return "No schedule was due."


def _were_due(names: Sequence[str]) -> str:
    return f"{', '.join(names)} {'was' if len(names) == 1 else 'were'} due"


def _bad_end(plan: Plan, since_ns: int) -> Outcome | None:
    """The newest due time, if it came to nothing: an earlier one is made good by a later one."""
    ended = [one for one in plan.outcomes if one.state in {State.DONE, State.SKIPPED}]
    last = ended[0] if ended else None
    if last is None or last.ended_at is None or _ns_of(last.ended_at) < since_ns:
        return None
    return last if last.state is State.SKIPPED or last.exit_code is None or last.exit_code in NEVER_BEGAN else None


def _not_run(home: Home, plan: Plan, bad: Outcome) -> Need:
    logs = logs_of(home, bad)
    words, log = last_words(logs), place(str(logs[-1])) if logs else ""
    due = day_and_time(_ns_of(bad.due_at))
    if bad.state is State.SKIPPED:
        return Need(
            Why.MISSED, f"{plan.name} did not run {due}", bad.note, f"ralph schedule run-now {plan.name}", plan.repo
        )
    ended = "was given up" if bad.exit_code is None else ended_words(bad.exit_code)
    show = f"less {log}" if log else f"ralph schedule run-now {plan.name}"
    return Need(Why.NOT_STARTED, f"{plan.name} of {due}: {ended}", words or bad.note, show, plan.repo)


def _state(row: ScheduleRow) -> str:
    if row.running_since:
        return "running"
    if row.schedule.paused:
        return "paused"
    if row.goes_on_at:
        return f"goes on {day_and_time(_ns_of(row.goes_on_at))}"
    return "due now" if row.waiting else ""


def _last(last: Outcome | None) -> str:
    if last is None or last.ended_at is None:
        return ""
    at = day_and_time(_ns_of(last.ended_at))
    if last.exit_code is None:
        return f"{at}: {last.note or last.state.value}"
    return f"{at}: {ended_words(last.exit_code)}"


def _ns(moment: datetime | None) -> int | None:
    return None if moment is None else _ns_of(moment)


def _ns_of(moment: datetime) -> int:
    return round(moment.timestamp() * 1e9)
