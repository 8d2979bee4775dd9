"""The goal's terms vanish from what the agent works on; acceptance criteria that nothing touched when the work ended.

Only what the agent asks for and says itself counts, not what tools answer. How long a silence means something depends on how often
the agent named the goal before: after steps that half of the time did, ten in a row without are a chance of one in a thousand.
It does not know what words mean: a goal told in other words looks like drift, so it needs many terms, and never stops a run.
"""

import math
import re
from collections.abc import Iterable, Mapping

from tracing.failures.calls import CALLS
from tracing.failures.detector import Detector
from tracing.failures.observed import Ending, Observed, Subject
from tracing.failures.result_text import asked
from tracing.failures.spent import Turns
from tracing.failures.terms import leaves
from tracing.finding import Finding, Severity, Verdict, Waste
from tracing.span import JsonValue, SpanKind, TraceStatus

GOAL_TERMS = 5  # fewer say too little
CRITERION_TERMS = 3
STEPS_BEFORE, NAMED_BEFORE = 8, 4  # steps, and how many of them named the goal, before a silence means anything
SILENT_STEPS = 10
CHANCE = 1e-3
NUDGE_FACTOR = 2
CRITERIA_STEPS = 5
_MOST_TERMS = 80
_CHARS = 4_000
_STEM = 6
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]{3,}(?![a-z])|\d{3,}")
_COMMON_WORDS = """
able about above add added adding after again all also and any are assistant available based because been before being below between
both but call called can case cases change changed changes complete could create created current data default describe description
different does done each ensure every example exist existing expected fail failed failure false find first fix follow following for
from get give given goal good have help here how implement include including information input instead into issue its just keep know
like line list look make many more most must name need new none not note now number only open option other output over pass please
problem project provide question read request require result run running same see set should show shown simple some something start
step such sure system take task tell than that the their them then there these they thing this those through time tool try update use
used user uses using value values very want was way well were what when where whether which while will with within without work
working would write you your success correct check verify reproduce bug debug
"""
_WORDS_OF_THE_TRADE = """
bash cat cd chmod cp curl cut diff echo eof exit export find git grep head ls mkdir mv nano pip pytest python rm sed sort sudo tail
touch wc xargs code command file files function method path repo repository test tests
args assert async await bool break class const continue def del dict elif else error except exception false finally float from func
import index init int item items iter json kwargs len let main max min module null object print raise range return returned self str
string super sys true try tuple type var void yield
"""
_COMMON = frozenset(word[:_STEM] for word in (_COMMON_WORDS + _WORDS_OF_THE_TRADE).split())


def stems(text: str) -> frozenset[str]:
    """The words that say what a text is about, by their beginnings; names are taken apart."""
    words = (word.lower()[:_STEM] for word in _WORD.findall(text[:_CHARS]) if len(word) > 2)
    return frozenset(word for word in words if word not in _COMMON)


class GoalDrift(Detector):
    name = "goal_drift"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._goal = _goal_terms(subject.goal, subject.criteria)
        self._criteria = {
            criterion: terms for criterion in subject.criteria if len(terms := stems(criterion)) >= CRITERION_TERMS
        }
        self._of_interest = self._goal.union(*self._criteria.values())
        self._touched: set[str] = set()
        self._turns = Turns()
        self._said: set[str] = set()  # since the last step
        self._steps = 0
        self._named = 0
        self._silent: list[str] = []  # the steps in which the goal is not named, but for a few mentions
        self._mentions = 0
        self._waste = Waste()

    def ended(self, span: Observed) -> Iterable[Finding]:
        spent = self._turns.ended(span)
        if span.kind is SpanKind.LLM:
            self._goal_from(span)
            self._said |= self._terms_in(_words_of(span.output))
            return ()
        if span.kind not in CALLS:
            return ()
        found = self._said | self._terms_in(" ".join((span.name, *leaves(asked(span)))))
        self._touched |= found
        self._said = set()
        self._step(span, bool(found & self._goal), spent)
        return (self._drift(nudged=True),) if len(self._silent) >= NUDGE_FACTOR * self._needed() else ()

    def closed(self, ending: Ending) -> Iterable[Finding]:
        if len(self._silent) >= self._needed():
            yield self._drift(nudged=len(self._silent) >= NUDGE_FACTOR * self._needed())
        claims_done = ending.status is TraceStatus.SUCCESS or ending.passed is not None
        touched = self._touched | self._said
        untouched = [criterion for criterion, terms in self._criteria.items() if not terms & touched]
        if claims_done and untouched and self._steps >= CRITERIA_STEPS:
            yield self._left(untouched, passed=ending.passed is True)

    def _goal_from(self, span: Observed) -> None:
        """Nobody said what the goal is: then it is what the first model call was told."""
        if not self.subject.goal and not self._goal and not self._steps:
            self._goal = _goal_terms(_words_of(span.input), ())
            self._of_interest |= self._goal

    def _terms_in(self, text: str) -> frozenset[str]:
        return stems(text) & self._of_interest

    def _step(self, span: Observed, names_goal: bool, spent: Waste) -> None:
        self._steps += 1
        self._mentions += names_goal
        if names_goal and len(self._silent) < SILENT_STEPS * self._mentions:
            self._named += self._mentions
            self._mentions = 0
            self._silent = []
            self._waste = Waste()
        else:
            self._silent.append(span.span_id)
            self._waste += spent

    def _needed(self) -> int:
        """How many silent steps in a row are no chance any more; a mention among them takes as many again."""
        before = self._steps - len(self._silent)
        if len(self._goal) < GOAL_TERMS or before < STEPS_BEFORE or self._named < NAMED_BEFORE:
            return self._steps + 1
        share = min(self._named / before, 0.95)
        return max(SILENT_STEPS, math.ceil(math.log(CHANCE) / math.log(1 - share))) * (1 + self._mentions)

    def _drift(self, *, nudged: bool) -> Finding:
        before = self._steps - len(self._silent)
        terms = ", ".join(f"`{term}`" for term in sorted(self._touched & self._goal)[:8])
        return Finding(
            self.name,
            Severity.WARNING if nudged else Severity.NOTE,
            f"The last {len(self._silent)} steps name {'next to ' if self._mentions else ''}nothing of the goal",
            f"{self._named} of the first {before} steps named something that the goal names ({terms}, by the beginnings of words); "
            f"of the {len(self._silent)} after them {self._mentions or 'none'} did.",
            "Read the step from which on the goal is gone, and what led there. State the goal again near the end of the context, or "
            "split the task, so that each part fits into a short one.",
            tuple(self._silent[:50]),
            self._waste,
            Verdict.NUDGE if nudged else Verdict.NOTE,
            f"Your last {len(self._silent)} steps have nothing of your task's terms in them. Read the task again: if this work is a part "
            "of it, go on; if not, return to the task."
            if nudged
            else "",
        )

    def _left(self, untouched: list[str], *, passed: bool) -> Finding:
        many = len(untouched) > 1
        return Finding(
            self.name,
            Severity.NOTE if passed else Severity.WARNING,
            f"{len(untouched)} acceptance {'criteria were' if many else 'criterion was'} left untouched",
            "Nothing that the agent called or said has a word of:\n"
            + "\n".join(f"- {criterion[:200]}" for criterion in untouched[:10]),
            "Check by hand whether the work meets it. If it does not, open the story again; if the criterion was met from the start, take it out.",
            (),
        )


def _goal_terms(goal: str, criteria: tuple[str, ...]) -> frozenset[str]:
    """Sorted, so that a long goal has the same terms each time."""
    return frozenset(sorted(stems(goal).union(*map(stems, criteria)))[:_MOST_TERMS])


def _words_of(value: JsonValue) -> str:
    """What a model was told or said, without the calls it made: those come as steps of their own."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return " ".join(_words_of(block) for block in value[:50])
    if isinstance(value, Mapping) and value.get("type") not in {"tool_use", "tool_call", "tool_result", "image"}:
        return " ".join(_words_of(value[key]) for key in ("text", "thinking", "content") if key in value)
    return ""
