"""A model call that failed without saying so: nothing, a refusal, babble, or a provider's error in the place of an answer.

`no_answer` knows such texts. Knows nothing of calls that failed openly; retries and tool cascades are somebody else's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from tracing.failures.answers import Answer, answered
from tracing.failures.detector import Detector
from tracing.failures.model_names import is_other_model
from tracing.failures.no_answer import is_babble, is_provider_error, is_refusal
from tracing.failures.observed import Ending, Observed, StopReason, Subject
from tracing.finding import Finding, Severity, Verdict, Waste
from tracing.span import SpanKind, TraceStatus
from tracing.words import cut, plain

IN_A_ROW = 3  # so many failed answers in a row, and going on is pointless
MOST_SPANS = 20
_SHOWN_CHARS = 2_000  # of a text, before it is made one short line
MOST_EMPTY_TOKENS = 5  # an answer of more than that had something in it, even if the trace does not show it


class Trouble(StrEnum):
    EMPTY = "empty"
    SYNTHETIC = "synthetic"
    REFUSAL = "refusal"
    PROVIDER = "provider"
    UNCOUNTED = "uncounted"
    FALLBACK = "fallback"
    BABBLE = "babble"


_NOTHING = frozenset({"null", "undefined", "[object object]"})  # what programs write where there is no text


@dataclass
class _Seen:
    """One kind of trouble in one trace: a row of spans, told as one finding."""

    count: int = 0
    span_ids: list[str] = field(default_factory=list)
    waste: Waste = field(default_factory=Waste)
    shown: str = ""
    worst_row: int = 0

    def add(self, span: Observed, shown: str, row: int) -> None:
        self.count += 1
        if len(self.span_ids) < MOST_SPANS:
            self.span_ids.append(span.span_id)
        self.waste += Waste(span.tokens, span.cost_micros, span.duration_ns)
        self.shown = self.shown or cut(plain(shown[:_SHOWN_CHARS]), 160)
        self.worst_row = max(self.worst_row, row)


class SilentModelError(Detector):
    name = "silent_model_error"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._seen: dict[Trouble, _Seen] = {}
        self._row = 0  # failed answers in a row
        self._last: Trouble | None = None  # what the newest answer was; None: an answer
        self._maybe_empty: Observed | None = None  # a tool call may follow that the answer does not show
        self._counts = False  # whether this trace counts output tokens at all

    def began(self, span: Observed) -> Iterable[Finding]:
        if span.kind is SpanKind.TOOL:
            self._maybe_empty = None
        elif span.kind is SpanKind.LLM:
            yield from self._empty_after_all()

    def ended(self, span: Observed) -> Iterable[Finding]:
        if span.kind is SpanKind.AGENT:
            yield from self._of_agent(span)
        if span.kind is not SpanKind.LLM or span.is_error:
            return
        yield from self._empty_after_all()
        yield from self._fallback(span)
        said = answered(span)
        trouble = self._trouble(span, said)
        self._counts |= span.output_tokens > 0
        if trouble is Trouble.EMPTY:
            self._maybe_empty = span
        elif trouble is None:
            self._row, self._last = 0, None
        else:
            yield from self._note(trouble, span, said.text)

    def closed(self, ending: Ending) -> Iterable[Finding]:
        yield from self._empty_after_all()
        if self._last is not None and self._last in self._seen:
            yield self._finding(self._last, is_last=True, ending=ending)

    def _trouble(self, span: Observed, said: Answer) -> Trouble | None:
        models = {span.name, str(span.attributes.get("gen_ai.response.model", ""))}
        if "<synthetic>" in models:
            return Trouble.SYNTHETIC
        if is_babble(said.text):
            return Trouble.BABBLE
        if span.stop_reason is StopReason.REFUSAL:
            return Trouble.REFUSAL
        if said.calls or span.stop_reason in {
            StopReason.TOOL_USE,
            StopReason.MAX_TOKENS,
            StopReason.CONTEXT,
            StopReason.PAUSE,
        }:
            return None
        if said.text:
            return self._of_text(span, said.text)
        return Trouble.EMPTY if _is_empty(span, said) else None

    def _of_text(self, span: Observed, text: str) -> Trouble | None:
        if is_provider_error(text):
            return Trouble.PROVIDER
        if is_refusal(text):
            return Trouble.REFUSAL
        if text.lower() in _NOTHING:
            return Trouble.EMPTY
        is_uncounted = self._counts and span.input_tokens > 0 and span.output_tokens == 0
        return Trouble.UNCOUNTED if is_uncounted else None

    def _of_agent(self, span: Observed) -> Iterator[Finding]:
        """An agent whose whole result is a provider's error: often the only trace of it when the agent is a program."""
        if not span.is_error and self._last is None and isinstance(span.output, str) and is_provider_error(span.output):
            yield from self._note(Trouble.PROVIDER, span, span.output)

    def _empty_after_all(self) -> Iterator[Finding]:
        span, self._maybe_empty = self._maybe_empty, None
        if span is not None:
            yield from self._note(Trouble.EMPTY, span, "")

    def _note(self, trouble: Trouble, span: Observed, shown: str) -> Iterator[Finding]:
        self._row, self._last = self._row + 1, trouble
        self._seen.setdefault(trouble, _Seen()).add(span, shown, self._row)
        yield self._finding(trouble)

    def _fallback(self, span: Observed) -> Iterator[Finding]:
        asked, answered = (str(span.attributes.get(f"gen_ai.{side}.model", "")) for side in ("request", "response"))
        if asked and answered and is_other_model(asked, answered):
            seen = self._seen.setdefault(Trouble.FALLBACK, _Seen())
            seen.add(span, f"{asked} was asked, {answered} answered", 0)
            yield self._finding(Trouble.FALLBACK)

    def _finding(self, trouble: Trouble, *, is_last: bool = False, ending: Ending | None = None) -> Finding:
        seen, words = self._seen[trouble], _WORDS[trouble]
        times = "once" if seen.count == 1 else f"{seen.count} times"
        shown = f' It said: "{seen.shown}".' if seen.shown and trouble is not Trouble.FALLBACK else ""
        evidence = f"{words.evidence.format(times=times, shown=seen.shown)}{shown}"
        verdict, severity = Verdict.NOTE, words.severity
        if trouble in _POINTLESS and seen.worst_row >= IN_A_ROW:
            verdict, severity = _IN_A_ROW.get(trouble, (Verdict.STOP, Severity.CRITICAL))
            evidence += f" {seen.worst_row} failed answers came in a row."
        if is_last and trouble in _POINTLESS:
            severity = max(severity, Severity.WARNING)
            evidence += " It was the last answer of the run."
        if is_last and trouble is Trouble.PROVIDER and ending is not None and ending.status is TraceStatus.SUCCESS:
            severity = Severity.CRITICAL
            evidence += " Yet the run counts as a success."
        return Finding(
            detector=self.name,
            severity=severity,
            title=f"{words.title}{'' if seen.count == 1 else f', {seen.count} times'}",
            evidence=evidence,
            remedy=words.remedy,
            span_ids=tuple(seen.span_ids),
            waste=seen.waste if trouble in _POINTLESS else Waste(),
            verdict=verdict,
            nudge="Your last answers were empty. Say what you will do next, or call a tool."
            if verdict is Verdict.NUDGE
            else "",
        )


def _is_empty(span: Observed, said: Answer) -> bool:
    """Nothing said and nothing called, as far as the trace can tell; a trace without contents tells nothing."""
    if not said.understood or span.output_tokens > MOST_EMPTY_TOKENS:
        return False
    if span.output is None:
        return span.input_tokens > 0 and span.output_tokens == 0 and span.stop_reason is StopReason.END
    # a span of which nothing else is known may only lack its text
    return span.tokens > 0 or span.stop_reason is not StopReason.UNKNOWN or not isinstance(span.output, str)


_IN_A_ROW = {Trouble.EMPTY: (Verdict.NUDGE, Severity.WARNING)}  # a word may bring it back; the others end the run
_POINTLESS = {Trouble.EMPTY, Trouble.SYNTHETIC, Trouble.REFUSAL, Trouble.PROVIDER, Trouble.BABBLE}


@dataclass(frozen=True)
class _Words:
    severity: Severity
    title: str
    evidence: str
    remedy: str


_WORDS = {
    Trouble.EMPTY: _Words(
        Severity.NOTE,
        "The model answered nothing",
        "The model's answer had neither text (or only a word like null) nor a tool call, {times}; the call itself counted as good.",
        "Look at the end of the prompt before it: a finished conversation or an odd last message draws empty answers. Retry such a call once, then stop.",
    ),
    Trouble.SYNTHETIC: _Words(
        Severity.WARNING,
        "An answer was made up by the client, not by a model",
        "The answer's model is <synthetic>, {times}: the client put its own text in the place of an answer.",
        "Read the text: it is usually a limit or an API error. Mend that and run again; do not count the turn as work.",
    ),
    Trouble.REFUSAL: _Words(
        Severity.WARNING,
        "The model refused",
        "The model declined instead of answering, {times}.",
        "See what in the prompt or in a tool's output set it off, and say the task more plainly, or use another model.",
    ),
    Trouble.PROVIDER: _Words(
        Severity.WARNING,
        "A provider's error stands where an answer should be",
        "The call counted as good, but the whole answer is an error message, {times}.",
        "Mend what it names (limit, credit, key, prompt length), then run again from before this call.",
    ),
    Trouble.BABBLE: _Words(
        Severity.WARNING,
        "The model babbled",
        "The answer ends in the same few words over and over, {times}; the call itself counted as good.",
        "Run the call again. If it comes back: a lower temperature limit, a repetition penalty, a shorter context or another model.",
    ),
    Trouble.UNCOUNTED: _Words(
        Severity.NOTE,
        "An answer with text, but no output tokens",
        "The call reports 0 output tokens though there is a text, {times}, unlike other calls of this run.",
        "See whether a model wrote it at all (clients insert texts of their own), or whether the usage was lost.",
    ),
    Trouble.FALLBACK: _Words(
        Severity.NOTE,
        "Another model answered than was asked",
        "{shown}, {times}.",
        "If that is not wanted, turn off the fallback of the provider, router or client; prices and results differ.",
    ),
}
