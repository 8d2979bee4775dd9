"""Where to look: what an alert is about, as a command that always works and an address where the viewer has a public one."""

from urllib.parse import quote

from tracing.alerts.message import Alert, Link

SHORT = 8  # characters of an id: enough to be the only one, few enough to type


def links_for(alert: Alert, public_url: str | None) -> tuple[Link, ...]:
    """None without a trace. `public_url` has no slash at its end."""
    if not alert.trace_id:
        return ()
    trace_id, span_id = alert.trace_id, alert.span_id
    address = f"{public_url.rstrip('/')}/traces/{quote(trace_id, safe='')}" if public_url else ""
    whole = Link("Open the trace", f"ralph trace {trace_id[:SHORT]}", address)
    if not span_id:
        return (whole,)
    in_it = f"{address}?span={quote(span_id, safe='')}" if address else ""
    return (Link("Open the span", f"ralph trace {trace_id[:SHORT]} --span {span_id[:SHORT]}", in_it), whole)
