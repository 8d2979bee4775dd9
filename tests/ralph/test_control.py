"""Orders for a run: files that survive a kill, each message for one worker only."""

import json
import multiprocessing
import os
import signal
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from ralph.errors import RalphError
from ralph.home import find_home
from ralph.steer.control import Attendance, Control

REPO = "ab" * 32


@pytest.fixture
def control() -> Control:
    opened = Control.open(find_home(), REPO)
    ticks = count(1_000)
    return Control(opened.folder, now_ns=lambda: next(ticks))


@pytest.fixture
def run(control: Control) -> Iterator[Attendance]:
    with control.attend("run-1", "ralph/work") as attendance:
        yield attendance


def test_everything_is_for_the_user_alone(control: Control) -> None:
    control.say("hello")
    control.pause()
    modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in [control.folder, *control.folder.rglob("*")]}
    assert modes == {True: 0o700, False: 0o600}


def test_a_message_waits_until_a_run_comes_and_is_gone_once_it_was_answered(control: Control) -> None:
    control.say("use the helper")
    assert [message.text for message in control.pending()] == ["use the helper"]
    with control.attend("run-1", "main") as run, run.story("US-001") as heard:
        assert heard.take() == ["use the helper"]
        assert heard.take() == []
        heard.settle(delivered=True)
    assert control.pending() == []


def test_what_was_taken_and_not_answered_waits_for_the_next_session(control: Control, run: Attendance) -> None:
    control.say("one")
    with run.story("US-001") as heard:
        assert heard.take() == ["one"]
    with run.story("US-002") as heard:
        assert heard.take() == ["one"]


def test_messages_come_in_the_order_they_were_said_and_only_to_their_story(control: Control, run: Attendance) -> None:
    control.say("first")
    control.say("for two", "US-002")
    control.say("last")
    with run.story("US-001") as one, run.story("US-002") as two:
        assert one.take() == ["first", "last"]
        assert two.take() == ["for two"]


def test_many_workers_deliver_each_message_once(control: Control, run: Attendance) -> None:
    for number in range(40):
        control.say(str(number))
    with run.story("US-001") as heard, ThreadPoolExecutor(8) as pool:
        taken = pool.map(lambda _: control.take(run.token, heard.story_id), range(16))
    assert sorted(int(message.text) for part in taken for message in part) == list(range(40))


def _takes_and_is_killed(folder: Path) -> None:
    control = Control(folder)
    with control.attend("run-9", "main") as run, run.story("US-001") as heard:
        heard.take()
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_run_gives_back_what_it_had_taken_and_is_not_running_any_more(control: Control) -> None:
    control.say("do not lose me")
    process = multiprocessing.get_context("spawn").Process(target=_takes_and_is_killed, args=(control.folder,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert control.running() == []
    with control.attend("run-10", "main") as run, run.story("US-001") as heard:
        assert heard.take() == ["do not lose me"]
    assert list((control.folder / "runs").iterdir()) == []


def test_a_message_can_be_withdrawn_until_an_agent_has_it(control: Control, run: Attendance) -> None:
    first, second = control.say("one"), control.say("two", "US-002")
    assert control.withdraw(second.id) == second
    assert control.withdraw(second.id) is None
    assert control.withdraw("../orders/pause") is None
    with run.story("US-001") as heard:
        heard.take()
        assert control.withdraw(first.id) is None
        assert [message.text for message in control.pending()] == ["one"]


@pytest.mark.parametrize("text", [pytest.param(" \n", id="empty"), pytest.param("x" * 8_001, id="too-long")])
def test_a_message_that_says_nothing_or_too_much_is_refused(control: Control, text: str) -> None:
    with pytest.raises(RalphError):
        control.say(text)
    assert control.pending() == []


def test_a_file_that_somebody_else_has_written_is_no_message(control: Control, run: Attendance) -> None:
    (control.folder / "messages" / "0.json").write_text("{broken")
    (control.folder / "messages" / "1.json").write_text(json.dumps(["list"]))
    (control.folder / "messages" / "2.json").write_text(json.dumps({"text": "half"}))
    with run.story("US-001") as heard:
        assert heard.take() == []
    assert control.pending() == []


def test_a_run_says_which_stories_it_works_on(control: Control, run: Attendance) -> None:
    with run.story("US-001"), run.story("US-002"):
        (info,) = control.running()
        assert (info.pid, info.run, info.branch, info.stories) == (
            os.getpid(),
            "run-1",
            "ralph/work",
            ("US-001", "US-002"),
        )
    assert control.running()[0].stories == ()


def test_a_pause_holds_until_it_is_taken_back_and_does_not_outlive_its_run(control: Control) -> None:
    with control.attend("run-1", "main") as run, run.story("US-001") as heard:
        control.pause()
        assert heard.paused()
        assert control.is_paused()
        control.resume()
        assert not heard.paused()
        control.pause()
    with control.attend("run-2", "main") as run, run.story("US-001") as heard:
        assert not heard.paused()


def test_a_stop_is_for_the_runs_that_are_alive(control: Control) -> None:
    with control.attend("run-1", "main") as run:
        control.stop()
        assert run.stopped
    with control.attend("run-2", "main") as run:
        assert not run.stopped


def test_a_skip_ends_the_session_that_it_was_meant_for_and_no_later_one(control: Control, run: Attendance) -> None:
    with run.story("US-001") as one, run.story("US/../2") as two:
        control.skip("US/../2")
        assert (one.skipped(), two.skipped()) == (False, True)
    with run.story("US/../2") as again:
        assert not again.skipped()


def test_an_order_is_heard_though_the_clock_was_set_back_since_the_run_began(control: Control, run: Attendance) -> None:
    earlier = Control(control.folder, now_ns=lambda: 1)
    earlier.pause()
    assert control.is_paused()
    earlier.stop()
    assert run.stopped
