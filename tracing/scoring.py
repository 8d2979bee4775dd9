"""What a program can put a number on: a trace, or one span of it. The score is redacted, and gets an id and a time."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

from tracing.contents import Contents
from tracing.recorder import Recorder, unbreakable
from tracing.scores import Score, ScoreSource
from tracing.store.scores import PutScore


class Scored(Protocol):
    """What a score needs of the trace that it is about."""

    contents: Contents
    clock: Callable[[], int]  # ns since the epoch

    @property
    def trace_id(self) -> str: ...


class Scorable(ABC):
    recorder: Recorder

    @abstractmethod
    def _scored(self) -> tuple[Scored, str]:
        """The trace and the span's id; "" is the whole trace."""

    @unbreakable
    def score(
        self,
        name: str,
        value: float,
        comment: str = "",
        *,
        source: ScoreSource | str = ScoreSource.CODE,
        id: str = "",  # noqa: A002  the field's word
    ) -> None:
        """What somebody says of it as a number, on disk at once; also after its end. The same `id` again replaces it."""
        trace, span_id = self._scored()
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
        self.recorder.now(PutScore(score))
