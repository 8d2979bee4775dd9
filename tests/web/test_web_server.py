"""The viewer listens on this machine alone, says when it cannot, and lets go at once when it is told to end."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tracing import Tracer
from tracing.sqlite import StateError
from tracing.store import TraceStore
from tracing.web.app import create_app
from tracing.web.page import Site
from tracing.web.security import Security
from tracing.web.server import PortBusyError, listen, listen_near, serve
from tracing.web.upkeep import Upkeep


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    opened = TraceStore.open(tmp_path / "traces.db")
    yield opened
    opened.close()


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def test_it_listens_on_this_machine_alone() -> None:
    with listen(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_named() -> None:
    with (
        listen(0) as taken,
        pytest.raises(PortBusyError, match=rf"127\.0\.0\.1:{port_of(taken)} cannot be listened at"),
    ):
        listen(port_of(taken))


def test_where_no_port_was_asked_for_the_next_free_one_does() -> None:
    with listen(0) as taken, listen_near(port_of(taken)) as other:
        assert port_of(other) != port_of(taken)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_within_a_second_though_a_page_watches(store: TraceStore, signum: signal.Signals) -> None:
    listener = listen(0)
    port = port_of(listener)
    app = create_app(Site(store), Security("t", port))
    ended_at: list[float] = []

    def watch() -> None:
        with closing(socket.create_connection(("127.0.0.1", port))) as browser, browser.makefile("rb") as answer:
            browser.sendall(f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer t\r\n\r\n".encode())
            while not answer.readline().startswith(b"event: state"):
                pass
            os.kill(os.getpid(), signum)
            began = time.monotonic()
            answer.read()  # to the end of the stream
            ended_at.append(time.monotonic() - began)

    before = signal.getsignal(signum)
    browser = threading.Thread(target=watch)
    browser.start()
    serve(app, listener)
    browser.join()
    assert ended_at[0] < 1
    assert signal.getsignal(signum) == before


def test_a_browser_that_went_away_is_noticed(store: TraceStore) -> None:
    listener = listen(0)
    port = port_of(listener)
    app = create_app(Site(store), Security("t", port))
    left: list[bool] = []

    def watch() -> None:
        with closing(socket.create_connection(("127.0.0.1", port))) as browser, browser.makefile("rb") as answer:
            browser.sendall(f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer t\r\n\r\n".encode())
            while not answer.readline().startswith(b"event: state"):
                pass
            assert len(app.state.live.watchers) == 1
        until = time.monotonic() + 5
        while app.state.live.watchers and time.monotonic() < until:
            threading.Event().wait(0.01)
        left.append(not app.state.live.watchers)
        os.kill(os.getpid(), signal.SIGTERM)

    browser = threading.Thread(target=watch)
    browser.start()
    serve(app, listener)
    browser.join()
    assert left == [True]


def test_beside_it_ended_traces_get_their_findings(store: TraceStore) -> None:
    Tracer(store, watch=None).start_trace("works", agent_id="agent").end()
    assert store.traces()[0].analysed == 0
    with Upkeep(store.path, every_s=0.01):
        until = time.monotonic() + 5
        while not store.traces()[0].analysed and time.monotonic() < until:
            threading.Event().wait(0.01)
    assert store.traces()[0].analysed > 0


def test_what_cannot_be_kept_up_is_said_once_and_the_viewer_goes_on(
    store: TraceStore, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Upkeep):
        tries = 0

        def once(self, store: TraceStore) -> None:
            del store
            self.tries += 1
            raise StateError("the disk is full")

    with Failing(store.path, every_s=0.001) as upkeep:
        until = time.monotonic() + 5
        while upkeep.tries < 3 and time.monotonic() < until:
            threading.Event().wait(0.01)
    assert upkeep.tries >= 3
    assert [record.getMessage() for record in caplog.records] == [f"{store.path}: findings are not kept up to date"]
