"""The same call again, with the same outcome, though nothing changed between: the agent goes in circles.

Five shapes, each with its own patience: one call repeated; one call failing in the same way again; a cycle of two to four
calls; one tool failing in the same way with arguments that hardly differ; one question in other words that brings the same. Polling gets far more patience. Not loops, since
call, outcome or state differ: paging, polling that sees progress, tests run again after an edit, a file read again after one.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from tracing.failures.calls import CALLS, Made, call_of
from tracing.failures.detector import Detector
from tracing.failures.observed import Observed, Subject
from tracing.failures.occurrences import Group, Patience, Seen
from tracing.failures.owners import Owners
from tracing.failures.rephrased import Rephrased, alike, words_of
from tracing.failures.spent import Turns
from tracing.failures.state_change import Effect, effect_known
from tracing.finding import Finding, Severity, Verdict
from tracing.span import SpanKind

SAME = Patience(note=3, nudge=4, stop=6)
SAME_FAILURE = Patience(note=3, nudge=3, stop=6)  # the third try of a flaky network is everyday
CYCLE = Patience(note=3, nudge=3, stop=5)  # laps
VARIED_FAILURE = Patience(note=4, nudge=5, stop=15)
REPHRASED = Patience(note=4, nudge=6, stop=20)
BLIND = Patience(note=5, nudge=8, stop=25)  # a call that acts and says little of it: a click, a key, "ok"
POLLING = Patience(note=20, nudge=20, stop=60)

_ASKED = CALLS | {SpanKind.AGENT}  # a sub-agent is asked for something too
_LONGEST_CYCLE = 4

_SEVERITY = {Verdict.NOTE: Severity.NOTE, Verdict.NUDGE: Severity.WARNING, Verdict.STOP: Severity.CRITICAL}


class RetryLoop(Detector):
    """Notes, then nudges, then stops."""

    name = "retry_loop"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._owners = Owners()
        self._agents: dict[str, _Agent] = {}
        self._changes = 0  # how often the state may have changed

    def began(self, span: Observed) -> Iterable[Finding]:
        self._owners.began(span)
        return ()

    def ended(self, span: Observed) -> Iterable[Finding]:
        self._agents.pop(span.span_id, None)
        agent = self._agents.setdefault(self._owners.ended(span), _Agent())
        spent = agent.turns.ended(span)
        if span.kind not in _ASKED:
            return ()
        call = call_of(span)
        effect = Effect.READS if span.kind is SpanKind.RETRIEVER else effect_known(span)
        seen = Seen(span, call, effect, spent, agent.turns.number)
        agent.forget_before(self._changes)
        if seen.effect is not Effect.READS:
            self._changes += 1
            agent.may_have_changed_state(seen, self._changes)
        found = agent.saw(seen)
        return () if found is None else (found,)


class _Agent:
    """What one agent has called since something changed."""

    def __init__(self) -> None:
        self.turns = Turns()
        self._changes = 0
        self._same = Made[Group]()
        self._varied: dict[str, tuple[Group, frozenset[int]]] = {}
        self._cycles = _Cycles()
        self._rephrased = Rephrased()

    def forget_before(self, changes: int) -> None:
        """What another agent may have changed makes every call worth repeating."""
        if changes != self._changes:
            self._changes, self._same, self._varied, self._rephrased = changes, Made(), {}, Rephrased()

    def may_have_changed_state(self, seen: Seen, changes: int) -> None:
        """Every other call is worth repeating now; this one too if it surely changed something."""
        same, varied = None, None
        if not seen.span.changed:
            same = self._same.find(seen.call)
            varied = self._varied.get(_failure(seen)) if self._varied else None
        self._same, self._varied, self._rephrased, self._changes = Made(), {}, Rephrased(), changes
        if same is not None:
            self._same.put(seen.call, same)
        if varied is not None:
            self._varied[_failure(seen)] = varied

    def saw(self, seen: Seen) -> Finding | None:
        """One shape, once: what is found of a call that is part of a circle is told as the circle."""
        circle = self._cycles.saw(seen)
        same = self._saw_same(seen)
        varied = self._saw_varied(seen)
        rephrased = self._rephrased.saw(seen)
        one = same or varied
        found = None if circle is None else _of_cycle(circle, one)
        return found or one or (None if rephrased is None else _of_rephrased(rephrased, seen))

    def _saw_same(self, seen: Seen) -> Finding | None:
        group = self._same.find(seen.call)
        if group is None:
            self._same.put(seen.call, seen.group())
            return None
        if group.last_ended_ns > seen.span.started_at_ns:
            return None  # asked for beside the other, before that one's outcome was known
        group.again(seen)
        return _of_repeats(group, seen)

    def _saw_varied(self, seen: Seen) -> Finding | None:
        """One tool that brings the same failure for calls that hardly differ."""
        if not seen.call.empty_handed or not seen.call.outcome_chars:
            return None
        key, words = _failure(seen), words_of(seen.span)
        group, before = self._varied.get(key, (None, frozenset()))
        if group is None or not alike(words, before):
            self._varied[key] = seen.group(), words
            return None
        group.again(seen)
        self._varied[key] = group, words
        return _of_varied(group, seen)


@dataclass
class _Circle:
    """Calls that went round at least once: `lap` is the last round, `verdict` the gravest so far."""

    length: int
    group: Group
    held: int = 0  # so many calls in a row were like the ones a lap before
    lap: list[Seen] = field(default_factory=list)
    verdict: Verdict | None = None

    @property
    def laps(self) -> int:
        return 1 + self.held // self.length

    @property
    def is_one(self) -> bool:
        """One call that is repeated is no circle."""
        return self.laps > 1 and len({one.call.call for one in self.lap}) > 1

    def judged(self, found: Finding | None) -> Verdict | None:
        """By the patience with circles, and by what was found of the call alone; never milder than before."""
        verdicts = (
            self.verdict,
            _patience_with_cycle(self.lap).verdict(self.laps),
            None if found is None else found.verdict,
        )
        self.verdict = max((one for one in verdicts if one is not None), key=_SEVERITY.__getitem__, default=None)
        return self.verdict


class _Cycles:
    """Notices that the last calls repeat those before: for each length of a cycle, how long it has held. Constant memory."""

    def __init__(self) -> None:
        self._last: deque[Seen] = deque(maxlen=_LONGEST_CYCLE)
        self._circles: dict[int, _Circle] = {}

    def saw(self, seen: Seen) -> _Circle | None:
        for length in range(2, _LONGEST_CYCLE + 1):
            self._match(length, seen)
        self._last.append(seen)
        return next((circle for _, circle in sorted(self._circles.items()) if circle.is_one), None)

    def _match(self, length: int, seen: Seen) -> None:
        before = self._last[-length] if len(self._last) >= length else None
        if before is None or before.call.call != seen.call.call or before.call.outcome != seen.call.outcome:
            self._circles.pop(length, None)
            return
        circle = self._circles.setdefault(length, _Circle(length, before.group()))
        circle.group.again(seen)
        circle.held += 1
        circle.lap = [*self._last, seen][-length:]


def _patience_with_cycle(lap: list[Seen]) -> Patience:
    if any(one.polls for one in lap):
        return POLLING
    return BLIND if all(one.blind or one.call.says_little for one in lap) else CYCLE


def _patience_with(seen: Seen) -> Patience:
    if seen.polls:
        return POLLING
    if seen.call.failed:
        return SAME_FAILURE
    return BLIND if seen.blind else SAME


def _failure(seen: Seen) -> str:
    return seen.call.tool + seen.call.outcome


def _of_repeats(group: Group, seen: Seen) -> Finding | None:
    verdict = _patience_with(seen).verdict(group.times)
    what = "failed in the same way" if seen.call.failed else "brought the same result"
    return None if verdict is None else _finding(
        group, verdict,
        title=f"The same {seen.span.name} call {what} {group.times} times",
        evidence=f"{seen.label} {what} {group.times} times, {_between(group, seen)}, and nothing was changed between. "
        f"Each time: {seen.brought}",
        nudge=f"You have made the same call {group.times} times and it {what}: {seen.label}. Nothing has changed between, "
        "so it will not bring anything else. Use what it told you, change something, or try another way.",
    )  # fmt: skip


def _of_varied(group: Group, seen: Seen) -> Finding | None:
    verdict = VARIED_FAILURE.verdict(group.times)
    return None if verdict is None else _finding(
        group, verdict,
        title=f"{seen.span.name} failed in the same way {group.times} times with hardly different arguments",
        evidence=f"{group.times} {seen.span.name} calls, {_between(group, seen)}, differ little and failed alike; the latest: "
        f"{seen.label}. Each time: {seen.brought}",
        nudge=f"{group.times} calls of {seen.span.name} with hardly different arguments failed in the same way: {seen.brought}. "
        "Another small variation will fail too. Find the cause first, or take another way.",
    )  # fmt: skip


def _of_rephrased(group: Group, seen: Seen) -> Finding | None:
    verdict = REPHRASED.verdict(group.times)
    return None if verdict is None else _finding(
        group, verdict,
        title=f"{seen.span.name} was asked {group.times} times in other words and brought the same",
        evidence=f"{group.times} {seen.span.name} calls, {_between(group, seen)}, ask for the same in other words; the latest: "
        f"{seen.label}. Each time: {seen.brought}",
        nudge=f"{group.times} calls of {seen.span.name} in other words brought the same: {seen.brought}. It has no more on this. "
        "Use what it told you, ask something else, or look elsewhere.",
    )  # fmt: skip


def _of_cycle(circle: _Circle, one: Finding | None) -> Finding | None:
    verdict, laps, lap = circle.judged(one), circle.laps, circle.lap
    calls = ", then ".join(made.label for made in lap)
    return None if verdict is None else _finding(
        circle.group, verdict,
        title=f"The same {len(lap)} calls with the same results, {laps} times round",
        evidence=f"A circle of {len(lap)} calls went round {laps} times with the same results, {_between(circle.group, lap[-1])}: "
        f"{calls}. The last one brought: {lap[-1].brought}",
        nudge=f"You are going in a circle: the same {len(lap)} calls brought the same results {laps} times ({calls}). "
        "Stop repeating them. Say what you have learned, then try another way.",
    )  # fmt: skip


def _between(group: Group, seen: Seen) -> str:
    return f"from turn {group.first_turn} to {seen.turn}"


def _finding(group: Group, verdict: Verdict, *, title: str, evidence: str, nudge: str) -> Finding:
    return Finding(
        detector=RetryLoop.name,
        severity=_SEVERITY[verdict],
        title=title,
        evidence=evidence,
        remedy="Open the first repeat: what was the agent waiting for, and why could it not tell from the result that this will "
        "not come? Make the tool's answer say what to do instead, or give the agent what it was looking for.",
        span_ids=(*group.repeats, group.first_span),
        waste=group.waste,
        verdict=verdict,
        nudge=nudge,
    )
