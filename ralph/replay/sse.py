"""From a turn to the bytes of an answer: server-sent events as the real service frames them, or one JSON document.

An answer is a sequence of parts. Bytes are sent as they are; a `Cut` is what happens to the connection instead.
Knows nothing about sockets: the transport and the server each play the same parts.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from ralph.replay.turn import Block, Call, Failure, Fault, Text, Thinking, Turn

Json = dict[str, object]
BYTES_PER_TOKEN = 4
_DELTAS_PER_BLOCK = 12
_SHORTEST_DELTA_CHARS = 24
_GARBAGE = b"<html>this line is no event</html>\nneither-is: this\n\n"


class Cut(StrEnum):
    DROP = "drop"
    STALL = "stall"


Part = bytes | Cut


@dataclass(frozen=True)
class Usage:
    """The numbers of the API's `usage`, split the way they are billed. All in tokens."""

    uncached_input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def input_tokens(self) -> int:
        return self.uncached_input_tokens + self.cache_read_tokens + self.cache_creation_tokens

    @property
    def cache_creation_tokens(self) -> int:
        return self.cache_write_5m_tokens + self.cache_write_1h_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. `status` 0: the parts alone decide what the client sees, no status line is sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    usage: Usage = Usage()


@dataclass(frozen=True)
class _Piece:
    """A content block, ready to send: as start event + deltas, and whole."""

    start: Json
    deltas: tuple[Mapping[str, object], ...]
    whole: Json
    size_bytes: int
    reasoning: bool = False


def dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def tokens(size_bytes: int) -> int:
    """The deterministic estimate that this model bills by."""
    return -(-size_bytes // BYTES_PER_TOKEN)


def error_body(failure: Failure, request_id: str) -> Json:
    error: Json = {"type": failure.type, "message": failure.message}
    if failure.error_code is not None:
        error["details"] = {"error_code": failure.error_code}
    return {"type": "error", "error": error, "request_id": request_id}


def error_answer(failure: Failure, request_id: str) -> Answer:
    headers = (("content-type", "application/json"), ("request-id", request_id), *failure.headers)
    return Answer(failure.status, headers, (dumps(error_body(failure, request_id)).encode(),))


def render(turn: Turn, *, number: int, model: str, max_tokens: int, stream: bool, input_usage: Usage) -> Answer:
    """The answer to the request of this number. Content beyond `max_tokens` is cut off as the service does."""
    request_id = f"req_script_{number:06d}"
    if turn.failure is not None and turn.fault is not Fault.ERROR_EVENT:
        return error_answer(turn.failure, request_id)
    turn, pieces = _cut_to(turn, max_tokens, number)
    usage = _with_output(input_usage, turn, pieces, max_tokens)
    message = _message(number, model, usage)
    if not stream:
        return _whole(turn, message, pieces, usage, request_id)
    events = list(_events(turn, message, pieces, usage))
    headers = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
    parts = tuple(_parts(turn, events, request_id))
    status = 0 if turn.fault in {Fault.HANG_UP, Fault.NO_ANSWER} else 200
    return Answer(status, (*headers, ("request-id", request_id)), parts, usage)


def _whole(turn: Turn, message: Json, pieces: Sequence[_Piece], usage: Usage, request_id: str) -> Answer:
    message |= {"content": [piece.whole for piece in pieces], "stop_reason": turn.implied_stop_reason}
    message |= {"stop_sequence": turn.stop_sequence, "stop_details": turn.stop_details}
    message["usage"] = _usage_json(usage, usage.output_tokens)
    body = dumps(message).encode()
    headers = (("content-type", "application/json"), ("request-id", request_id))
    if turn.fault in {Fault.DROP, Fault.STALL}:
        return Answer(200, headers, (body[: len(body) // 2], Cut(turn.fault.value)), usage)
    if turn.fault is Fault.ERROR_EVENT and turn.failure is not None:
        return replace(error_answer(replace(turn.failure, status=529), request_id), usage=usage)
    if turn.fault in {Fault.HANG_UP, Fault.NO_ANSWER}:
        return Answer(0, headers, (_CONNECTION_CUTS[turn.fault],), usage)
    return Answer(200, headers, (body,), usage)


_CONNECTION_CUTS: Mapping[Fault, Cut] = {
    Fault.HANG_UP: Cut.DROP,
    Fault.NO_ANSWER: Cut.STALL,
    Fault.DROP: Cut.DROP,
    Fault.STALL: Cut.STALL,
}


def _cut_to(turn: Turn, max_tokens: int, number: int) -> tuple[Turn, list[_Piece]]:
    left_bytes = max_tokens * BYTES_PER_TOKEN
    pieces: list[_Piece] = []
    for position, block in enumerate(turn.content):
        last = position == len(turn.content) - 1
        limit = left_bytes
        if turn.fault is Fault.CUT_TOOL_JSON and last:
            limit = min(limit, _cut_tool_bytes(block))
        piece, cut = _piece(block, f"toolu_script_{number:06d}_{position:02d}", limit)
        pieces.append(piece)
        left_bytes -= piece.size_bytes
        if cut or left_bytes <= 0 < len(turn.content) - 1 - position:
            return replace(turn, stop_reason="max_tokens"), pieces
    return turn, pieces


def _cut_tool_bytes(block: Block) -> int:
    assert isinstance(block, Call), "cut_tool_json needs a tool call as the last block"
    return len(block.name) + len(_input_json(block).encode()) * 2 // 3


def _input_json(call: Call) -> str:
    return call.raw_json if call.raw_json is not None else dumps(call.input)


def _piece(block: Block, call_id: str, limit_bytes: int) -> tuple[_Piece, bool]:
    """The block within its limit, and whether something had to be cut off."""
    if isinstance(block, Text):
        text, cut = _head(block.text, limit_bytes)
        deltas = tuple({"type": "text_delta", "text": chunk} for chunk in _chunks(text))
        return _Piece({"type": "text", "text": ""}, deltas, {"type": "text", "text": text}, len(text.encode())), cut
    if isinstance(block, Thinking):
        return _thinking_piece(block, limit_bytes)
    return _call_piece(block, block.id or call_id, limit_bytes)


def _thinking_piece(block: Thinking, limit_bytes: int) -> tuple[_Piece, bool]:
    text, cut = _head(block.text, limit_bytes)
    deltas: list[Json] = [{"type": "thinking_delta", "thinking": chunk} for chunk in _chunks(text)]
    deltas.append({"type": "signature_delta", "signature": block.signature})
    start: Json = {"type": "thinking", "thinking": "", "signature": ""}
    whole: Json = {"type": "thinking", "thinking": text, "signature": block.signature}
    return _Piece(start, tuple(deltas), whole, len(text.encode()), reasoning=True), cut


def _call_piece(call: Call, call_id: str, limit_bytes: int) -> tuple[_Piece, bool]:
    text, cut = _head(_input_json(call), max(0, limit_bytes - len(call.name)))
    start: Json = {"type": "tool_use", "id": call_id, "name": call.name, "input": {}}
    whole = start if cut else start | {"input": dict(call.input)}
    deltas = tuple({"type": "input_json_delta", "partial_json": chunk} for chunk in ("", *_chunks(text)))
    return _Piece(start, deltas, whole, len(call.name) + len(text.encode())), cut


def _head(text: str, limit_bytes: int) -> tuple[str, bool]:
    raw = text.encode()
    return (text, False) if len(raw) <= limit_bytes else (raw[:limit_bytes].decode(errors="ignore"), True)


def _chunks(text: str) -> Iterator[str]:
    size = max(_SHORTEST_DELTA_CHARS, -(-len(text) // _DELTAS_PER_BLOCK))
    return (text[start : start + size] for start in range(0, len(text), size))


def _with_output(usage: Usage, turn: Turn, pieces: Sequence[_Piece], max_tokens: int) -> Usage:
    estimated = sum(tokens(piece.size_bytes) for piece in pieces) + 1
    output = min(max_tokens, turn.output_tokens if turn.output_tokens is not None else estimated)
    reasoning = sum(tokens(piece.size_bytes) for piece in pieces if piece.reasoning)
    return replace(usage, output_tokens=output, reasoning_tokens=min(output, reasoning))


def _usage_json(usage: Usage, output_tokens: int) -> Json:
    return {
        "input_tokens": usage.uncached_input_tokens,
        "cache_creation_input_tokens": usage.cache_creation_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "output_tokens": output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        "service_tier": "standard",
    }


def _message(number: int, model: str, usage: Usage) -> Json:
    return {
        "id": f"msg_script_{number:06d}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage_json(replace(usage, reasoning_tokens=0), min(1, usage.output_tokens)),
    }


def _events(turn: Turn, message: Json, pieces: Sequence[_Piece], usage: Usage) -> Iterator[Json]:
    yield {"type": "message_start", "message": message}
    for index, piece in enumerate(pieces):
        yield {"type": "content_block_start", "index": index, "content_block": piece.start}
        if index == 0:
            yield {"type": "ping"}
        for delta in piece.deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ending: Json = {"stop_reason": turn.implied_stop_reason, "stop_sequence": turn.stop_sequence}
    if turn.stop_details is not None:
        ending["stop_details"] = turn.stop_details
    total = _usage_json(usage, usage.output_tokens)
    del total["cache_creation"], total["service_tier"]
    yield {"type": "message_delta", "delta": ending, "usage": total}
    yield {"type": "message_stop"}


def _frame(event: Json) -> bytes:
    return f"event: {event['type']}\ndata: {dumps(event)}\n\n".encode()


def _parts(turn: Turn, events: Sequence[Json], request_id: str) -> Iterator[Part]:
    frames = [_frame(event) for event in events]
    if turn.fault is None or turn.fault is Fault.CUT_TOOL_JSON:
        yield from frames
    elif turn.fault in {Fault.HANG_UP, Fault.NO_ANSWER}:
        yield _CONNECTION_CUTS[turn.fault]
    else:
        yield from _broken(turn, frames, request_id)


def _broken(turn: Turn, frames: Sequence[bytes], request_id: str) -> Iterator[Part]:
    """The frames up to the fault, the fault, and what still follows it."""
    usual = len(frames) - 2 if turn.fault is Fault.NO_MESSAGE_STOP else min(4, len(frames) - 2)
    place = usual if turn.after_events is None else min(turn.after_events, len(frames))
    yield from frames[:place]
    if turn.fault is Fault.ERROR_EVENT and turn.failure is not None:
        yield f"event: error\ndata: {dumps(error_body(turn.failure, request_id))}\n\n".encode()
    elif turn.fault is Fault.DROP:
        yield Cut.DROP
    elif turn.fault is Fault.STALL:
        yield Cut.STALL
        yield from frames[place:]
    elif turn.fault is Fault.MALFORMED_DATA:
        yield b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,\n\n'
    elif turn.fault is Fault.GARBAGE:
        yield _GARBAGE
        yield from frames[place:]
