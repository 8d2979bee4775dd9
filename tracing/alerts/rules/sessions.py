"""One session costs more than it may, or one trace where an agent gives no sessions. Told once for each, while it goes on."""

from collections.abc import Iterator

from tracing.alerts.message import Alert, Fact
from tracing.alerts.rule import Happened, Rule, Seen, View
from tracing.alerts.rules.wording import titled, who
from tracing.alerts.thresholds import Thresholds
from tracing.finding import Severity
from tracing.store.lately import DearSession, dear_sessions
from tracing.words import MICROS_PER_USD, cut, money, plain


def session_cost(thresholds: Thresholds) -> Rule:
    def look(view: View) -> Iterator[Seen]:
        if thresholds.session_usd is None:
            return
        over_micros = round(thresholds.session_usd * MICROS_PER_USD)
        for session in dear_sessions(view.store, view.since_ns, over_micros):
            alert = _alert(session, over_micros)
            at_ns = min(session.updated_at_ns, view.now_ns)
            yield Happened(alert, f"{alert.key} over {over_micros}", at_ns)

    return Rule("session_cost", "one session costs more than [alerts] session_usd", look)


def _alert(session: DearSession, over_micros: int) -> Alert:
    dearest = session.dearest
    cost, bound = money(session.cost_micros), money(over_micros)
    what = (
        f'session "{cut(plain(session.session_id), 60)}"' if session.session_id else f'"{cut(plain(dearest.name), 60)}"'
    )
    many = f"{session.traces} traces" if session.traces > 1 else "one trace"
    return Alert(
        rule="session_cost",
        key=f"session:{session.session_id}" if session.session_id else f"trace:{dearest.trace_id}",
        severity=Severity.WARNING,
        title=titled(dearest.agent_id, f"{what} has cost {cost}"),
        text=f"That is more than {bound} ([alerts] session_usd), in {many}. The dearest is "
        f'"{cut(plain(dearest.name), 80)}" with {money(dearest.known_micros - dearest.simulated_micros)}; the span is its dearest call.',
        facts=(
            Fact("Agent", who(dearest.agent_id)),
            Fact("Cost", f"{cost}, told from {bound} on"),
            Fact("Traces", str(session.traces)),
        ),
        cost_micros=session.cost_micros,
        agent=dearest.agent_id,
        trace_id=dearest.trace_id,
        span_id=session.dearest_call,
    )
