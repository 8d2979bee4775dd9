"""What a person who plays the model leaves in files: no secrets, and it can be played again."""

import json
from pathlib import Path
from typing import cast

import pytest

from ralph.replay.recording import Playback, Recorder, load_recording
from ralph.replay.scripted import Request, calls
from ralph.replay.sse import Json

SECRET = "correct-horse-battery-9"


def _request(output: str) -> Request:
    messages = [
        {"role": "user", "content": "Story: US-001 - Add it."},
        {"role": "assistant", "content": []},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": output}]},
    ]
    body = cast("Json", {"model": "m", "messages": messages, "max_tokens": 9})
    return Request(number=1, body=body)


def test_a_recording_holds_no_secret_and_plays_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", SECRET)
    path = tmp_path / "recording.json"
    turn = calls("bash", {"command": f"echo {SECRET}"})
    Recorder(lambda _request: turn, path)(_request(f"it is {SECRET}"))
    assert SECRET not in path.read_text()
    assert "[redacted: secret]" in json.dumps(json.loads(path.read_text())["steps"][0]["answer"])
    Playback(load_recording(path))(_request(f"it is {SECRET}"))
