"""From a program's own words for a score to its write: redacted, with an id and a time. Knows no spans."""

import uuid
from collections.abc import Callable
from typing import Protocol

from tracing.contents import Contents
from tracing.scores import Score, ScoreSource
from tracing.store.scores import PutScore


class Scored(Protocol):
    """What a score needs of the trace that it is about."""

    contents: Contents
    clock: Callable[[], int]  # ns since the epoch

    @property
    def trace_id(self) -> str: ...


def put_score(
    trace: Scored,
    name: str,
    value: float,
    *,
    comment: str,
    source: ScoreSource | str,
    id: str,  # noqa: A002  the field's word
    span_id: str = "",
) -> PutScore:
    """`id` "" makes a new one."""
    score = Score(
        id=id or uuid.uuid4().hex,
        trace_id=trace.trace_id,
        name=trace.contents.text(name),
        value=float(value),
        at_ns=trace.clock(),
        span_id=span_id,
        comment=trace.contents.text(comment),
        source=ScoreSource(source),
    )
    return PutScore(score)
