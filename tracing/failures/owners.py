"""Which agent a span belongs to: what one agent does says nothing of another that works beside it."""

from tracing.failures.observed import Observed
from tracing.span import SpanKind


class Owners:
    """Follows spans as they begin and end; keeps only those that are open."""

    def __init__(self) -> None:
        self._owner: dict[str, str] = {}

    def began(self, span: Observed) -> None:
        self._owner[span.span_id] = span.span_id if span.kind is SpanKind.AGENT else self.above(span)

    def ended(self, span: Observed) -> str:
        """The innermost agent around the span; of an agent the one that called it, "" where there is none."""
        self._owner.pop(span.span_id, None)
        return self.above(span)

    def above(self, span: Observed) -> str:
        parent = span.parent_span_id or ""
        return self._owner.get(parent, parent)
