"""The goal's terms vanish from what the agent works on; acceptance criteria that nothing touched when the work ended.

Only what the agent asks for and says itself counts, not what tools answer. A step is a call with the words before it, or an answer
without a call. It is on the way where it names the goal, or things that were named together with it: work leads from the goal's
words to other files and pages. Drift is a long stretch of other steps, against all that was before it, that has a topic of its own:
words that were new and come again. It does not know what words mean, so it needs an agent that named the goal, and never stops a run.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from tracing.failures.calls import CALLS
from tracing.failures.detector import Detector
from tracing.failures.observed import Ending, Observed, Subject
from tracing.failures.result_text import asked
from tracing.failures.spent import of
from tracing.failures.terms import leaves
from tracing.finding import Finding, Severity, Verdict, Waste
from tracing.span import JsonValue, SpanKind, TraceStatus

GOAL_TERMS = 4  # fewer say too little
CRITERION_TERMS = 3
NAMED_TERMS = 2  # of the goal, before a silence means anything: a goal in other words is never named
WORDS_OF_THE_WAY, FEW_WORDS = (
    2,
    6,
)  # words of the goal or of what came up with it that make a step a part of the way; a short step needs one
SILENT_STEPS = 8
SILENT_SHARE = 4  # and the silence is no shorter than this part of all that was before it
FIRST_STEPS = 4  # what they are about stands for a goal that nobody told
TOPIC_TIMES, TOPIC_SHARE = 3, 5  # a word of a topic comes as often as this, and in every fifth step
TOPIC_STEPS = 0.5  # the part of the stretch that a topic holds together
NUDGE_FACTOR = 2
CRITERIA_STEPS = 5
_MOST_TERMS = 250  # of a goal: a long one keeps its words, so that work on its last part is work on it
_MOST_OF_A_STEP, _MOST_SEEN, _MOST_LOOKED_AT = 120, 20_000, 200
_CHARS = 2_000
_STEM = 6
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]{3,}(?![a-z])|\d{3,}")
_PLACE = re.compile(
    r"\bcd [^\s;&|]+\s*(?:&&|;)|(?<![\w.])/(?:testbed|repo|workspace|app|tmp|home/\w+|Users/\w+)/|https?://(?:www\.)?"
)
_COMMON_WORDS = """
again answer away brings browse browser bring click down else fact found http https let little maybe next nothing once per scroll search
seems short site three two visit web website yet
able about above add added adding after again all also and any are assistant available based because been before being below between
both but call called can case cases change changed changes complete could create created current data default describe description
different does done each ensure every example exist existing expected fail failed failure false find first fix follow following for
from get give given goal good have help here how implement include including information input instead into issue its just keep know
like line list look make many more most must name need new none not note now number only open option other output over pass please
problem project provide question read request require result run running same see set should show shown simple some something start
step such sure system take task tell than that the their them then there these they thing this those through time tool try update use
used user uses using value values very want was way well were what when where whether which while will with within without work
working would write www com you your success correct check verify reproduce bug debug
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
        self._from_steps = False
        self._criteria = {
            criterion: terms for criterion in subject.criteria if len(terms := stems(criterion)) >= CRITERION_TERMS
        }
        self._of_interest = frozenset[str]().union(*self._criteria.values())
        self._touched: set[str] = set()
        self._asking = Waste()
        self._said: frozenset[str] = frozenset()  # since the last step
        self._speaker = ""
        self._steps = 0
        self._named: set[str] = set()
        self._related: set[str] = set()
        self._seen: set[str] = set()  # before the silence
        self._silent: list[tuple[str, frozenset[str]]] = []  # steps that are not on the way, but for a few
        self._mentions = 0
        self._waste = Waste()

    def ended(self, span: Observed) -> Iterable[Finding]:
        if span.kind is SpanKind.LLM:
            self._goal_from(span)
            found = self._drifting() if self._answered() else ()
            self._said, self._speaker = self._said | stems(_words_of(span.output)), span.span_id
            self._asking += of(span)
            return found
        if span.kind not in CALLS:
            return ()
        self._asking += of(span)
        words = " ".join(leaves(asked(span)))
        self._step(span.span_id, self._said | stems(_PLACE.sub(" ", words[:_CHARS])), stems(span.name))
        return self._drifting()

    def closed(self, ending: Ending) -> Iterable[Finding]:
        self._answered()
        if len(self._silent) >= self._needed() and (topic := self._topic()):
            yield self._drift(topic, nudged=len(self._silent) >= NUDGE_FACTOR * self._needed())
        claims_done = ending.status is TraceStatus.SUCCESS or ending.passed is not None
        untouched = [criterion for criterion, terms in self._criteria.items() if not terms & self._touched]
        if claims_done and untouched and self._steps >= CRITERIA_STEPS:
            yield self._left(untouched, passed=ending.passed is True)

    def _goal_from(self, span: Observed) -> None:
        """Nobody said what the goal is: then it is what the first model call was told."""
        if not self.subject.goal and not self._goal and not self._steps:
            self._goal = _goal_terms(_words_of(span.input), ())

    def _answered(self) -> bool:
        """Whether the model said something and called nothing; then that was a step."""
        spoke = bool(self._said)
        if spoke:
            self._step(self._speaker, self._said)
        return spoke

    def _step(self, span_id: str, terms: frozenset[str], tool: frozenset[str] = frozenset()) -> None:
        terms = frozenset(sorted(terms)[:_MOST_OF_A_STEP])
        self._said = frozenset()
        self._steps += 1
        self._touched |= (terms | tool) & self._of_interest
        if self._steps <= FIRST_STEPS and not self.subject.goal and (self._from_steps or not self._goal):
            self._goal, self._from_steps = self._goal | terms, True
        spent, self._asking = self._asking, Waste()
        on_the_way = self._is_on_the_way(terms) or not tool.isdisjoint(self._goal)
        self._mentions += on_the_way
        if on_the_way and len(self._silent) < SILENT_STEPS * self._mentions:
            self._on_the_way(terms)
        else:
            self._silent.append((span_id, terms))
            self._waste += spent

    def _is_on_the_way(self, terms: frozenset[str]) -> bool:
        """One word of the goal among many others may be chance; in a short step it is what the step is about."""
        if len(terms & (self._goal | self._related)) >= WORDS_OF_THE_WAY:
            return True
        return len(terms) <= FEW_WORDS and not terms.isdisjoint(self._goal)

    def _on_the_way(self, terms: frozenset[str]) -> None:
        if named := terms & self._goal:
            self._named |= named
            self._related |= terms
        if len(self._seen) < _MOST_SEEN:
            self._seen.update(terms, *(of_step for _, of_step in self._silent))
        self._silent, self._mentions, self._waste = [], 0, Waste()

    def _needed(self) -> int:
        """How many silent steps in a row are no detour any more; a mention among them, and a goal that is a guess, take as many again."""
        if len(self._goal) < GOAL_TERMS or len(self._named) < NAMED_TERMS:
            return self._steps + 1
        before = self._steps - len(self._silent)
        return max(SILENT_STEPS, before // SILENT_SHARE) * (1 + self._mentions) * (1 + self._from_steps)

    def _topic(self) -> list[str]:
        """The words that hold the silent steps together and were not there before; none where they are about this and that."""
        looked_at = [terms for _, terms in self._silent[:_MOST_LOOKED_AT]]
        times = Counter(term for terms in looked_at for term in terms - self._seen)
        enough = max(TOPIC_TIMES, len(looked_at) / TOPIC_SHARE)
        topic = [term for term, count in sorted(times.items(), key=_most_first) if count >= enough]
        held = sum(not terms.isdisjoint(topic) for terms in looked_at)
        return topic if held >= TOPIC_STEPS * len(looked_at) else []

    def _drifting(self) -> Iterable[Finding]:
        """Looked at now and then: a topic is not recognised by one step more."""
        if len(self._silent) % SILENT_STEPS or len(self._silent) < NUDGE_FACTOR * self._needed():
            return ()
        topic = self._topic()
        return (self._drift(topic, nudged=True),) if topic else ()

    def _drift(self, topic: list[str], *, nudged: bool) -> Finding:
        before = self._steps - len(self._silent)
        goal = "what the first steps were about" if self._from_steps else "the goal"
        terms, news = (", ".join(f"`{term}`" for term in some) for some in (sorted(self._named)[:8], topic[:5]))
        return Finding(
            self.name,
            Severity.WARNING if nudged else Severity.NOTE,
            f"The last {len(self._silent)} steps name {'next to ' if self._mentions else ''}nothing of {goal}",
            f"The first {before} steps named of {goal}: {terms} (the beginnings of words). Of the {len(self._silent)} after them "
            f"{self._mentions or 'none'} did, nor anything that came up with it; they are about something new: {news}.",
            "Read the step from which on the goal is gone, and what led there. State the goal again near the end of the context, or "
            "split the task, so that each part fits into a short one.",
            tuple(span_id for span_id, _ in self._silent[:50]),
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


def _most_first(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


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
