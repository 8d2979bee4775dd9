"""What was done over each PRD: stories committed, parked and still open, with what each cost; and what comes next.

The traces say what was tried, the runs' logs how it ended, the PRD how things stand now. Where the repository is gone or cannot
be read, the last run's own words stand in for the PRD.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ralph.history.board import Board, Card, Lane, read_board
from ralph.history.explain import VERIFIED
from ralph.history.objects import Objects
from ralph.history.told import said_of
from ralph.home import Home
from ralph.report.commits import body, first_sentence, messages, waiting
from ralph.report.facts import Cost, Done, Open, Run, Work
from ralph.report.logs import RunLog
from ralph.screen_text import one_line
from tracing.budget import MICROS_PER_USD, Spend
from tracing.span import TraceStatus
from tracing.store import TraceNotFoundError, TraceRow, TraceStore

AGENT = "ralph"
TITLE = "ralph.story.title"
STATES = {"done": Lane.DONE, "parked": Lane.PARKED, "running": Lane.WORKING, "open": Lane.NEXT}
PARKED = "parked: "
EDIT = ". Edit the story, or run: "
NEXT = "next: "
Key = tuple[str, str]  # the root of a checkout, and the PRD's name in it
Spent = Callable[[RunLog], Spend]


@dataclass(frozen=True)
class Story:
    """How a story stands now."""

    id: str
    title: str
    lane: Lane
    why: str


@dataclass(frozen=True)
class _Group:
    """All that is known of one PRD in this time."""

    key: Key
    logs: Sequence[RunLog]
    rows: Sequence[TraceRow]
    board: Board


def is_try(row: TraceRow) -> bool:
    """Whether it is an attempt at a story: not a verdict that somebody asked for, nor a draft."""
    return row.agent_id == AGENT and bool(row.story) and VERIFIED not in row.metadata


def works(
    store: TraceStore, home: Home, logs: Sequence[RunLog], rows: Sequence[TraceRow], spent: Spent
) -> tuple[list[Work], list[Board]]:
    """One for each PRD that was worked on, in the order in which that began; and the boards that they were read from."""
    prds = {log.head.run: log.head.prd for log in logs}
    keys = {log.head.run: (log.head.repo, log.head.prd) for log in logs}
    groups: dict[Key, list[TraceRow]] = {key: [] for key in dict.fromkeys(keys.values())}
    for row in rows:
        key = keys.get(row.session_id or "") or (row.repo, prds.get(row.session_id or "", ""))
        groups.setdefault(key, []).append(row)
    boards = {key: read_board(store, home, *key) for key in groups}
    found = [
        _Group(key, [log for log in logs if keys[log.head.run] == key], tried, boards[key])
        for key, tried in groups.items()
    ]
    return [_work(store, group, spent) for group in found], list(boards.values())


def cost_of(rows: Iterable[TraceRow]) -> Cost:
    costs = (Cost(row.known_micros, row.unseen_micros, row.simulated_micros) for row in rows)
    return sum(costs, Cost())


def _work(store: TraceStore, group: _Group, spent: Spent) -> Work:
    (repo, prd), logs, rows, board = group.key, group.logs, group.rows, group.board
    objects = Objects.of(repo)
    branch = board.branch or (logs[-1].head.branch if logs else "")
    stories = {story.id: story for story in _stories(board, logs)}
    tried = _by_story(rows)
    done = tuple(_done(store, objects, logs, tried, stories))
    rest = [story for story in stories.values() if story.lane is not Lane.DONE]
    runs = tuple(_run(log, rows, spent(log)) for log in logs)
    required = [story for story in stories.values() if story.lane is not Lane.LEFT_OUT]
    return Work(
        repo=repo,
        name=Path(repo).name,
        prd=prd or board.prd,
        branch=branch,
        problem=board.problem,
        runs=runs,
        done=done,
        parked=tuple(_open(story, tried, logs) for story in rest if story.lane is Lane.PARKED),
        open=tuple(_still_open(rest, tried, logs, {one.story for one in done})),
        stories=len(required),
        stories_done=sum(story.lane is Lane.DONE for story in required),
        next=_next(rest, tried, logs),
        waiting_commits=waiting(objects, branch),
        cost=sum((run.cost for run in runs), Cost()) if runs else cost_of(rows),
    )


def _by_story(rows: Iterable[TraceRow]) -> dict[str, list[TraceRow]]:
    """Oldest first."""
    found: dict[str, list[TraceRow]] = {}
    for row in sorted(rows, key=lambda row: row.started_at_ns):
        found.setdefault(row.story, []).append(row)
    return found


def _stories(board: Board, logs: Sequence[RunLog]) -> Iterator[Story]:
    """From the PRD as it is now; else as the last run saw it."""
    if not board.problem:
        for column in board.columns:
            yield from (Story(card.id, card.title, card.lane, _why(card)) for card in column.cards)
        return
    standings = next((log.standings for log in reversed(logs) if log.standings), {})
    for story, seen in standings.items():
        yield Story(story, seen.title, STATES.get(seen.state, Lane.WAITING), _reason(seen.reason))


def _why(card: Card) -> str:
    return _reason(card.why)


def _reason(why: str) -> str:
    """Without the verdict in front, which the heading says, and the remedy behind it, which is a command of its own."""
    words = one_line(why.removeprefix(PARKED).partition(EDIT)[0])
    return f"{words}." if EDIT in why and not words.endswith((".", "?", "!")) else words


def _done(
    store: TraceStore,
    objects: Objects | None,
    logs: Sequence[RunLog],
    tried: Mapping[str, Sequence[TraceRow]],
    stories: Mapping[str, Story],
) -> Iterator[Done]:
    """What was committed unchecked is parked, and told there."""
    commits = {story: sha for log in logs for story, sha in log.commits.items()}
    for story, rows in tried.items():
        for row in rows:
            if row.status is TraceStatus.SUCCESS:
                commits[story] = str(row.metadata.get("ralph.commit") or commits.get(story, ""))
    told = messages(objects, commits.values())
    for story, sha in commits.items():
        rows = tried.get(story, ())
        standing = stories.get(story)
        if standing is None or standing.lane is not Lane.PARKED:
            yield Done(
                story=story,
                title=standing.title if standing else _title(rows),
                commit=sha,
                sentence=first_sentence(body(told[sha])) if sha in told else _summary(store, rows),
                cost=cost_of(rows),
                tries=len(rows),
                trace_id=rows[-1].trace_id if rows else "",
            )


def _summary(store: TraceStore, rows: Sequence[TraceRow]) -> str:
    """What the agent said at its end, where the commit itself is gone."""
    try:
        said = said_of(store.trace(rows[-1].trace_id)) if rows else None
    except TraceNotFoundError:
        said = None
    return first_sentence(said.summary) if said else ""


def _still_open(
    rest: Iterable[Story], tried: Mapping[str, Sequence[TraceRow]], logs: Sequence[RunLog], done: set[str]
) -> Iterator[Open]:
    """Those that somebody worked on since then; a story that the PRD has no more is told all the same."""
    known = {story.id: story for story in rest}
    for story_id, rows in tried.items():
        story = known.get(story_id)
        is_here = story is not None and story.lane is not Lane.PARKED
        if story_id not in done and (is_here or (story is None and rows[-1].status is not TraceStatus.SUCCESS)):
            yield _open(story or Story(story_id, _title(rows), Lane.NEXT, ""), tried, logs)


def _open(story: Story, tried: Mapping[str, Sequence[TraceRow]], logs: Sequence[RunLog]) -> Open:
    rows = tried.get(story.id, ())
    failures = [log.failures[story.id] for log in logs if story.id in log.failures]
    why = story.why
    if story.lane is not Lane.PARKED and rows:
        why = one_line(failures[-1] if failures else rows[-1].error or why)
    return Open(story.id, story.title, why, cost_of(rows), len(rows), rows[-1].trace_id if rows else "")


def _next(rest: Sequence[Story], tried: Mapping[str, Sequence[TraceRow]], logs: Sequence[RunLog]) -> Open | None:
    first = next((story for story in rest if story.why.startswith(NEXT)), None)
    return _open(first, tried, logs) if first else None


def _run(log: RunLog, rows: Sequence[TraceRow], spend: Spend) -> Run:
    simulated_micros = sum(row.simulated_micros for row in rows if row.session_id == log.head.run)
    held_micros = spend.held_micros if log.is_going else 0
    cost = Cost(spend.known_micros, spend.total_micros - spend.known_micros - held_micros, simulated_micros)
    limit_usd = log.start.get("limit_usd")
    return Run(
        id=log.head.run,
        due=log.due,
        began_at_ns=log.began_at_ns,
        ended_at_ns=log.last_at_ns if log.end else None,
        is_going=log.is_going,
        words=log.words,
        is_early=log.is_early,
        trouble=log.trouble,
        again_at=log.again_at,
        cost=cost,
        limit_micros=round(limit_usd * MICROS_PER_USD) if isinstance(limit_usd, int | float) else None,
    )


def _title(rows: Sequence[TraceRow]) -> str:
    return next((str(row.metadata[TITLE]) for row in reversed(rows) if row.metadata.get(TITLE)), "")
