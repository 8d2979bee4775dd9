"""A claim of success that somebody else's outcome contradicts, or the agent's own tests, programs and deeds.

With a harness that checks, "done", red checks and a repair are everyday: a note with the number of repairs. What is still red at the end is
more. Knows only outcomes that stand in the trace or are registered with its end; says nothing of a claim that nobody looked at.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tracing.failures.calls import text_of
from tracing.failures.claims import Claim, claim_of, judged, runs_tests, tested
from tracing.failures.detector import Detector
from tracing.failures.observed import Ending, Observed, Subject
from tracing.failures.own_evidence import Against, OwnEvidence
from tracing.finding import Finding, Severity, Waste
from tracing.span import JsonValue, SpanKind, TraceStatus
from tracing.words import cut, plain

MOST_SPANS = 20
_SHOWN_CHARS = 2_000  # of a text, before it is made one short line
_JUDGES = {SpanKind.EVALUATOR, SpanKind.CHAIN, SpanKind.GUARDRAIL}
_INSIDE = {"verify", "baseline"}  # what belongs to a verification is judged with it; a baseline judges nobody
_CUT_SHORT = {TraceStatus.INTERRUPTED, TraceStatus.TIMEOUT, TraceStatus.OVER_BUDGET, TraceStatus.RUNNING}


@dataclass
class _Contradicted:
    """Claims and what contradicted them, from the first one on."""

    claim: Claim
    span_ids: list[str]
    times: int = 0
    since: Waste = field(default_factory=Waste)
    words: str = ""


class ContradictedClaim(Detector):
    name = "contradicted_claim"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._open: dict[str, Observed] = {}
        self._claim: Claim | None = None  # the newest
        self._red: dict[str, str] = {}  # what is red since the newest claim: judge's name -> its words
        self._red_parts: dict[str, str] = {}  # red checks of the verification at work: span id -> name
        self._has_parts = False  # whether it has checks at all
        self._found: _Contradicted | None = None
        self._own_red: Observed | None = None  # the agent's own last test run, where it failed
        self._own: tuple[Claim, Observed] | None = None
        self._evidence = OwnEvidence()

    def began(self, span: Observed) -> Iterable[Finding]:
        if span.kind in _JUDGES:
            self._open[span.span_id] = span
        return ()

    def ended(self, span: Observed) -> Iterable[Finding]:
        self._open.pop(span.span_id, None)
        if span.kind is SpanKind.LLM and self._found is not None:
            self._found.since += Waste(span.tokens, span.cost_micros, span.duration_ns)
        if span.kind is SpanKind.TOOL:
            self._test(span)
        self._evidence.ended(span)
        if (claim := claim_of(span)) is not None:
            self._claim = claim
            self._weigh(claim)
        elif span.kind in _JUDGES:
            yield from self._judge(span)

    def closed(self, ending: Ending) -> Iterable[Finding]:
        if self._found is None and self._claim is not None and ending.passed is False:
            self._found = _Contradicted(self._claim, [self._claim.span_id], 1)
        if self._found is not None:
            yield self._finding(ending)
        elif self._own is not None and ending.passed is not True:
            yield self._against_own_tests(*self._own)
        elif self._evidence.against is not None and ending.passed is not True:
            yield self._against_own_evidence(self._evidence.against)

    def _test(self, span: Observed) -> None:
        if (green := tested(span)) is not None:
            self._own_red = None if green else span
        elif runs_tests(span):
            self._own_red = None  # nobody can tell how this one went
        if self._own_red is None:
            self._own = None

    def _weigh(self, claim: Claim) -> None:
        if self._own_red is not None and claim.about_tests:
            self._own = (claim, self._own_red)

    def _judge(self, span: Observed) -> Iterator[Finding]:
        """An outcome after a claim; green of the same judge takes back its red."""
        verdict = judged(span)
        above = self._open.get(span.parent_span_id or "")
        if above is not None and (above.name in _INSIDE or above.kind is SpanKind.GUARDRAIL):
            self._part(span, above, verdict)
            return
        parts: dict[str, str] = {}
        if span.name == "verify":
            parts, has_parts, self._red_parts, self._has_parts = self._red_parts, self._has_parts, {}, False
            verdict = not parts if verdict is None and has_parts else verdict
        if verdict is None or self._claim is None or span.name == "baseline":
            return
        if verdict:
            self._red.pop(span.name, None)
            return
        self._red[span.name] = _said(span, parts)
        yield self._contradict(span, parts)

    def _part(self, span: Observed, above: Observed, verdict: bool | None) -> None:
        if above.name == "verify" and span.kind is SpanKind.EVALUATOR:
            self._has_parts = True
            if verdict is False:
                self._red_parts[span.span_id] = span.name

    def _contradict(self, span: Observed, parts: Mapping[str, str]) -> Finding:
        assert self._claim is not None
        found = self._found = self._found or _Contradicted(self._claim, [self._claim.span_id])
        found.times += 1
        found.words = found.words or self._red[span.name]
        for span_id in (span.span_id, *parts, self._claim.span_id):
            if span_id not in found.span_ids and len(found.span_ids) < MOST_SPANS:
                found.span_ids.append(span_id)
        return self._finding(Ending())

    def _finding(self, ending: Ending) -> Finding:
        assert self._found is not None
        found = self._found
        is_mended = ending.passed is True or (not self._red and ending.passed is not False)
        severity = _severity(ending, is_mended=is_mended)
        times = "once" if found.times == 1 else f"{found.times} times"
        last = ending.outcome or next(iter(self._red.values()), "") or found.words
        if is_mended:
            title = f"Claimed success too early{'' if found.times == 1 else f' {times}'}, then mended it"
            tail = f" {found.times} repair{'' if found.times == 1 else 's'} later nothing failed any more."
        else:
            title = f"Claims success, but {cut(last, 60) or 'the outcome says otherwise'}"
            tail = " It was not mended." if ending.status is not TraceStatus.RUNNING else ""
        return Finding(
            detector=self.name,
            severity=severity,
            title=title,
            evidence=f"The agent claimed {found.claim.words}. {_sentence(found.words or last)} It was contradicted {times}.{tail}",
            remedy="Nothing to do, if it stays rare; where it is frequent, ask the agent to run the checks before it finishes."
            if is_mended
            else "Do not trust the claim: read the contradicting outcome, then let the agent try again with that output before its eyes.",
            span_ids=tuple(found.span_ids),
            waste=found.since,
        )

    def _against_own_tests(self, claim: Claim, run: Observed) -> Finding:
        return Finding(
            detector=self.name,
            severity=Severity.WARNING,
            title="Says that tests pass, but its own last test run failed",
            evidence=f"The agent claimed {claim.words}. Its last test run before that failed, and none passed afterwards: "
            f"{cut(plain(_command(run)[:_SHOWN_CHARS]), 120)}.",
            remedy="Run that command yourself. If it failed before the change too, the agent should say so instead of claiming that all is green.",
            span_ids=(claim.span_id, run.span_id),
        )

    def _against_own_evidence(self, found: Against) -> Finding:
        shown = f": {cut(plain(text_of(found.call.error or found.call.output)), 120)}" if found.call else ""
        return Finding(
            detector=self.name,
            severity=Severity.WARNING,
            title=found.title,
            evidence=f'The agent claimed "{found.words}". {found.but}{shown}.',
            remedy="Do not trust the claim: look whether it was done after all, and tell whoever was told otherwise. Ask the agent to read a "
            "call's result before it reports.",
            span_ids=(found.claim_id, *([found.call.span_id] if found.call else [])),
        )


def _severity(ending: Ending, *, is_mended: bool) -> Severity:
    is_cut_short = ending.status in _CUT_SHORT and not (ending.status is TraceStatus.RUNNING and ending.passed is False)
    if is_mended or is_cut_short:
        return Severity.NOTE
    return Severity.CRITICAL if ending.status is TraceStatus.SUCCESS else Severity.WARNING


def _said(span: Observed, parts: Mapping[str, str]) -> str:
    """What a judge said: in its words, with the names of what failed inside of it, or with its own."""
    output: JsonValue = span.output
    text = str(output.get("text") or output.get("explanation") or "") if isinstance(output, dict) else ""
    names = ", ".join(dict.fromkeys(parts.values())) or span.name
    return (
        cut(plain(text[:_SHOWN_CHARS]), 200)
        or f"{names} failed{f' ({plain(span.error[:_SHOWN_CHARS])})' if span.error else ''}"
    )


def _sentence(words: str) -> str:
    return f"The outcome says otherwise: {words}." if words else "The registered outcome is a failure."


def _command(span: Observed) -> str:
    given = span.input
    return str(next(iter(given.values()), "")) if isinstance(given, dict) else str(given or span.name)
