"""`ralph traces` and `ralph trace`: options to a query, its answer to a table, a tree or JSON."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.complete import story_ids
from ralph.cli.places import repo_root
from ralph.durations import parse_duration_s
from ralph.errors import RalphError

if TYPE_CHECKING:
    from tracing.store import TraceDetail, TraceStore

STATUSES = ("running", "success", "error", "timeout", "blocked", "over_budget", "interrupted")
GROUPS = ("day", "repo", "story", "model", "agent")
NO_TRACES = "no traces yet: `ralph run` or `ralph demo` makes the first"


def since_ns(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """A length of time back from now, or a day or time on this machine's clock; as Unix nanoseconds."""
    if text is None:
        return None
    now = datetime.now().astimezone()
    if text == "today":
        return _ns(now.replace(hour=0, minute=0, second=0, microsecond=0))
    try:
        return _ns(now - timedelta(seconds=parse_duration_s(text)))
    except (ValueError, OverflowError):
        pass
    try:
        return _ns(datetime.fromisoformat(text).astimezone())
    except (ValueError, OverflowError) as error:
        problem = f'"{text}" is not a time. Write 8h, 7d, today, 2026-11-21 or "2026-11-21 07:00".'
        raise click.BadParameter(problem, ctx, param) from error


def usd_micros(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """Dollars, as micro-dollars."""
    try:
        return None if text is None else round(float(text.removeprefix("$")) * 1_000_000)
    except (ValueError, OverflowError) as error:
        problem = f'"{text}" is not an amount. Write dollars, for example 0.50.'
        raise click.BadParameter(problem, ctx, param) from error


since_option = click.option(
    "--since", callback=since_ns, metavar="TIME", help="Only newer ones: 8h, 7d, today or 2026-11-21."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")


@click.command("traces", epilog='Example: ralph traces --status error --since 12h --text "ModuleNotFoundError"')
@click.option("--status", type=click.Choice(STATUSES), help="Only traces that ended so.")
@click.option("--story", metavar="ID", shell_complete=story_ids, help="Only of this story.")
@click.option("--repo", type=click.Path(path_type=Path), help="Only of the repository at this path.")
@click.option("--min-cost", callback=usd_micros, metavar="USD", help="Only those that cost at least this.")
@click.option("--max-cost", callback=usd_micros, metavar="USD", help="Only those that cost at most this.")
@click.option("--text", default="", help="Only those with these words in a prompt, an answer, an output or an error.")
@since_option
@click.option("--limit", type=click.IntRange(min=1), default=30, help="Rows at most. [default: 30]")
@json_option
def traces_command(
    *,
    status: str | None,
    story: str | None,
    repo: Path | None,
    min_cost: int | None,
    max_cost: int | None,
    text: str,
    since: int | None,
    limit: int,
    as_json: bool,
) -> None:
    """List traces, newest first: one for each attempt at a story. `ralph trace ID` shows one of them."""
    from ralph.cli.trace_json import trace_facts  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.cli.trace_view import traces_table  # noqa: PLC0415
    from tracing.store import TraceFilter  # noqa: PLC0415

    filters = TraceFilter(
        status=status,
        story=story,
        repo=None if repo is None else str(repo_root(repo)),
        min_cost_micros=min_cost,
        max_cost_micros=max_cost,
        text=text,
        since_ns=since,
        limit=limit + 1,
    )
    with opened_traces() as store:
        found = store.traces(filters)
        any_at_all = bool(found or store.traces(TraceFilter(limit=1)))
    rows, more = found[:limit], len(found) > limit
    if as_json:
        echo_json([trace_facts(row) for row in rows])
    elif rows:
        click.echo("\n".join(traces_table(rows)))
        if more:
            click.echo(f"... and more: --limit shows them, --since and the other filters narrow it ({limit} shown)")
    else:
        click.echo("no trace matches" if any_at_all else NO_TRACES)


@click.command(
    "trace",
    epilog="Example: ralph trace latest -f    or, for one span whole: ralph trace 45f0 --span ef65",
)
@click.argument("trace_id", metavar="ID")
@click.option("--span", "span_id", metavar="SPANID", help="One span whole: its request, input, output, attributes.")
@click.option("-f", "--follow", is_flag=True, help="A line for each span as it ends, until the trace does.")
@json_option
def trace_command(trace_id: str, *, span_id: str | None, follow: bool, as_json: bool) -> None:
    """Show the trace whose id begins with ID as a tree, with what went wrong in it; `latest` is the newest one."""
    if follow and (as_json or span_id):
        raise click.UsageError("--follow prints lines of a whole trace: leave out --json and --span.")
    with opened_traces() as store:
        detail = read_trace(store, trace_id)
        if follow:
            _follow(store, detail.trace.trace_id)
        elif span_id is not None:
            _show_span(detail, span_id, as_json=as_json)
        else:
            _show_trace(store, detail, as_json=as_json)


def _show_trace(store: "TraceStore", detail: "TraceDetail", *, as_json: bool) -> None:
    from ralph.cli.trace_json import detail_facts  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.cli.trace_view import trace_lines  # noqa: PLC0415
    from tracing.failures.stored import known_findings  # noqa: PLC0415

    findings = known_findings(store, detail.trace)
    if as_json:
        echo_json(detail_facts(detail, findings))
    else:
        click.echo("\n".join(trace_lines(detail, findings)))


TEXTS_GONE = "\nIts texts were deleted: they were older than [retention] keeps them (docs/housekeeping.md)."


def _show_span(detail: "TraceDetail", span_id: str, *, as_json: bool) -> None:
    from ralph.cli.span_view import span_lines  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.cli.trace_json import span_facts  # noqa: PLC0415
    from tracing.store import TraceNotFoundError  # noqa: PLC0415

    try:
        span = detail.span(span_id)
    except TraceNotFoundError as error:
        raise RalphError(str(error)) from error
    if as_json:
        echo_json(span_facts(span, whole=True))
    else:
        gone = [TEXTS_GONE] if detail.trace.trimmed_ns else []
        click.echo("\n".join([*span_lines(span), *gone]))


def _follow(store: "TraceStore", trace_id: str) -> None:
    from ralph.cli.follow import followed  # noqa: PLC0415  # heavy, and --help must be fast

    try:
        for line in followed(store, trace_id):
            click.echo(line)
    except KeyboardInterrupt:
        return


def read_trace(store: "TraceStore", trace_id: str) -> "TraceDetail":
    """The trace whose id begins so; `latest` is the newest one.

    Raises:
        RalphError: there is no such trace, or several.
    """
    from tracing.store import TraceNotFoundError  # noqa: PLC0415  # heavy, and --help must be fast

    try:
        return store.trace(_latest(store) if trace_id == "latest" else trace_id)
    except TraceNotFoundError as error:
        raise RalphError(str(error)) from error


@contextmanager
def opened_traces() -> "Iterator[TraceStore]":
    """The user's traces; what a dead process left open is closed first, so that nothing dead is shown as running."""
    from ralph.home import find_home  # noqa: PLC0415
    from tracing.store import TraceStore  # noqa: PLC0415

    with closing(TraceStore.open(find_home().traces_db)) as store:
        store.close_interrupted()
        yield store


def echo_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _latest(store: "TraceStore") -> str:
    from tracing.store import TraceFilter  # noqa: PLC0415

    newest = store.traces(TraceFilter(limit=1))
    if not newest:
        raise RalphError(NO_TRACES)
    return newest[0].trace_id


def _ns(moment: datetime) -> int:
    return min(int(moment.timestamp() * 1_000_000_000), 2**63 - 1)  # what SQLite can hold
