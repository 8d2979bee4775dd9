"""Traces and their texts that may go: by age, and by what traces.db may hold. Open ones, those of the last day and kept ones stay."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from sqlite3 import Connection

from ralph.durations import duration_text
from ralph.home import Home
from ralph.housekeeping.pile import Pile, Stop
from ralph.settings.sizes import size_text
from ralph.settings.unwatched import Retention
from tracing.slices import Slices
from tracing.sqlite import connect
from tracing.store import TraceStore
from tracing.store.retention import (
    Aged,
    delete_loose,
    delete_texts,
    delete_traces,
    ended_before,
    text_bytes,
    used_bytes,
)
from tracing.store.volumes import drop_emptied, open_volume

DAY_NS = 86_400 * 10**9
AT_ONCE = 50  # traces between two looks at the size


@dataclass(frozen=True)
class TraceKeeping:
    """What becomes of the traces of a state folder; `keep` are ids of those that somebody still needs."""

    home: Home
    retention: Retention
    now_ns: int
    keep: Collection[str] = ()

    def piles(self) -> tuple[Pile, ...]:
        if not self.home.traces_db.exists():
            return ()
        with self._file() as file:
            traces = self._old(file, self.retention.traces_s)
            gone = {one.trace_id for one in traces}
            texts = [one for one in self._old(file, self.retention.texts_s, texts=True) if one.trace_id not in gone]
            used, texts_used = used_bytes(file), text_bytes(file)
            spans = max(file.execute("SELECT sum(spans) FROM trace").fetchone()[0] or 0, 1)
            piles = (
                self._pile("traces", self.retention.traces_s, "traces", traces, used / spans),
                self._pile("texts", self.retention.texts_s, "texts of traces", texts, texts_used / spans),
                self._over_size(file, used - _bytes(traces, used / spans) - _bytes(texts, texts_used / spans)),
            )
        return tuple(pile for pile in piles if pile.count)

    def clear_old_traces(self, stop: Stop) -> int:
        with self._file() as file:
            old = self._old(file, self.retention.traces_s)
            self._work(file, stop).carry_out(delete_traces(file, old), "delete traces")
            self._tidy(file, stop)
            return len(old) - len(self._old(file, self.retention.traces_s))

    def clear_old_texts(self, stop: Stop) -> int:
        with self._file() as file:
            old = self._old(file, self.retention.texts_s, texts=True)
            self._work(file, stop).carry_out(delete_texts(file, old, self.now_ns), "delete texts")
            self._tidy(file, stop)
            return len(old) - len(self._old(file, self.retention.texts_s, texts=True))

    def clear_over_size(self, stop: Stop) -> int:
        """The oldest texts first, then the oldest traces, until the file holds no more than it may."""
        with self._file() as file:
            return sum(self._shrink(file, stop, texts=True)) + sum(self._shrink(file, stop, texts=False))

    def tidy(self, stop: Stop) -> bool:
        """Finish what a killed one began; False when it was stopped before the end."""
        if not self.home.traces_db.exists():
            return True
        with self._file() as file:
            return self._tidy(file, stop)

    def _shrink(self, file: Connection, stop: Stop, *, texts: bool) -> Iterator[int]:
        most = self.retention.traces_bytes
        while most is not None and used_bytes(file) > most and not stop():
            some = self._old(file, 0, texts=texts)[:AT_ONCE]
            if not some:
                return
            gone = delete_texts(file, some, self.now_ns) if texts else delete_traces(file, some)
            self._work(file, stop).carry_out(gone, "delete for room")
            self._tidy(file, stop)
            yield len(some)

    def _tidy(self, file: Connection, stop: Stop) -> bool:
        work = self._work(file, stop)
        return (
            work.carry_out(delete_loose(file), "delete loose")
            and work.carry_out(_once(file, self.now_ns), "open volume")
            and work.carry_out(drop_emptied(file), "drop volumes")
        )

    def _old(self, file: Connection, age_s: int | None, *, texts: bool = False) -> list[Aged]:
        if age_s is None:
            return []
        before_ns = self.now_ns - max(age_s * 10**9, DAY_NS)
        return ended_before(file, before_ns, keep=self.keep, with_texts=texts)

    def _pile(self, what: str, age_s: int | None, words: str, old: Sequence[Aged], each_bytes: float) -> Pile:
        clear = {"traces": self.clear_old_traces, "texts": self.clear_old_texts}[what]
        why = f"older than {duration_text(age_s or 0)} ([retention] {what})"
        return _pile(words, why, old, each_bytes, clear)

    def _over_size(self, file: Connection, used: float) -> Pile:
        most = self.retention.traces_bytes
        old = self._old(file, 0) if most is not None and used > most else []
        why = (
            f"traces.db holds more than {size_text(most or 0)} ([retention] traces_size): the oldest texts, then traces"
        )
        over = used - (most or 0)
        pile = _pile("texts and traces over the size", why, old, 0, self.clear_over_size)
        return Pile(pile.what, why, len(old), round(over), pile.oldest_ns, pile.newest_ns, pile.clear)

    @contextmanager
    def _file(self) -> Iterator[Connection]:
        with closing(TraceStore.open(self.home.traces_db)) as store:
            store.close_interrupted(clock=lambda: self.now_ns)
        with closing(connect(self.home.traces_db, synchronous="NORMAL")) as file:
            yield file

    @staticmethod
    def _work(file: Connection, stop: Stop) -> Slices:
        return Slices(file, stop=stop)


def traces_beginning(home: Home, keys: Collection[str]) -> set[str]:
    """The ids of the traces whose id begins with one of these."""
    if not keys or not home.traces_db.exists():
        return set()
    with closing(TraceStore.open(home.traces_db)), closing(connect(home.traces_db, synchronous="NORMAL")) as file:
        query = "SELECT trace_id FROM trace WHERE trace_id >= ? AND trace_id < ?"
        return {row[0] for key in keys for row in file.execute(query, (key, f"{key}g"))}


def _once(file: Connection, now_ns: int) -> Iterator[None]:
    if open_volume(file, now_ns):
        yield


def _bytes(old: Sequence[Aged], each_bytes: float) -> int:
    return round(sum(one.spans for one in old) * each_bytes)


def _pile(what: str, why: str, old: Sequence[Aged], each_bytes: float, clear: Callable[[Stop], int]) -> Pile:
    oldest_ns, newest_ns = (old[0].at_ns if old else None), (old[-1].at_ns if old else None)
    return Pile(what, why, len(old), _bytes(old, each_bytes), oldest_ns, newest_ns, clear)
