"""What is usual for an agent: the numbers of its earlier finished traces, from the store."""

from tracing.failures.observed import History, Usual
from tracing.store import TraceStore


def history(store: TraceStore, agent_id: str, *, before_ns: int, limit: int = 50, repo: str = "") -> History:
    """Of the newest `limit` traces that began before then; of the same repository, where `repo` names one."""
    rows = store.history_rows(agent_id, before_ns=before_ns, limit=limit, repo=repo)[::-1]
    return History(
        cost_micros=Usual(tuple(float(row.cost_micros) for row in rows if row.cost_micros > 0)),
        duration_ns=Usual(tuple(float(row.duration_ns) for row in rows if row.duration_ns > 0)),
        turns=Usual(tuple(float(row.turns) for row in rows)),
        call_duration_ns=Usual(tuple(float(ns) for row in rows for ns in row.call_durations_ns if ns > 0)),
    )
