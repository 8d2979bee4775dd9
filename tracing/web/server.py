"""Serves an app on this machine until a signal comes. Knows nothing about pages; the socket is opened before, by `listen`."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from starlette.applications import Starlette

HOST = "127.0.0.1"  # nothing else: whoever wants it elsewhere puts a proxy of their own in front
DEFAULT_PORT = 7007
PORTS_TRIED = 20
BACKLOG = 128
MOST_CONNECTIONS = 256  # others of this machine may connect without a token; more get 503, and files stay to be opened
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class PortBusyError(Exception):
    """Another program listens there, or this user may not."""


def listen(port: int) -> socket.socket:
    """A listening socket on this machine's own address; port 0 is any that is free.

    Raises:
        PortBusyError: it cannot be had.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where SO_REUSEADDR lets two programs share a port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise PortBusyError(f"{HOST}:{port} cannot be listened at: {error.strerror}") from error
    listener.setblocking(False)
    return listener


def listen_near(port: int = DEFAULT_PORT) -> socket.socket:
    """At this port, or the next one that is free.

    Raises:
        PortBusyError: not even any port can be had.
    """
    for near in range(port, port + PORTS_TRIED):
        try:
            return listen(near)
        except PortBusyError:
            continue
    return listen(0)


def serve(app: Starlette, listener: socket.socket) -> None:
    """Until Ctrl-C, SIGTERM or SIGHUP; then pages that watch are let go, and it returns within a second."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # addresses hold what was searched for
        server_header=False,
        date_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=30,
        limit_concurrency=MOST_CONNECTIONS,
    )
    server = _Server(config, app.state.live.stop)
    with listener:
        asyncio.run(server.serve(sockets=[listener]))


class _Server(uvicorn.Server):
    """Ends by itself when it is asked to; uvicorn's own would raise the signal once more afterwards."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self.on_stop = on_stop

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()

        def stop() -> None:
            self.should_exit = True
            self.on_stop()

        def handle(signum: int, frame: FrameType | None) -> None:
            del signum, frame
            loop.call_soon_threadsafe(stop)

        heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        former = {number: signal.signal(number, handle) for number in heard}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
