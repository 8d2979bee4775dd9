"""One session: traces that belong together, in their order. Of Ralph it is a run with its stories, of a chat a conversation."""

from collections.abc import Sequence
from dataclasses import dataclass

from tracing.span import TraceStatus
from tracing.store import TraceFilter, TraceRow, told_sum
from tracing.web.listing import TraceLine, agent_words, trace_line
from tracing.web.page import NotFoundError, Page, Query
from tracing.web.slugs import slug, unslug
from tracing.words import plain

MOST_TRACES = 500
MOST_LANES = 40


@dataclass(frozen=True)
class Stretch:
    """A trace on the session's axis: from `x` on, `width` wide [percent]; traces at one time lie in several lanes."""

    line: TraceLine
    x: float
    width: float
    lane: int


@dataclass(frozen=True)
class StoryLine:
    """What the session did about one story."""

    story: str
    title: str
    attempts: int
    status: TraceStatus  # of the last attempt
    was_stopped: bool
    cost_micros: int
    duration_ns: int


@dataclass(frozen=True)
class Totals:
    traces: int
    failed: int
    running: int
    cost_micros: int  # known
    told_micros: int | None  # what to say of it: None where no price of any trace is known
    unseen_micros: int
    simulated_micros: int
    turns: int
    tokens: int
    worked_ns: int  # added up
    took_ns: int  # from the first beginning to the last end
    findings: int
    worst: int


@dataclass(frozen=True)
class SessionView:
    session_id: str
    agents: tuple[tuple[str, str], ...]  # words and slugs
    started_at_ns: int
    totals: Totals
    stretches: tuple[Stretch, ...]
    lanes: int
    stories: tuple[StoryLine, ...]
    traces: tuple[TraceLine, ...]
    more: bool  # only the newest 500 are shown, and added up


def session(query: Query) -> SessionView:
    session_id = unslug(query.path["session_id"])
    rows = query.store.traces(TraceFilter(session=session_id, limit=MOST_TRACES + 1))
    if not rows:
        raise NotFoundError(
            f"No trace belongs to a session called {plain(session_id)}. The list of traces has those there are."
        )
    lines = [trace_line(row) for row in reversed(rows[:MOST_TRACES])]
    stretches = _stretches(lines)
    return SessionView(
        session_id,
        tuple((agent_words(name), slug(name)) for name in dict.fromkeys(line.row.agent_id for line in lines)),
        lines[0].row.started_at_ns,
        _totals([line.row for line in lines]),
        tuple(stretches),
        max(one.lane for one in stretches) + 1,
        tuple(_stories(lines)),
        tuple(lines),
        len(rows) > MOST_TRACES,
    )


def _end_ns(row: TraceRow) -> int:
    return row.started_at_ns + row.duration_ns


def _totals(rows: Sequence[TraceRow]) -> Totals:
    good = {TraceStatus.SUCCESS, TraceStatus.RUNNING, TraceStatus.BLOCKED}
    return Totals(
        traces=len(rows),
        failed=sum(row.status not in good and not row.was_stopped for row in rows),
        running=sum(row.ended_at_ns is None for row in rows),
        cost_micros=sum(row.known_micros for row in rows),
        told_micros=told_sum(rows),
        unseen_micros=sum(row.unseen_micros for row in rows),
        simulated_micros=sum(row.simulated_micros for row in rows),
        turns=sum(row.turns for row in rows),
        tokens=sum(row.input_tokens + row.output_tokens for row in rows),
        worked_ns=sum(row.duration_ns for row in rows),
        took_ns=max(map(_end_ns, rows)) - rows[0].started_at_ns,
        findings=sum(row.findings for row in rows),
        worst=max(row.worst for row in rows),
    )


def _stretches(lines: Sequence[TraceLine]) -> list[Stretch]:
    """Each in the first lane that is free when it begins."""
    begin_ns = lines[0].row.started_at_ns
    whole_ns = max(max(_end_ns(line.row) for line in lines) - begin_ns, 1)
    free_ns: list[int] = []
    found = []
    for line in lines:
        row = line.row
        lane = next((number for number, free in enumerate(free_ns) if free <= row.started_at_ns), len(free_ns))
        lane = min(lane, MOST_LANES - 1)
        free_ns[lane : lane + 1] = [_end_ns(row)]
        x, width = 100 * (row.started_at_ns - begin_ns) / whole_ns, 100 * row.duration_ns / whole_ns
        found.append(Stretch(line, round(min(x, 99.6), 3), round(max(width, 0.4), 3), lane))
    return found


def _stories(lines: Sequence[TraceLine]) -> list[StoryLine]:
    """In the order in which they were first taken up."""
    found: dict[str, list[TraceLine]] = {}
    for line in lines:
        if line.row.story:
            found.setdefault(line.row.story, []).append(line)
    return [
        StoryLine(
            story,
            ones[-1].title,
            len(ones),
            ones[-1].row.status,
            ones[-1].row.was_stopped,
            sum(one.row.known_micros for one in ones),
            sum(one.row.duration_ns for one in ones),
        )
        for story, ones in found.items()
    ]


PAGES = (
    Page(
        "/sessions/{session_id}",
        "session",
        session,
        "session.html",
        lambda view: f"Session {plain(view.session_id)}" if isinstance(view, SessionView) else "",
    ),
)
