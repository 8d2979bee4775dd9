"""The scripted model behind a loopback HTTP server, for agents that are processes of their own.

Sends the same bytes as the in-process transport. Knows nothing about what it sends.
"""

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import urlsplit

from ralph.replay.scripted import ScriptedModel
from ralph.replay.sse import Answer, Cut

_POLL_S = 0.05


@contextmanager
def serve(model: ScriptedModel, port: int = 0, host: str = "127.0.0.1") -> Iterator[str]:
    """Gives the base URL (`http://127.0.0.1:PORT`), any path prefix may be added to it. Port 0: a free one."""
    server = _Server((host, port), model)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": _POLL_S}, name="scripted-model", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def __init__(self, address: tuple[str, int], model: ScriptedModel) -> None:
        super().__init__(address, _Handler)
        self.model = model
        self.closing = Event()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("content-length") or 0)))

    def log_message(self, *_message: object) -> None:
        """Nothing: the run's own trace is the log."""

    def _answer(self, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.model.respond(self.command, urlsplit(self.path).path, headers, body)
        self.close_connection = True
        try:
            self._play(answer)
        except (BrokenPipeError, ConnectionResetError):
            return

    def _play(self, answer: Answer) -> None:
        if answer.status:
            self._begin(answer)
        for part in answer.parts:
            if part is Cut.DROP or (part is Cut.STALL and not self._stalled()):
                return
            if isinstance(part, bytes) and part:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        if answer.status:
            self.wfile.write(b"0\r\n\r\n")

    def _begin(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("transfer-encoding", "chunked")
        self.send_header("connection", "close")
        self.end_headers()

    def _stalled(self) -> bool:
        """Stands still; whether the answer goes on afterwards."""
        released = Event()
        with self.server.model.stalls.entered(released):
            while not released.wait(_POLL_S):
                if self.server.closing.is_set() or _is_gone(self.connection):
                    return False
        return True


def _is_gone(connection: socket.socket) -> bool:
    readable, _, _ = select.select([connection], [], [], 0)
    return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""
