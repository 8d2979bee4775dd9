"""A model service on loopback that reports whatever usage a test has put there."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Service(ThreadingHTTPServer):
    """Streams one short answer per request, with the usage that the test has put there as JSON text."""

    daemon_threads = True
    asked = 0
    at_start: str = '{"input_tokens": 1000, "output_tokens": 1}'
    at_end: str = '{"output_tokens": 50}'


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.asked += 1
        message = '{"id": "m", "type": "message", "role": "assistant", "model": "x", "content": [], "usage": %s}'
        events = [
            ("message_start", '"message": ' + message % self.server.at_start),
            ("content_block_start", '"index": 0, "content_block": {"type": "text", "text": ""}'),
            ("content_block_delta", '"index": 0, "delta": {"type": "text_delta", "text": "hi"}'),
            ("content_block_stop", '"index": 0'),
            ("message_delta", '"delta": {"stop_reason": "end_turn"}, "usage": ' + self.server.at_end),
            ("message_stop", '"x": 0'),
        ]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for kind, data in events:
            self.wfile.write(f'event: {kind}\ndata: {{"type": "{kind}", {data}}}\n\n'.encode())

    def log_message(self, *_message: object) -> None:
        """Nothing."""


@contextmanager
def serving() -> Iterator[Service]:
    server = Service(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
