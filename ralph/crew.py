"""Who carries out the iterations of a run: the calling thread itself, or a thread for each of several stories.

Knows nothing of stories.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

from ralph.process import kill_running

T = TypeVar("T")
LAST_WAIT_S = 5.0


class Start(Protocol):
    """Starts a call and gives its future."""

    def __call__(self, call: Callable[[], T], /) -> Future[T]: ...


@contextmanager
def crew(jobs: int, abandon: Callable[[], None]) -> Iterator[Start]:
    """A function that starts a call and gives its future. With one job the call is over when it returns.

    When the block ends by an error, `abandon` is called, and what is under way is waited for. After Ctrl-C it is not
    waited for long: its commands are killed, and the next run recovers what it leaves.
    """
    if jobs == 1:
        yield _at_once
        return
    started: list[Future[Any]] = []
    try:
        try:
            yield partial(_in_a_thread, started)
        except Exception:
            abandon()
            wait(started)
            raise
    except KeyboardInterrupt:
        abandon()
        kill_running()
        wait(started, timeout=LAST_WAIT_S)
        raise


def _at_once(call: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()
    _fulfil(future, call)
    return future


def _in_a_thread(started: list[Future[Any]], call: Callable[[], T]) -> Future[T]:
    """A daemon thread: one that hangs must not keep the process from ending."""
    future: Future[T] = Future()
    threading.Thread(target=_fulfil, args=(future, call), daemon=True).start()
    started.append(future)
    return future


def _fulfil(future: Future[T], call: Callable[[], T]) -> None:
    try:
        result = call()
    except Exception as error:  # noqa: BLE001 - whoever reads the result gets it
        future.set_exception(error)
    else:
        future.set_result(result)
