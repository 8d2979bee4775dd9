"""The pipe from a tracer to its store that never breaks or holds up its host.

A write that finds the store busy (or the disk full) waits in memory and is caught up by a later one, by a thread that
lives only meanwhile, or at exit. What can never be written is dropped and counted. Each kind of trouble is logged once.
"""

import atexit
import functools
import logging
import os
import sqlite3
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from tracing.sqlite import StateError
from tracing.store.store import TraceStore, write_each
from tracing.store.writes import Write

LOGGER = logging.getLogger("tracing")
MAX_WAITING = 10_000
RETRY_AFTER_S = 0.25

P = ParamSpec("P")


class Recorder:
    """Writes in order. `waiting` is what memory holds, `lost` what was dropped for good."""

    def __init__(self, store: TraceStore, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._waiting: deque[Write] = deque()
        self._lock = threading.RLock()
        self._not_before_s = 0.0
        self._reported: set[str] = set()
        self._thread: threading.Thread | None = None
        self.lost = 0
        os.register_at_fork(after_in_child=functools.partial(_after_fork, weakref.ref(self)))
        atexit.register(_at_exit, weakref.ref(self))

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def later(self, write: Write) -> None:
        """Write it together with the next one: a payload means nothing before the span that refers to it."""
        with self._lock:
            self._waiting.append(write)

    def now(self, *writes: Write) -> None:
        """Durable when this returns, unless the store is busy or broken; then it waits in memory."""
        with self._lock:
            self._waiting.extend(writes)
            if strict() or self._monotonic() >= self._not_before_s:
                self.catch_up()
            self._drop_overflow()

    def catch_up(self) -> bool:
        """Write all that waits; gives whether nothing waits any more.

        Raises:
            sqlite3.Error, StateError: only where `RALPH_TRACER_STRICT=1`.
        """
        with self._lock:
            if not self._waiting:
                return True
            batch = list(self._waiting)
            try:
                self._store.write(batch)
            except Exception as error:
                if strict():
                    self._waiting.clear()
                    raise
                return self._failed(batch, error)
            self._waiting.clear()
            return True

    def report(self, what: str, error: BaseException) -> None:
        """Log it, once for each kind."""
        kind = f"{what}: {type(error).__name__}"
        if kind not in self._reported:
            self._reported.add(kind)
            LOGGER.warning("%s (%s). The program goes on; this is said once.", kind, error)

    @contextmanager
    def guard(self, what: str) -> Iterator[None]:
        """The one boundary where a failure of tracing ends, and does not reach the host."""
        try:
            yield
        except Exception as error:
            if strict():
                raise
            self.report(what, error)

    def _failed(self, batch: list[Write], error: Exception) -> bool:
        self.report("Traces cannot be written now", error)
        if _may_pass(error):
            self._not_before_s = self._monotonic() + RETRY_AFTER_S
            self._start_thread()
            return False
        self._waiting.clear()
        self._salvage(batch)
        return True

    def _salvage(self, batch: list[Write]) -> None:
        try:
            self.lost += write_each(self._store, batch)
        except Exception:  # noqa: BLE001  reported by the caller; the batch is lost
            self.lost += len(batch)

    def _drop_overflow(self) -> None:
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self.lost += 1

    def _start_thread(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=_drain, args=(weakref.ref(self),), name="tracing-catch-up", daemon=True
            )
            self._thread.start()


def strict() -> bool:
    """Tests want to see what hosts must not: set `RALPH_TRACER_STRICT=1`."""
    return os.environ.get("RALPH_TRACER_STRICT") == "1"


def _may_pass(error: Exception) -> bool:
    """Whether trying again later can help: a busy or full disk, not a closed store or a broken value."""
    cause = error.__cause__ if isinstance(error, StateError) else error
    return isinstance(cause, sqlite3.OperationalError | OSError)


def _drain(reference: "weakref.ref[Recorder]") -> None:
    done = False
    while not done:
        time.sleep(RETRY_AFTER_S)
        recorder = reference()
        done = recorder is None or _try(recorder)
        del recorder


def _try(recorder: Recorder) -> bool:
    try:
        return recorder.catch_up()
    except Exception:  # noqa: BLE001  strict mode is for the caller's thread
        return True


def _at_exit(reference: "weakref.ref[Recorder]") -> None:
    recorder = reference()
    if recorder is not None and recorder.waiting:
        _try(recorder)


def _after_fork(reference: "weakref.ref[Recorder]") -> None:
    """What waited in the parent is the parent's to write; a lock held by one of its threads is nobody's here."""
    recorder = reference()
    if recorder is not None:
        recorder._lock = threading.RLock()  # noqa: SLF001
        recorder._waiting.clear()  # noqa: SLF001
        recorder._thread = None  # noqa: SLF001


class Records(Protocol):
    @property
    def recorder(self) -> Recorder: ...


RecordsT = TypeVar("RecordsT", bound=Records)


def unbreakable(
    method: Callable[Concatenate[RecordsT, P], None],
) -> Callable[Concatenate[RecordsT, P], None]:
    """A method of something that records, whose failure is the recorder's to report."""

    @functools.wraps(method)
    def guarded(self: RecordsT, /, *args: P.args, **kwargs: P.kwargs) -> None:
        with self.recorder.guard(f"{type(self).__name__}.{method.__name__} failed"):
            method(self, *args, **kwargs)

    return guarded
