"""One trace: what it was, what went wrong in it, its spans as a tree on a time axis, and one span beside them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tracing.finding import Finding
from tracing.span import SpanKind, TraceStatus
from tracing.store import SpanLine, TraceDetail, TraceRow, TraceStore
from tracing.web import row_lines
from tracing.web.found import found_spans, found_trace, pins, spans_of, title
from tracing.web.growth import Growth, growth
from tracing.web.page import Page, PageError, Query
from tracing.web.pages.span import SpanView, span_view
from tracing.web.span_row import KINDS, Words, is_cut, label, numbered, state, words
from tracing.web.timeline import NS_PER_MS, Axis, Placed, axis, axis_rule, began_ns
from tracing.words import length, plain

ROWS = 300
PANELS_UP_TO_SPANS = 4_000
GROUPS: Mapping[str, frozenset[SpanKind]] = {
    "model": frozenset({SpanKind.LLM}),
    "tools": frozenset({SpanKind.TOOL}),
    "agents": frozenset({SpanKind.AGENT}),
    "checks": frozenset({SpanKind.EVALUATOR, SpanKind.GUARDRAIL}),
    "other": frozenset(
        set(SpanKind) - {SpanKind.LLM, SpanKind.TOOL, SpanKind.AGENT, SpanKind.EVALUATOR, SpanKind.GUARDRAIL}
    ),
}


@dataclass(frozen=True)
class Row:
    """A span in the tree. `bar` is (left, width) in percent; None: outside of what is shown of the axis."""

    span_id: str
    number: int
    depth: int
    children: int
    kind: SpanKind
    kind_word: str
    state: str
    severity: int
    is_cut: bool
    matches: bool  # False: it is only there because a span below it is
    words: Words
    bar: tuple[float, float] | None


@dataclass(frozen=True)
class Mark:
    """A place on the axis with its word; `title` says it in full."""

    at: float
    word: str
    title: str = ""


@dataclass(frozen=True)
class Choice:
    """What of the trace is asked for, all of it from the address."""

    span: str
    kinds: tuple[str, ...]
    problems: bool
    text: str
    from_ms: int
    to_ms: int  # 0: to the end
    row: int

    @property
    def is_filtered(self) -> bool:
        return bool(self.kinds or self.problems or self.text)

    def args(self, **changes: object) -> dict[str, object]:
        """The arguments of an address that asks for the same, but for the changes."""
        now: dict[str, object] = {
            "span": self.span, "kinds": ",".join(self.kinds), "problems": int(self.problems), "q": self.text,
            "from_ms": self.from_ms, "to_ms": self.to_ms, "row": self.row,
        }  # fmt: skip
        return {name: value for name, value in (now | changes).items() if value not in {0, ""}}

    def toggled(self, kind: str) -> dict[str, object]:
        kinds = [one for one in GROUPS if (one in self.kinds) != (one == kind)]
        return self.args(kinds=",".join(kinds), row=0)


@dataclass(frozen=True)
class TraceView:
    trace: TraceRow
    title: str
    is_running: bool
    findings: tuple[Finding, ...]
    growth: Growth | None
    models: tuple[str, ...]
    kinds: tuple[str, ...]  # which groups of kinds this trace has
    choice: Choice
    total: int  # rows there are, after the filters
    rows: tuple[Row, ...]
    ticks: tuple[Mark, ...]
    folds: tuple[Mark, ...]
    end_ms: float
    is_zoomed: bool
    span: SpanView | None
    has_panels: bool  # False: the trace is so big that panels are fetched when asked for
    began_ms: int = 0  # of the axis, since the epoch
    names: Mapping[str, str] = field(default_factory=dict)  # of the spans behind findings: "turn 2", "bash"
    failed: int = 0  # spans; but those that failed as they should
    load: Callable[[], TraceDetail] | None = field(default=None, repr=False)

    @property
    def next_row(self) -> int:
        """The number of the first row of the next page; 0: there is none."""
        after = self.choice.row + len(self.rows)
        return after if after < self.total else 0

    @property
    def path(self) -> str:
        return f"/traces/{self.trace.trace_id}"

    @property
    def axis_rule(self) -> str:
        return axis_rule()


def trace_page(query: Query) -> TraceView:
    return trace_view(query, ROWS)


def trace_view(query: Query, most_rows: int) -> TraceView:
    trace = found_trace(query.store, query.path["trace_id"])
    spans = spans_of(query.store, trace)
    lines = spans.lines
    findings = tuple(query.store.findings(trace.trace_id))
    choice = _choice(query)
    shown_axis = axis(lines, query.now_ns, choice.from_ms, choice.to_ms)
    placed, matching = _filtered(spans.placed, _wanted(query.store, trace, choice, findings))
    rows = _Rows(shown_axis, began_ns(lines), query.now_ns, numbered(lines), pins(findings), matching)
    return TraceView(
        trace=trace,
        title=title(trace),
        is_running=trace.status is TraceStatus.RUNNING,
        findings=findings,
        growth=growth(lines, pins(findings), choice.span),
        models=_models(query.store, lines, trace.trace_id),
        kinds=tuple(name for name, kinds in GROUPS.items() if any(line.kind in kinds for line in lines)),
        choice=choice,
        total=len(placed),
        rows=tuple(rows.row(one) for one in placed[choice.row : choice.row + most_rows]),
        ticks=tuple(Mark(tick.at, length(round(tick.ms * NS_PER_MS))) for tick in shown_axis.ticks()),
        folds=tuple(_folds(shown_axis)),
        end_ms=shown_axis.end_ms,
        is_zoomed=shown_axis.is_zoomed,
        span=span_view(query, trace, lines, choice.span) if choice.span else None,
        has_panels=len(lines) <= PANELS_UP_TO_SPANS,
        began_ms=began_ns(lines) // NS_PER_MS,
        names=_names(lines, findings),
        failed=max(trace.errors - sum(line.failed_as_it_should for line in lines), 0),
        load=lambda: query.store.trace(trace.trace_id),
    )


def _names(lines: Sequence[SpanLine], findings: Sequence[Finding]) -> Mapping[str, str]:
    wanted, turns = {span_id for one in findings for span_id in one.span_ids}, numbered(lines)
    found: dict[str, str] = {}
    turn = 0  # the newest one: what stands behind it was asked for by it
    for line in lines:
        turn = turns.get(line.span_id, turn)
        if line.span_id in wanted:
            name = label(line, turn)
            found[line.span_id] = f"{name} in turn {turn}" if line.kind is SpanKind.TOOL and turn else name
    return found


def _choice(query: Query) -> Choice:
    kinds = tuple(kind for kind in GROUPS if kind in query.text("kinds").split(","))
    from_ms = query.number("from_ms", 0, most=10**12)
    to_ms = query.number("to_ms", 0, most=10**12)
    if to_ms and to_ms <= from_ms:
        raise PageError(f"to_ms={to_ms} is not after from_ms={from_ms}. Change one of them in the address.")
    return Choice(
        span=query.text("span").lower(),
        kinds=kinds,
        problems=query.text("problems") not in {"", "0"},
        text=query.text("q"),
        from_ms=from_ms,
        to_ms=to_ms,
        row=query.number("row", 0, most=10_000_000),
    )


def _wanted(
    store: TraceStore, trace: TraceRow, choice: Choice, findings: Sequence[Finding]
) -> Callable[[SpanLine], bool] | None:
    """Whether the filters let a span through; None: there is no filter."""
    if not choice.is_filtered:
        return None
    kinds = frozenset[SpanKind]().union(*(GROUPS[kind] for kind in choice.kinds)) or frozenset(SpanKind)
    pinned = pins(findings)
    said = found_spans(store, trace.trace_id, choice.text)
    text = choice.text.lower()

    def wanted(line: SpanLine) -> bool:
        return (
            line.kind in kinds
            and (not choice.problems or line.problem or line.span_id in pinned)
            and (not text or line.span_id in said or text in f"{line.name} {line.gist} {line.error}".lower())
        )

    return wanted


def _filtered(
    placed: Sequence[Placed], wanted: Callable[[SpanLine], bool] | None
) -> tuple[Sequence[Placed], frozenset[str] | None]:
    """Rows that match and those above them in the tree; and which of them match (None: all)."""
    if wanted is None:
        return placed, None
    kept: list[Placed] = []
    matching: set[str] = set()
    parent_depth = -1  # of the row that is still to come (backwards) because one below it was kept
    for one in reversed(placed):
        if wanted(one.line):
            matching.add(one.line.span_id)
        elif one.depth != parent_depth:
            continue
        kept.append(one)
        parent_depth = one.depth - 1
    return kept[::-1], frozenset(matching)


@dataclass(frozen=True)
class _Rows:
    """Makes rows."""

    axis: Axis
    began_ns: int
    now_ns: int
    turns: Mapping[str, int]
    pins: Mapping[str, int]
    matching: frozenset[str] | None

    def row(self, placed: Placed) -> Row:
        line = placed.line
        ended_ns = line.ended_at_ns if line.ended_at_ns is not None else self.now_ns
        return Row(
            span_id=line.span_id,
            number=placed.row,
            depth=placed.depth,
            children=placed.children,
            kind=line.kind,
            kind_word=KINDS[line.kind],
            state=state(line),
            severity=self.pins.get(line.span_id, 0),
            is_cut=is_cut(line),
            matches=self.matching is None or line.span_id in self.matching,
            words=words(line, self.turns.get(line.span_id, 0)),
            bar=self.axis.bar(self._ms(line.started_at_ns), self._ms(ended_ns)),
        )

    def _ms(self, at_ns: int) -> float:
        return (at_ns - self.began_ns) / NS_PER_MS


def _folds(shown: Axis) -> Iterator[Mark]:
    for fold in shown.folds:
        at = shown.place((fold.start_ms + fold.end_ms) / 2)
        if 0 <= at <= 1:
            idle = length(round(fold.length_ms * NS_PER_MS))
            yield Mark(round(100 * at, 3), idle, f"Nothing ran for {idle}: folded")


def _models(store: TraceStore, lines: Sequence[SpanLine], trace_id: str) -> tuple[str, ...]:
    """The models that were called first and last: a trace has one, seldom two."""
    calls = [line.span_id for line in lines if line.is_call]
    spans = [store.span(trace_id, span_id) for span_id in dict.fromkeys([*calls[:1], *calls[-1:]])]
    return tuple(dict.fromkeys(plain(span.model) for span in spans if span.model))


PAGES = (
    Page(
        "/traces/{trace_id}",
        "trace",
        trace_page,
        "trace.html",
        lambda view: view.title if isinstance(view, TraceView) else "",
    ),
    row_lines.PAGE,
)
