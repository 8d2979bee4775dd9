"""The first page at 7 am: what ran last night, what it cost, what needs a look first, how the stories stand."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ralph.errors import RalphError
from ralph.history.board import Board, Lane, read_board, repos_of
from ralph.history.event_log import RunFolders
from ralph.history.explain import VERIFIED
from ralph.history.looks import UNREADABLE, Look, looks, open_reservations, pointed
from ralph.home import Home
from ralph.settings.load import load_settings
from ralph.ui.notices import Notice, notices
from tracing.budget import Ledger, Spend, day_scope
from tracing.span import TraceStatus
from tracing.store import TraceFilter, TraceRow, TraceStore, told_sum
from tracing.web.charts import Chart, Point, bars, line
from tracing.web.page import Query
from tracing.words import money

EVENING = 18  # o'clock: a night begins
DAY_NS = 86_400 * 10**9
MOST_ROWS = 400  # traces of one night
MOST_SESSIONS = 12
MOST_LOOKS = 12
MOST_REPOS = 6
REPO_DAYS = 30
CHART_DAYS = 14
MOST_CHARTED = 2_000


@dataclass(frozen=True)
class Line:
    """One trace of a session."""

    trace_id: str
    name: str  # the story's id, or what the trace is called
    title: str
    status: TraceStatus
    was_stopped: bool
    cost_micros: int | None  # None: nobody said at what price
    duration_ns: int
    findings: int
    worst: int


@dataclass(frozen=True)
class Session:
    """A run, or whatever else an agent calls a session."""

    id: str
    agent: str
    repo: str
    repo_name: str
    began_at_ns: int
    duration_ns: int
    cost_micros: int | None  # known; None: nobody said at what price
    unseen_micros: int  # reserved by calls whose end was never seen
    simulated: bool
    is_going: bool
    words: str  # how the run ended, in its own words
    passed: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Money:
    """Today (UTC) as the ledger counts it, and what the shown sessions cost."""

    shown_micros: int
    today_micros: int | None  # known to be spent; None: the ledger cannot be read
    limit_micros: int | None  # of a day
    unknown_micros: int  # reserved by calls whose end was never seen
    under_way_micros: int


@dataclass(frozen=True)
class RepoLine:
    repo: str
    name: str
    problem: str  # why its stories cannot be told; ""
    done: int
    parked: int
    left: int


@dataclass(frozen=True)
class Overview:
    since_ns: int
    words: str  # what "last night" is: "since 18:00 yesterday"
    tried: int  # tries at stories that have ended, and other agents' traces that have
    passed: int
    notices: tuple[Notice, ...]
    sessions: tuple[Session, ...]
    more_sessions: int
    looks: tuple[Look, ...]
    more_looks: int
    money: Money
    repos: tuple[RepoLine, ...]
    pass_rate: Chart
    cost_per_story: Chart


def overview(query: Query, home: Home) -> Overview:
    store, now_ns = query.store, query.now_ns
    since_ns, words, rows = _last_night(store, now_ns)
    sessions = tuple(_sessions(home, rows))
    tried = [row for row in rows if row.status is not TraceStatus.RUNNING and VERIFIED not in row.metadata]
    repos = list(repos_of(store, since_ns=now_ns - REPO_DAYS * DAY_NS))[:MOST_REPOS]
    boards = [read_board(store, home, repo.path) for repo in repos]
    found = looks(store, home, since_ns, rows, boards)
    pass_rate, cost = _charts(store, now_ns)
    return Overview(
        since_ns=since_ns,
        words=words,
        tried=len(tried),
        passed=_done(tried),
        notices=notices(home, now_ns),
        sessions=sessions[:MOST_SESSIONS],
        more_sessions=max(len(sessions) - MOST_SESSIONS, 0),
        looks=tuple(pointed(store, one) for one in found[:MOST_LOOKS]),
        more_looks=max(len(found) - MOST_LOOKS, 0),
        money=_money(home, now_ns, sum(one.cost_micros or 0 for one in sessions)),
        repos=tuple(map(_repo_line, boards)),
        pass_rate=pass_rate,
        cost_per_story=cost,
    )


def _last_night(store: TraceStore, now_ns: int) -> tuple[int, str, list[TraceRow]]:
    """Since yesterday evening; else the last 24 hours; else the last session that there was."""
    now = datetime.fromtimestamp(now_ns / 1e9).astimezone()
    evening = (now - timedelta(days=1)).replace(hour=EVENING, minute=0, second=0, microsecond=0)
    for since_ns, words in (
        (int(evening.timestamp() * 1e9), f"since {EVENING}:00 yesterday"),
        (now_ns - DAY_NS, "in the last 24 hours"),
    ):
        if rows := store.traces(TraceFilter(since_ns=since_ns, limit=MOST_ROWS, own=True)):
            return since_ns, words, rows
    newest = store.traces(TraceFilter(limit=1, own=True))
    if not newest:
        return now_ns - DAY_NS, "in the last 24 hours", []
    rows = (
        store.traces(TraceFilter(session=newest[0].session_id, limit=MOST_ROWS, own=True))
        if newest[0].session_id
        else newest
    )
    return min(row.started_at_ns for row in rows), "the last that ran", rows


def _sessions(home: Home, rows: Sequence[TraceRow]) -> Iterator[Session]:
    """The newest first; in each, the traces in their order."""
    groups: dict[str, list[TraceRow]] = {}
    for row in rows:
        groups.setdefault(row.session_id or row.trace_id, []).append(row)
    for name, newest_first in groups.items():
        yield _session(home, name, newest_first[::-1])


def _session(home: Home, name: str, rows: Sequence[TraceRow]) -> Session:
    began_ns = min(row.started_at_ns for row in rows)
    cost_micros = told_sum(rows)
    folder = RunFolders(home).newest(run=name) if rows[0].agent_id == "ralph" and rows[0].session_id else None
    repo = next((row.repo for row in rows if row.repo), "")
    return Session(
        id=rows[0].session_id or "",
        agent=rows[0].agent_id,
        repo=repo,
        repo_name=Path(repo).name,
        began_at_ns=began_ns,
        duration_ns=max(row.started_at_ns + row.duration_ns for row in rows) - began_ns,
        cost_micros=cost_micros,
        unseen_micros=sum(row.unseen_micros for row in rows),
        simulated=bool(cost_micros) and cost_micros == sum(row.simulated_micros for row in rows),
        is_going=any(row.status is TraceStatus.RUNNING for row in rows) or bool(folder and folder.is_going),
        words=folder.last_words() if folder else "",
        passed=sum(row.status is TraceStatus.SUCCESS for row in rows),
        lines=tuple(map(_line, rows)),
    )


def _line(row: TraceRow) -> Line:
    verified = row.metadata.get(VERIFIED)
    name = f"verify {str(verified)[:10]}" if verified else row.story or row.name
    return Line(
        row.trace_id,
        name,
        str(row.metadata.get("ralph.story.title") or ""),
        row.status,
        row.was_stopped,
        row.told_micros,
        row.duration_ns,
        row.findings,
        row.worst,
    )


def _money(home: Home, now_ns: int, shown_micros: int) -> Money:
    limit_micros = _day_limit(home)
    try:
        spent, open_calls = _spent(home, now_ns), open_reservations(home)
    except UNREADABLE:  # `looks` says why
        return Money(shown_micros, None, limit_micros, 0, 0)
    return Money(
        shown_micros=shown_micros,
        today_micros=spent.known_micros,
        limit_micros=limit_micros,
        unknown_micros=sum(one.counted_micros for one in open_calls if one.is_unknown),
        under_way_micros=sum(one.counted_micros for one in open_calls if one.is_under_way),
    )


def _spent(home: Home, now_ns: int) -> Spend:
    """Today; the ledger's days are UTC."""
    if not home.ledger_db.is_file():
        return Spend(0, 0)
    with closing(Ledger.open(home.ledger_db)) as ledger:
        return ledger.spent(day_scope(datetime.fromtimestamp(now_ns / 1e9, UTC).date()))


def _day_limit(home: Home) -> int | None:
    """The user's own; a repo may tighten it for itself."""
    try:
        return load_settings(home.root, home).settings.limits.micros("per_day_usd")
    except RalphError:
        return None


def _repo_line(board: Board) -> RepoLine:
    done, parked = board.count(Lane.DONE), board.count(Lane.PARKED)
    every = board.count(*Lane) - board.count(Lane.LEFT_OUT)
    return RepoLine(board.repo, Path(board.repo).name, board.problem, done, parked, every - done - parked)


def _charts(store: TraceStore, now_ns: int) -> tuple[Chart, Chart]:
    """Day by day (local): which part of the tries was committed, and what a committed story cost with all its tries."""
    days = [
        datetime.fromtimestamp(now_ns / 1e9).astimezone().date() - timedelta(days=back) for back in range(CHART_DAYS)
    ]
    groups: dict[object, list[TraceRow]] = {day: [] for day in reversed(days)}
    wanted = TraceFilter(since_ns=now_ns - (CHART_DAYS + 1) * DAY_NS, agent="ralph", limit=MOST_CHARTED, own=True)
    for row in store.traces(wanted):
        day = datetime.fromtimestamp(row.started_at_ns / 1e9).astimezone().date()
        if day in groups and row.status is not TraceStatus.RUNNING:
            groups[day].append(row)
    points = [(f"{day:%d %b}", rows) for day, rows in groups.items()]
    return (
        line(
            _points(points, _rate),
            ("committed",),
            lambda share: f"{share:.0%}",
            title="Tries that were committed",
            top=1,
        ),
        bars(_points(points, _per_story), ("cost",), lambda micros: money(round(micros)), title="Cost per story done"),
    )


def _points(
    days: Sequence[tuple[str, list[TraceRow]]], value: Callable[[Sequence[TraceRow]], float | None]
) -> list[Point]:
    return [Point(label, (value(rows),)) for label, rows in days]


def _rate(rows: Sequence[TraceRow]) -> float | None:
    return _done(rows) / len(rows) if rows else None


def _per_story(rows: Sequence[TraceRow]) -> float | None:
    return sum(row.known_micros for row in rows) / _done(rows) if _done(rows) else None


def _done(rows: Sequence[TraceRow]) -> int:
    return sum(row.status is TraceStatus.SUCCESS for row in rows)
