"""An answer as a person or a recording writes it down, and the turn that it means.

`{"say": "Looking.", "calls": [{"name": "bash", "input": {"command": "ls"}}]}`, or the API's own shape
`{"content": [...], "stop_reason": "tool_use"}`. Call ids are not kept: the model makes its own.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ralph.replay.sse import Json
from ralph.replay.turn import Block, Call, Text, Thinking, Turn


class AnswerError(ValueError):
    """What is wrong with an answer, and how one looks."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Text(_Part):
    type: Literal["text"]
    text: str


class _Thinking(_Part):
    type: Literal["thinking"]
    thinking: str
    signature: str = ""


class _ToolUse(_Part):
    type: Literal["tool_use"]
    name: str
    input: dict[str, object]
    id: str = ""


class _ShortCall(_Part):
    name: str
    input: dict[str, object] = {}


class _Answer(_Part):
    content: tuple[Annotated[_Text | _Thinking | _ToolUse, Field(discriminator="type")], ...] = ()
    stop_reason: str | None = None
    say: str = ""
    calls: tuple[_ShortCall, ...] = ()


def turn_of(answer: object) -> Turn:
    """The turn that an answer means.

    Raises: AnswerError.
    """
    try:
        read = _Answer.model_validate(answer)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'the answer'}: {each['msg']}" for each in error.errors()
        )
        raise AnswerError(
            f'{problems}. Write {{"say": "...", "calls": [{{"name": "bash", "input": {{"command": "ls"}}}}]}}.'
        ) from error
    blocks = [_block(part) for part in read.content]
    blocks += [Text(read.say)] if read.say else []
    blocks += [Call(call.name, call.input) for call in read.calls]
    return Turn(tuple(blocks), stop_reason=read.stop_reason)


def _block(part: _Text | _Thinking | _ToolUse) -> Block:
    if isinstance(part, _Text):
        return Text(part.text)
    if isinstance(part, _Thinking):
        return Thinking(part.thinking, part.signature) if part.signature else Thinking(part.thinking)
    return Call(part.name, part.input)


def answer_of(turn: Turn) -> Json:
    """The turn written down; faults and errors are not part of it."""
    return {"content": [_written(block) for block in turn.content], "stop_reason": turn.implied_stop_reason}


def _written(block: Block) -> Mapping[str, object]:
    if isinstance(block, Text):
        return {"type": "text", "text": block.text}
    if isinstance(block, Thinking):
        return {"type": "thinking", "thinking": block.text}
    return {"type": "tool_use", "name": block.name, "input": dict(block.input)}
