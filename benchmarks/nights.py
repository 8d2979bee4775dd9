"""What nights cost by themselves: the report after a year of them, what housekeeping adds to a span that is written beside it, and a
tick of the daemon. Also opens the alerts' rules for who has a large store to look at.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event as Flag
from pathlib import Path
from statistics import median, quantiles

from benchmarks.big_store import START_NS, write_traces
from benchmarks.figure import Figure, Judged
from ralph.alerts.desk import Desk
from ralph.events import Event, EventKind
from ralph.history.event_log import EventLog, RunHead
from ralph.home import Home
from ralph.report.gather import gather
from ralph.schedule.daemon import Daemon
from ralph.schedule.rows import DueRun
from ralph.schedule.store import Schedules
from ralph.settings.load import user_settings
from tracing import SpanKind, Tracer, TraceStore
from tracing.redact import Redactor
from tracing.slices import Slices
from tracing.sqlite import connect
from tracing.store.retention import delete_loose, delete_traces, ended_before
from tracing.vacuum import vacuum

DAY_NS = 86_400 * 10**9
TIMES = 15
TRACES_A_NIGHT = 4
A_MONTH = 12  # of a year
GROWTH = 2.0
LOGS_NIGHTS = 60  # as long as logs are kept
NEVER = "0 0 1 1 *"
PAUSE_S = 0.01  # between two spans
TICK_MS, WRITE_MS, SLICE_MS = 100.0, 50.0, 50.0


def measure(folder: Path, *, nights: int = 365, spans: int = 20_000, schedules: int = 1_000) -> list[Figure]:
    return [
        _report(folder, nights),
        *_beside(folder / "kept", spans),
        _tick(folder, schedules),
    ]


@contextmanager
def looking(folder: Path) -> Iterator[Callable[[], object]]:
    """A look by every rule at the traces.db in a folder, at the moment after its last trace."""
    home = Home(folder)
    with closing(TraceStore.open(home.traces_db)) as store:
        last_ns = store.traces()[0].started_at_ns
    ticks = iter(range(last_ns, 2**63, 10**9))
    desk = Desk.open(home, user_settings(home), Redactor(), clock=lambda: next(ticks), environment={})
    with closing(desk):
        yield desk.evaluate


def _report(folder: Path, nights: int) -> Figure:
    fewer = nights // A_MONTH or 1
    many, few = (_report_ms(folder / f"{count}-nights", count) for count in (nights, fewer))
    return Figure(f"the morning report, after {nights} nights", many, "ms", few, f"after {fewer}", GROWTH, Judged.RATIO)


def _report_ms(folder: Path, nights: int) -> float:
    home = Home(folder)
    home.root.mkdir()
    spans = nights * TRACES_A_NIGHT * 50
    write_traces(home.traces_db, spans, every_ns=DAY_NS // TRACES_A_NIGHT, agent="ralph")
    for night in range(max(0, nights - LOGS_NIGHTS), nights):
        _log(home, START_NS + night * DAY_NS)
    now_ns = START_NS + nights * DAY_NS
    return _median_ms(partial(gather, home, None, now_ns - DAY_NS, now_ns))


def _log(home: Home, at_ns: int) -> None:
    run = f"{datetime.fromtimestamp(at_ns / 1e9, UTC):%Y%m%d-%H%M%S}-abcdef"
    head = RunHead(run, "shop", str(home.root), "ralph/work", "prd.json", 1)
    with closing(EventLog(home, head, clock_ns=lambda: at_ns)) as log:
        log(Event(EventKind.RUN_ENDED, "every story is done"))


def _beside(folder: Path, spans: int) -> list[Figure]:
    """The slowest of a hundred spans that are written alone, beside the deletion of old traces, and beside `vacuum`."""
    folder.mkdir()
    path = folder / "traces.db"
    write_traces(path, spans)
    alone = _p99(_written_ms(path, lambda count: count < 500))
    figures = []
    for what, work in (("deletions", _delete_all), ("ralph vacuum", _vacuum)):
        times, longest_s = _written_beside(path, work)
        name = f"span written beside {what}, slowest of 100"
        figures += [
            Figure(name, _p99(times), "ms", alone, "nobody beside it", WRITE_MS),
            Figure(f"longest transaction of {what}", longest_s * 1000, "ms", at_most=SLICE_MS),
        ]
    return figures


def _written_beside(path: Path, work: Callable[[Path], float]) -> tuple[list[float], float]:
    """How long each write took while another process did that work, and what the work says of itself."""
    spawn = multiprocessing.get_context("spawn")
    begun, (told, tells) = spawn.Event(), spawn.Pipe(duplex=False)
    process = spawn.Process(target=_worker, args=(path, work, begun, tells))
    process.start()
    begun.wait()
    times = _written_ms(path, lambda _count: not told.poll())
    longest_s: float = told.recv()
    process.join()
    return times, longest_s


def _worker(path: Path, work: Callable[[Path], float], begun: Flag, tells: Connection) -> None:
    begun.set()
    tells.send(work(path))


def _delete_all(path: Path) -> float:
    with closing(connect(path, synchronous="NORMAL")) as file:
        work = Slices(file)
        work.carry_out(delete_traces(file, ended_before(file, START_NS + 365 * DAY_NS)), "delete traces")
        work.carry_out(delete_loose(file), "delete loose")
    return work.longest_s


def _vacuum(path: Path) -> float:
    return vacuum(path).longest_s


def _written_ms(path: Path, goes_on: Callable[[int], bool]) -> list[float]:
    """Start and end of spans, a hundred a second, for as long: what many agents at once write."""
    times: list[float] = []
    with closing(TraceStore.open(path)) as store:
        trace = Tracer(store, watch=None).start_trace("beside")
        while goes_on(len(times)):
            times.append(
                _ms(lambda: trace.add_span("bash", kind=SpanKind.TOOL, input={"command": "make"}, output="x" * 500))
            )
            time.sleep(PAUSE_S)
        trace.end()
    return times


def _tick(folder: Path, count: int) -> Figure:
    many, few = (_tick_ms(folder / f"{number}-schedules", number) for number in (count, 10))
    return Figure(f"a tick of the daemon with {count:,} schedules", many, "ms", few, "with 10", TICK_MS)


def _tick_ms(folder: Path, count: int) -> float:
    home = Home(folder)
    home.root.mkdir()

    def execute(run: DueRun) -> int:
        raise AssertionError(f"nothing is due: {run.schedule}")

    with closing(Schedules(home)) as schedules:
        for number in range(count):
            schedules.add(f"nightly-{number}", folder, NEVER, timezone="UTC")
        return _median_ms(Daemon(schedules, execute).tick)


def _p99(times: list[float]) -> float:
    return quantiles(times, n=100, method="inclusive")[-1] if len(times) > 1 else 0.0


def _median_ms(act: Callable[[], object]) -> float:
    act()  # the first one reads the disk
    return median(_ms(act) for _ in range(TIMES))


def _ms(act: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    act()
    return (time.perf_counter() - began_s) * 1000
