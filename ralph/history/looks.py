"""What needs a look first, ranked: findings, stories that failed or are parked, a red base, money that nobody can account for.

Each has one line that says why, and leads straight to the span where it shows.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from ralph.history.board import Board, Card, Lane
from ralph.history.costs import trace_of
from ralph.history.explain import ENDED
from ralph.history.trace_reading import finish_call
from ralph.home import Home
from tracing.finding import Severity
from tracing.reconcile import Books, OpenReservation
from tracing.span import SpanKind, SpanStatus, TraceStatus
from tracing.sqlite import StateError
from tracing.store import TraceDetail, TraceNotFoundError, TraceRow, TraceStore
from tracing.words import money, plain

BAD = {TraceStatus.ERROR, TraceStatus.OVER_BUDGET, TraceStatus.TIMEOUT, TraceStatus.INTERRUPTED}


UNREADABLE = (StateError, sqlite3.Error)  # the ledger: broken, of a newer Ralph, held for too long


@dataclass(frozen=True)
class Look:
    """`command` is what to type, where the remedy is no page; `cost_micros` is what it wasted, for the ranking."""

    kind: str  # "finding", "failed", "parked", "red before", "unknown cost", "ledger"
    severity: Severity
    title: str
    why: str
    cost_micros: int
    trace_id: str
    span_id: str
    story: str = ""  # or whose trace it is, of an agent without stories
    command: str = ""
    repo: str = ""  # of a finding: the root of the checkout that its trace is about


def looks(
    store: TraceStore, home: Home, since_ns: int, rows: Sequence[TraceRow], boards: Sequence[Board]
) -> list[Look]:
    """The gravest first, then the dearest. Those with a trace but no span get theirs by `pointed`: it reads a trace."""
    everything = [
        *_parked(boards),
        *_failed(rows, {(board.repo, card.id) for board in boards for card in _parked_cards(board)}),
        *_red(store, rows),
        *_unknown(store, home),
        *_findings(store, since_ns, {row.trace_id: row for row in rows}),
    ]
    return sorted(everything, key=lambda look: (-look.severity, -look.cost_micros))


def guilty_span(detail: TraceDetail) -> str:
    """Where it shows why the work was not committed: the last check that failed on it, else how the agent ended."""
    spans = detail.spans
    verifying = {span.span_id for span in spans if span.name == "verify" and span.kind is SpanKind.CHAIN}
    ways: list[Callable[[int], bool]] = [
        lambda at: spans[at].parent_span_id in verifying and spans[at].status is SpanStatus.ERROR,
        lambda at: spans[at].kind is SpanKind.LLM and (spans[at].error is not None or bool(finish_call(spans[at]))),
        lambda at: spans[at].kind is SpanKind.LLM,
    ]
    backwards = range(len(spans) - 1, -1, -1)
    return next((spans[at].span_id for way in ways for at in backwards if way(at)), detail.trace.root_span_id)


def pointed(store: TraceStore, look: Look) -> Look:
    """The same with the span where it shows. A parked story has none: the trace opens with its outcome, which says why."""
    if look.span_id or look.kind != "failed":
        return look
    detail = _detail(store, look.trace_id)
    return replace(look, span_id=guilty_span(detail)) if detail else look


def _detail(store: TraceStore, trace_id: str) -> TraceDetail | None:
    """None where it is not there, or not any more."""
    try:
        return store.trace(trace_id)
    except TraceNotFoundError:
        return None


def _findings(store: TraceStore, since_ns: int, rows: Mapping[str, TraceRow]) -> Iterator[Look]:
    """The same trouble with the same story is told once."""
    told = set[tuple[str, ...]]()
    for row in store.newest_findings(since_ns=since_ns, least=Severity.WARNING):
        trace, one = rows.get(row.trace_id) or trace_of(store, row.trace_id), row.finding
        if trace is None or trace.imported_ns:
            continue
        about = (one.detector, trace.repo, trace.story or row.trace_id)
        if about not in told:
            yield Look(
                "finding",
                one.severity,
                one.title,
                plain(one.evidence),
                one.waste.cost_micros,
                row.trace_id,
                one.span_id,
                trace.story or _named(trace),
                repo=trace.repo,
            )
        told.add(about)


def _named(trace: TraceRow) -> str:
    """Of a trace without a story: whose it is, and what."""
    return ": ".join(plain(one) for one in dict.fromkeys((trace.agent_id, trace.name)) if one)


def _parked(boards: Sequence[Board]) -> Iterator[Look]:
    return (_parked_look(card) for board in boards for card in _parked_cards(board))


def _parked_cards(board: Board) -> Iterator[Card]:
    return (card for column in board.columns if column.lane is Lane.PARKED for card in column.cards)


def _parked_look(card: Card) -> Look:
    return Look(
        "parked",
        Severity.WARNING,
        f"{card.id} is parked: {card.title}",
        card.why.removeprefix("parked: "),
        card.cost_micros,
        card.tries[0].trace_id if card.tries else "",
        "",
        card.id,
    )


def _failed(rows: Sequence[TraceRow], told: Collection[tuple[str, str]]) -> Iterator[Look]:
    """What ended badly and was not tried again since: of each story only the newest trace counts."""
    newest = {(row.repo, row.story or row.trace_id): row for row in reversed(rows)}
    for about, row in newest.items():
        if row.status in BAD and about not in told:
            yield Look(
                "failed",
                Severity.WARNING,
                f"{row.story or row.agent_id or row.name}: {ENDED[row.status] if row.story else row.status.replace('_', ' ')}",
                plain(row.error or ""),
                row.cost_micros,
                row.trace_id,
                "",
                row.story,
            )


def _red(store: TraceStore, rows: Sequence[TraceRow]) -> Iterator[Look]:
    """Of the newest trace of each repo: what did not even pass before the work began."""
    newest = {row.repo: row for row in reversed(rows) if row.repo and row.agent_id == "ralph"}
    for row in newest.values():
        detail = _detail(store, row.trace_id)
        base = next((span for span in detail.spans if span.name == "baseline"), None) if detail else None
        output = base.output() if base else None
        red = output.get("red") if isinstance(output, dict) else None
        if detail and base and isinstance(red, list) and red:
            names = ", ".join(map(str, red))
            failed = [span for span in detail.children(base.span_id) if span.status is SpanStatus.ERROR]
            yield Look(
                "red before",
                Severity.WARNING,
                f"Red before any work in {row.repo.rpartition('/')[2]}: {names}",
                "It is not blamed on a story, and vouches for none. Mend it, or take the check out.",
                0,
                row.trace_id,
                (failed or [base])[0].span_id,
            )


def _unknown(store: TraceStore, home: Home) -> Iterator[Look]:
    """Calls whose cost nobody knows, in one line, and those that cost more than their worst case."""
    try:
        open_calls = open_reservations(home)
    except UNREADABLE as error:
        yield Look(
            "ledger", Severity.CRITICAL, "The ledger cannot be read: what was spent is not known", str(error), 0, "", ""
        )
        return
    if unknown := [one for one in open_calls if one.is_unknown]:
        micros = sum(one.counted_micros for one in unknown)
        some = (
            "a call whose end was never seen" if len(unknown) == 1 else f"{len(unknown)} calls whose end was never seen"
        )
        yield Look(
            "unknown cost",
            Severity.NOTE,
            f"{money(micros)} counts as spent for {some}",
            "It counts against your limits until you say what it cost.",
            0,
            _known_trace(store, unknown[-1].trace_id),
            "",
            command="ralph costs reconcile",
        )
    for one in open_calls:
        if one.is_broken:
            yield Look(
                "unknown cost",
                Severity.CRITICAL,
                f"A call cost {money(one.counted_micros)}, more than its worst case of {money(one.reserved_micros)}",
                "Nothing more is called until you have looked: the price table is wrong, or the bound on the input.",
                one.counted_micros - one.reserved_micros,
                _known_trace(store, one.trace_id),
                "",
                command=f"ralph costs reconcile {one.id} --accept",
            )


def _known_trace(store: TraceStore, trace_id: str) -> str:
    return trace_id if trace_of(store, trace_id) else ""


def open_reservations(home: Home) -> tuple[OpenReservation, ...]:
    if not home.ledger_db.is_file():
        return ()
    with closing(Books.open(home.ledger_db)) as books:
        return books.open_reservations()
