"""Runaway sub-agents: more, deeper or quicker than anybody asked for. Speaks when one begins, before it has spent anything.

An agent below another counts when it is started: by a tool call, by a program in a shell, beside one of its kind that is still
at work, or right after one of its kind where the agent above decided once and sent out many, or gives the same task out anew each
time. A graph that enters the same named agents in turn has only as many agents as names; a loop that asks no model itself is somebody's program, and meant.
Knows what the trace shows: agents whose start and spans are both outside of it are not seen.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tracing.failures.calls import text_of
from tracing.failures.detector import Detector
from tracing.failures.observed import Ending, Observed, Subject
from tracing.failures.spawning import addressed_by, asked_for, started_by
from tracing.finding import Finding, Severity, Verdict, Waste
from tracing.span import SpanKind
from tracing.words import money, percent, tokens

MANY = 16  # started within ten minutes, or at work at the same time: more than a wide fan-out that somebody planned
RUNAWAY = 40
MANY_IN_ALL = 50  # in a whole run, where nobody asked for a number: a long run may start one now and then
OWN_TURNS_FOR_ONE = 4  # without a clock, so many turns of its own count as "now and then"
RUNAWAY_IN_ALL = 200
DEEP = 3  # an agent's agent's agent; one below that is deeper than anybody plans
RUNAWAY_DEPTH = 6
DEEP_NESTING = 6  # levels of agent spans of which some may be wrappers
RE_ENTERED = 60  # agent spans within a minute, whatever they are: no agent does a second's work
MINUTE_NS = 60_000_000_000
QUICK_NS = 10 * MINUTE_NS
_CLOCK_NS = 50_000_000  # a trace that is younger has no real clock, only an order
SAME_TASK, LEAST_TASK_WORDS = 0.8, 4  # the part of two tasks' words that they share
_TASK_CHARS = 2_000
_TASK_WORD = re.compile(r"[^\W\d]{2,}")
MOST_SPANS = 20
AGENT_IDS = ("gen_ai.agent.id", "agent.id", "agent_id", "claude_code.agent_id")


@dataclass
class _Agent:
    """An agent at work. `depth` counts starts above it; `nesting` counts agent spans, wrappers too."""

    name: str
    depth: int
    nesting: int
    surplus: bool = False  # one more than was asked for, or below such a one
    works: bool = False  # it has called a model or a tool, or started another: not only a wrapper
    decides: bool = False  # it has asked a model itself
    entered: str = ""  # the newest agent below it, if it has decided nothing since
    newest: tuple[str, frozenset[str]] = ("", frozenset())  # the newest agent below it, and the words of its task
    children: dict[str, int] = field(default_factory=dict)  # names of agents below it, and how many are at work


@dataclass
class _Call:
    """A tool call that starts agents; those whose spans are below it are the same ones."""

    told: int
    seen: int = 0


@dataclass
class _Spent:
    waste: Waste = field(default_factory=Waste)

    def add(self, span: Observed) -> None:
        self.waste += Waste(span.tokens, span.cost_micros, 0)


class SubAgents(Detector):
    name = "sub_agents"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._asked = asked_for(subject.goal)
        self._agents: dict[str, _Agent] = {}  # agent spans, also ended ones: their children may come later
        self._within: dict[str, tuple[str, str]] = {}  # open spans: the agent and the starting call that they are below
        self._calls: dict[str, _Call] = {}  # open calls that start agents
        self._recent: deque[tuple[int, int]] = deque()  # (started_at_ns, how many), of the last ten minutes
        self._quick = 0  # how many that is together
        self._entered: deque[int] = deque()
        self._ids: set[str] = set()
        self._addressed: set[str] = set()
        self._names: set[str] = set()  # of agents below others
        self._first_ns = 0
        self._own_turns = 0
        self._started = self._most_at_once = self._at_work = self._deepest = 0
        self._guilty: list[str] = []
        self._why = ""
        self._verdict = Verdict.NOTE
        self._all, self._nested, self._surplus = _Spent(), _Spent(), _Spent()

    def began(self, span: Observed) -> Iterable[Finding]:
        self._first_ns = self._first_ns or span.started_at_ns
        agent_id, call_id = self._within.get(span.parent_span_id or "", ("", ""))
        if span.parent_span_id in self._agents:
            agent_id, call_id = span.parent_span_id, ""
        self._within[span.span_id] = (agent_id, call_id)
        before = self._started, self._deepest
        if span.kind is SpanKind.AGENT:
            self._enter(span, agent_id, call_id)
        elif span.kind in {SpanKind.TOOL, SpanKind.LLM}:
            self._work(span, agent_id)
        if (self._started, self._deepest) != before or self._is_churning(span):
            yield from self._judge(span)

    def ended(self, span: Observed) -> Iterable[Finding]:
        agent_id, _ = self._within.pop(span.span_id, ("", ""))
        self._calls.pop(span.span_id, None)
        if span.kind is SpanKind.AGENT and (parent := self._agents.get(agent_id)) is not None:
            parent.children[span.name] = max(parent.children.get(span.name, 1) - 1, 0)
            self._at_work -= 1
        if span.kind is SpanKind.LLM:
            self._count(span, self._agents.get(agent_id))
        return ()

    def closed(self, ending: Ending) -> Iterable[Finding]:
        del ending
        if self._guilty:
            yield self._finding()

    def _enter(self, span: Observed, agent_id: str, call_id: str) -> None:
        """An agent's span begins."""
        parent = self._agents.get(agent_id)
        if parent is None:
            self._agents[span.span_id] = _Agent(span.name, 0, 0)
            return
        others = parent.children.get(span.name)
        call = self._calls.get(call_id)
        newest = span.name, frozenset(_TASK_WORD.findall(text_of(span.input)[:_TASK_CHARS].lower()))
        again = parent.decides and (parent.entered == span.name or _is_same_task(parent.newest, newest))
        is_new = others is None or others > 0 or call is not None or again
        if is_new and (call is None or call.seen >= call.told):
            self._start(span, 1)
        if call is not None:
            call.seen += 1
        self._names.add(span.name)
        parent.entered, parent.newest = span.name, newest
        parent.children[span.name] = (others or 0) + 1
        deeper = parent.works or parent.name == span.name or len(parent.children) > 1
        parent.works = True
        self._at_work += 1
        self._most_at_once = max(self._most_at_once, self._at_work)
        surplus = parent.surplus or bool(self._guilty)
        self._agents[span.span_id] = child = _Agent(span.name, parent.depth + deeper, parent.nesting + 1, surplus)
        self._deepest = max(self._deepest, child.depth, child.nesting - (DEEP_NESTING - DEEP))
        self._enter_at(span.started_at_ns)

    def _work(self, span: Observed, agent_id: str) -> None:
        """A call of a model or a tool begins, which may start agents."""
        if (agent := self._agents.get(agent_id)) is not None:
            agent.works = True
            if span.kind is SpanKind.LLM:
                agent.decides, agent.entered = True, ""
        if span.kind is SpanKind.LLM and (agent is None or not agent.nesting):
            self._own_turns += 1
        if count := started_by(span):
            self._asked = self._asked or asked_for(str(span.input))
            self._calls[span.span_id] = _Call(count)
            self._within[span.span_id] = (agent_id, span.span_id)
            self._start(span, count)
        elif (name := addressed_by(span)) and name not in self._addressed:
            self._addressed.add(name)
            self._start(span, 1)
        if span.kind is SpanKind.LLM and (known := _agent_id(span)) and known not in self._ids:
            self._ids.add(known)
            if (
                len(self._ids) - 1 > self._started
            ):  # the first is the agent itself; others may have been counted already
                self._start(span, 1)

    def _start(self, span: Observed, count: int) -> None:
        self._started += count
        self._quick += count
        self._recent.append((span.started_at_ns, count))
        while self._recent and self._recent[0][0] < span.started_at_ns - QUICK_NS:
            self._quick -= self._recent.popleft()[1]

    def _enter_at(self, at_ns: int) -> None:
        self._entered.append(at_ns)
        while self._entered and self._entered[0] < at_ns - MINUTE_NS:
            self._entered.popleft()

    def _has_clock(self, span: Observed) -> bool:
        return span.started_at_ns - self._first_ns >= _CLOCK_NS

    def _is_churning(self, span: Observed) -> bool:
        return span.kind is SpanKind.AGENT and len(self._entered) == RE_ENTERED and self._has_clock(span)

    def _judge(self, span: Observed) -> Iterator[Finding]:
        worst, why = Verdict.NOTE, ""
        for verdict, words in self._grounds(span):
            if worst is Verdict.NOTE or (verdict is Verdict.STOP and worst is Verdict.NUDGE):
                worst, why = verdict, words
        if self._guilty and len(self._guilty) < MOST_SPANS:
            self._guilty.append(span.span_id)
        if worst is Verdict.NOTE or worst is self._verdict or self._verdict is Verdict.STOP:
            return
        self._verdict, self._why = worst, why
        self._guilty = self._guilty or [span.span_id]
        if span.span_id in self._agents:
            self._agents[span.span_id].surplus = True
        yield self._finding()

    def _grounds(self, span: Observed) -> Iterator[tuple[Verdict, str]]:
        asked, started = self._asked, self._started
        quick = self._quick if self._has_clock(span) else 0
        if asked and not self._is_as_asked:
            yield _over(started, max(2 * asked, asked + 5), max(4 * asked, asked + 12), f"{asked} were asked for")
        elif not asked:
            many = MANY_IN_ALL if self._has_clock(span) else max(MANY, self._own_turns // OWN_TURNS_FOR_ONE)
            yield _over(started, many, RUNAWAY_IN_ALL, "nobody asked for a number")
        many, runaway = max(MANY, 2 * asked), max(RUNAWAY, 4 * asked)
        yield _over(quick, many, runaway, f"at least {quick} of them started within ten minutes")
        yield _over(self._at_work, many, runaway, f"at least {self._at_work} at work at the same time")
        yield _over(self._deepest, DEEP, RUNAWAY_DEPTH, f"agents started agents, {self._deepest} levels deep")
        if self._is_churning(span):
            yield Verdict.NUDGE, f"{RE_ENTERED} agents were entered within a minute"

    @property
    def _is_as_asked(self) -> bool:
        """Whether no more than the agents asked for take turns, however often each is started."""
        return 2 <= len(self._names) <= self._asked and self._most_at_once <= self._asked

    def _count(self, span: Observed, agent: _Agent | None) -> None:
        self._all.add(span)
        if agent is not None and agent.nesting > 0:
            self._nested.add(span)
        if agent is not None and agent.surplus:
            self._surplus.add(span)

    def _finding(self) -> Finding:
        runs_away = self._verdict is Verdict.STOP
        count = max(self._started, 1)
        agents = "1 sub-agent" if count == 1 else f"{count} sub-agents"
        return Finding(
            detector=self.name,
            severity=Severity.CRITICAL if runs_away else Severity.WARNING,
            title=f"{'Runaway: ' if runs_away else ''}{agents}, {self._why}",
            evidence=self._evidence(agents),
            remedy="Stop the ones that still run, and say in the task how many may be started; set the agent's own limit on sub-agents, "
            "or take away the tool (or the program) that starts them.",
            span_ids=tuple(self._guilty),
            waste=self._surplus.waste,
            verdict=self._verdict,
            nudge=f"You have started {agents}: {self._why}. Start no more. Collect what the running ones found, and finish the task yourself.",
        )

    def _evidence(self, agents: str) -> str:
        lines = [f"{agents} in this run; {self._why}.".capitalize()]
        if self._most_at_once > 1:
            lines.append(f"At most {self._most_at_once} agents below another were at work at the same time.")
        if self._nested.waste.tokens:
            lines.append(_share(self._nested.waste, self._all.waste))
        return "\n".join(lines)


def _share(nested: Waste, everything: Waste) -> str:
    spent = f"{tokens(nested.tokens)} tokens"
    if nested.cost_micros:
        return f"They cost {money(nested.cost_micros)} ({spent}), {percent(nested.cost_micros, everything.cost_micros)} of the run."
    return f"They took {spent}, {percent(nested.tokens, everything.tokens)} of the run."


def _over(count: int, many: int, runaway: int, words: str) -> tuple[Verdict, str]:
    if count > runaway:
        return Verdict.STOP, words
    return (Verdict.NUDGE if count > many else Verdict.NOTE), words


def _is_same_task(before: tuple[str, frozenset[str]], now: tuple[str, frozenset[str]]) -> bool:
    """The same agent and nearly the same words, but for numbers."""
    shared, either = before[1] & now[1], before[1] | now[1]
    return before[0] == now[0] and len(shared) >= SAME_TASK * max(len(either), LEAST_TASK_WORDS)


def _agent_id(span: Observed) -> str:
    return next((str(span.attributes[name]) for name in AGENT_IDS if span.attributes.get(name)), "")
