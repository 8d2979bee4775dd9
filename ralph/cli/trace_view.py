"""Traces for a person in a terminal: the list, the costs, and one trace as a tree that tells what happened and why."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ralph.cli.finding_view import MARKS, findings_lines, pinned
from ralph.cli.span_notes import OUTPUT, Turns, cost, details, label, mark, note
from ralph.cli.table import Column, screen_width, short_id, table
from ralph.spending import unseen_words
from tracing.attributes import STORY_ID
from tracing.finding import Finding, Severity
from tracing.span import SpanKind, TraceStatus
from tracing.store import SpanRow, TraceDetail, TraceRow
from tracing.words import cut, length, local_time, money, percent, plain, tokens

ID_CHARS = 8
WRAPPED_LINES = 8
COLUMNS = (
    Column("trace"),
    Column("began"),
    Column("status"),
    Column("story"),
    Column("title", grows=True),
    Column("turns", right=True),
    Column("tokens", right=True),
    Column("cost", right=True),
    Column("cached", right=True),
    Column("time", right=True),
)
DURATION_WIDTH, TOKENS_WIDTH, COST_WIDTH, NOTE_WIDTH = 7, 11, 8, 22


def traces_table(rows: Sequence[TraceRow]) -> list[str]:
    cells = [_trace_cells(row) for row in rows]
    if not any(row.findings for row in rows):
        return table(COLUMNS, cells)
    found = [f"{MARKS[Severity(row.worst)]} {row.findings}" if row.findings else "" for row in rows]
    return table(
        (*COLUMNS, Column("found", right=True)), [[*known, one] for known, one in zip(cells, found, strict=True)]
    )


def _trace_cells(row: TraceRow) -> list[str]:
    return [
        row.trace_id[:ID_CHARS],
        local_time(row.started_at_ns),
        row.status.value,
        short_id(plain(row.story), title(row)) or "-",
        title(row),
        str(row.turns),
        tokens(row.input_tokens + row.output_tokens),
        money(row.told_micros),
        percent(row.cache_read_tokens, row.input_tokens),
        length(row.duration_ns),
    ]


def title(row: TraceRow) -> str:
    return plain(row.metadata.get("ralph.story.title") or row.name)


def trace_lines(detail: TraceDetail, findings: Sequence[Finding] = ()) -> list[str]:
    """What happened, in words; what went wrong; then every span, with what was found pinned to it."""
    turns = Turns.of(detail)
    return [
        *_header(detail, turns),
        *findings_lines(findings, detail.trace.trace_id, _id_chars(detail)),
        "",
        *_tree(detail, turns, pinned(findings)),
        "",
        f"One span whole: ralph trace {detail.trace.trace_id[:ID_CHARS]} --span ID (the first column)",
    ]


def _header(detail: TraceDetail, turns: Turns) -> list[str]:
    row, known = detail.trace, detail.trace.metadata
    models = sorted({span.model for span in detail.spans if span.model})
    played_by = plain(known.get("ralph.model.played_by") or "")
    cached = percent(row.cache_read_tokens, row.input_tokens)
    ran = f"{local_time(row.started_at_ns, '%Y-%m-%d %H:%M:%S')}, {length(row.duration_ns)}"
    turns_words = f"{row.turns} turn{'s' * (row.turns != 1)}" if row.turns else "no call"
    facts = {
        "story": f"{plain(row.story)} {title(row)}" if row.story else title(row),
        "repo": plain(row.repo) + (f", branch {plain(known['ralph.branch'])}" if "ralph.branch" in known else ""),
        "model": plain(", ".join(models)) + (f", played by: {played_by} (its cost is simulated)" if played_by else ""),
        "began": ran if row.ended_at_ns is not None else f"{local_time(row.started_at_ns)}, still running",
        "cost": f"{money(row.told_micros)}{unseen_words(row.unseen_micros)} for {turns_words}, "
        f"{tokens(row.input_tokens)} tokens in ({cached} from the cache), {tokens(row.output_tokens)} out",
        "outcome": _outcome(row, turns),
        "error": plain(row.error or ""),
        "texts": _kept_words(row),
    }
    return [
        f"trace {row.trace_id}: {row.status.value}",
        *(f"  {name:<8} {fact}" for name, fact in facts.items() if fact),
    ]


def _kept_words(row: TraceRow) -> str:
    """What became of its texts, and where it is from; "" of a trace that was made here and has them all."""
    gone = f"deleted {local_time(row.trimmed_ns, '%Y-%m-%d')} by [retention]; times, costs, findings stay"
    came = f"imported {local_time(row.imported_ns, '%Y-%m-%d')}; its cost is not counted here"
    return "; ".join([gone] * bool(row.trimmed_ns) + [came] * bool(row.imported_ns))


def _outcome(row: TraceRow, turns: Turns) -> str:
    """One sentence of what became of the story."""
    times = len(turns.repairs)
    after = f" after {times} repair{'s' * (times != 1)}" if times else ""
    if row.status is TraceStatus.BLOCKED:
        return f"the agent says that it cannot be done: {turns.blocked_reason}"
    if row.status is TraceStatus.SUCCESS and "ralph.commit" in row.metadata:
        return f"every check passed{after}; committed as {plain(row.metadata['ralph.commit'])[:10]}"
    if row.status is TraceStatus.INTERRUPTED and STORY_ID in row.metadata:
        return "cut short; nothing was committed, and the next run takes the story up again"
    if row.status is TraceStatus.ERROR and STORY_ID in row.metadata:
        return f"not committed{after}"
    return ""


@dataclass(frozen=True)
class _Placed:
    """A span and the lines that lead to it in the tree; `under` is how its own details are led in."""

    span: SpanRow
    lead: str
    under: str


def _tree(detail: TraceDetail, turns: Turns, found: Mapping[str, str]) -> list[str]:
    id_chars = _id_chars(detail)
    lines: list[str] = []
    for placed in _placed(detail):
        lines.append(_line(placed, turns, id_chars))
        lead = " " * (id_chars + 4) + placed.under
        room = screen_width() - len(lead) - 2
        here = [found[placed.span.span_id]] if placed.span.span_id in found else []
        lines += [f"{lead}  {line}" for text in [*here, *details(placed.span, turns)] for line in _fitted(text, room)]
    return lines


def _fitted(text: str, room: int) -> list[str]:
    """Words are wrapped, so that a reason can be read to its end; a line of output is cut."""
    if text.startswith(OUTPUT):
        return [cut(text, room)]
    return textwrap.wrap(text, max(room, 20), subsequent_indent="  ", max_lines=WRAPPED_LINES, placeholder=" …")


def _placed(detail: TraceDetail) -> Iterator[_Placed]:
    """Every span, parents first, without recursion: a foreign trace may be deeper than Python's stack."""
    waiting = [_Placed(span, "", "  " if detail.children(span.span_id) else "") for span in reversed(detail.roots)]
    below: dict[str | None, list[SpanRow]] = {}
    for span in detail.spans:
        below.setdefault(span.parent_span_id, []).append(span)
    while waiting:
        placed = waiting.pop()
        yield placed
        base = placed.under if placed.lead else ""
        children = below.get(placed.span.span_id, [])
        for number, child in reversed(list(enumerate(children))):
            last = number == len(children) - 1
            waiting.append(_Placed(child, base + ("└─ " if last else "├─ "), base + ("   " if last else "│  ")))


def _line(placed: _Placed, turns: Turns, id_chars: int) -> str:
    span = placed.span
    used = TOKENS_WIDTH + DURATION_WIDTH + COST_WIDTH + NOTE_WIDTH + 8 + id_chars + 4
    width = max(screen_width() - used, 24)
    is_call = span.kind is SpanKind.LLM
    amount = f"{tokens(span.input_tokens)}→{tokens(span.output_tokens)}" if is_call else ""
    cells = [
        f"{mark(span)} {span.span_id[:id_chars]}  {cut(placed.lead + label(span, turns), width):<{width}}",
        f"{length(span.duration_ns):>{DURATION_WIDTH}}",
        f"{amount:>{TOKENS_WIDTH}}",
        f"{cost(span) if is_call else '':>{COST_WIDTH}}",
        note(span),
    ]
    return "  ".join(cells).rstrip()


def _id_chars(detail: TraceDetail) -> int:
    """The shortest length at which every span's beginning differs, and at least 4."""
    ids = {span.span_id for span in detail.spans}
    return next(count for count in range(4, 17) if len({one[:count] for one in ids}) == len(ids) or count == 16)
