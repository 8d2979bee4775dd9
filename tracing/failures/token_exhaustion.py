"""Answers cut off at max_tokens or because the context window is full, what followed from the first of them, and what led there.

A cut answer is rarely the end: half a tool call fails, the model says nothing, the next answer is cut too. The finding
stays with the first cut, and names the largest tool result before it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tracing.failures.answers import answered
from tracing.failures.calls import CALLS, text_of
from tracing.failures.detector import Detector
from tracing.failures.observed import Observed, StopReason, Subject
from tracing.failures.owners import Owners
from tracing.failures.spent import of
from tracing.finding import Finding, Severity, Verdict, Waste
from tracing.span import SpanKind
from tracing.words import tokens

STOP_AT_CUTS_IN_A_ROW = 2
_DELIBERATE_TOKENS = 64  # who allows no more wants one word, and the cut is meant
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens")
_USUAL_LIMITS = frozenset(
    {256, 500, 512, 1_000, 1_024, 2_000, 2_048, 4_000, 4_096, 8_000, 8_192, 16_000, 16_384, 32_000, 32_768, 65_536}
)
_AFTERMATH_TURNS = 2  # what goes wrong later than that has another cause
_LARGE_RESULT_CHARS = 8_000
_SPANS_NAMED = 20
_ERROR_CHARS = 2_000
_PROVIDER_CHARS = 20_000

_CONTEXT_ERROR = re.compile(
    r"context[ _](?:length|window)|maximum context|prompt is too long|too many (?:input )?tokens|input is too long"
    r"|exceeds? the (?:model'?s )?(?:maximum|token limit)|max_tokens_to_sample",
    re.IGNORECASE,
)
_MALFORMED = re.compile(
    r"json|malformed|unterminated|unexpected end|truncated|could not parse|parse|parsing|missing required|required (?:argument|propert|field)"
    r"|invalid (?:argument|input|tool|syntax)|not valid|EOF|SyntaxError|schema",
    re.IGNORECASE,
)


@dataclass
class _Cascade:
    """One cut and what came of it."""

    first: Observed
    full: bool  # the context window, not the limit of one answer
    cuts: int = 1
    in_a_row: int = 1
    malformed: int = 0
    empty: int = 0
    turns_since: int = 0
    spans: list[str] = field(default_factory=list)
    waste: Waste = field(default_factory=Waste)

    def add(self, span: Observed) -> None:
        self.waste += of(span)
        if len(self.spans) < _SPANS_NAMED:
            self.spans.append(span.span_id)


@dataclass(frozen=True)
class _Result:
    """The largest tool result so far."""

    span_id: str = ""
    tool: str = ""
    chars: int = 0


class TokenExhaustion(Detector):
    """Tells the agent at the first cut, and stops it at the second in a row with no work between."""

    name = "token_exhaustion"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._owners = Owners()
        self._agents: dict[str, _Agent] = {}

    def began(self, span: Observed) -> Iterable[Finding]:
        self._owners.began(span)
        return ()

    def ended(self, span: Observed) -> Iterable[Finding]:
        owner = self._owners.ended(span)
        self._agents.pop(span.span_id, None)
        if span.kind is not SpanKind.LLM and span.kind not in CALLS:
            return ()
        agent = self._agents.setdefault(owner, _Agent())
        cascade = agent.answered(span) if span.kind is SpanKind.LLM else agent.called(span)
        return () if cascade is None else (_finding(cascade, agent.largest),)


class _Agent:
    """What happened to one agent."""

    def __init__(self) -> None:
        self.largest = _Result()
        self._cascade: _Cascade | None = None

    def answered(self, span: Observed) -> _Cascade | None:
        """The cascade, if the answer belongs to one."""
        full = _is_full(span)
        return self._was_cut(span, full=full) if full or _is_cut(span) else self._went_on(span)

    def called(self, span: Observed) -> _Cascade | None:
        """The cascade, if the call is one that broke because the answer before it was cut."""
        result = span.error or text_of(span.output)
        if len(result) > self.largest.chars:
            self.largest = _Result(span.span_id, span.name, len(result))
        cascade = self._cascade
        if cascade is None or cascade.turns_since >= _AFTERMATH_TURNS:
            return None
        if not (span.is_error and _MALFORMED.search(result[:_ERROR_CHARS])):
            cascade.in_a_row = 0
            return None
        cascade.malformed += 1
        cascade.add(span)
        return cascade

    def _was_cut(self, span: Observed, *, full: bool) -> _Cascade:
        cascade = self._cascade
        if cascade is None or cascade.turns_since > _AFTERMATH_TURNS:
            cascade = self._cascade = _Cascade(span, full)
        else:
            cascade.cuts += 1
            cascade.in_a_row += 1
            cascade.turns_since = 0
        cascade.full |= full
        cascade.add(span)
        return cascade

    def _went_on(self, span: Observed) -> _Cascade | None:
        cascade = self._cascade
        if cascade is None:
            return None
        cascade.turns_since += 1
        if cascade.turns_since > _AFTERMATH_TURNS or not _says_nothing(span):
            cascade.in_a_row = 0
            return None
        cascade.empty += 1
        cascade.add(span)
        return cascade


def _says_nothing(span: Observed) -> bool:
    given = answered(span)
    return given.understood and not given.calls and not given.text and span.output is not None


def _finding(cascade: _Cascade, largest: _Result) -> Finding:
    stops = cascade.in_a_row >= STOP_AT_CUTS_IN_A_ROW
    limit = "the context window was full" if cascade.full else "the answer reached its token limit"
    blamed = (largest.span_id,) if largest.chars >= _LARGE_RESULT_CHARS else ()
    return Finding(
        detector=TokenExhaustion.name,
        severity=Severity.CRITICAL if stops or cascade.full else Severity.WARNING,
        title=_title(cascade),
        evidence=f"It began here: {limit} ({_figures(cascade.first)}). {_aftermath(cascade)}{_blame(largest)}".strip(),
        remedy=_remedy(cascade),
        span_ids=tuple(dict.fromkeys((*cascade.spans, *blamed))),
        waste=cascade.waste,
        verdict=Verdict.STOP if stops else Verdict.NUDGE,
        nudge="Your last answer was cut off, so what it began did not arrive whole. Do the work in smaller pieces: write long "
        "files in several calls, and ask tools for the part you need.",
    )


def _is_full(span: Observed) -> bool:
    return span.stop_reason is StopReason.CONTEXT or (
        span.is_error and bool(_CONTEXT_ERROR.search(span.error[:_PROVIDER_CHARS]))
    )


def _is_cut(span: Observed) -> bool:
    allowed = _allowed(span)
    if 0 < allowed <= _DELIBERATE_TOKENS:
        return False
    if span.stop_reason is StopReason.UNKNOWN:
        return 0 < allowed <= span.output_tokens or (not allowed and _breaks_off(span))
    return span.stop_reason is StopReason.MAX_TOKENS


def _allowed(span: Observed) -> int:
    """The limit of one answer, also where it stands only in OpenInference's JSON of the call's parameters; 0 if unknown."""
    given = span.attributes.get("llm.invocation_parameters")
    if span.max_tokens or not isinstance(given, str) or "max_" not in given:
        return span.max_tokens
    try:
        parameters = json.loads(given)
    except (ValueError, RecursionError):
        return 0
    found = parameters if isinstance(parameters, Mapping) else {}
    return next((value for name in _LIMITS if isinstance(value := found.get(name), int)), 0)


def _breaks_off(span: Observed) -> bool:
    """Whether it used exactly as many tokens as people set for a limit, and the text ends within a word or a sentence."""
    if span.output_tokens not in _USUAL_LIMITS:
        return False
    given = answered(span)
    return not given.calls and given.text[-1:].isalnum()


def _title(cascade: _Cascade) -> str:
    what = "The context window was full" if cascade.full else "An answer was cut off at its token limit"
    if cascade.cuts > 1:
        what = f"{cascade.cuts} answers were cut off" + (": the context window is full" if cascade.full else "")
    return f"{what}, and broken calls followed" if cascade.malformed else what


def _figures(span: Observed) -> str:
    allowed = _allowed(span)
    limit = f" of {tokens(allowed)} allowed" if allowed else ""
    return f"{tokens(span.input_tokens)} tokens in, {tokens(span.output_tokens)} out{limit}"


def _aftermath(cascade: _Cascade) -> str:
    parts = [
        f"{cascade.cuts - 1} more cut" if cascade.cuts > 1 else "",
        f"{cascade.malformed} malformed call{'s' if cascade.malformed > 1 else ''}" if cascade.malformed else "",
        f"{cascade.empty} empty answer{'s' if cascade.empty > 1 else ''}" if cascade.empty else "",
    ]
    told = ", ".join(part for part in parts if part)
    return f"What followed: {told}. " if told else ""


def _blame(largest: _Result) -> str:
    if largest.chars < _LARGE_RESULT_CHARS:
        return ""
    return f"The largest result that it had to carry: {largest.chars:,} characters from {largest.tool}."


def _remedy(cascade: _Cascade) -> str:
    if cascade.full:
        return "Let tools cut their results, compact the conversation earlier, or split the task."
    return "Raise max_tokens, or have the agent write long files in several calls. A model that thinks needs room for that too."
