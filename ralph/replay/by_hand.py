"""A person is the model: each request is written to a folder, the answer is read from there.

`007-request.json` is the whole request, `007-request.md` what is new in it. The answer goes into `007-answer.json`; a file
that is not whole yet is read again, one that makes no sense is explained in `007-problem.txt`. Knows nothing about HTTP.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from ralph.replay.answer import AnswerError, turn_of
from ralph.replay.recording import Recorder, StoryOf, story_line
from ralph.replay.scripted import HungUpError, Request, ScriptedModel, ScriptError
from ralph.replay.sse import Json
from ralph.replay.turn import Turn
from tracing.redact import Redactor, secret_values
from tracing.span import JsonValue

POLL_S = 0.05
KIND = "by-hand"


class ByHand:
    """A script whose turns somebody writes. `timeout_s` is per answer."""

    def __init__(
        self,
        folder: Path,
        *,
        timeout_s: float = 24 * 3_600,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[str], None] = lambda _text: None,
        stop: threading.Event | None = None,
    ) -> None:
        self._folder = folder
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._clock = clock
        self._tell = tell
        self._stop = stop or threading.Event()
        self._shown: list[Json] = []
        self._shown_head = ""
        self._redactor = Redactor(secret_values(os.environ))

    def __call__(self, request: Request) -> Turn:
        """Raises: ScriptError when nobody answers in time, HungUpError when the run is stopped meanwhile."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._write(request)
        path = self._path(request.number, "answer.json")
        turn = self._read(path, self._path(request.number, "problem.txt"))
        if turn is None:
            self._tell(f"waiting for {path}; the request is in {self._path(request.number, 'request.md')}")
        until_s = self._clock() + self._timeout_s
        while turn is None and self._clock() < until_s:
            if self._stop.is_set():
                raise HungUpError("the run was stopped while it waited for an answer")
            self._sleep(POLL_S)
            turn = self._read(path, self._path(request.number, "problem.txt"))
        if turn is not None:
            return turn
        raise ScriptError(f"nobody wrote {path} within {self._timeout_s:g} s. Run again and answer sooner.")

    def _path(self, number: int, what: str) -> Path:
        return self._folder / f"{number:03d}-{what}"

    def _write(self, request: Request) -> None:
        """Without secrets, in files that stay; a person needs them no more than a trace does."""
        body, _ = self._redactor.value(cast("JsonValue", request.body))
        _put(self._path(request.number, "request.md"), self._redactor.text("\n".join(self._readable(request))))
        _put(self._path(request.number, "request.json"), json.dumps(body, ensure_ascii=False, indent=1))

    def _read(self, path: Path, problem: Path) -> Turn | None:
        try:
            turn = turn_of(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, AnswerError, ValueError) as error:
            if isinstance(error, AnswerError):
                _put(problem, f"{path.name}: {error}\n")
            return None
        problem.unlink(missing_ok=True)
        return turn

    def _readable(self, request: Request) -> Iterator[str]:
        yield f"# Request {request.number} to {request.model}\n"
        head = json.dumps([request.body.get("system"), request.body.get("tools")], ensure_ascii=False)
        if head != self._shown_head:
            yield from _head(request.body)
        messages = [_without_cache_marks(message) for message in request.messages]
        known = len(self._shown)
        goes_on = head == self._shown_head and known and messages[:known] == self._shown
        for message in messages[known if goes_on else 0 :]:
            yield from _message(message)
        self._shown, self._shown_head = messages, head


def by_hand(
    folder: Path,
    recording: Path | None = None,
    *,
    timeout_s: float = 24 * 3_600,
    story_of: StoryOf = story_line,
    tell: Callable[[str], None] = lambda _text: None,
    stop: threading.Event | None = None,
) -> ScriptedModel:
    """The model that a person plays. Its answers are saved as a recording, by default in `FOLDER/recording.json`.

    `tell` is told what is waited for; `stop` ends the waiting.
    """
    person = ByHand(folder, timeout_s=timeout_s, tell=tell, stop=stop)
    return ScriptedModel(Recorder(person, recording or folder / "recording.json", story_of=story_of), kind=KIND)


def _put(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="utf-8", errors="surrogatepass")
    temporary.replace(path)


def _head(body: Json) -> Iterator[str]:
    yield "## System\n"
    yield from _blocks(body.get("system") or "")
    yield "## Tools\n"
    for tool in cast("list[Json]", body.get("tools") or []):
        yield f"- `{tool.get('name')}` {json.dumps(tool.get('input_schema'), ensure_ascii=False)}"
        yield f"  {tool.get('description', '')}\n"


def _without_cache_marks(message: Json) -> Json:
    """The marks move with the tail, so a message that was shown before would look new."""
    if isinstance(message["content"], str):
        return message
    blocks = cast("list[Json]", message["content"])
    bare = [{name: value for name, value in block.items() if name != "cache_control"} for block in blocks]
    return {**message, "content": bare}


def _message(message: Json) -> Iterator[str]:
    yield f"## {message['role']}\n"
    yield from _blocks(message["content"])


def _blocks(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content + "\n"
        return
    for block in cast("list[Json]", content):
        yield from _block(block)


def _block(block: Json) -> Iterator[str]:
    kind = block.get("type")
    if kind == "tool_use":
        yield f"### call {block['name']}\n\n```json\n{json.dumps(block['input'], ensure_ascii=False, indent=1)}\n```\n"
    elif kind == "tool_result":
        yield "### result" + (" (error)" if block.get("is_error") else "") + "\n"
        yield from _blocks(block.get("content") or "")
    else:
        yield str(block.get("text") or block.get("thinking") or f"<{kind}>") + "\n"
