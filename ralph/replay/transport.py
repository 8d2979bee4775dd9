"""Plays an answer to an httpx2 client in the same process, part by part, so that a stream can break half-way.

Knows nothing about what is said: it plays the parts that it gets.
"""

from collections.abc import Callable, Iterator, Mapping
from threading import Event

import httpx2

from ralph.replay.sse import Answer, Cut
from ralph.replay.stalls import Stalls

Respond = Callable[[str, str, Mapping[str, str], bytes], Answer]
"""(method, path, headers with lower-case names, body) -> what comes back."""


class Transport(httpx2.BaseTransport):
    """Takes the place of the network under `httpx2.Client(transport=...)`."""

    def __init__(self, respond: Respond, stalls: Stalls) -> None:
        self._respond = respond
        self._stalls = stalls

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises: what a real connection would, httpx2.RemoteProtocolError or httpx2.ReadTimeout."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = self._respond(request.method, request.url.path, headers, request.read())
        stream = _Stream(answer, request, self._stalls)
        if answer.status == 0:
            stream.play_to_the_end()
        return httpx2.Response(answer.status, headers=list(answer.headers), stream=stream, request=request)


class _Stream(httpx2.SyncByteStream):
    """Yields the parts one by one. `close()`, from any thread, ends a stall."""

    def __init__(self, answer: Answer, request: httpx2.Request, stalls: Stalls) -> None:
        self._answer = answer
        self._request = request
        self._stalls = stalls
        self._go_on = Event()
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        for part in self._answer.parts:
            if isinstance(part, bytes):
                yield part
            else:
                self._suffer(part)

    def play_to_the_end(self) -> None:
        """For an answer without a status line.

        Raises: httpx2.RemoteProtocolError also where the stall was ended from outside.
        """
        for _ in self:
            pass
        raise httpx2.RemoteProtocolError("Server disconnected without sending a response.", request=self._request)

    def close(self) -> None:
        self._closed = True
        self._go_on.set()

    def _suffer(self, cut: Cut) -> None:
        if cut is Cut.DROP:
            message = "peer closed connection without sending complete message body (incomplete chunked read)"
            raise httpx2.RemoteProtocolError(message, request=self._request)
        timeout_s = self._request.extensions.get("timeout", {}).get("read")
        with self._stalls.entered(self._go_on):
            went_on = self._stalls.wait(self._go_on, timeout_s)
        if not went_on:
            raise httpx2.ReadTimeout("The read operation timed out", request=self._request)
        if self._closed:
            raise httpx2.ReadError("the stream was closed while it was read", request=self._request)
