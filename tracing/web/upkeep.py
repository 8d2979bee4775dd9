"""What is done beside the viewer, in a thread of its own: dead traces are closed, and every ended trace gets its findings."""

import contextlib
import logging
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tracing.failures.stored import analyse_pending
from tracing.store import TraceStore

LOG = logging.getLogger(__name__)
EVERY_S = 3.0
AT_ONCE = 5  # traces between two looks at whether to end
BREATH_S = 0.02  # in which pages go first


class Upkeep:
    """A context manager. It has a connection of its own, so that pages do not wait for it."""

    def __init__(self, path: Path, *, every_s: float = EVERY_S) -> None:
        self.path = path
        self.every_s = every_s
        self._said = ""
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
                self._try(store)
                self._stop.wait(self.every_s)

    def _try(self, store: TraceStore) -> None:
        """A full disk, say, or a detector that fails: pages are read all the same. Said once."""
        try:
            self.once(store)
        except Exception as error:
            if self._said != str(error):
                LOG.exception("%s: findings are not kept up to date", self.path)
            self._said = str(error)

    def once(self, store: TraceStore) -> None:
        store.close_interrupted()
        while analyse_pending(store, limit=AT_ONCE) and not self._stop.wait(BREATH_S):
            pass
