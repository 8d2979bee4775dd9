"""What cost or took far more than usual: the whole run beside the agent's earlier ones, one turn or call beside the others.

A trace's own other calls are a history too, the later ones as well as the earlier ones: what stands alone is told at the end.
Always a note or a warning, never a reason to stop: what a run may spend is the budget's matter.
Knows no reasons; it says where the money and the time went.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from tracing.failures.answers import command_of, commands
from tracing.failures.detector import Detector
from tracing.failures.observed import Ending, Observed, Subject
from tracing.failures.token_spikes import TokenSpikes
from tracing.failures.usual import LEAST_OTHERS, Limit, limit
from tracing.finding import Finding, Severity, Waste
from tracing.span import SpanKind
from tracing.words import length, money, percent, tokens

SECOND_NS = 1_000_000_000
COST_TIMES, COST_MORE_MICROS = 2.5, 100_000  # a run worth a word
MUCH_TIMES, MUCH_MORE_MICROS, MUCH_MORE_NS = 4, 1_000_000, 600 * SECOND_NS  # a run worth a warning
TIME_TIMES, TIME_MORE_NS = 2.5, 120 * SECOND_NS
CALL_TIMES, CALL_MORE_NS = 10, 60 * SECOND_NS  # a slow model call or tool
TURN_TIMES, TURN_MORE_MICROS = 8, 250_000  # a dear turn
ALONE_TIMES, ALONE_MORE_NS, ALONE_SHARE = 100, 600 * SECOND_NS, 0.5  # a tool call of a kind of its own: most of the run
PER_TOKEN_NS = 30_000_000  # a slow model's time for an output token: long answers take long
MODEL_CALLS = "model calls"
MOST_OF_IT = 0.6
REMEMBERED = 200  # newest calls of one kind that a call is compared with
MOST_KINDS = 200
MOST_SPANS = 20


@dataclass
class _Others:
    """Earlier calls of one kind. The limit is worked out anew when a quarter more are known: linear in all."""

    values: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    limit: Limit | None = None
    _known: int = 0
    _next: int = LEAST_OTHERS

    def add(self, value: float, *, times: float, more: float) -> None:
        self.values.append(value)
        self._known += 1
        if self._known >= self._next:
            self.limit = limit(self.values, times=times, more=more)
            self._next = self._known + max(self._known // 4, 1)


@dataclass
class _Slow:
    """Calls that took far longer than others of their kind."""

    usual_ns: float
    kind: str
    spans: list[tuple[int, str]] = field(default_factory=list)  # (duration_ns, span_id), in order
    count: int = 0
    beyond_ns: int = 0

    def add(self, span: Observed) -> None:
        self.count += 1
        self.beyond_ns += span.duration_ns - round(self.usual_ns)
        if len(self.spans) < MOST_SPANS:
            self.spans.append((span.duration_ns, span.span_id))


class CostAnomaly(Detector):
    name = "cost_anomaly"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._limit = limit(subject.history.cost_micros.values, times=COST_TIMES, more=COST_MORE_MICROS)
        self._cost_micros = 0
        self._turns: list[tuple[int, str]] = []  # (cost_micros, span_id) of each model call
        self._others = _Others()
        self._root_id = ""
        self._is_said = False
        self._spikes = TokenSpikes()

    def began(self, span: Observed) -> Iterable[Finding]:
        self._spikes.began(span)
        if span.parent_span_id is None:
            self._root_id = self._root_id or span.span_id
        return ()

    def ended(self, span: Observed) -> Iterable[Finding]:
        self._spikes.ended(span)
        if span.kind is not SpanKind.LLM:
            return
        self._cost_micros += span.cost_micros
        self._turns.append((span.cost_micros, span.span_id))
        if len(self._turns) > 1:  # the first one fills the cache: neither a surprise nor usual
            yield from self._dear_turn(span)
            self._others.add(span.cost_micros, times=TURN_TIMES, more=TURN_MORE_MICROS)
        if not self._is_said:
            yield from self._dear_run()

    def closed(self, ending: Ending) -> Iterable[Finding]:
        del ending
        yield from self._dear_run()
        yield from self._spikes.findings()

    def _dear_run(self) -> Iterator[Finding]:
        if (known := self._limit) is None or self._cost_micros <= known.above:
            return
        self._is_said = True
        beyond = self._cost_micros - round(known.usual)
        is_much = self._cost_micros > MUCH_TIMES * known.usual and beyond > MUCH_MORE_MICROS
        words = _beside(money(self._cost_micros), money(round(known.usual)), self._cost_micros, known)
        first, last, where = _most_of_it([cost for cost, _ in self._turns])
        usual_turns = _middle(self.subject.history.turns.values)
        turns = f" It took {len(self._turns)} turns, where {usual_turns:.0f} are usual." if usual_turns else ""
        guilty = [span_id for _, span_id in self._turns[first : last + 1]][: MOST_SPANS - 1]
        yield Finding(
            detector=self.name,
            severity=Severity.WARNING if is_much else Severity.NOTE,
            title=f"Cost {words}",
            evidence=f"The run cost {words}{where}.{turns}",
            remedy="Look at those turns first. If the work was simply larger, split the story; if not, the other findings say what went round in circles.",
            span_ids=(self._root_id, *guilty) if self._root_id else tuple(guilty),
            waste=Waste(cost_micros=beyond),
        )

    def _dear_turn(self, span: Observed) -> Iterator[Finding]:
        known = self._others.limit
        if known is None or span.cost_micros <= known.above:
            return
        cost, usual = money(span.cost_micros), money(round(known.usual))
        yield Finding(
            detector=self.name,
            severity=Severity.NOTE,
            title=f"Turn {len(self._turns)} cost {cost}, {span.cost_micros / known.usual:.0f} x the usual turn of this run",
            evidence=f"Turn {len(self._turns)} cost {cost}, where {usual} is usual in this run. {_parts(span)}",
            remedy="See what came into the context just before it (a long file or output), and whether the cache broke.",
            span_ids=(span.span_id,),
            waste=Waste(cost_micros=span.cost_micros - round(known.usual)),
        )


class LatencyAnomaly(Detector):
    name = "latency_anomaly"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        known = subject.history
        self._limit = limit(known.duration_ns.values, times=TIME_TIMES, more=TIME_MORE_NS)
        self._call_limit = limit(known.call_duration_ns.values, times=CALL_TIMES, more=CALL_MORE_NS)
        self._first_ns = self._last_ns = self._turns = 0
        self._root_id = ""
        self._others: dict[str, _Others] = {}
        self._slow: dict[str, _Slow] = {}
        self._longest: dict[str, Observed] = {}  # of each kind, whether slow or not
        self._tools: deque[float] = deque(maxlen=REMEMBERED)  # how long the newest tool calls took, of all kinds

    def began(self, span: Observed) -> Iterable[Finding]:
        self._first_ns = self._first_ns or span.started_at_ns
        self._root_id = self._root_id or span.span_id
        return ()

    def ended(self, span: Observed) -> Iterable[Finding]:
        self._last_ns = max(self._last_ns, span.ended_at_ns or 0)
        if span.kind is SpanKind.LLM:
            self._turns += 1
            self._time(span, MODEL_CALLS, span.output_tokens * PER_TOKEN_NS)
        elif span.kind is SpanKind.TOOL:
            self._time(span, _kind_of_call(span), 0)
            self._tools.append(span.duration_ns)
        return ()

    def closed(self, ending: Ending) -> Iterable[Finding]:
        del ending
        if self._limit is not None and self._duration_ns > self._limit.above:
            yield self._long_run(self._limit)
        for kind, span in self._longest.items():
            if (usual_ns := self._usual_beside(kind, span)) and kind not in self._slow:
                self._slow[kind] = _Slow(usual_ns, kind)
                self._slow[kind].add(span)
        for slow in self._slow.values():
            yield self._slow_calls(slow)

    @property
    def _duration_ns(self) -> int:
        return max(self._last_ns - self._first_ns, 0)

    def _usual_beside(self, kind: str, span: Observed) -> float:
        """What is usual beside a kind's longest call, where that is far beyond it; 0 where it is not, or nobody can tell."""
        known, explained_ns = limit(self._others[kind].values, times=CALL_TIMES, more=CALL_MORE_NS), 0
        if known is not None:
            explained_ns = span.output_tokens * PER_TOKEN_NS
        elif span.kind is SpanKind.TOOL and span.duration_ns >= ALONE_SHARE * self._duration_ns:
            known = limit(self._tools, times=ALONE_TIMES, more=ALONE_MORE_NS)
        return known.usual if known is not None and span.duration_ns - explained_ns > known.above else 0

    def _long_run(self, known: Limit) -> Finding:
        beyond = self._duration_ns - round(known.usual)
        is_much = self._duration_ns > MUCH_TIMES * known.usual and beyond > MUCH_MORE_NS
        words = _beside(length(self._duration_ns), length(round(known.usual)), self._duration_ns, known)
        slowest = sorted((pair for slow in self._slow.values() for pair in slow.spans), reverse=True)
        return Finding(
            detector=self.name,
            severity=Severity.WARNING if is_much else Severity.NOTE,
            title=f"Took {words}",
            evidence=f"The run took {words}, in {self._turns} turns.",
            remedy="Look in the waterfall for the widest bars and gaps: slow model calls, a long command, or time in which nothing ran.",
            span_ids=(self._root_id, *(span_id for _, span_id in slowest[:MOST_SPANS])),
            waste=Waste(duration_ns=beyond),
        )

    def _time(self, span: Observed, kind: str, expected_ns: int) -> None:
        """One more call of a kind; `expected_ns` is what its answer's length explains."""
        if kind not in self._others and len(self._others) >= MOST_KINDS:
            return
        others = self._others.setdefault(kind, _Others())
        if kind not in self._longest or span.duration_ns > self._longest[kind].duration_ns:
            self._longest[kind] = replace(span, input=None, output=None)
        known = self._call_limit if kind == MODEL_CALLS and self._call_limit else others.limit
        if known is not None and span.duration_ns - expected_ns > known.above:
            self._slow.setdefault(kind, _Slow(known.usual, kind)).add(span)
        others.add(span.duration_ns, times=CALL_TIMES, more=CALL_MORE_NS)

    def _slow_calls(self, slow: _Slow) -> Finding:
        longest_ns, span_id = max(slow.spans)
        how_many = f"{slow.count} slow calls" if slow.count > 1 else "A slow call"
        share = f", {percent(slow.beyond_ns, self._duration_ns)} of the run" if self._duration_ns else ""
        return Finding(
            detector=self.name,
            severity=Severity.NOTE,
            title=f"{how_many} ({slow.kind}): {length(longest_ns)}, {longest_ns / slow.usual_ns:.0f} x the usual",
            evidence=f"{how_many}: up to {length(longest_ns)}, where {length(round(slow.usual_ns))} is usual for {slow.kind}. "
            f"That is {length(slow.beyond_ns)} more than usual{share}.",
            remedy="For a model call: see its attempts, and the provider's status at that time. For a tool: give it a time limit, or run less of it.",
            span_ids=(span_id, *(other for _, other in slow.spans if other != span_id)),
            waste=Waste(duration_ns=slow.beyond_ns),
        )


def _beside(shown: str, usual: str, value: float, known: Limit) -> str:
    return f"{shown}, {value / known.usual:.1f} x the usual {usual} of this agent's last {known.count} runs"


def _middle(values: tuple[float, ...]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0


def _most_of_it(costs: list[int]) -> tuple[int, int, str]:
    """The shortest stretch of turns that holds most of the cost (places of its first and last), and words where it tells something."""
    wanted, first, held = sum(costs) * MOST_OF_IT, 0, 0
    best = (0, len(costs) - 1)
    for last, cost in enumerate(costs):
        held += cost
        while held - costs[first] >= wanted and first < last:
            held -= costs[first]
            first += 1
        if held >= wanted and last - first < best[1] - best[0]:
            best = (first, last)
    start, end = best
    if end - start + 1 > len(costs) / 2:
        return start, end, ""
    return start, end, f"; most of it in turn{f's {start + 1}-{end + 1}' if end > start else f' {end + 1}'}"


def _parts(span: Observed) -> str:
    read = span.cache_read_tokens
    said = [f"{tokens(span.input_tokens)} tokens went in"]
    if read:
        said.append(f"{percent(read, span.input_tokens)} of them from the cache")
    if span.cache_write_tokens:
        said.append(f"{tokens(span.cache_write_tokens)} were written to the cache")
    return f"{', '.join(said)}; {tokens(span.output_tokens)} came out."


def _kind_of_call(span: Observed) -> str:
    """Which calls are alike in time: a tool's, or a program's where the tool is a shell."""
    command = commands(command_of(span))
    if not command:
        return span.name
    words = [word for word in command[-1].split() if "=" not in word and not word.startswith("-")]
    return " ".join([span.name, *words[:2]])[:80]
