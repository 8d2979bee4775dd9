"""Model calls that were tried again where the agent does not see it: they cost minutes, sometimes money, and hide an outage.

Told by the client (`attempts`, `attempt_errors`), or seen: calls that failed, each followed by another with the same input, and
answers thrown away, each followed by a call of the same size with the same answer. Two useless tries that go on are everyday, and no
news, unless they cost minutes or tokens, or stand behind one call of which nobody can see how long it waited.
"""

from collections import Counter
from collections.abc import Iterable

from tracing.failures.calls import CALLS, digest, text_of
from tracing.failures.detector import Detector
from tracing.failures.observed import Observed, Subject
from tracing.failures.owners import Owners
from tracing.failures.spent import of
from tracing.finding import Finding, Severity, Waste
from tracing.span import SpanKind
from tracing.words import cut

NOTE_AT = 3
COSTLY_AT, COSTLY_NS = 2, 60_000_000_000
WARN_AT = 5
"""So many useless tries in one trace are more than the hiccup that every provider has."""
_TELLING_CHARS = 40  # a shorter answer ("yes") may come twice by itself
_SPANS_NAMED = 20
_ERROR_CHARS = 100
_KINDS_OF_ERROR = 3


class ProviderRetries(Detector):
    """One finding per trace, growing: an outage is one trouble however many calls it hits. Never stops a run."""

    name = "provider_retries"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._owners = Owners()
        self._asked: dict[str, tuple[str, Observed]] = {}  # per agent: its latest call, if that one failed
        self._answered: dict[
            str, tuple[str, Observed]
        ] = {}  # per agent: its latest call, if nothing has followed it yet
        self._tries = 0
        self._spans: dict[str, None] = {}
        self._errors: Counter[str] = Counter()
        self._waste = Waste()
        self._out_of_sight = False

    def began(self, span: Observed) -> Iterable[Finding]:
        self._owners.began(span)
        return ()

    def ended(self, span: Observed) -> Iterable[Finding]:
        owner = self._owners.ended(span)
        self._asked.pop(span.span_id, None)
        self._answered.pop(span.span_id, None)
        if span.kind in CALLS:
            self._answered.pop(owner, None)
        if span.kind is not SpanKind.LLM:
            return ()
        tries = self._tries
        self._seen_by_client(span)
        self._seen_here(owner, span)
        self._thrown_away(owner, span)
        return (self._finding(),) if self._tries > tries and self._is_news else ()

    @property
    def _is_news(self) -> bool:
        costly = self._out_of_sight or self._waste.duration_ns >= COSTLY_NS or self._waste.tokens > 0
        return self._tries >= (COSTLY_AT if costly else NOTE_AT)

    def _seen_by_client(self, span: Observed) -> None:
        again = max(span.attempts - 1, len(span.attempt_errors) - (1 if span.is_error else 0), 0)
        if again:
            self._out_of_sight |= again >= COSTLY_AT
            self._count(again, span, span.attempt_errors, Waste(duration_ns=_share(span, again)))

    def _seen_here(self, owner: str, span: Observed) -> None:
        asked = digest(f"{span.name}{text_of(span.input)}")
        before = self._asked.pop(owner, None)
        if before is not None and before[0] == asked:
            failed = before[1]
            self._count(1, failed, (failed.error or "an error without a word",), of(failed))
        if span.is_error:
            self._asked[owner] = asked, span

    def _thrown_away(self, owner: str, span: Observed) -> None:
        """The same answer to as long a prompt, right after the other: nobody used that one, or the prompt would have grown."""
        text = "" if span.is_error or not span.input_tokens else text_of(span.output)
        if len(text) < _TELLING_CHARS:
            self._answered.pop(owner, None)
            return
        answered = digest(f"{span.name} {span.input_tokens} {text}")
        before = self._answered.get(owner)
        if before is not None and before[0] == answered and (before[1].ended_at_ns or 0) <= span.started_at_ns:
            self._count(1, span, ("none: the answer came and was asked for again",), of(span))
        self._answered[owner] = answered, span

    def _count(self, tries: int, span: Observed, errors: Iterable[str], waste: Waste) -> None:
        self._tries += tries
        self._waste += waste
        self._errors.update(cut(" ".join(error.split()), _ERROR_CHARS) for error in errors)
        if len(self._spans) < _SPANS_NAMED:
            self._spans[span.span_id] = None

    def _finding(self) -> Finding:
        kinds = ", ".join(f"{error} ({times} x)" for error, times in self._errors.most_common(_KINDS_OF_ERROR))
        calls = f"{len(self._spans)} model call{'s' if len(self._spans) > 1 else ''}"
        return Finding(
            detector=self.name,
            severity=Severity.WARNING if self._tries >= WARN_AT else Severity.NOTE,
            title=f"Model calls were tried again {self._tries} time{'s' if self._tries > 1 else ''} without the agent seeing it",
            evidence=f"{calls} went out again, {self._tries} useless tries in all. The errors: {kinds or 'not recorded'}.",
            remedy="Rate limits: fewer agents at once, or a higher limit at the provider. Overload and timeouts: wait, or name "
            "another model. An error that comes back each time is not the provider's: read its text.",
            span_ids=tuple(self._spans),
            waste=self._waste,
        )  # fmt: skip


def _share(span: Observed, again: int) -> int:
    """The time of the useless tries, taking all tries to be alike long: nobody recorded each."""
    return span.duration_ns * again // (again + 1)
