"""A model that gives the same answer again and again without calling anything: the loop of agents that only talk."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tracing.failures.answers import answered
from tracing.failures.calls import CALLS, digest, without_noise
from tracing.failures.detector import Detector
from tracing.failures.observed import Observed, Subject
from tracing.failures.owners import Owners
from tracing.failures.spent import of
from tracing.finding import Finding, Severity, Verdict, Waste
from tracing.span import SpanKind
from tracing.words import cut

NOTE_AT = 3
NUDGE_AT = 4
STOP_AT = 6
_TELLING_CHARS = 40  # a shorter answer ("yes", "continue") may well be the right one each time
_SPANS_NAMED = 20


@dataclass
class _Row:
    """Answers alike, one after another."""

    said: str  # digest
    spans: list[str]
    times: int = 1
    waste: Waste = field(default_factory=Waste)


class AnswerLoop(Detector):
    """Counts each agent's answers alike in a row; a tool call between, or another answer, begins anew."""

    name = "answer_loop"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._owners = Owners()
        self._rows: dict[str, _Row] = {}

    def began(self, span: Observed) -> Iterable[Finding]:
        self._owners.began(span)
        return ()

    def ended(self, span: Observed) -> Iterable[Finding]:
        owner = self._owners.ended(span)
        self._rows.pop(span.span_id, None)
        if span.kind in CALLS:
            self._rows.pop(owner, None)
        if span.kind is not SpanKind.LLM or span.is_error:
            return ()
        given = answered(span)
        text = without_noise(given.text)
        if given.calls or len(text) < _TELLING_CHARS:
            self._rows.pop(owner, None)
            return ()
        return self._answered(owner, span, digest(f"{span.name} {text}"), text)

    def _answered(self, owner: str, span: Observed, said: str, text: str) -> Iterable[Finding]:
        row = self._rows.get(owner)
        if row is None or row.said != said:
            self._rows[owner] = _Row(said, [span.span_id])
            return ()
        row.times += 1
        row.waste += of(span)
        if len(row.spans) < _SPANS_NAMED:
            row.spans.append(span.span_id)
        return (_finding(row, text),) if row.times >= NOTE_AT else ()


def _finding(row: _Row, text: str) -> Finding:
    verdict = Verdict.NOTE
    if row.times >= NUDGE_AT:
        verdict = Verdict.STOP if row.times >= STOP_AT else Verdict.NUDGE
    return Finding(
        detector=AnswerLoop.name,
        severity={Verdict.NOTE: Severity.NOTE, Verdict.NUDGE: Severity.WARNING, Verdict.STOP: Severity.CRITICAL}[verdict],
        title=f"The model gave the same answer {row.times} times in a row",
        evidence=f"{row.times} answers in a row say the same and call nothing: {cut(text, 200)}",
        remedy="Look at what came before the first repeat: the model waits for something that nobody gives it, or does not "
        "know how to end. Say in its instructions what to do when it is done or stuck.",
        span_ids=(*row.spans[1:], row.spans[0]),
        waste=row.waste,
        verdict=verdict,
        nudge=f"You have given the same answer {row.times} times. Nobody will add anything: act, or say that you are done or stuck.",
    )  # fmt: skip
