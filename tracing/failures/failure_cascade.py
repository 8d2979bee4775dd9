"""One failure that makes others fail: the first cause, the chain it started, what the chain cost. And errors that came as successes.

A later failure belongs to a chain where it names something (a path, an id, a module) that only failed calls have named since the
chain began, or where nothing at all worked in between. What a successful call names is proven to work and links nothing. In a shell
only the surroundings count (a missing command, file, module, right, network): a red test and a search without a match are the
everyday verdicts of programs. But a name that the failed call should have made and that is missing now goes back to it, and when one
command after the other fails, whatever each of them says, something below all of them is broken. The same call again is a retry,
which is for the loop detector to judge. Who waits for something and is told "not yet" has not failed, and a page that one host does not
have says nothing of another host's.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from tracing.failures.calls import CALLS
from tracing.failures.detector import Detector
from tracing.failures.error_text import environment_error, error_in, hidden_failure, is_unmarked, program, undefined_in
from tracing.failures.observed import Observed, Subject
from tracing.failures.occurrences import asks_again
from tracing.failures.result_text import asked, brought_text, exit_code, is_shell, lines_of, text_of
from tracing.failures.terms import made_by, of_call, specific
from tracing.finding import Finding, Severity, Verdict, Waste
from tracing.span import SpanKind

FAILURES = 3  # of which two are consequences, before a chain is told
DIFFERENT_CALLS = 2  # beside which it would be a retry
NUDGE_FAILURES, NUDGE_CALLS = 5, 3
ROW, ROW_PROGRAMS = (
    5,
    4,
)  # failures in a row, in whatever way, and of how many programs: one alone may have its own reasons
_MOST_CHAINS, _MOST_TERMS, _MOST_PROVEN, _TOLD = 20, 200, 20_000, 6
_MOST_SPANS = 50
_STILL_WAITS = re.compile(r"\btimed out waiting\b|\bnot (?:yet )?ready\b|\bstill (?:pending|waiting|running|in progress)\b", re.IGNORECASE)  # fmt: skip
_ABSENT = re.compile(r"\b(?:404|410)\b|\b(?:page|file|document|url) (?:was )?not found\b", re.IGNORECASE)
_HOST = re.compile(r"\bhttps?://([^/\s\"'\\]{1,200})")


@dataclass(frozen=True)
class _Failure:
    span: str
    tool: str
    call: int  # tells calls apart
    words: str
    unmarked: bool


@dataclass
class _Chain:
    failures: list[_Failure]
    terms: set[str]
    unbroken: bool = True  # nothing has worked since it began
    waste: Waste = field(default_factory=Waste)
    calls: set[int] = field(default_factory=set)  # the different ones that failed
    hosts: frozenset[str] = frozenset()  # asked by the first

    def add(self, failure: _Failure, cost: Waste) -> None:
        self.failures.append(failure)
        self.calls.add(failure.call)
        self.waste += cost


class FailureCascade(Detector):
    name = "failure_cascade"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._chains: list[_Chain] = []
        self._proven: dict[str, None] = {}
        self._row = _Chain([], set())  # of failures of whatever kind since something worked
        self._unmarked: dict[str, list[_Failure]] = {}  # of each tool
        self._told: set[str] = set()  # first causes of chains, which say more than that a tool answered with an error
        self._turn = Waste()  # of the model calls since the last tool call

    def ended(self, span: Observed) -> Iterable[Finding]:
        if span.kind is SpanKind.LLM:
            self._turn += Waste(span.tokens, span.cost_micros, span.duration_ns)
            return ()
        if span.kind not in CALLS:
            return ()
        turn, self._turn = self._turn, Waste()
        words = error_in(span)
        if words and asks_again(span) and _STILL_WAITS.search(words):
            return ()
        if not words:
            self._worked(span)
            return ()
        cost = turn + Waste(duration_ns=span.duration_ns)
        counted = _counted(span, words)
        return (
            *(self._failed(span, counted, cost) if counted else self._verdict(span, words, cost)),
            *self._in_a_row(span, words, cost),
        )

    def _worked(self, span: Observed) -> None:
        named = of_call(asked(span)) | made_by(asked(span))
        self._row = _Chain([], set())
        if len(self._proven) < _MOST_PROVEN:
            self._proven |= dict.fromkeys(named)
        for chain in self._chains:
            chain.unbroken = False
            chain.terms -= named
        self._chains = [chain for chain in self._chains if chain.terms]

    def _failed(self, span: Observed, words: str, cost: Waste) -> Iterable[Finding]:
        terms = {term for term in of_call(asked(span)) | specific(words) if term not in self._proven}
        failure = _failure(span, words)
        if failure.unmarked and (not is_shell(span.name) or hidden_failure(span)):
            yield from self._dressed_as_success(failure)
        hosts = frozenset(_HOST.findall(text_of(span.input)[:_MOST_PROVEN]))
        chain = next(self._linked(terms, hosts if _ABSENT.search(words) else frozenset()), None)
        if chain is None:
            begun = _Chain([failure], terms | made_by(asked(span)), calls={failure.call}, hosts=hosts)
            self._chains = [*self._chains[-_MOST_CHAINS + 1 :], begun]
            return
        chain.terms |= set(list(terms)[: max(_MOST_TERMS - len(chain.terms), 0)])
        yield from self._joined(chain, failure, cost)

    def _linked(self, terms: set[str], absent_at: frozenset[str]) -> Iterator[_Chain]:
        """The chains that a failure goes back to, the newest first; what some host does not have is no consequence of another's."""
        for chain in reversed(self._chains):
            elsewhere = absent_at and chain.hosts and not absent_at & chain.hosts
            if chain.terms & terms or (chain.unbroken and not elsewhere):
                yield chain

    def _verdict(self, span: Observed, words: str, cost: Waste) -> Iterable[Finding]:
        """A program's own verdict goes back to a failure where it misses what that one should have made."""
        missing = undefined_in(words)
        chain = next((chain for chain in reversed(self._chains) if chain.terms & missing), None)
        return () if chain is None else self._joined(chain, _failure(span, words), cost)

    def _in_a_row(self, span: Observed, words: str, cost: Waste) -> Iterable[Finding]:
        if not is_shell(span.name) or _found_nothing(span):
            return
        first = not self._row.failures
        self._row.add(replace(_failure(span, words), call=hash(program(span.input))), Waste() if first else cost)
        enough = len(self._row.failures) >= ROW and len(self._row.calls) >= ROW_PROGRAMS
        if enough and self._row.failures[0].span not in self._told:
            yield self._cascade(self._row)

    def _joined(self, chain: _Chain, failure: _Failure, cost: Waste) -> Iterable[Finding]:
        chain.add(failure, cost)
        if len(chain.failures) >= FAILURES and len(chain.calls) >= DIFFERENT_CALLS:
            self._told.add(chain.failures[0].span)
            yield self._cascade(chain)

    def _cascade(self, chain: _Chain) -> Finding:
        first, later = chain.failures[0], len(chain.failures) - 1
        nudged = len(chain.failures) >= NUDGE_FAILURES and len(chain.calls) >= NUDGE_CALLS
        unmarked = " (it was marked as a success)" if first.unmarked else ""
        told = [f"- `{failure.tool}`: {failure.words}" for failure in chain.failures[1 : _TOLD + 1]]
        if later > _TOLD:
            told.append(f"- and {later - _TOLD} more")
        return Finding(
            self.name,
            Severity.WARNING,
            f"One failure of `{first.tool}` was followed by {later} that go back to it",
            f"First, `{first.tool}` failed{unmarked}: {first.words}\nThen, without the cause being mended:\n"
            + "\n".join(told),
            "Look at the first failure: mend its cause (a missing file, module, right or wrong argument), and the later ones have no "
            "reason left. If the tool reported it as a success, let it report failures as such.",
            tuple(failure.span for failure in chain.failures[:_MOST_SPANS]),
            chain.waste,
            Verdict.NUDGE if nudged else Verdict.NOTE,
            f"Your last {later} failed calls go back to an earlier failure of {first.tool}: {first.words}. "
            "Deal with that first, or take another way."
            if nudged
            else "",
        )

    def _dressed_as_success(self, failure: _Failure) -> Iterable[Finding]:
        tool = failure.tool
        failures = self._unmarked.setdefault(tool, [])
        failures.append(failure)
        if failures[0].span in self._told:
            return
        times = "once" if len(failures) == 1 else f"{len(failures)} times"
        yield Finding(
            self.name,
            Severity.NOTE,
            f"`{tool}` answered with an error {times}, marked as a success",
            f"The result of `{tool}` was: {failures[0].words}\nNothing marked it as a failure, so the agent may have read it as data.",
            "Check what the agent made of that answer. Let the tool report errors as errors (is_error, an exception, a status).",
            tuple(failed.span for failed in failures[:_MOST_SPANS]),
        )


def _failure(span: Observed, words: str) -> _Failure:
    return _Failure(span.span_id, span.name, hash((span.name, text_of(span.input))), words, is_unmarked(span))


def _found_nothing(span: Observed) -> bool:
    """A search, a comparison: exit code 1 and no word is its way to say no."""
    return exit_code(span) == 1 and not lines_of(brought_text(span))


def _counted(span: Observed, words: str) -> str:
    """The error where it counts: of a shell's failures only those of its surroundings."""
    ran_something = is_shell(span.name) or exit_code(span) is not None
    if not ran_something:
        return words
    return environment_error(f"{span.error}\n{brought_text(span)}") or hidden_failure(span)
