"""What is done beside the viewer, in a thread of its own: dead traces are closed, and every ended trace gets its findings."""

import contextlib
import importlib
import importlib.util
import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tracing.sqlite import StateError
from tracing.store import TraceStore

LOG = logging.getLogger(__name__)
EVERY_S = 3.0
AT_ONCE = 20  # traces between two looks at whether to end


class Upkeep:
    """A context manager. It has a connection of its own, so that pages do not wait for it."""

    def __init__(self, path: Path, *, every_s: float = EVERY_S) -> None:
        self.path = path
        self.every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="viewer upkeep", daemon=True)

    def __enter__(self) -> Self:
        with contextlib.closing(TraceStore.open(self.path)) as store:
            store.close_interrupted()  # before the first page is shown
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        self._stop.set()
        self._thread.join(timeout=0.5)

    def _work(self) -> None:
        with contextlib.closing(TraceStore.open(self.path)) as store:
            while not self._stop.is_set():
                try:
                    self.once(store)
                except (StateError, sqlite3.Error):  # a full disk, say: the pages are read all the same
                    LOG.exception("%s: findings cannot be kept up to date", self.path)
                self._stop.wait(self.every_s)

    def once(self, store: TraceStore) -> None:
        store.close_interrupted()
        analyse = _analyse_pending()
        while analyse and not self._stop.is_set() and analyse(store, AT_ONCE):
            pass


def _analyse_pending() -> Callable[[TraceStore, int], int] | None:
    if not importlib.util.find_spec("tracing.failures.stored"):
        return None
    module = importlib.import_module("tracing.failures.stored")
    return lambda store, limit: int(module.analyse_pending(store, limit=limit))
