"""The user speaks between the turns of a session: the real SDK, ledger, tracer, tools and control files."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, cast

import pytest

from ralph.agents.native import NativeAgent, NativeSession, Task
from ralph.events import Event, EventKind
from ralph.finish import Ending
from ralph.home import Home, find_home
from ralph.model.call import Model
from ralph.model.client import sdk_client
from ralph.model.pace import Pace
from ralph.replay.scripted import Request, Script, ScriptedModel
from ralph.replay.turn import Turn, calls, fails, finish_done, says, stops
from ralph.sandbox.choose import choose_sandbox
from ralph.steer.control import Control
from ralph.steer.steering import Interruption, NobodySpeaks
from ralph.tools.toolbox import Toolbox
from tracing.budget import Ledger, Limit
from tracing.meter import Meter
from tracing.prices import PriceBook
from tracing.redact import Redactor
from tracing.store import TraceStore
from tracing.tracer import Tracer

LIST = calls("bash", {"command": "ls"})
TOLD = "[from the user] use the helper"


class Bench:
    """A session that hears the control files; waiting is counted, and `while_waiting` is called for each wait."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.tree = folder / "tree"
        self.tree.mkdir()
        self.store = stack.enter_context(closing(TraceStore.open(folder / "traces.db")))
        self.ledger = stack.enter_context(closing(Ledger.open(folder / "ledger.db")))
        self.tracer = Tracer(self.store, redact=Redactor())
        self.trace = self.tracer.start_trace("invoke_agent ralph")
        stack.callback(self.trace.end)
        self.control = Control.open(find_home(), "ab" * 32)
        self.run = stack.enter_context(self.control.attend("run-1", "main"))
        self.cancel = threading.Event()
        self.events: list[Event] = []
        self.now_s = 0.0
        self.while_waiting: Callable[[], None] = lambda: None

    def session(self, script: Sequence[Turn] | Script, story: str = "US-001", **task: Any) -> NativeSession:
        self.service = ScriptedModel(script)
        pace = Pace(clock=lambda: self.now_s, sleep=self._sleep, dice=lambda: 1.0)
        client = sdk_client(api_key="k", transport=self.service.transport())
        meter = Meter(self.ledger, PriceBook())
        model = self._stack.enter_context(closing(Model(client, meter, "claude-opus-5-5", pace=pace)))
        agent = NativeAgent(model, self.tracer, self.ledger, self.events.append)
        sandbox, _ = choose_sandbox("none", Home(self.folder / "home"))
        known = Task(
            story,
            lambda: [Limit("run:r", 50_000_000)],
            cancel=self.cancel,
            control=self._stack.enter_context(self.run.story(story)),
            **task,
        )
        tools = lambda: Toolbox(self.tree, self.folder / "scratch", sandbox)  # noqa: E731
        return self._stack.enter_context(agent.session(known, self.trace, tools))

    def sent(self, number: int = -1) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", self.service.requests[number]["messages"])

    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.events]

    def _sleep(self, seconds: float, _cancel: object) -> None:
        self.now_s += seconds
        self.while_waiting()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)


def saying(bench: Bench, turns: Sequence[Turn], at: int, text: str = "use the helper") -> Script:
    """A script during whose request number `at` the user says something."""

    def script(request: Request) -> Turn:
        if request.number == at:
            bench.control.say(text)
        return turns[request.number - 1]

    return script


def test_what_is_said_during_a_turn_follows_the_tool_results_of_that_turn(bench: Bench) -> None:
    session = bench.session(saying(bench, [LIST, LIST, finish_done("s")], at=1))
    session.work("Story")
    assert [block["type"] for block in bench.sent(1)[-1]["content"]] == ["tool_result", "text"]
    assert bench.sent(1)[-1]["content"][-1]["text"] == TOLD
    assert str(bench.sent(2)).count(TOLD) == 1
    assert bench.control.pending() == []


def test_the_conversation_before_it_stays_as_it_was_so_that_the_cache_holds(bench: Bench) -> None:
    session = bench.session(saying(bench, [LIST, LIST, finish_done("s")], at=1))
    session.work("Story")
    for earlier, later in zip(range(2), range(1, 3), strict=True):
        assert bench.sent(later)[: len(bench.sent(earlier))] == bench.sent(earlier)
    assert [message["role"] for message in bench.sent()] == ["user", "assistant", "user", "assistant", "user"]


def test_what_was_said_before_the_run_comes_with_the_first_turn(bench: Bench) -> None:
    bench.control.say("use the helper")
    bench.session([finish_done("s")]).work("Story")
    assert [block["text"] for block in bench.sent(0)[0]["content"]] == ["Story", TOLD]


def test_what_is_said_while_the_checks_run_comes_with_their_output(bench: Bench) -> None:
    session = bench.session([finish_done("one"), finish_done("two")])
    session.work("Story")
    bench.control.say("use the helper")
    session.work("1 failed")
    assert [block["type"] for block in bench.sent()[-1]["content"]] == ["tool_result", "text"]


def test_a_delivered_message_is_an_event_and_in_the_trace(bench: Bench) -> None:
    bench.control.say("use\nthe helper")
    bench.session([finish_done("s")]).work("Story")
    (told,) = [event for event in bench.events if event.kind is EventKind.STEERED]
    assert (told.text, told.fields["story"]) == ("US-001 was told: use the helper", "US-001")
    bench.trace.end()
    root = bench.store.trace(bench.trace.trace_id).spans[0]
    assert [(event.name, event.attributes["text"]) for event in root.events] == [("user_message", "use\nthe helper")]


def test_a_message_of_a_call_that_failed_is_kept(bench: Bench) -> None:
    bench.control.say("use the helper")
    finish = bench.session([fails(400)]).work("Story")
    assert finish.ending is Ending.SERVICE
    assert [message.text for message in bench.control.pending()] == ["use the helper"]
    bench.session([finish_done("s")], story="US-002").work("Story")
    assert TOLD in str(bench.sent(0))


def test_a_message_is_told_again_in_a_conversation_that_starts_afresh(bench: Bench) -> None:
    turns = [LIST, stops("model_context_window_exceeded"), finish_done("s")]
    bench.session(saying(bench, turns, at=1)).work("Story")
    assert len(bench.sent()) == 1
    assert str(bench.sent()).count(TOLD) == 1


def test_a_message_waits_for_a_turn_of_the_services_own_tools(bench: Bench) -> None:
    """Which goes back unchanged; here the pause has no such tool, so it is answered with words, and the user's too."""
    bench.session(saying(bench, [stops("pause_turn"), finish_done("s")], at=1)).work("Story")
    assert bench.sent(1)[-1]["content"][-1]["text"] == TOLD


def test_a_pause_holds_the_next_turn_until_it_is_taken_back(bench: Bench) -> None:
    session = bench.session([finish_done("s")])
    bench.control.pause()

    def resume_after_a_minute() -> None:
        assert bench.service.requests == []
        if bench.now_s >= 60:
            bench.control.say("use the helper")
            bench.control.resume()

    bench.while_waiting = resume_after_a_minute
    assert session.work("Story").ending is Ending.DONE
    assert bench.now_s == 60
    assert bench.kinds()[:2] == [EventKind.PAUSED, EventKind.RESUMED]
    assert TOLD in str(bench.sent(0))


def test_a_pause_ends_with_the_runs_time(bench: Bench) -> None:
    session = bench.session([], left_s=lambda: 30.0 - bench.now_s)
    bench.control.pause()
    assert session.work("Story").ending is Ending.DEADLINE
    assert bench.now_s == 30


@pytest.mark.parametrize(
    ("order", "ending"),
    [
        pytest.param(lambda bench: bench.control.stop(), Ending.INTERRUPTED, id="stop"),
        pytest.param(lambda bench: bench.cancel.set(), Ending.INTERRUPTED, id="Ctrl-C"),
        pytest.param(lambda bench: bench.control.skip("US-001"), Ending.SKIPPED, id="skip"),
    ],
)
def test_an_order_ends_a_paused_session_and_an_idle_one(
    bench: Bench, order: Callable[[Bench], None], ending: Ending
) -> None:
    session = bench.session([])
    bench.control.pause()
    bench.while_waiting = lambda: order(bench)
    assert session.work("Story").ending is ending
    assert bench.service.requests == []


def test_a_skipped_session_says_who_wanted_it(bench: Bench) -> None:
    turns = [LIST, LIST]

    def script(request: Request) -> Turn:
        bench.control.skip("US-001")
        return turns[request.number - 1]

    finish = bench.session(script).work("Story")
    assert (finish.ending, finish.detail) == (Ending.SKIPPED, "skipped by the user")
    assert len(bench.service.requests) == 1


def test_a_stop_reaches_everybody_who_waits(bench: Bench) -> None:
    bench.control.stop()
    bench.session([]).work("Story")
    assert bench.cancel.is_set()


def test_a_turn_tells_what_a_view_shows(bench: Bench) -> None:
    bench.session([LIST, finish_done("s")]).work("Story")
    _, second = [event.fields for event in bench.events if event.kind is EventKind.TURN]
    assert second["story"] == "US-001"
    assert cast("int", second["context_tokens"]) > 100
    assert 0 < cast("float", second["cache_hit_ratio"]) < 1
    assert cast("float", second["spent_usd"]) > 0
    assert second["limit_usd"] == 50.0


def test_a_tool_is_told_when_it_starts_and_with_its_last_lines_when_it_ends(bench: Bench) -> None:
    noisy = calls("bash", {"command": r"printf 'one\ntwo\nthree\nfour\n\033[31mfive\033[0m\a\nsix\r7\n'"})
    bench.session([noisy, finish_done("s")]).work("Story")
    started, ended = [e for e in bench.events if e.kind in {EventKind.TOOL_STARTED, EventKind.TOOL}]
    assert started.kind is EventKind.TOOL_STARTED
    assert started.text.startswith("bash printf")
    assert started.fields["call"] == ended.fields["call"]
    lines = cast("list[str]", ended.fields["lines"])
    assert len(lines) == 5
    assert "five" in " ".join(lines)
    assert all(line.isprintable() for line in lines)


def test_pauses_of_the_service_are_counted_afresh_after_a_repair(bench: Bench) -> None:
    script = [*[stops("pause_turn")] * 5, finish_done("one"), *[stops("pause_turn")] * 5, finish_done("two")]
    session = bench.session(script)
    assert session.work("Story").ending is Ending.DONE
    assert session.work("failed").ending is Ending.DONE


def test_a_nudge_and_the_users_words_are_one_message(bench: Bench) -> None:
    bench.session(saying(bench, [says("Done?"), finish_done("s")], at=1)).work("Story")
    assert len(bench.sent()[-1]["content"]) == 2


@pytest.mark.parametrize(
    ("order", "ending"),
    [
        pytest.param(lambda bench: bench.control.stop(), Ending.INTERRUPTED, id="stop"),
        pytest.param(lambda bench: bench.cancel.set(), Ending.INTERRUPTED, id="signal"),
        pytest.param(lambda bench: bench.control.skip("US-001"), Ending.SKIPPED, id="skip"),
    ],
)
def test_an_order_is_heard_while_the_service_is_waited_for(
    bench: Bench, order: Callable[[Bench], None], ending: Ending
) -> None:
    session = bench.session([fails(429, retry_after=3 * 3600)])
    bench.while_waiting = lambda: order(bench)
    assert session.work("Story").ending is ending
    assert len(bench.service.requests) == 1


def test_a_run_that_is_paused_while_it_waits_for_the_service_calls_nothing_until_it_goes_on(bench: Bench) -> None:
    session = bench.session([fails(529), finish_done("s")])
    waited = iter((bench.control.pause, lambda: None, lambda: None, bench.control.resume))

    def next_one() -> None:
        next(waited)()

    bench.while_waiting = next_one
    assert session.work("Story").ending is Ending.DONE
    assert bench.kinds()[:3] == [EventKind.MODEL_RETRY, EventKind.PAUSED, EventKind.RESUMED]
    assert len(bench.service.requests) == 2


def test_a_wait_for_the_service_wakes_at_once_when_the_run_is_told_to_stop(bench: Bench) -> None:
    wakes = Interruption(bench.cancel, NobodySpeaks())
    assert not wakes.wait(0.001)
    threading.Timer(0.01, bench.cancel.set).start()
    assert wakes.wait(60)
