"""Asks the rules, remembers what was so and what people were told, and puts messages into the outbox: all in one transaction.

Any number of engines may look at once (a run, the daemon, the viewer): what one has committed the next one finds. One that is
killed at any moment has told nothing, or has told it and remembers. The past is no news: a rule speaks of what happened since
an engine first knew it. Knows no rule, no channel and no way to send.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from tracing.alerts import compose, memory
from tracing.alerts.memory import Looks, Silence
from tracing.alerts.message import Kind, Message
from tracing.alerts.outbox import MIGRATIONS as OF_OUTBOX
from tracing.alerts.outbox import Outbox
from tracing.alerts.rule import Happened, Holds, Rule, Seen, View
from tracing.alerts.sound import sound
from tracing.alerts.state import SECOND_NS, Condition, Counted, due, missed, seen, told
from tracing.sqlite import StateError, connect, migrate, transaction
from tracing.store import TraceStore

LOGGER = logging.getLogger("tracing")
OVERLAP_NS = 900 * SECOND_NS  # what was slow to reach the disk is still seen
MOST_BACK_NS = 3 * memory.DAY_NS  # after a longer pause the rest is the past
NOTED_EVERY_NS = 300 * SECOND_NS  # how often it is written down that there was nothing
OF_THE_DISK = (OSError, sqlite3.Error, StateError)  # no bug: a line says it all

Route: TypeAlias = Callable[[Message], Sequence[str]]
Change: TypeAlias = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True)
class _Look:
    """What one rule said."""

    rule: str
    happened: tuple[Happened, ...]
    holds: tuple[Holds, ...]
    is_off: bool
    is_silent: bool


@dataclass(frozen=True)
class _Step:
    """What one look leads to: rows to write, messages to put."""

    changes: tuple[Change, ...] = ()
    messages: tuple[Message, ...] = ()


class Engine:
    """`off` are rules that say nothing at all. Safe between threads and between processes."""

    def __init__(
        self,
        path: Path,
        store: TraceStore,
        rules: Sequence[Rule],
        *,
        route: Route,
        links: compose.Links,
        off: Collection[str] = (),
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.store, self.rules, self.off, self.clock = store, tuple(rules), frozenset(off), clock
        self._route, self._links = route, links
        self._lock = threading.Lock()
        self._broken: set[str] = set()  # rules whose failure was logged
        self._db = connect(path, synchronous="FULL")
        migrate(self._db, "outbox", OF_OUTBOX)
        migrate(self._db, memory.COMPONENT, memory.MIGRATIONS)
        self._meet_rules()

    def evaluate(self) -> int:
        """One look by every rule; gives how many messages were put into the outbox."""
        with self._lock:
            now_ns = self.clock()
            looks = self._look(now_ns)
            if not self._steps(looks, now_ns):
                return 0
            with transaction(self._db, "alerts evaluate") as db:
                steps = self._steps(looks, now_ns)  # once more: another engine may have been quicker
                return sum(self._carry_out(db, step, now_ns) for step in steps)

    def silence(self, rule: str, for_s: float) -> Silence:
        """Nothing is told of this rule until then; what still holds is told at the end. 0 ends a silence."""
        now_ns = self.clock()
        until_ns = now_ns + round(for_s * SECOND_NS)
        with self._lock, transaction(self._db, "alerts silence") as db:
            memory.put_silence(db, rule, now_ns, until_ns)
        return Silence(rule, until_ns)

    def silences(self) -> tuple[Silence, ...]:
        """Those that last."""
        with self._lock:
            return memory.silences(self._db, self.clock())

    def firing(self) -> tuple[Condition, ...]:
        """What holds now, or was told and not yet resolved; what began first is first."""
        with self._lock:
            return memory.firing(self._db)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def _meet_rules(self) -> None:
        """From now on they speak; of nothing before."""
        if {rule.name for rule in self.rules} <= memory.looks(self._db).keys():
            return
        with transaction(self._db, "alerts begin") as db:
            now_ns, known = self.clock(), memory.looks(db)
            for rule in self.rules:
                if rule.name not in known:
                    memory.put_looks(db, rule.name, Looks(now_ns, now_ns))

    def _look(self, now_ns: int) -> list[_Look]:
        known = memory.looks(self._db)
        silent = {silence.rule for silence in memory.silences(self._db, now_ns)}
        looks = []
        for rule in self.rules:
            found = self._ask(rule, View(self.store, now_ns, _since_ns(known[rule.name], now_ns)))
            if found is not None:
                happened = tuple(one for one in found if isinstance(one, Happened))
                holds = tuple(one for one in found if isinstance(one, Holds))
                looks.append(_Look(rule.name, happened, holds, rule.name in self.off, rule.name in silent))
        return looks

    def _ask(self, rule: Rule, view: View) -> list[Seen] | None:
        """None where the rule is broken: what it said before stays as it is. Said once, until it works again."""
        try:
            found = [sound(seen) for seen in rule.look(view)]
        except Exception as error:  # the boundary to rules: one that is broken keeps no other one from speaking
            if rule.name not in self._broken:
                said = "The alert rule %s failed and says nothing until it works again: %s"
                LOGGER.warning(said, rule.name, error, exc_info=not isinstance(error, OF_THE_DISK))
            self._broken.add(rule.name)
            return None
        self._broken.discard(rule.name)
        return found

    def _steps(self, looks: Iterable[_Look], now_ns: int) -> list[_Step]:
        known, conditions = memory.looks(self._db), memory.conditions(self._db)
        steps: list[_Step] = []
        for look in looks:
            of_rule = {key: one for (rule, key), one in conditions.items() if rule == look.rule}
            steps += self._of_conditions(look, of_rule, now_ns)
            steps += self._of_events(look, min(known[look.rule].started_ns, now_ns), now_ns)
            steps += _noted(look, known[look.rule], now_ns)
        return steps

    def _of_conditions(self, look: _Look, known: dict[str, Condition], now_ns: int) -> Iterator[_Step]:
        holding = {holds.alert.key: holds.alert for holds in look.holds}
        for key in sorted(known.keys() | holding.keys()):
            before = known.get(key)
            now = missed(known[key], now_ns) if key not in holding else seen(before, holding[key], now_ns)
            kind = None if look.is_off or look.is_silent else due(now, now_ns)
            messages = () if kind is None else (_about(now, kind, now_ns, self._links),)
            after = now if kind is None else told(now, kind, now_ns)
            if after.is_forgettable(now_ns):
                yield _Step((_forgetting(look.rule, key),), messages)
            elif after != before:
                yield _Step((_keeping(look.rule, key, after),), messages)

    def _of_events(self, look: _Look, started_ns: int, now_ns: int) -> Iterator[_Step]:
        happened = {one.identity: one for one in look.happened if one.at_ns >= started_ns}
        named = memory.events(self._db, look.rule, happened)
        old = [identity for identity, named_ns in named.items() if abs(now_ns - named_ns) > memory.DAY_NS]
        new = sorted((one for one in happened.values() if one.identity not in named), key=lambda one: one.at_ns)
        if old or new:
            yield _Step(
                tuple(_naming(look.rule, identity, now_ns) for identity in [*old, *(one.identity for one in new)])
            )
        by_key: dict[str, list[Happened]] = {}
        for one in new if not look.is_off else ():
            by_key.setdefault(one.alert.key, []).append(one)
        for key, events in by_key.items():
            counted = memory.counted(self._db, look.rule, key)
            after, messages = self._told(events, counted, now_ns, is_silent=look.is_silent)
            yield _Step((_counting(look.rule, key, after),), messages)

    def _told(
        self, events: Sequence[Happened], counted: Counted, now_ns: int, *, is_silent: bool
    ) -> tuple[Counted, tuple[Message, ...]]:
        """Where one message in so long is the most: about the newest, and the others are counted in it."""
        quiet_s = max(one.quiet_s for one in events)
        if is_silent or counted.is_quiet(quiet_s, now_ns):
            return counted.with_more(len(events), events[0].at_ns), ()
        if quiet_s > 0:
            counted, events = counted.with_more(len(events) - 1, events[0].at_ns), events[-1:]
        counts = [counted, *[Counted()] * (len(events) - 1)]
        messages = [compose.happened(one, more, now_ns, self._links) for one, more in zip(events, counts, strict=True)]
        return Counted(told_ns=now_ns), tuple(messages)

    def _carry_out(self, db: sqlite3.Connection, step: _Step, now_ns: int) -> int:
        for change in step.changes:
            change(db)
        return sum(Outbox.enqueue(db, message, self._route(message), now_ns) for message in step.messages)


def _since_ns(known: Looks, now_ns: int) -> int:
    started_ns, looked_ns = min(known.started_ns, now_ns), min(known.looked_ns, now_ns)
    return max(started_ns, looked_ns - OVERLAP_NS, now_ns - MOST_BACK_NS)


def _noted(look: _Look, known: Looks, now_ns: int) -> Iterator[_Step]:
    """That the rule was asked; also after the clock was put back, when what happens now lies before it was first asked."""
    if 0 <= now_ns - known.looked_ns < NOTED_EVERY_NS:
        return
    looked = replace(known, started_ns=min(known.started_ns, now_ns), looked_ns=now_ns)
    yield _Step((lambda db: memory.put_looks(db, look.rule, looked), lambda db: memory.prune(db, now_ns)))


def _about(condition: Condition, kind: Kind, now_ns: int, links: compose.Links) -> Message:
    make = compose.firing if kind is Kind.FIRING else compose.resolved
    return make(condition, now_ns, links)


def _keeping(rule: str, key: str, condition: Condition) -> Change:
    return lambda db: memory.put_condition(db, rule, key, condition)


def _forgetting(rule: str, key: str) -> Change:
    return lambda db: memory.forget_condition(db, rule, key)


def _naming(rule: str, identity: str, now_ns: int) -> Change:
    return lambda db: memory.put_event(db, rule, identity, now_ns)


def _counting(rule: str, key: str, counted: Counted) -> Change:
    return lambda db: memory.put_counted(db, rule, key, counted)
