"""The list of traces: filters, order and place in it all stand in the address, so that a link shows the same to everybody."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tracing.finding import Severity
from tracing.span import TraceStatus
from tracing.store import Cursor, Sort, TraceFilter, TraceRow, TraceStore
from tracing.web.listing import NO_NAME, TraceLine, in_reach, moment_ns, trace_line, usd_micros
from tracing.web.page import Page, PageError, Query

PER_PAGE = 50
COUNTED = 1_000
PLACES = 2  # of searched words, for each trace
Args = Mapping[str, str]

WORDS: Mapping[str, str] = {
    "text": "words",
    "status": "status",
    "agent": "agent",
    "story": "story",
    "repo": "repo",
    "session": "session",
    "model": "model",
    "min_cost": "cost from $",
    "max_cost": "cost to $",
    "since": "since",
    "until": "until",
    "severity": "findings from",
    "detector": "finding",
}
"""Every filter by the name of its argument, and what its chip says."""

SORT_WORDS: Mapping[Sort, str] = {
    Sort.WHEN: "Newest",
    Sort.COST: "Dearest",
    Sort.DURATION: "Longest",
    Sort.FINDINGS: "Worst findings",
}
PAGER_WORDS: Mapping[Sort, tuple[str, str]] = {Sort.WHEN: ("Newer", "Older")}


@dataclass(frozen=True)
class Chip:
    """A filter that is on, and the arguments that are left without it."""

    words: str
    value: str
    without: Args


@dataclass(frozen=True)
class Order:
    words: str
    args: Args
    current: bool


@dataclass(frozen=True)
class Choices:
    statuses: tuple[str, ...]
    agents: tuple[str, ...]
    severities: tuple[str, ...]
    detectors: tuple[str, ...]


@dataclass(frozen=True)
class TracesView:
    """`newer` and `older` are the arguments of the pages beside this one; None: there is none."""

    traces: tuple[TraceLine, ...]
    count: str
    args: Args
    chips: tuple[Chip, ...]
    orders: tuple[Order, ...]
    choices: Choices
    newer: Args | None
    older: Args | None
    pager_words: tuple[str, str]
    is_empty: bool  # no trace at all, with or without filters


def traces(query: Query) -> TracesView:
    query = _asked(query)
    filters = filter_of(query)
    rows, before, after = _page(query.store, filters)
    args = {name: query.text(name) for name in (*WORDS, "sort", "limit") if query.text(name)}
    text = filters.text
    lines = [
        trace_line(row, tuple(query.store.snippets(text, row.trace_id, limit=PLACES)) if text else ()) for row in rows
    ]
    return TracesView(
        tuple(lines),
        _count(query.store, filters, len(rows), more=before or after),
        args,
        _chips(args),
        _orders(args, filters.sort),
        _choices(query.store),
        {**args, "before": _cursor_words(rows[0], filters.sort)} if before and rows else None,
        {**args, "after": _cursor_words(rows[-1], filters.sort)} if after and rows else None,
        PAGER_WORDS.get(filters.sort, ("Before", "After")),
        not rows and not query.store.traces(TraceFilter(limit=1)),
    )


def _asked(query: Query) -> Query:
    """`q` means `text`: it is what other pages call it, and what people type."""
    words = query.text("text") or query.text("q")
    return replace(query, args={**query.args, "text": words}) if words else query


def filter_of(query: Query) -> TraceFilter:
    """Raises: PageError, where an argument is none of its kind."""
    agent = query.text("agent")
    return TraceFilter(
        status=_one_of(query, "status", tuple(TraceStatus)),
        story=query.text("story") or None,
        repo=query.text("repo") or None,
        min_cost_micros=usd_micros(query, "min_cost"),
        max_cost_micros=usd_micros(query, "max_cost"),
        text=query.text("text"),
        since_ns=moment_ns(query, "since"),
        until_ns=moment_ns(query, "until", end=True),
        limit=query.number("limit", PER_PAGE, least=1, most=200),
        agent="" if agent == NO_NAME else agent or None,
        session=query.text("session") or None,
        model=query.text("model") or None,
        detector=query.text("detector"),
        min_severity=_severity(query),
        sort=Sort(_one_of(query, "sort", tuple(Sort)) or Sort.WHEN),
        cursor=_cursor(query),
    )


def _page(store: TraceStore, filters: TraceFilter) -> tuple[list[TraceRow], bool, bool]:
    """The rows of a page, and whether there are some before and after it."""
    rows = store.traces(replace(filters, limit=filters.limit + 1))
    more = len(rows) > filters.limit
    if filters.cursor is None or not filters.cursor.back:
        return rows[: filters.limit], filters.cursor is not None, more
    if more:
        return rows[1:], True, True
    return _page(store, replace(filters, cursor=None))  # the first page, whole


def _count(store: TraceStore, filters: TraceFilter, shown: int, *, more: bool) -> str:
    """How many are shown of how many, as far as they were counted."""
    if not more:
        return f"{shown} trace{'s' * (shown != 1)}"
    if filters.text:
        return f"{shown} shown, there are more"
    found = store.count_traces(replace(filters, cursor=None), most=COUNTED + 1)
    return f"{shown} of more than {COUNTED:,}" if found > COUNTED else f"{shown} of {found:,}"


def _chips(args: Args) -> tuple[Chip, ...]:
    return tuple(
        Chip(words, args[name], {other: value for other, value in args.items() if other != name})
        for name, words in WORDS.items()
        if name in args
    )


def _orders(args: Args, current: Sort) -> tuple[Order, ...]:
    rest = {name: value for name, value in args.items() if name != "sort"}
    return tuple(
        Order(words, rest if sort is Sort.WHEN else {**rest, "sort": sort.value}, sort is current)
        for sort, words in SORT_WORDS.items()
    )


def _choices(store: TraceStore) -> Choices:
    return Choices(
        tuple(status.value for status in TraceStatus),
        tuple(name or NO_NAME for name in store.agent_names()),
        tuple(severity.name.lower() for severity in Severity),
        tuple(store.detectors()),
    )


def _one_of(query: Query, name: str, allowed: tuple[str, ...]) -> str | None:
    given = query.text(name)
    if given and given not in {str(one) for one in allowed}:
        raise PageError(f"{name}={given} is none of {', '.join(map(str, allowed))}. Change it in the address.")
    return given or None


def _severity(query: Query) -> int:
    given = _one_of(query, "severity", tuple(severity.name.lower() for severity in Severity))
    return int(Severity[given.upper()]) if given else 0


def _cursor(query: Query) -> Cursor | None:
    """As the links to the pages before and after write it: the sorted value, a dash, the trace."""
    name = "before" if query.text("before") else "after"
    given = query.text(name)
    if not given:
        return None
    value, _, trace_id = given.rpartition("-")
    try:
        return Cursor(in_reach(int(value)), trace_id, back=name == "before")
    except (ValueError, OverflowError) as error:
        raise PageError(f"{name}={given} is no place in this list. Take it out of the address.") from error


def _cursor_words(row: TraceRow, sort: Sort) -> str:
    values = {
        Sort.WHEN: row.started_at_ns,
        Sort.COST: row.known_micros,
        Sort.DURATION: row.duration_ns,
        Sort.FINDINGS: row.worst * 1_000_000 + row.findings,
    }
    return f"{values[sort]}-{row.trace_id}"


PAGES = (Page("/traces", "traces", traces, "traces.html", lambda _view: "Traces", nav="Traces", key="t"),)
