"""A model session written down step by step, and the model that plays it back.

A step is matched on the story and on what the tools gave back, not on prompt bytes: a better prompt does not spoil a
recording, a tool or a check that behaves differently does, and says so. A conversation belongs to the story that its first
message names; each new conversation of a story is its next attempt.
"""

import json
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path
from threading import Lock
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from ralph.replay.answer import answer_of, turn_of
from ralph.replay.normalise import digest, normalised
from ralph.replay.scripted import Request, Script, ScriptedModel, ScriptError
from ralph.replay.sse import Json
from ralph.replay.turn import Turn
from tracing.redact import Redactor, secret_values
from tracing.span import JsonValue

StoryOf = Callable[[str], str]
"""The text of a conversation's first message -> the story it is about, "" for none."""
_STORY_LINE = re.compile(r"^\W*Story:?\W+([\w.-]+)", re.MULTILINE)
_SHOWN_CHARS = 200


class RecordingError(ValueError):
    """A recording that cannot be read."""


class RecordingDriftError(ScriptError):
    """What came back from the tools is not what came back when the recording was made.

    The text ends without a full stop: the model client puts it into a sentence of its own.
    """


class Step(BaseModel):
    """One answer. `tool_results`: the normalised texts that it answered to, `tool_results_digest` their digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    story: str
    attempt: int
    step: int
    tool_results_digest: str
    tool_results: tuple[str, ...]
    answer: dict[str, object]


class Recording(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    format: Literal[1] = 1
    steps: tuple[Step, ...] = ()

    def find(self, story: str, attempt: int, step: int) -> Step | None:
        wanted = (story, attempt, step)
        return next((each for each in self.steps if (each.story, each.attempt, each.step) == wanted), None)

    def save(self, path: Path) -> None:
        """Replaces the file in one step."""
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(self.model_dump(), ensure_ascii=False, indent=1) + "\n")
        Path(temporary).replace(path)


def load_recording(path: Path) -> Recording:
    """Raises: RecordingError."""
    try:
        return Recording.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise RecordingError(f"{path}: not a recording: {error}. Make one with --by-hand.") from error


def story_line(text: str) -> str:
    """The id in the line `Story: US-001`."""
    found = _STORY_LINE.search(text)
    return found.group(1) if found else ""


class _Place:
    """Which story, attempt and step a request is. A repeated first request is a retry, not a new attempt."""

    def __init__(self, story_of: StoryOf) -> None:
        self._story_of = story_of
        self._openings: dict[str, list[object]] = {}
        self._lock = Lock()

    def of(self, request: Request) -> tuple[str, int, int]:
        opening = request.messages[0]
        story = self._story_of("\n".join(_texts(opening)))
        step = 1 + sum(message["role"] == "assistant" for message in request.messages)
        with self._lock:
            openings = self._openings.setdefault(story, [])
            if opening not in openings:
                openings.append(opening)
            return story, openings.index(opening) + 1, step


class Recorder:
    """A script that writes down what another script answers. The file is whole after every answer."""

    def __init__(self, script: Script, path: Path, *, story_of: StoryOf = story_line) -> None:
        self._script = script
        self._path = path
        self._place = _Place(story_of)
        self._redactor = Redactor(secret_values(os.environ))
        self._steps: dict[tuple[str, int, int], Step] = {}

    def __call__(self, request: Request) -> Turn:
        turn = self._script(request)
        story, attempt, step = self._place.of(request)
        results = _without_secrets(tool_results(request.messages), self._redactor)
        answer, _ = self._redactor.value(cast("JsonValue", answer_of(turn)))
        self._steps[story, attempt, step] = Step(
            story=story,
            attempt=attempt,
            step=step,
            tool_results_digest=digest(results),
            tool_results=tuple(results),
            answer=cast("dict[str, object]", answer),
        )
        Recording(steps=tuple(self._steps.values())).save(self._path)
        return turn


class Playback:
    """A script that answers from a recording."""

    def __init__(self, recording: Recording, *, story_of: StoryOf = story_line) -> None:
        self._recording = recording
        self._place = _Place(story_of)
        self._redactor = Redactor(secret_values(os.environ))

    def __call__(self, request: Request) -> Turn:
        """Raises: RecordingDriftError."""
        story, attempt, number = self._place.of(request)
        step = self._recording.find(story, attempt, number)
        if step is None:
            raise RecordingDriftError(self._missing(story, attempt, number))
        got = tool_results(request.messages)
        shown = _without_secrets(got, self._redactor)
        if step.tool_results_digest not in {digest(got), digest(shown)}:
            raise RecordingDriftError(_difference(step, shown))
        return turn_of(step.answer)

    def _missing(self, story: str, attempt: int, number: int) -> str:
        if not story:
            return "recording drift: the first message names no story. It needs a line `Story: US-001`"
        if self._recording.find(story, attempt, 1) is None:
            return f"recording drift: {story} has no attempt {attempt} in the recording. Record it with --by-hand"
        return (
            f"recording drift: step {number} of {story} (attempt {attempt}) is beyond the recording's end. "
            "Record it again with --by-hand"
        )


def replayed(recording: Recording, *, story_of: StoryOf = story_line) -> ScriptedModel:
    """The model of a recording. What did not match is in its `drift`."""
    return ScriptedModel(Playback(recording, story_of=story_of), kind="recording")


def tool_results(messages: Sequence[Json]) -> list[str]:
    """The normalised texts of the tool results that came back since the last answer; errors are marked."""
    tail: list[Json] = []
    for message in reversed(messages):
        if message["role"] == "assistant":
            break
        tail = [*_results(message), *tail]
    return [("error: " if block.get("is_error") else "") + normalised("\n".join(_texts(block))) for block in tail]


def _without_secrets(results: Sequence[str], redactor: Redactor) -> list[str]:
    """As they are written down, and as they are compared: a recording is shared more easily than the keys seen in it."""
    return [redactor.text(result) for result in results]


def _results(message: Json) -> list[Json]:
    content = message["content"]
    return [block for block in content if block.get("type") == "tool_result"] if isinstance(content, list) else []


def _texts(holder: Json) -> list[str]:
    content = holder.get("content") or ""
    if isinstance(content, str):
        return [content]
    return [str(block.get("text", f"<{block.get('type')}>")) for block in cast("list[Json]", content)]


def _difference(step: Step, got: Sequence[str]) -> str:
    """The message of a drift: the first line that is not as recorded."""
    expected_lines = "\n".join(step.tool_results).split("\n")
    pairs = zip_longest(expected_lines, "\n".join(got).split("\n"), fillvalue="<nothing>")
    expected, found = next((pair for pair in pairs if pair[0] != pair[1]), ("<the same>", "<the same>"))
    return (
        f"recording drift: step {step.step} of {step.story} expected the tool result {expected[:_SHOWN_CHARS]!r} "
        f"got {found[:_SHOWN_CHARS]!r}. Undo the change of the tool, or record the story again with --by-hand"
    )
