"""A model service on loopback that fails in every way, and keeps a bill of its own in whole micro-dollars.

It knows the prices from the price list, not from our price book, and bills an attempt before the first byte of its answer
leaves, whatever becomes of the connection: as dear as a real one ever could.
"""

import json
import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TENTHS_OF_MICROS = {"input": 40, "cache_read": 2, "cache_write_5m": 50, "cache_write_1h": 80, "output": 200}
REFUSALS = (429, 500, 503, 529)
Event = tuple[str, dict[str, Any]]


class Provider(ThreadingHTTPServer):
    """`bill` has the micro-dollars of every attempt under the call's name, which the prompt begins with."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, seed: int, served: Callable[[], None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.dice = random.Random(seed)
        self.served = served
        self.bill: defaultdict[str, list[int]] = defaultdict(list)
        self.lock = threading.Lock()

    def handle_error(self, *_about: object) -> None:
        """A client was killed: nothing to tell."""

    def take(self, body: dict[str, Any], size_bytes: int) -> tuple[str, dict[str, int]]:
        """Decide what becomes of this attempt, and bill it."""
        with self.lock:
            fate = self.dice.choices(list(FATES), list(FATES.values()))[0]
            counts = {} if fate == "refused" else self._counts(body, size_bytes)
            tenths = sum(TENTHS_OF_MICROS[kind] * count for kind, count in counts.items())
            self.bill[name_of(body)].append(-(-tenths // 10))
            self.served()
        return fate, counts

    def _counts(self, body: dict[str, Any], size_bytes: int) -> dict[str, int]:
        most = size_bytes if self.dice.random() < 0.1 else size_bytes // 4
        cuts = sorted(self.dice.randint(0, most) for _ in range(3))
        kinds = dict(
            zip(
                ("input", "cache_read", "cache_write_5m", "cache_write_1h"),
                (high - low for low, high in zip([0, *cuts], [*cuts, most], strict=True)),
                strict=True,
            )
        )
        longest = int(body["max_tokens"])
        return kinds | {"output": longest if self.dice.random() < 0.2 else self.dice.randint(1, longest)}


FATES = {
    "whole": 64, "refused": 12, "hung up": 4, "cut early": 4, "cut late": 5, "error event": 4, "no end": 3, "no usage": 4,
}  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Provider

    def do_GET(self) -> None:
        with self.server.lock:
            self._whole(200, json.dumps(self.server.bill))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        body = json.loads(raw)
        fate, counts = self.server.take(body, len(words_of(body).encode()))
        self.close_connection = fate not in {"whole", "refused"}
        if fate == "hung up":
            return
        if fate == "refused":
            error = {"type": "error", "error": {"type": "api_error", "message": "not now"}}
            self._whole(self.server.dice.choice(REFUSALS), json.dumps(error))
            return
        self._stream(fate, _encoded(_events(fate, counts)))

    def log_message(self, *_message: object) -> None:
        """Nothing."""

    def _stream(self, fate: str, parts: list[bytes]) -> None:
        self._start(sum(map(len, parts)))
        sent = {"cut early": 1, "cut late": 4}.get(fate, len(parts))
        self.wfile.write(b"".join(parts[:sent]))

    def _start(self, length: int) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(length))
        self.end_headers()

    def _whole(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


def name_of(body: dict[str, Any]) -> str:
    """The name of the call: the first word of the first message."""
    return str(body["messages"][0]["content"][0]["text"].split()[0])


def words_of(body: dict[str, Any]) -> str:
    """What is tokenised: every text that was sent."""
    return "".join(block["text"] for message in body["messages"] for block in message["content"])


def _events(fate: str, counts: dict[str, int]) -> Iterator[Event]:
    started = {
        "input_tokens": counts["input"],
        "cache_read_input_tokens": counts["cache_read"],
        "cache_creation_input_tokens": counts["cache_write_5m"] + counts["cache_write_1h"],
        "cache_creation": {
            "ephemeral_5m_input_tokens": counts["cache_write_5m"],
            "ephemeral_1h_input_tokens": counts["cache_write_1h"],
        },
        "output_tokens": 1,
    }
    is_told = fate != "no usage"
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
    yield "message_start", {"message": message | ({"usage": started} if is_told else {})}
    yield "content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}
    yield "content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": "a few words"}}
    yield "content_block_stop", {"index": 0}
    if fate == "error event":
        yield "error", {"error": {"type": "overloaded_error", "message": "Overloaded"}}
        return
    usage = {"usage": {"output_tokens": counts["output"]}} if is_told else {}
    yield "message_delta", {"delta": {"stop_reason": "end_turn"}, **usage}
    if fate != "no end":
        yield "message_stop", {}


def _encoded(events: Iterator[Event]) -> list[bytes]:
    return [f"event: {kind}\ndata: {json.dumps({'type': kind} | data)}\n\n".encode() for kind, data in events]
