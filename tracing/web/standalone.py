"""One trace as one HTML file to send to somebody: no server, no network, nothing beside it, readable without a script.

The trace's own page, its spans' panels and what other packages know of it, drawn once and bounded in size: links lead to
places in the file or nowhere. Knows nothing about where the file goes.
"""

import hashlib
import re
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from markupsafe import Markup

from tracing.finding import Finding
from tracing.store import SpanRow, TraceRow
from tracing.web.around import Family
from tracing.web.call_view import CallView
from tracing.web.found import found_trace, pins, spans_of
from tracing.web.page import Query, Site
from tracing.web.pages.span import Spans, SpanView
from tracing.web.pages.trace import Row, TraceView, trace_view
from tracing.web.render import Renderer
from tracing.words import local_time

STATIC = Path(__file__).parent / "static"
STYLES = ("site.css", "trace.css", "standalone.css")
ELSEWHERE = "#elsewhere"  # the address of what is not in the file: its links lose their href
OPENER = STATIC / "standalone.js"


@dataclass(frozen=True)
class Extent:
    """How much of a trace goes into the file; 0 is no limit."""

    most_rows: int = 3_000
    most_chars: int = 6_000_000  # of HTML: of the spans' texts together, and of what other packages know
    is_whole: bool = False  # texts of any length, else their beginnings
    has_texts: bool = True  # False: names, times, costs and what was found; nothing that was said, read or written


FULL = Extent(most_rows=0, most_chars=0, is_whole=True)


@dataclass(frozen=True)
class Shown:
    """A row of the tree. `skipped`: how many rows are left out before it; `body` None: without its texts."""

    row: Row
    skipped: int
    body: Markup | None


@dataclass(frozen=True)
class Part:
    """What another package knows of the trace; `html` "": too long."""

    title: str
    html: Markup


@dataclass(frozen=True)
class Standalone:
    trace: TraceRow
    html: str
    spans: int  # how many are in it
    left_out: tuple[str, ...]  # sentences; () when all of it is in


def standalone(site: Site, wanted: str, extent: Extent, *, version: str = "") -> Standalone:
    """The trace whose id begins so. Raises: NotFoundError."""
    query = Query(site.store, {"trace_id": found_trace(site.store, wanted).trace_id}, {}, time.time_ns())
    return _File(site, trace_view(query, most_rows=1 << 40), extent, version).made()


@dataclass(frozen=True)
class _File:
    site: Site
    view: TraceView
    extent: Extent
    version: str

    def made(self) -> Standalone:
        view = self.view if self.extent.has_texts else _without_texts(self.view)
        family = Family(spans_of(self.site.store, view.trace).lines)
        rows = _chosen(view.rows, view.findings, family, self.extent.most_rows)
        renderer = Inward(self.site, version=self.version, trace_id=view.trace.trace_id, rows=rows)
        spans = Spans(self.site.store, view.trace, family, view.findings, is_whole=self.extent.is_whole)
        parts = self._parts(renderer)
        bodies = _Bodies(renderer, spans, self.extent).of(_ranked(rows, view.findings))
        left_out = tuple(self._left_out(len(rows), len(bodies), parts))
        html = renderer.environment.get_template("standalone.html").render(
            view=view, rows=list(_with_gaps(rows, bodies)), after=_after(rows, view.total), parts=parts, extent=self.extent,
            left_out=left_out, css=Markup(_css(self.site)), script=Markup(OPENER.read_text()), script_hash=_hash(OPENER.read_text()),  # noqa: S704  # our own files
            made_ns=time.time_ns(),
        )  # fmt: skip
        return Standalone(view.trace, inward_links(html), len(rows), left_out)

    def _parts(self, renderer: Renderer) -> list[Part]:
        if not self.extent.has_texts:
            return []
        shown = renderer.panels(self.view.load()) if self.view.load and self.site.panels else []
        return [Part(one.title, one.html if self._fits(one.html) else Markup()) for one in shown]

    def _fits(self, html: str) -> bool:
        return not self.extent.most_chars or len(html) <= self.extent.most_chars

    def _left_out(self, rows: int, bodies: int, parts: Sequence[Part]) -> Iterator[str]:
        if not self.extent.has_texts:
            yield "All texts: prompts, answers, what tools were told and brought, errors, evidence."
            return
        if rows < self.view.total:
            yield (
                f"{self.view.total - rows:,} of {self.view.total:,} spans. Kept are those with findings, those that"
                " failed, what is above them, and the first ones."
            )
        if bodies < rows:
            yield (
                f"The texts of {rows - bodies:,} spans. Kept are those of spans with findings, of spans that failed,"
                " and of the first ones."
            )
        yield from (f"{part.title}: it is too long." for part in parts if not part.html)


class Inward(Renderer):
    """Draws the same templates, with addresses inside the file."""

    def __init__(self, site: Site, *, version: str, trace_id: str, rows: Sequence[Row]) -> None:
        self.trace_id = trace_id
        self.places = {row.span_id: f"#s{row.number}" for row in rows}
        super().__init__(site, version=version)
        self.environment.filters["ago"] = lambda at_ns: local_time(at_ns, "%Y-%m-%d %H:%M")

    def url(self, name: str, **values: object) -> str:
        if values.get("trace_id") != self.trace_id or name not in {"trace", "span"}:
            return ELSEWHERE
        span_id = values.get("span") or values.get("span_id")
        return self.places.get(str(span_id), ELSEWHERE) if span_id else "#main"


_LINK = re.compile(r' href="(?:#elsewhere[^"]*|(#s\d+)#side)"')


def inward_links(html: str) -> str:
    """Without the addresses that lead out of the file. No text of a trace can match: its quotes are escaped."""
    return _LINK.sub(lambda found: f' href="{found[1]}"' if found[1] else "", html)


def _without_texts(view: TraceView) -> TraceView:
    return replace(
        view,
        trace=replace(view.trace, error=None, repo=""),
        findings=tuple(replace(one, evidence="") for one in view.findings),
        rows=tuple(replace(row, words=replace(row.words, gist="", note="")) for row in view.rows),
    )


def _chosen(rows: Sequence[Row], findings: Sequence[Finding], family: Family, most: int) -> list[Row]:
    """All rows, or the most telling ones with what is above them, in their order."""
    if not most or len(rows) <= most:
        return list(rows)
    kept: set[str] = set()
    for row in _ranked(rows, findings):
        kept |= {row.span_id, *family.ids_above(row.span_id)}
        if len(kept) >= most:
            break
    return [row for row in rows if row.span_id in kept]


def _ranked(rows: Sequence[Row], findings: Sequence[Finding]) -> list[Row]:
    """What findings point at first, then what failed, then the rest in order."""
    pinned = pins(findings)
    return sorted(rows, key=lambda row: (-pinned.get(row.span_id, 0), row.state in {"ok", "expected"}, row.number))


@dataclass
class _Bodies:
    """What stands in the spans, drawn as long as there is room."""

    renderer: Renderer
    spans: Spans
    extent: Extent
    used_chars: int = 0
    _found: dict[str, Markup] = field(default_factory=dict)

    def of(self, rows: Sequence[Row]) -> Mapping[str, Markup]:
        if self.extent.has_texts:
            for row in rows:
                self._add(row)
        return self._found

    def _add(self, row: Row) -> None:
        most = self.extent.most_chars
        if most and self.used_chars >= most:
            return
        html = self.renderer.environment.get_template("_standalone_span.html").render(span_view=self._view(row))
        if not most or self.used_chars + len(html) <= most:
            self.used_chars += len(html)
            self._found[row.span_id] = Markup(html)  # noqa: S704  # a template's own output
        elif len(html) <= most // 10:  # the file is full; a single huge span is left out alone
            self.used_chars = most

    def _view(self, row: Row) -> SpanView:
        view = self.spans.view(row.span_id)
        around = replace(view.around, children=())  # they stand below it anyway
        call = view.call and self._said_once(view.call, view)
        return replace(view, around=around, call=call)

    def _said_once(self, call: CallView, view: SpanView) -> CallView:
        """Without the system text and the tools, where they are those of the call before."""
        before = view.around.call_before
        if before is None or not _same_frame(view.span, self.spans.stored(before.span_id)):
            return call
        return replace(call, conversation=replace(call.conversation, system=(), tools=()))


def _same_frame(span: SpanRow, before: SpanRow) -> bool:
    return (span.refs.system, span.refs.tools) == (before.refs.system, before.refs.tools)


def _with_gaps(rows: Sequence[Row], bodies: Mapping[str, Markup]) -> Iterator[Shown]:
    expected = 0
    for row in rows:
        yield Shown(row, row.number - expected, bodies.get(row.span_id))
        expected = row.number + 1


def _after(rows: Sequence[Row], total: int) -> int:
    """How many rows are left out behind the last one."""
    return total - (rows[-1].number + 1 if rows else 0)


def _css(site: Site) -> str:
    further = (site.statics[prefix] / file for prefix, _, file in (name.partition("/") for name in site.styles))
    own = [STATIC / name for name in STYLES]
    return "\n".join(file.read_text() for file in [*own[:1], *further, *own[1:]])


def _hash(script: str) -> str:
    """As a content security policy names an inline script that may run."""
    return "sha256-" + b64encode(hashlib.sha256(script.encode()).digest()).decode()
