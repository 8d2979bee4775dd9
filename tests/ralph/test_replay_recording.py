"""A session answered by hand, recorded, and played back through the real SDK."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread

import anthropic
import pytest

from ralph.replay.__main__ import main
from ralph.replay.answer import AnswerError, turn_of
from ralph.replay.by_hand import ByHand, by_hand
from ralph.replay.normalise import normalised
from ralph.replay.recording import Recorder, RecordingDriftError, RecordingError, load_recording, replayed
from ralph.replay.scripted import HungUpError, Request, ScriptedModel, ScriptError, calls, finish_done, says
from ralph.replay.turn import Call, Text, Turn

FIRST = "Story: US-001 - Greet\n\nImplement it."


def talk(model: ScriptedModel, first: str, results: Sequence[str]) -> list[anthropic.types.Message]:
    """A conversation that answers each tool call with the next result."""
    messages: list[anthropic.types.MessageParam] = [{"role": "user", "content": first}]
    replies = []
    with model.client() as client:
        for result in [*results, ""]:
            reply = client.messages.create(model="claude-opus-5-5", max_tokens=1_000, messages=messages)
            replies.append(reply)
            answers: list[anthropic.types.ToolResultBlockParam] = [
                {"type": "tool_result", "tool_use_id": block.id, "content": result}
                for block in reply.content
                if block.type == "tool_use"
            ]
            messages += [{"role": "assistant", "content": reply.content}, {"role": "user", "content": answers}]
    return replies


def record(path: Path, turns: Sequence[Turn], first: str, results: Sequence[str]) -> None:
    left = iter(turns)
    talk(ScriptedModel(Recorder(lambda _request: next(left), path)), first, results)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "session.json"
    turns = [calls("bash", {"command": "pytest"}, saying="Tests first."), finish_done("Greets.")]
    record(path, turns, FIRST, ["1 passed in 0.03s\n/tmp/ralph-abc/place/tree/test_a.py at 2026-11-21T10:00:00Z"])
    return path


def test_a_recording_plays_back_where_only_paths_times_and_the_prompt_differ(recorded: Path) -> None:
    model = replayed(load_recording(recorded))
    other = ["1 passed in 1.25s\n/var/folders/x/place/test_a.py at 2027-01-02T11:12:13Z"]
    first, second = talk(model, "Another prompt altogether.\nStory: US-001 - Greet", other)
    assert first.content[0].type == "text"
    assert first.content[0].text == "Tests first."
    assert second.content[0].type == "tool_use"
    assert second.content[0].name == "finish"
    assert model.drift is None
    assert model.kind == "recording"


def test_a_tool_result_that_differs_is_a_drift_and_names_the_line(recorded: Path) -> None:
    model = replayed(load_recording(recorded))
    with pytest.raises(anthropic.BadRequestError) as caught:
        talk(model, FIRST, ["1 failed in 0.03s\n/tmp/ralph-abc/place/tree/test_a.py at 2026-11-21T10:00:00Z"])
    assert (
        "recording drift: step 2 of US-001 expected the tool result '1 passed in <time>' got '1 failed in <time>'."
        in str(caught.value)
    )
    assert isinstance(model.drift, RecordingDriftError)


@pytest.mark.parametrize(
    ("first", "message"),
    [
        pytest.param("Do something.", "the first message names no story", id="no-story"),
        pytest.param("Story: US-009", "US-009 has no attempt 1 in the recording", id="unknown-story"),
    ],
)
def test_what_was_never_recorded_is_a_drift(recorded: Path, first: str, message: str) -> None:
    with pytest.raises(anthropic.BadRequestError, match=message):
        talk(replayed(load_recording(recorded)), first, [])


def test_a_session_that_goes_on_beyond_its_recording_is_a_drift(tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    record(path, [calls("bash", {"command": "ls"})], FIRST, [])
    with pytest.raises(
        anthropic.BadRequestError, match=r"step 2 of US-001 \(attempt 1\) is beyond the recording's end"
    ):
        talk(replayed(load_recording(path)), FIRST, ["a.py"])


def test_a_second_conversation_of_a_story_is_its_second_attempt_and_a_retry_is_not(tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    turns = iter([calls("bash", {"command": "one"}), calls("bash", {"command": "two"})])
    recorder = ScriptedModel(Recorder(lambda _request: next(turns), path))
    retry = FIRST + "\nThe last attempt failed."
    talk(recorder, FIRST, [])
    talk(recorder, retry, [])
    model = replayed(load_recording(path))
    commands = [talk(model, first, [])[0].content[0] for first in (FIRST, FIRST, retry)]
    assert [block.input for block in commands if block.type == "tool_use"] == [
        {"command": "one"},
        {"command": "one"},
        {"command": "two"},
    ]


def test_a_file_that_is_no_recording_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}x")
    with pytest.raises(RecordingError, match=r"bad\.json: not a recording"):
        load_recording(tmp_path / "bad.json")


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        pytest.param("===== 3 passed in 0.12s =====", "=== 3 passed in <time> ===", id="pytest"),
        pytest.param("platform linux -- Python 3.11.4\nok", "ok", id="platform"),
        pytest.param("[main 1a2b3c4d] fix", "[main <hash>] fix", id="hash"),
        pytest.param("\x1b[31mred\x1b[0m", "red", id="colour"),
        pytest.param('File "/tmp/x/y/a.py", line 3', 'File "<path>", line 3', id="path"),
        pytest.param("src/a.py:3: 1 / 2 added 7 lines", "src/a.py:3: 1 / 2 added 7 lines", id="kept"),
    ],
)
def test_what_differs_between_machines_is_taken_out(raw: str, plain: str) -> None:
    assert normalised(raw) == plain


def test_an_answer_may_be_short_or_the_apis_own() -> None:
    short = {"say": "Look.", "calls": [{"name": "bash", "input": {"command": "ls"}}]}
    whole = {
        "content": [{"type": "text", "text": "Look."}, {"type": "tool_use", "name": "bash", "input": {"command": "ls"}}]
    }
    assert turn_of(short) == turn_of(whole) == Turn((Text("Look."), Call("bash", {"command": "ls"})))


def test_an_answer_that_makes_no_sense_says_how_one_looks() -> None:
    with pytest.raises(AnswerError, match=r"cals: Extra inputs are not permitted\. Write"):
        turn_of({"cals": []})


def test_a_person_answers_each_request_in_a_folder_and_their_session_can_be_played_back(tmp_path: Path) -> None:
    folder = tmp_path / "hand"
    answers = [{"calls": [{"name": "bash", "input": {"command": "ls"}}]}, {"say": "Nothing to do."}]
    stop = Event()

    def person() -> None:
        for number, answer in enumerate(answers, start=1):
            while not (folder / f"{number:03d}-request.json").exists() and not stop.wait(0.005):
                pass
            whole = json.dumps(answer)
            path = folder / f"{number:03d}-answer.json"
            path.write_text(whole[:9])
            path.write_text(whole)

    thread = Thread(target=person)
    thread.start()
    try:
        model = by_hand(folder, timeout_s=20)
        replies = talk(model, FIRST, ["a.py"])
    finally:
        stop.set()
        thread.join()
    assert [reply.stop_reason for reply in replies] == ["tool_use", "end_turn"]
    assert model.kind == "by-hand"
    assert "Implement it." in (folder / "001-request.md").read_text()
    assert "Implement it." not in (folder / "002-request.md").read_text()
    assert "a.py" in (folder / "002-request.md").read_text()
    again = talk(replayed(load_recording(folder / "recording.json")), FIRST, ["a.py"])
    assert [reply.stop_reason for reply in again] == ["tool_use", "end_turn"]


def a_request() -> Request:
    return Request(1, {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]})


def test_a_bad_answer_is_explained_and_can_be_mended(tmp_path: Path) -> None:
    def person_mends(_seconds: float) -> None:
        if (tmp_path / "001-problem.txt").exists():
            (tmp_path / "001-answer.json").write_text('{"say": "Mended."}')

    (tmp_path / "001-answer.json").write_text('{"says": "Typo."}')
    assert ByHand(tmp_path, sleep=person_mends)(a_request()) == says("Mended.")
    assert not (tmp_path / "001-problem.txt").exists()


def test_an_answer_that_nobody_writes_ends_with_its_file_name(tmp_path: Path) -> None:
    now = iter(range(10))
    by_nobody = ByHand(tmp_path, timeout_s=3, sleep=lambda _seconds: None, clock=lambda: float(next(now)))
    with pytest.raises(ScriptError, match=r"nobody wrote .*001-answer\.json within 3 s"):
        by_nobody(a_request())


def test_the_command_serves_a_script_a_recording_or_a_folder(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = Event()
    done.set()
    (tmp_path / "script.json").write_text('[{"say": "Hi"}]')
    for source in (["--recording", recorded], ["--script", tmp_path / "script.json"], ["--by-hand", tmp_path]):
        assert main(["serve", *map(str, source)], until=done) == 0
    assert capsys.readouterr().out.count("ANTHROPIC_BASE_URL=http://127.0.0.1:") == 3


def test_the_command_refuses_a_file_that_is_no_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--recording", str(tmp_path / "none.json")]) == 2
    assert "none.json: not a recording" in capsys.readouterr().err


def test_a_person_is_told_once_what_is_waited_for_and_a_stop_ends_the_waiting(tmp_path: Path) -> None:
    told, stop = list[str](), Event()
    waits = ByHand(tmp_path, sleep=lambda _seconds: stop.set(), tell=told.append, stop=stop)
    with pytest.raises(HungUpError):
        waits(a_request())
    assert told == [f"waiting for {tmp_path}/001-answer.json; the request is in {tmp_path}/001-request.md"]
    (tmp_path / "001-answer.json").write_text('{"say": "Was there."}')
    assert (waits(a_request()), len(told)) == (says("Was there."), 1)


def test_the_answers_in_the_docs_are_ones_that_are_understood() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "by-hand.md").read_text(encoding="utf-8")
    answers = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    names = [
        [block.name for block in turn_of(json.loads(answer)).content if isinstance(block, Call)] for answer in answers
    ]
    assert names == [["bash"], ["write"], ["finish"]]
