"""Findings for a person in a terminal: what went wrong, what it cost, where to look, what to do."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from ralph.cli.table import screen_width
from tracing.finding import Finding, Severity, Waste
from tracing.words import length, money, plain, plain_lines, tokens

MARKS: Mapping[Severity, str] = {Severity.NOTE: "·", Severity.WARNING: "!", Severity.CRITICAL: "‼"}
SHOWN_SPANS = 6


def findings_lines(findings: Sequence[Finding], trace_id: str, id_chars: int = 8) -> list[str]:
    """The gravest first, each with its evidence and remedy; nothing where nothing was found.

    Without a trace id (the trace is not in the store) the spans are named, and no command shows them.
    """
    return [line for finding in findings for line in ("", *_lines(finding, trace_id, id_chars))]


def _lines(finding: Finding, trace_id: str, id_chars: int) -> Iterator[str]:
    mark, what = MARKS[finding.severity], f"{finding.severity.name.lower()}: {plain(finding.title)}"
    yield from _wrapped(f"{mark} ", what)
    for line in plain_lines(finding.evidence.strip()):
        yield from _wrapped("    ", line)
    if words := cost_words(finding.waste):
        yield f"    cost: {words}"
    yield from _wrapped("    do: ", plain(finding.remedy))
    if finding.span_id:
        yield f"    {_where(finding, trace_id, id_chars)}"


def _where(finding: Finding, trace_id: str, id_chars: int) -> str:
    shown = [plain(one)[:id_chars] if trace_id else plain(one) for one in finding.span_ids[:SHOWN_SPANS]]
    more = len(finding.span_ids) - SHOWN_SPANS
    others = ", ".join(shown[1:]) + (f" and {more} more" if more > 0 else "")
    see = f"see: ralph trace {trace_id[:8]} --span {shown[0]}" if trace_id else f"span: {shown[0]}"
    return f"{see}   (also {others})" if others else see


def cost_words(waste: Waste) -> str:
    """As in "$0.0120, 15.3k tokens, 4.1 s"; "" where it cost nothing that is known."""
    known = {
        money(waste.cost_micros): waste.cost_micros,
        f"{tokens(waste.tokens)} tokens": waste.tokens,
        length(waste.duration_ns): waste.duration_ns // 1_000_000,
    }
    return ", ".join(words for words, amount in known.items() if amount)


def pinned(findings: Sequence[Finding]) -> dict[str, str]:
    """Span id -> a mark and the titles of what was found there, for a line of the tree."""
    found: dict[str, str] = {}
    for finding in findings:
        if finding.span_id and finding.span_id not in found:
            found[finding.span_id] = f"{MARKS[finding.severity]} {plain(finding.title)}"
    return found


def _wrapped(lead: str, text: str) -> list[str]:
    room = max(min(screen_width(), 110) - len(lead), 30)
    lines = textwrap.wrap(text, room) or [""]
    return [f"{lead if not number else ' ' * len(lead)}{line}" for number, line in enumerate(lines)]
