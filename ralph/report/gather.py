"""Everything that a report says, read once. Changes nothing: neither a repository, nor a trace, nor the ledger."""

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from ralph.history.looks import looks
from ralph.home import Home
from ralph.report.facts import Cost, Finding, OtherAgent, Report
from ralph.report.logs import at_ns, going_since, newest_before, run_logs
from ralph.report.money import NIGHTS, Purse, change, nights
from ralph.report.needs import look_needs, sorted_needs, work_needs
from ralph.report.planned import firings, known_plans, schedule_needs, why_quiet
from ralph.report.sent import last_sent
from ralph.report.window import DAY_NS, Window, default_window, evening_before
from ralph.report.work import AGENT, cost_of, works
from ralph.schedule.reading import Plan
from tracing.span import TraceStatus
from tracing.store import TraceFilter, TraceRow, TraceStore
from tracing.words import local_time

MOST_TRACES = 10_000  # of the nights that are told and those that they are compared with
MOST_FINDINGS = 6
BAD = {TraceStatus.ERROR, TraceStatus.TIMEOUT, TraceStatus.OVER_BUDGET}


def window_of(home: Home, now_ns: int) -> Window:
    """What a report tells of when nobody says since when."""
    last = last_sent(home)
    evening_ns = evening_before(now_ns, 1)
    return default_window(now_ns, last.at_ns if last else None, going_since(home, evening_ns, now_ns))


def gather(
    home: Home,
    repo: Path | None = None,
    since_ns: int | None = None,
    now_ns: int | None = None,
    *,
    since_why: str = "as asked",
) -> Report:
    """The report of one repository (the root of its checkout), or of all that ran; `since_ns` None: as `window_of` says."""
    now_ns = time.time_ns() if now_ns is None else now_ns
    window = window_of(home, now_ns) if since_ns is None else Window(since_ns, since_why)
    with closing(TraceStore.open(home.traces_db)) as store:
        return gather_from(store, home, None if repo is None else str(repo), window, now_ns)


def gather_from(store: TraceStore, home: Home, repo: str | None, window: Window, now_ns: int) -> Report:
    """The same of a store that is open."""
    back_ns = min(window.since_ns, evening_before(now_ns, NIGHTS)) - NIGHTS * DAY_NS
    rows = store.traces(TraceFilter(since_ns=back_ns, until_ns=now_ns + 1, repo=repo, limit=MOST_TRACES, own=True))
    ours = [row for row in rows if row.agent_id == AGENT]
    recent = [row for row in rows if row.started_at_ns >= window.since_ns]
    logs = [log for log in run_logs(home, window.since_ns, now_ns) if repo in {None, log.head.repo}]
    spent = Purse(home).of_runs(logs)
    tonight = [row for row in recent if row.agent_id == AGENT]
    found, boards = works(store, home, logs, tonight, lambda log: spent[log.head.run])
    looked = [] if repo and not rows else looks(store, home, window.since_ns, recent, boards)
    findings = [
        Finding(look.severity, look.title, look.cost_micros, look.trace_id, look.span_id, look.story, look.repo)
        for look in looked
        if look.kind == "finding" and (repo is None or look.trace_id in {row.trace_id for row in recent})
    ]
    plans = [plan for plan in known_plans(home, now_ns) if repo in {None, plan.repo}]
    needs = [
        *look_needs(looked),
        *schedule_needs(home, plans, window.since_ns),
        *(need for work in found for need in work_needs(home, work)),
    ]
    return Report(
        made_at_ns=now_ns,
        since_ns=window.since_ns,
        since_why=window.why,
        needs=sorted_needs(needs),
        works=tuple(found),
        cost=sum((work.cost for work in found), Cost()),
        days=Purse(home).days(window.since_ns, now_ns),
        nights=nights(ours, now_ns),
        change=change(ours, window.since_ns),
        findings=tuple(findings[:MOST_FINDINGS]),
        more_findings=max(len(findings) - MOST_FINDINGS, 0),
        schedules=firings(plans),
        others=_others(recent),
        quiet="" if found else _quiet(home, plans, window, repo),
    )


def _quiet(home: Home, plans: Sequence[Plan], window: Window, repo: str | None) -> str:
    why = why_quiet(home, plans, window.since_ns, repo)
    last = newest_before(home, window.since_ns)
    began = (
        f" The last run began {local_time(at_ns(last.at), '%a %d %b %H:%M')}."
        if last and repo in {None, last.repo}
        else ""
    )
    return why + began


def _others(rows: Sequence[TraceRow]) -> tuple[OtherAgent, ...]:
    """Whoever else ran, the dearest first."""
    groups: dict[str, list[TraceRow]] = {}
    for row in rows:
        if row.agent_id != AGENT:
            groups.setdefault(row.agent_id, []).append(row)
    found = [
        OtherAgent(name, len(group), sum(row.status in BAD for row in group), cost_of(group))
        for name, group in groups.items()
    ]
    return tuple(sorted(found, key=lambda other: (-other.cost.known_micros, other.name)))
