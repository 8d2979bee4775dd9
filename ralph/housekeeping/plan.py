"""What would go and what goes: one list over everything that Ralph keeps, and its carrying out, step by step and beside a run."""

from ralph.home import Home
from ralph.housekeeping.attempts import find_attempts
from ralph.housekeeping.files import file_piles
from ralph.housekeeping.pile import Cleared, Done, Plan, Stop
from ralph.housekeeping.records import record_piles
from ralph.housekeeping.traces import TraceKeeping, traces_beginning
from ralph.settings.schema import Settings

DAY_S = 86_400


def plan(home: Home, settings: Settings, now_ns: int) -> Plan:
    """By the user's `[retention]`. Looks, and changes nothing but to close what dead processes left open."""
    retention = settings.retention
    attempts = find_attempts(home, retention.failed_work_s, now_ns)
    keep = traces_beginning(home, {attempt.key for attempt in attempts.kept})
    traces = TraceKeeping(home, retention, now_ns, keep)
    piles = [
        *traces.piles(),
        *([attempts.pile(retention.failed_work_s or 0)] if attempts.old else []),
        *file_piles(home, retention.runs_s, retention.failed_work_s, now_ns),
        *record_piles(home, retention.runs_s, now_ns),
    ]
    return Plan(tuple(piles), attempts.notes, traces.tidy)


def carry_out(planned: Plan, stop: Stop = lambda: False) -> Done:
    """Safe while runs go on: everything is looked at again before it goes, each step is small, a kill breaks nothing."""
    cleared = tuple(Cleared(pile.what, pile.clear(stop)) for pile in planned.piles if not stop())
    is_tidy = planned.tidy(stop)
    return Done(cleared, is_finished=is_tidy and not stop())


def older_than(settings: Settings, age_s: int) -> Settings:
    """The same with one age for everything; what is bounded by size stays so."""
    ages = dict.fromkeys(("traces_s", "texts_s", "failed_work_s", "runs_s"), max(age_s, DAY_S))
    return settings.model_copy(update={"retention": settings.retention.model_copy(update=ages)})
