"""`ralph diff A B`: two traces held against each other, where they part first."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from ralph.cli.traces import echo_json, json_option, opened_traces, read_trace

if TYPE_CHECKING:
    from tracing.compare import Comparison, Pair, Side, Step


@click.command("diff", epilog="Example: ralph diff 45f0 latest")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--all", "whole", is_flag=True, help="Every step, not only those from where they part.")
@json_option
def diff_command(a: str, b: str, *, whole: bool, as_json: bool) -> None:
    """Compare two traces (ids, or what these begin with; `latest`): where they part, cost, tools, findings."""
    from dataclasses import asdict  # noqa: PLC0415  # heavy, and --help must be fast

    from tracing.compare import compare_details  # noqa: PLC0415
    from tracing.failures.stored import known_findings  # noqa: PLC0415

    with opened_traces() as store:
        found = compare_details(
            read_trace(store, a),
            read_trace(store, b),
            findings=lambda detail: tuple(known_findings(store, detail.trace)),
        )
        if as_json:
            echo_json(asdict(found))
        else:
            click.echo("\n".join(diff_lines(found, whole=whole)))


def diff_lines(found: "Comparison", *, whole: bool = False) -> Iterator[str]:
    """Totals side by side, the tools that differ, what was found in each, then the steps from where they part."""
    yield from _totals(found.a, found.b)
    yield from _tools(found)
    for name, side in (("A", found.a), ("B", found.b)):
        yield from (f"found in {name}: {one.title}" for one in side.findings)
    yield ""
    yield from _steps(found, whole=whole)


def _totals(a: "Side", b: "Side") -> Iterator[str]:
    from ralph.cli.table import Column, table  # noqa: PLC0415  # heavy, and --help must be fast
    from tracing.words import length, local_time, money, percent, tokens  # noqa: PLC0415

    def cells(side: "Side") -> dict[str, str]:
        row, totals = side.trace, side.totals
        return {
            "trace": row.trace_id[:8],
            "story": row.story or row.name,
            "began": local_time(row.started_at_ns),
            "status": row.status.value,
            "cost": money(totals.cost_micros),
            "time": length(totals.duration_ns),
            "turns": str(totals.turns),
            "calls": f"{totals.calls}, {totals.errors} failed" if totals.errors else str(totals.calls),
            "tokens": f"{tokens(totals.input_tokens)}→{tokens(totals.output_tokens)}",
            "cached": percent(totals.cache_read_tokens, totals.input_tokens),
        }

    left, right = cells(a), cells(b)
    yield from table((Column(""), Column("A"), Column("B")), [(name, left[name], right[name]) for name in left])


def _tools(found: "Comparison") -> Iterator[str]:
    differing = [tool for tool in found.tools if (tool.a_calls, tool.a_errors) != (tool.b_calls, tool.b_errors)]
    if differing:
        yield ""
    for tool in differing:
        yield f"{tool.name}: {_used(tool.a_calls, tool.a_errors)} in A, {_used(tool.b_calls, tool.b_errors)} in B"


def _used(calls: int, errors: int) -> str:
    return f"{calls} ({errors} failed)" if errors else str(calls)


def _steps(found: "Comparison", *, whole: bool) -> Iterator[str]:
    if found.parts_at is None:
        yield f"no step differs: {_are(len(found.pairs))} the same in both"
        return
    yield f"they part at step {found.parts_at + 1} of {len(found.pairs)}" + (
        f"; {_are(found.parts_at, 'before ')} the same (--all shows them)" if found.parts_at and not whole else ""
    )
    for pair in found.pairs[0 if whole else found.parts_at :]:
        yield from _pair(pair)


def _are(count: int, what: str = "") -> str:
    return f"{count} {what}{'is' if count == 1 else 'are'}"


def _pair(pair: "Pair") -> Iterator[str]:
    from tracing.compare import Match  # noqa: PLC0415  # heavy, and --help must be fast

    if pair.match is Match.SAME and pair.a is not None:
        yield _step(" ", pair.a)
        return
    for mark, step in (("A", pair.a), ("B", pair.b)):
        if step is not None:
            yield _step(mark, step)


def _step(mark: str, step: "Step") -> str:
    from ralph.cli.table import screen_width  # noqa: PLC0415  # heavy, and --help must be fast
    from tracing.words import cut, length, money, plain  # noqa: PLC0415

    facts = [step.end, length(step.duration_ns), money(step.cost_micros) if step.cost_micros else ""]
    tail = ", ".join(filter(None, facts))
    room = max(screen_width() - len(tail) - 20, 20)
    return f"{mark} {step.span_id[:8]}  {cut(f'{plain(step.name)} {plain(step.gist)}', room)}  {tail}"
