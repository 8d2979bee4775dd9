"""One span whole: as a conversation, as a tool's call, as a verdict, or as what went in and came out. And what stands around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracing import attributes as names
from tracing.finding import Finding
from tracing.span import JsonValue, SpanKind
from tracing.store import SpanLine, SpanRow, TraceNotFoundError, TraceRow, TraceStore
from tracing.web.around import Around, Family
from tracing.web.blocks import Text, as_text
from tracing.web.call_view import CallView, call_view
from tracing.web.found import found_trace, spans_of, title
from tracing.web.messages import brought, given
from tracing.web.page import NotFoundError, Page, Query
from tracing.web.span_row import KINDS, as_it_should, state
from tracing.web.tool_view import ToolView, tool_view
from tracing.web.visible import SHOWN_CHARS, beginning
from tracing.words import plain

ATTRIBUTE_CHARS = 2_000
CHECKS = {SpanKind.EVALUATOR, SpanKind.GUARDRAIL}


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
    expected: str = ""  # "failed, as it should: ...", of a check that was run to see it fail


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
    trimmed_ns: int = 0  # when retention deleted its texts; 0: they are there


def span_page(query: Query) -> SpanView:
    trace = found_trace(query.store, query.path["trace_id"])
    return span_view(query, trace, spans_of(query.store, trace).lines, query.path["span_id"])


def span_view(query: Query, trace: TraceRow, lines: Sequence[SpanLine], wanted: str) -> SpanView:
    """Raises: NotFoundError."""
    findings = query.store.findings(trace.trace_id)
    return Spans(query.store, trace, Family(lines), findings, is_whole=query.text("whole") == "1").view(wanted)


@dataclass(frozen=True)
class Spans:
    """Shows any span of one trace, as far as texts are shown or whole."""

    store: TraceStore
    trace: TraceRow
    family: Family
    findings: Sequence[Finding]
    is_whole: bool = False

    def view(self, wanted: str) -> SpanView:
        """`wanted`: the span's id, or what only it begins with. Raises: NotFoundError."""
        span = self.stored(wanted)
        most_chars = 0 if self.is_whole else SHOWN_CHARS
        line, around = self.family.lines[span.span_id], self.family.around(span.span_id)
        is_call, is_tool = span.kind is SpanKind.LLM, span.kind is SpanKind.TOOL
        before = self.stored(around.call_before.span_id) if is_call and around.call_before else None
        return SpanView(
            trace_id=self.trace.trace_id,
            trace_title=title(self.trace),
            heading=self.family.label(line),
            kind_word=KINDS[span.kind],
            state=state(line),
            span=span,
            cost_known_micros=span.cost_micros - span.unseen_micros,
            around=around,
            findings=tuple(one for one in self.findings if span.span_id in one.span_ids),
            call=call_view(span, before, most_chars) if is_call else None,
            tool=tool_view(span) if is_tool else None,
            verdict=_verdict(span) if span.kind in CHECKS or isinstance(span.output(), Mapping) else None,
            input=None if is_call or is_tool else _shown(given(span), most_chars),
            output=None if is_call else _shown(brought(span), most_chars),
            error=Text(*beginning(span.error or "", most_chars)),
            stack=Text(*beginning(_stack(span), most_chars)),
            events=tuple(_happened(span)),
            attributes=tuple((plain(name), _text(value)) for name, value in sorted(span.attributes.items())),
            is_whole=self.is_whole,
            raw=Raw(span.input(), span.output()),
            trimmed_ns=self.trace.trimmed_ns,
        )

    def stored(self, wanted: str) -> SpanRow:
        try:
            return self.store.span(self.trace.trace_id, wanted)
        except TraceNotFoundError as error:
            raise NotFoundError(str(error)) from error


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
    found, why = said.get("findings"), str(span.attributes.get(names.CHECK_WHY) or "")
    return VerdictView(
        passed,
        exit_code if isinstance(exit_code, int) else None,
        plain(said.get("text") or ""),
        tuple(_finding_words(one) for one in found) if isinstance(found, list) else (),
        as_it_should(why) if not passed and names.SHOULD_FAIL in why else "",
    )


def _finding_words(finding: JsonValue) -> str:
    """As in "src/a.py:12: asserts nothing"."""
    if not isinstance(finding, Mapping):
        return plain(finding)
    path, line, text = (finding.get(name) for name in ("path", "line", "text"))
    place = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
    return plain(f"{place}{text}" if text else as_text(dict(finding)))


PAGES = (
    Page(
        "/traces/{trace_id}/spans/{span_id}",
        "span",
        span_page,
        "span.html",
        lambda view: f"{view.heading}, {view.trace_title}" if isinstance(view, SpanView) else "",
    ),
)
