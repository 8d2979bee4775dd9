"""Makes what a rule says fit for every database and receiver: a path, a log or a trace may hold bytes that are no text."""

from dataclasses import replace

from tracing.alerts.message import Alert, Fact
from tracing.alerts.rule import Happened, Seen
from tracing.jsonlike import clean


def sound(seen: Seen) -> Seen:
    """The same without lone surrogates, so that one strange name does not keep all other alerts from being told."""
    if isinstance(seen, Happened):
        return replace(seen, alert=_sound(seen.alert), identity=clean(seen.identity))
    return replace(seen, alert=_sound(seen.alert))


def _sound(alert: Alert) -> Alert:
    return replace(
        alert,
        key=clean(alert.key),
        title=clean(alert.title),
        text=clean(alert.text),
        facts=tuple(Fact(clean(fact.label), clean(fact.value)) for fact in alert.facts),
        agent=clean(alert.agent),
        trace_id=clean(alert.trace_id),
        span_id=clean(alert.span_id),
    )
