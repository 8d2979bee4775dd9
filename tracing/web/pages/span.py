"""One span whole: as a conversation, as a tool's call, as a verdict, or as what went in and came out. And what stands around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracing import attributes as names
from tracing.finding import Finding
from tracing.span import JsonValue, SpanKind
from tracing.store import SpanLine, SpanRow, TraceNotFoundError, TraceRow
from tracing.web.call_view import CallView, call_view
from tracing.web.conversation_view import Text, as_text
from tracing.web.found import found_trace, spans_of, title
from tracing.web.messages import brought, given
from tracing.web.page import NotFoundError, Page, Query
from tracing.web.span_row import KINDS, label, numbered, state
from tracing.web.tool_view import ToolView, tool_view
from tracing.web.visible import SHOWN_CHARS, beginning
from tracing.words import plain

ATTRIBUTE_CHARS = 2_000
CHECKS = {SpanKind.EVALUATOR, SpanKind.GUARDRAIL}


@dataclass(frozen=True)
class Near:
    """Another span of the trace."""

    span_id: str
    label: str


@dataclass(frozen=True)
class Around:
    """What stands around a span; None: there is no such span. `above` is its parents, the root first."""

    above: tuple[Near, ...]
    previous: Near | None
    next: Near | None
    call_before: Near | None
    call_after: Near | None
    children: tuple[Near, ...]


@dataclass(frozen=True)
class Happened:
    """An event of the span."""

    name: str
    at_ns: int
    facts: tuple[tuple[str, Text], ...]


@dataclass(frozen=True)
class VerdictView:
    """What a check or a guard said; `passed` None: nothing that we can read."""

    passed: bool | None
    exit_code: int | None
    text: str
    findings: tuple[str, ...]


@dataclass(frozen=True)
class Raw:
    """As stored."""

    input: JsonValue
    output: JsonValue


@dataclass(frozen=True)
class SpanView:
    trace_id: str
    trace_title: str
    heading: str
    kind_word: str
    state: str
    span: SpanRow
    cost_known_micros: int
    around: Around
    findings: tuple[Finding, ...]
    call: CallView | None
    tool: ToolView | None
    verdict: VerdictView | None
    input: Text | None  # of a span that is no model call: what went in, unless `tool` shows it
    output: Text | None
    error: Text
    stack: Text
    events: tuple[Happened, ...]
    attributes: tuple[tuple[str, Text], ...]
    is_whole: bool
    raw: Raw


def span_page(query: Query) -> SpanView:
    trace = found_trace(query.store, query.path["trace_id"])
    return span_view(query, trace, spans_of(query.store, trace).lines, query.path["span_id"])


def span_view(query: Query, trace: TraceRow, lines: Sequence[SpanLine], wanted: str) -> SpanView:
    """Raises: NotFoundError."""
    try:
        span = query.store.span(trace.trace_id, wanted)
    except TraceNotFoundError as error:
        raise NotFoundError(str(error)) from error
    is_whole = query.text("whole") == "1"
    most_chars = 0 if is_whole else SHOWN_CHARS
    neighbours = _Neighbours.of(lines, span)
    around = neighbours.around()
    is_call, is_tool = span.kind is SpanKind.LLM, span.kind is SpanKind.TOOL
    before = query.store.span(trace.trace_id, around.call_before.span_id) if is_call and around.call_before else None
    return SpanView(
        trace_id=trace.trace_id,
        trace_title=title(trace),
        heading=neighbours.label(neighbours.line),
        kind_word=KINDS[span.kind],
        state=state(neighbours.line),
        span=span,
        cost_known_micros=span.cost_micros - span.unseen_micros,
        around=around,
        findings=tuple(one for one in query.store.findings(trace.trace_id) if span.span_id in one.span_ids),
        call=call_view(span, before, most_chars) if is_call else None,
        tool=tool_view(span) if is_tool else None,
        verdict=_verdict(span) if span.kind in CHECKS or isinstance(span.output(), Mapping) else None,
        input=None if is_call or is_tool else _shown(given(span), most_chars),
        output=None if is_call else _shown(brought(span), most_chars),
        error=Text(*beginning(span.error or "", most_chars)),
        stack=Text(*beginning(_stack(span), most_chars)),
        events=tuple(_happened(span)),
        attributes=tuple((plain(name), _text(value)) for name, value in sorted(span.attributes.items())),
        is_whole=is_whole,
        raw=Raw(span.input(), span.output()),
    )


def _shown(value: JsonValue, most_chars: int) -> Text | None:
    return None if value is None else Text(*beginning(as_text(value), most_chars))


def _text(value: object) -> Text:
    return Text(*beginning(str(value), ATTRIBUTE_CHARS))


def _stack(span: SpanRow) -> str:
    """Of an exception that was noted as an event, or as an attribute."""
    noted = [event.attributes for event in span.events] + [span.attributes]
    return next((str(one[names.EXCEPTION_STACKTRACE]) for one in noted if names.EXCEPTION_STACKTRACE in one), "")


def _happened(span: SpanRow) -> list[Happened]:
    return [
        Happened(
            plain(event.name),
            event.at_ns,
            tuple(
                (plain(name), _text(value))
                for name, value in event.attributes.items()
                if name != names.EXCEPTION_STACKTRACE
            ),
        )
        for event in span.events
    ]


def _verdict(span: SpanRow) -> VerdictView | None:
    output = span.output()
    said: Mapping[str, JsonValue] = output if isinstance(output, Mapping) else {}
    passed = span.attributes.get(names.CHECK_PASSED, said.get("passed"))
    if not isinstance(passed, bool):
        return None
    exit_code = span.attributes.get(names.CHECK_EXIT_CODE)
    found = said.get("findings")
    return VerdictView(
        passed,
        exit_code if isinstance(exit_code, int) else None,
        plain(said.get("text") or ""),
        tuple(_finding_words(one) for one in found) if isinstance(found, list) else (),
    )


def _finding_words(finding: JsonValue) -> str:
    """As in "src/a.py:12: asserts nothing"."""
    if not isinstance(finding, Mapping):
        return plain(finding)
    path, line, text = (finding.get(name) for name in ("path", "line", "text"))
    place = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
    return plain(f"{place}{text}" if text else as_text(dict(finding)))


@dataclass(frozen=True)
class _Neighbours:
    line: SpanLine
    lines: Sequence[SpanLine]
    turns: Mapping[str, int]

    @classmethod
    def of(cls, lines: Sequence[SpanLine], span: SpanRow) -> "_Neighbours":
        line = next(one for one in lines if one.span_id == span.span_id)
        return cls(line, lines, numbered(lines))

    def label(self, line: SpanLine) -> str:
        return label(line, self.turns.get(line.span_id, 0))

    def around(self) -> Around:
        siblings = [one for one in self.lines if one.parent_span_id == self.line.parent_span_id]
        place = next(number for number, one in enumerate(siblings) if one.span_id == self.line.span_id)
        calls = [one for one in self.lines if one.is_call and one.span_id != self.line.span_id]
        before = [one for one in calls if one.started_at_ns <= self.line.started_at_ns]
        after = [one for one in calls if one.started_at_ns > self.line.started_at_ns]
        return Around(
            above=tuple(map(self._near, self._above())),
            previous=self._near(siblings[place - 1]) if place else None,
            next=self._near(siblings[place + 1]) if place + 1 < len(siblings) else None,
            call_before=self._of_same_agent(before[::-1]),
            call_after=self._of_same_agent(after),
            children=tuple(self._near(one) for one in self.lines if one.parent_span_id == self.line.span_id)[:50],
        )

    def _near(self, line: SpanLine) -> Near:
        return Near(line.span_id, f"{self.label(line)} {line.gist[:60]}".strip())

    def _of_same_agent(self, calls: Sequence[SpanLine]) -> Near | None:
        """The nearest call below the same parent, else the nearest of all: agents beside each other are not mixed up."""
        near = next((one for one in calls if one.parent_span_id == self.line.parent_span_id), next(iter(calls), None))
        return self._near(near) if near else None

    def _above(self) -> list[SpanLine]:
        by_id = {one.span_id: one for one in self.lines}
        above: list[SpanLine] = []
        seen = {self.line.span_id}
        parent = by_id.get(self.line.parent_span_id or "")
        while parent is not None and parent.span_id not in seen:
            above.append(parent)
            seen.add(parent.span_id)
            parent = by_id.get(parent.parent_span_id or "")
        return above[::-1]


PAGES = (
    Page(
        "/traces/{trace_id}/spans/{span_id}",
        "span",
        span_page,
        "span.html",
        lambda view: f"{view.heading}, {view.trace_title}" if isinstance(view, SpanView) else "",
    ),
)
