"""The engine: what is told of conditions and events as they come, stay and go, over restarts, kills and other engines."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing.alerts.engine import Engine
from tracing.alerts.message import Alert, Fact, Kind, Message
from tracing.alerts.outbox import Outbox
from tracing.alerts.rule import Happened, Holds, Rule, Seen, View
from tracing.alerts.state import SETTLED_NS, due, missed, seen, told
from tracing.finding import Severity
from tracing.store import TraceStore

S = 1_000_000_000
START = 1_800_000_000 * S


def an_alert(key: str = "shop", rule: str = "trouble") -> Alert:
    return Alert(rule, key, Severity.WARNING, f"{key}: trouble", "Something is wrong.", cost_micros=12_000, agent=key)


@dataclass
class World:
    """A ledger, a clock, and what one rule says at each look."""

    folder: Path
    store: TraceStore
    now_ns: int = START
    saying: Callable[[View], Sequence[Seen]] = lambda _view: ()
    off: tuple[str, ...] = ()
    channels: tuple[str, ...] = ("mail",)
    views: list[View] = field(default_factory=list)

    def engine(self, rule: str = "trouble") -> Engine:
        return Engine(
            self.folder / "ledger.db",
            self.store,
            [Rule(rule, "there is trouble", self._look)],
            route=lambda _message: self.channels,
            links=lambda _alert: (),
            off=self.off,
            clock=lambda: self.now_ns,
        )

    def _look(self, view: View) -> Sequence[Seen]:
        self.views.append(view)
        return self.saying(view)

    def holds(self, *keys: str) -> None:
        self.saying = lambda _view: [Holds(an_alert(key)) for key in keys]

    def happened(self, *identities: str, quiet_s: float = 0, at_ns: int | None = None) -> None:
        events = [
            Happened(an_alert(), identity, (self.now_ns if at_ns is None else at_ns) + number, quiet_s)
            for number, identity in enumerate(identities)
        ]
        self.saying = lambda _view: events

    def messages(self) -> list[Message]:
        """The oldest first."""
        with closing(Outbox.open(self.folder / "ledger.db")) as outbox:
            return [entry.message for entry in reversed(outbox.history(10_000))]

    def kinds(self) -> list[str]:
        return [message.kind.value for message in self.messages()]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(TraceStore.open(tmp_path / "traces.db")) as store:
        yield World(tmp_path, store)


F, R = "firing", "resolved"
# at each look: seconds since the one before, and whether the condition holds then
SEQUENCES = [
    pytest.param([(0, 1)], [F], id="appears"),
    pytest.param([(0, 1), *[(15, 1)] * 100], [F], id="stays"),
    pytest.param([(0, 1), (60, 0)], [F], id="has-just-gone"),
    pytest.param([(0, 1), (60, 0), (301, 0)], [F, R], id="goes"),
    pytest.param([(0, 1), (9_000, 0)], [F], id="one-look-without-it-is-not-enough"),
    pytest.param([(0, 1), *[(60, 0), (60, 1)] * 30], [F], id="flaps-every-minute"),
    pytest.param([(0, 1), *[(60, 0), (301, 0), (60, 1)] * 6], [F, R, F], id="comes-back-every-six-minutes"),
    pytest.param([(0, 1), (60, 0), (301, 0), (1_801, 1)], [F, R, F], id="comes-back-after-a-while"),
    pytest.param([(0, 1), (60, 0), (301, 0), (60, 1), (1_741, 1)], [F, R, F], id="comes-back-soon-and-stays"),
    pytest.param([(0, 1), (-7_200, 1), (60, 1)], [F], id="clock-back-while-it-holds"),
    pytest.param([(0, 1), (60, 0), (-7_200, 0), (200, 0)], [F], id="clock-back-while-it-is-gone"),
    pytest.param([(0, 1), (60, 0), (-7_200, 0), (301, 0)], [F, R], id="clock-back-and-really-gone"),
    pytest.param([(0, 1), (60, 0), (301, 0), (-7_200, 1)], [F, R, F], id="clock-back-ends-the-pause"),
]


@pytest.mark.parametrize(("looks", "expected"), SEQUENCES)
@pytest.mark.parametrize("restarts", [False, True], ids=["one-engine", "an-engine-for-each-look"])
def test_a_condition_is_told_when_it_begins_and_when_it_is_really_over(
    world: World, looks: list[tuple[int, int]], expected: list[str], *, restarts: bool
) -> None:
    engine = world.engine()
    for seconds, is_there in looks:
        world.now_ns += seconds * S
        world.holds(*["shop"] * is_there)
        if restarts:
            engine.close()
            engine = world.engine()
        engine.evaluate()

    engine.close()
    assert world.kinds() == expected


def test_a_message_about_a_condition_says_what_when_and_how_long(world: World) -> None:
    with world.engine() as engine:
        world.holds("shop")
        engine.evaluate()
        for seconds, keys in ((60, ()), (60, ("shop",)), (600, ()), (301, ())):
            world.now_ns += seconds * S
            world.holds(*keys)
            engine.evaluate()

    first, last = world.messages()
    assert (first.title, first.text, first.dedup_key) == ("shop: trouble", "Something is wrong.", "ralph/trouble/shop")
    assert last.title == "Over after 12m00s: shop: trouble"
    assert "it lasted 12m00s and came back once meanwhile." in last.text
    assert last.dedup_key == first.dedup_key
    assert last.data["lasted_s"] == 720
    assert first.data["cost_usd"] == 0.012


def test_conditions_of_different_keys_do_not_touch_each_other(world: World) -> None:
    with world.engine() as engine:
        for keys in (("a",), ("a", "b"), ("b",)):
            world.holds(*keys)
            engine.evaluate()
            world.now_ns += 60 * S
        world.now_ns += 300 * S
        engine.evaluate()

        assert [(message.kind.value, message.title) for message in world.messages()] == [
            ("firing", "a: trouble"),
            ("firing", "b: trouble"),
            ("resolved", "Over after 2m00s: a: trouble"),
        ]
        assert [one.alert.key for one in engine.firing()] == ["b"]


def test_an_event_is_told_once_however_often_it_is_seen(world: World) -> None:
    world.happened("one", "two")
    for _ in range(3):
        with world.engine() as engine:
            world.now_ns += 15 * S
            world.happened("one", "two", at_ns=START)
            engine.evaluate()
            engine.evaluate()

    assert world.kinds() == ["happened", "happened"]


def test_within_the_quiet_time_events_are_counted_and_the_next_message_says_how_many(world: World) -> None:
    with world.engine() as engine:
        for number in range(9):
            world.happened(f"trace-{number}", quiet_s=300)
            engine.evaluate()
            world.now_ns += 40 * S

    first, second = world.messages()
    assert first.data["more"] == 0
    assert second.text == "Something is wrong.\n\nAnd 7 more in the last 4m40s."
    assert second.data["more"] == 7


def test_a_hundred_at_once_are_one_message_about_the_newest(world: World) -> None:
    with world.engine() as engine:
        world.happened(*[f"trace-{number}" for number in range(100)], quiet_s=300)
        assert engine.evaluate() == 1

    assert world.messages()[0].data["more"] == 99


def test_the_quiet_time_does_not_last_longer_after_the_clock_was_put_back(world: World) -> None:
    with world.engine() as engine:
        world.happened("one", quiet_s=300)
        engine.evaluate()
        world.now_ns -= 86_400 * S
        world.happened("two", quiet_s=300)
        engine.evaluate()

    assert world.kinds() == ["happened", "happened"]


def test_nothing_is_said_of_the_past(world: World) -> None:
    with world.engine() as engine:
        world.happened("old", at_ns=START - 1)
        engine.evaluate()
        assert world.views[0].since_ns == START

    assert world.messages() == []


def test_a_look_goes_back_behind_the_last_one_and_after_a_long_pause_not_for_ever(world: World) -> None:
    with world.engine() as engine:
        for seconds in (0, 3_600, 15, 30 * 86_400):
            world.now_ns += seconds * S
            engine.evaluate()

    assert [(view.now_ns - view.since_ns) // S for view in world.views] == [0, 3_600, 915, 3 * 86_400]


def test_looks_that_change_nothing_write_nothing(world: World) -> None:
    with world.engine() as engine:
        world.holds("shop")
        engine.evaluate()
        world.now_ns += 15 * S
        before = engine._db.total_changes
        for _ in range(10):
            world.now_ns += 15 * S
            engine.evaluate()

        assert engine._db.total_changes == before


def test_a_rule_that_is_off_says_nothing_and_once_on_again_only_what_holds_then(world: World) -> None:
    world.off = ("trouble",)
    with world.engine() as engine:
        world.holds("shop")
        engine.evaluate()
        world.happened("one")
        engine.evaluate()
        assert world.messages() == []

    world.off = ()
    with world.engine() as engine:
        both: list[Seen] = [Holds(an_alert()), Happened(an_alert(), "one", START)]
        world.saying = lambda _view: both
        world.now_ns += 15 * S
        engine.evaluate()

    assert world.kinds() == ["firing"]


def test_a_silence_ends_by_itself_and_what_still_holds_is_told_then(world: World) -> None:
    with world.engine() as engine:
        silence = engine.silence("trouble", 7_200)
        assert engine.silences() == (silence,)
        world.holds("shop")
        engine.evaluate()
        world.now_ns += 7_199 * S
        engine.evaluate()
        assert world.messages() == []
        world.now_ns += 1 * S
        engine.evaluate()
        assert engine.silences() == ()

    (message,) = world.messages()
    assert message.kind is Kind.FIRING
    assert "It has been so since" in message.text


def test_what_ended_in_a_silence_is_told_as_resolved_after_it(world: World) -> None:
    with world.engine() as engine:
        world.holds("shop")
        engine.evaluate()
        engine.silence("trouble", 7_200)
        world.holds()
        for seconds in (60, 301, 301):
            world.now_ns += seconds * S
            engine.evaluate()
        assert world.kinds() == ["firing"]
        world.now_ns += 7_200 * S
        engine.evaluate()

    assert world.messages()[-1].data["lasted_s"] == 60


def test_what_came_and_went_in_a_silence_is_never_told_and_events_of_it_are_counted(world: World) -> None:
    with world.engine() as engine:
        engine.silence("trouble", 3_600)
        both: list[Seen] = [Holds(an_alert("a")), Happened(an_alert("b"), "one", START)]
        world.saying = lambda _view: both
        engine.evaluate()
        world.holds()
        for seconds in (60, 301, 3_600):
            world.now_ns += seconds * S
            engine.evaluate()
        assert world.messages() == []
        world.saying = lambda _view: [Happened(an_alert("b"), "two", world.now_ns)]
        engine.evaluate()

    assert [message.data["more"] for message in world.messages()] == [1]


def test_a_silence_can_be_ended_and_does_not_outlast_a_clock_that_was_put_back(world: World) -> None:
    with world.engine() as engine:
        engine.silence("trouble", 3_600)
        engine.silence("trouble", 0)
        assert engine.silences() == ()
        engine.silence("trouble", 3_600)
        world.now_ns -= 365 * 86_400 * S
        assert engine.silences() == ()


def test_a_rule_that_raises_is_logged_once_and_takes_nothing_with_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_view: View) -> Sequence[Seen]:
        raise ZeroDivisionError("no samples")

    def fine(_view: View) -> Sequence[Seen]:
        return [Holds(an_alert(rule="fine"))]

    with world.engine() as engine:
        world.holds("shop")
        engine.evaluate()
        engine.rules = (Rule("trouble", "", broken), Rule("fine", "", fine))
    world.saying = broken
    with Engine(
        world.folder / "ledger.db",
        world.store,
        engine.rules,
        route=lambda _: (),
        links=lambda _: (),
        clock=lambda: world.now_ns,
    ) as engine:
        for _ in range(5):
            world.now_ns += 301 * S
            engine.evaluate()

        assert [message.rule for message in world.messages()] == ["trouble", "fine"]
        assert [one.alert.rule for one in engine.firing()] == ["trouble", "fine"]
    assert len([record for record in caplog.records if "trouble failed" in record.message]) == 1


@pytest.mark.parametrize(
    ("error", "has_traceback"),
    [(ZeroDivisionError("no samples"), True), (sqlite3.OperationalError("database or disk is full"), False)],
)
def test_a_rule_that_fails_for_the_disk_is_a_line_and_no_traceback(
    world: World, caplog: pytest.LogCaptureFixture, error: Exception, *, has_traceback: bool
) -> None:
    def broken(_view: View) -> Sequence[Seen]:
        raise error

    with world.engine() as engine:
        world.saying = broken
        engine.evaluate()

    [record] = [record for record in caplog.records if str(error) in record.message]
    assert bool(record.exc_info) == has_traceback


def test_what_happened_while_a_rule_was_broken_is_told_when_it_works_again(world: World) -> None:
    def broken(_view: View) -> Sequence[Seen]:
        raise ValueError

    with world.engine() as engine:
        engine.evaluate()
        world.saying = broken
        for _ in range(100):
            world.now_ns += 60 * S
            engine.evaluate()
        world.happened("one")
        engine.evaluate()

        assert world.now_ns - world.views[-1].since_ns >= 6_000 * S


def test_a_message_that_no_channel_takes_is_in_the_history(world: World) -> None:
    world.channels = ()
    with world.engine() as engine:
        world.holds("shop")
        engine.evaluate()

    with closing(Outbox.open(world.folder / "ledger.db")) as outbox:
        assert [(entry.channel, entry.message.title) for entry in outbox.history()] == [("", "shop: trouble")]


def test_events_that_nobody_names_any_more_are_forgotten(world: World) -> None:
    with world.engine() as engine:
        for day in range(400):
            world.now_ns += 86_400 * S
            world.happened(f"day-{day}")
            engine.evaluate()

        assert engine._db.execute("SELECT count(*) FROM alert_event").fetchone()[0] <= 91


def test_the_keys_of_long_names_stay_apart_and_short_enough_for_pagerduty() -> None:
    one, other = an_alert("x" * 300 + "1").dedup_key, an_alert("x" * 300 + "2").dedup_key

    assert one != other
    assert len(one) == len(other) == 255


@given(
    steps=st.lists(
        st.tuples(st.integers(-10_000, 10_000), st.booleans(), st.booleans()), max_size=60
    )  # seconds since the last look, whether it holds, whether nothing may be said
)
def test_steps_in_any_order_tell_firing_and_resolved_in_turns_and_never_too_soon(
    steps: list[tuple[int, bool, bool]],
) -> None:
    condition, now_ns, kinds, gone_ns = None, START, [], START
    for seconds, is_there, is_muted in steps:
        now_ns += seconds * S
        gone_ns = now_ns if is_there else min(gone_ns, now_ns)
        condition = seen(condition, an_alert(), now_ns) if is_there else condition and missed(condition, now_ns)
        if condition is None:
            continue
        if (kind := None if is_muted else due(condition, now_ns)) is not None:
            condition = told(condition, kind, now_ns)
            kinds.append(kind)
            assert is_there == (kind is Kind.FIRING)
            assert is_there or now_ns - gone_ns >= SETTLED_NS
        condition = None if condition.is_forgettable(now_ns) else condition

    assert kinds == [(Kind.FIRING, Kind.RESOLVED)[at % 2] for at in range(len(kinds))]
    assert (condition is not None and condition.told_ns is not None) == (len(kinds) % 2 == 1)


def test_names_that_are_no_text_do_not_keep_alerts_from_being_told(world: World) -> None:
    strange = "caf\udce9"  # a folder of the days before UTF-8
    alert = replace(an_alert(strange), facts=(Fact(strange, strange),), trace_id=strange)
    world.saying = lambda view: [Holds(alert), Happened(an_alert(strange), strange, view.now_ns)]
    with world.engine() as engine:
        assert engine.evaluate() == 2
        assert engine.evaluate() == 0
    assert {message.title for message in world.messages()} == {"caf?: trouble"}
