"""Engines that look at the same time, die at every point and come back: the same messages, each once."""

import multiprocessing
import os
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracing import failpoint
from tracing.alerts.engine import Engine
from tracing.alerts.message import Alert
from tracing.alerts.outbox import Outbox
from tracing.alerts.rule import Happened, Holds, Rule, Seen, View
from tracing.finding import Severity
from tracing.store import TraceStore

S = 1_000_000_000
START = 1_800_000_000 * S
FORK = multiprocessing.get_context("fork")

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def alert(key: str) -> Alert:
    return Alert("trouble", key, Severity.WARNING, f"{key}: trouble", "")


@dataclass(frozen=True)
class Look:
    """At this time a rule says this."""

    now_ns: int
    seen: tuple[Seen, ...]

    def evaluate(self, folder: Path) -> int:
        with (
            closing(TraceStore(folder / "traces.db")) as store,
            Engine(
                folder / "ledger.db",
                store,
                [Rule("trouble", "", self._say)],
                route=lambda _message: ("mail", "chat"),
                links=lambda _alert: (),
                clock=lambda: self.now_ns,
            ) as engine,
        ):
            return engine.evaluate()

    def _say(self, _view: View) -> tuple[Seen, ...]:
        return self.seen


# begins, an event, another one that is counted, over, again
STORY = (
    Look(START, (Holds(alert("a")), Happened(alert("e"), "one", START, 300))),
    Look(START + 60 * S, (Holds(alert("b")), Happened(alert("e"), "two", START + 50 * S, 300))),
    Look(START + 400 * S, (Holds(alert("b")), Happened(alert("e"), "three", START + 390 * S, 300))),
    Look(START + 2_400 * S, (Holds(alert("a")),)),
    Look(START + 2_800 * S, (Holds(alert("a")),)),
)


def messages(folder: Path) -> list[tuple[str, str, str, str]]:
    with closing(Outbox.open(folder / "ledger.db")) as outbox:
        entries = outbox.history(1_000)
    return sorted(
        (entry.message.kind.value, entry.message.title, entry.message.text, entry.channel) for entry in entries
    )


def told_undisturbed(folder: Path) -> list[tuple[str, str, str, str]]:
    folder.mkdir()
    for look in STORY:
        look.evaluate(folder)
    return messages(folder)


def in_a_process(look: Look, folder: Path, failpoints: str) -> int:
    """Its exit code: 137 where it died."""

    def work() -> None:
        failpoint.arm(failpoints)
        look.evaluate(folder)
        os._exit(0)

    process = FORK.Process(target=work)
    process.start()
    process.join()
    return process.exitcode or 0


@pytest.mark.parametrize("number", range(len(STORY)))
def test_whoever_dies_at_any_point_of_a_look_leaves_nothing_lost_and_nothing_doubled(
    tmp_path: Path, number: int
) -> None:
    expected = told_undisturbed(tmp_path / "undisturbed")
    at, died = 0, True
    while died:
        at += 1
        folder = tmp_path / f"dies-at-{at}"
        folder.mkdir()
        for look in STORY[:number]:
            look.evaluate(folder)
        died = in_a_process(STORY[number], folder, f"exit:{at}") == failpoint.KILLED
        for look in STORY[number:]:
            look.evaluate(folder)
        assert messages(folder) == expected, f"died at point {at}"
    assert at > 3, "no point was reached"


@pytest.mark.parametrize("point", ["before", "inside", "after"])
def test_a_full_disk_costs_a_look_and_no_message(tmp_path: Path, point: str) -> None:
    expected = told_undisturbed(tmp_path / "undisturbed")
    folder = tmp_path / "full"
    folder.mkdir()
    for look in STORY:
        failpoint.arm(f"error:{point} alerts evaluate#1:ENOSPC")
        try:
            with pytest.raises(OSError, match="No space left"):
                look.evaluate(folder)
        finally:
            failpoint.arm(None)
        look.evaluate(folder)

    assert messages(folder) == expected


@pytest.mark.parametrize(
    ("worker", "count"),
    [pytest.param(threading.Thread, 6, id="threads"), pytest.param(FORK.Process, 3, id="processes")],
)
def test_engines_at_once_tell_once(tmp_path: Path, worker: type, count: int) -> None:
    expected = told_undisturbed(tmp_path / "undisturbed")
    folder = tmp_path / "together"
    folder.mkdir()
    for look in STORY:
        workers = [worker(target=look.evaluate, args=(folder,)) for _ in range(count)]
        for one in workers:
            one.start()
        for one in workers:
            one.join()
        assert not any(getattr(one, "exitcode", 0) for one in workers)

    assert messages(folder) == expected


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random")


STEP = st.tuples(
    st.sampled_from([0, 1, 15, 60, 299, 301, 900, 1_801, 90_000, -30, -7_200]),  # seconds since the last look
    st.sets(st.sampled_from(["a", "b"])),  # what holds
    st.sampled_from(["", "", "", "", "silence", "speak", "raise"]),
)


@settings(max_examples=20, deadline=None)
@given(steps=st.lists(STEP, min_size=1, max_size=15))
def test_whatever_happens_a_condition_is_told_as_firing_and_resolved_in_turns(
    folders: Path, steps: list[tuple[int, set[str], str]]
) -> None:
    folder = folders / str(len(list(folders.iterdir())))
    folder.mkdir()
    now_ns, holding, word = START, set[str](), ""

    def say(_view: View) -> list[Seen]:
        if word == "raise":
            raise ValueError
        return [Holds(alert(key)) for key in sorted(holding)]

    with (
        closing(TraceStore(folder / "traces.db")) as store,
        Engine(
            folder / "ledger.db",
            store,
            [Rule("trouble", "", say)],
            route=lambda _: ("mail",),
            links=lambda _: (),
            clock=lambda: now_ns,
        ) as engine,
    ):
        counted = 0
        for seconds, holding, word in steps:  # noqa: B007  the rule reads them
            now_ns += seconds * S
            if word in {"silence", "speak"}:
                engine.silence("trouble", 600 if word == "silence" else 0)
            counted += engine.evaluate()
        word, now_ns = "", now_ns + 200_000 * S
        counted += engine.evaluate()  # everything that was told as firing and is gone ...
        now_ns += 301 * S
        counted += engine.evaluate()  # ... is told as resolved in the end
        firing = {one.alert.key for one in engine.firing()}

    with closing(Outbox.open(folder / "ledger.db")) as outbox:
        told = [entry.message for entry in reversed(outbox.history(10_000))]
    assert len(told) == counted, "a message had the id of another one"
    for key in ("a", "b"):
        kinds = [message.kind.value for message in told if message.dedup_key.endswith(f"/{key}")]
        assert kinds == [("firing", "resolved")[at % 2] for at in range(len(kinds))]
        assert (len(kinds) % 2 == 1) == (key in firing) == (key in holding)
