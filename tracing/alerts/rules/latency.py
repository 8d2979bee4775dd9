"""Sessions, or calls of one model, take longer than they should: the median and the 95th percentile of a rolling window."""

from collections.abc import Callable, Iterable, Iterator
from statistics import median

from tracing.alerts.message import Alert, Fact
from tracing.alerts.rule import Holds, Rule, Seen, View
from tracing.alerts.rules.wording import S_NS, titled, who
from tracing.alerts.thresholds import Thresholds
from tracing.finding import Severity
from tracing.store.agents import percentile
from tracing.store.lately import Times, call_times, session_times
from tracing.store.store import TraceStore
from tracing.words import cut, length, plain

Bounds = tuple[int | None, int | None]  # of the median and of the 95th percentile, in seconds; None: any length is fine


def session_latency(thresholds: Thresholds) -> Rule:
    about = "an agent's sessions take longer than [alerts] session_median in the median, or session_p95 in their 95th percentile"
    bounds = (thresholds.session_median_s, thresholds.session_p95_s)
    return Rule("session_latency", about, _look("session_latency", "sessions", session_times, bounds, thresholds))


def call_latency(thresholds: Thresholds) -> Rule:
    about = "an agent's model calls take longer than [alerts] call_median in the median, or call_p95 in their 95th percentile"
    bounds = (thresholds.call_median_s, thresholds.call_p95_s)
    return Rule("call_latency", about, _look("call_latency", "model calls", call_times, bounds, thresholds))


def _look(
    rule: str,
    of_what: str,
    times: Callable[[TraceStore, int], Iterable[Times]],
    bounds: Bounds,
    thresholds: Thresholds,
) -> Callable[[View], Iterator[Seen]]:
    """What is slow in the window; nothing is read where there is no bound."""

    def look(view: View) -> Iterator[Seen]:
        if any(bounds):
            groups = times(view.store, view.now_ns - thresholds.latency_window_s * S_NS)
            yield from _slow(rule, of_what, groups, bounds, thresholds)

    return look


def _slow(rule: str, of_what: str, groups: Iterable[Times], bounds: Bounds, thresholds: Thresholds) -> Iterator[Seen]:
    for times in groups:
        if len(times.lengths_ns) < thresholds.latency_least:
            continue
        half_ns, most_ns = round(median(times.lengths_ns)), percentile(times.lengths_ns, 95) or 0
        measured = (("median", half_ns, bounds[0]), ("95th percentile", most_ns, bounds[1]))
        over = [(name, ns, bound_s) for name, ns, bound_s in measured if bound_s is not None and ns > bound_s * S_NS]
        if over:
            window = length(thresholds.latency_window_s * S_NS)
            yield Holds(_alert(rule, of_what, times, over=over, measured=(half_ns, most_ns), window=window))


def _alert(
    rule: str,
    of_what: str,
    times: Times,
    *,
    over: list[tuple[str, int, int]],
    measured: tuple[int, int],
    window: str,
) -> Alert:
    model = cut(plain(times.model), 60)
    what = f"{of_what} to {model}" if model else of_what
    said = " and ".join(f"the {name} is {length(ns)}, over {length(bound_s * S_NS)}" for name, ns, bound_s in over)
    return Alert(
        rule=rule,
        key=f"{times.agent_id}/{times.model}" if times.model else times.agent_id,
        severity=Severity.WARNING,
        title=titled(times.agent_id, f"{what} are slow: {over[0][0]} {length(over[0][1])}"),
        text=f"Of {len(times.lengths_ns)} {of_what} in the last {window} {said}. The slowest took {length(times.lengths_ns[-1])}.",
        facts=(
            Fact("Agent", who(times.agent_id)),
            *([Fact("Model", model)] if model else []),
            Fact("Median", length(measured[0])),
            Fact("95th percentile", length(measured[1])),
            Fact("Slowest", length(times.lengths_ns[-1])),
        ),
        agent=times.agent_id,
        trace_id=times.trace_id,
        span_id=times.span_id,
    )
