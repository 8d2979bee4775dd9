"""`ralph costs` and `ralph costs reconcile`: what was spent, what is only counted, and putting that right by hand."""

import getpass
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import click

from ralph.cli.traces import GROUPS, NO_TRACES, echo_json, json_option, opened_traces, since_option
from ralph.errors import RalphError

if TYPE_CHECKING:
    from tracing.reconcile import Books, Correction
    from tracing.store import TraceStore

MICROS_PER_USD = 1_000_000
MOST_MICROS = 2**53  # nine billion dollars: a slip of the finger, and what SQLite adds up without a fault
ONE_WAY = "Say how: --usd AMOUNT as the provider billed it, --nothing, or --accept for what counts now."


def exact_usd(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """Dollars with at most six digits behind the point, as micro-dollars: never through a float."""
    if text is None:
        return None
    try:
        micros = Decimal(text.removeprefix("$")) * MICROS_PER_USD
        fits = 0 <= micros <= MOST_MICROS and micros == int(micros)
    except InvalidOperation:
        fits = False
    if not fits:
        problem = f'"{text}" is not an amount. Write dollars with at most six digits behind the point: 0.0312'
        raise click.BadParameter(problem, ctx, param)
    return int(micros)


@click.group("costs", invoke_without_command=True, epilog="Example: ralph costs --by story --since 7d")
@click.option("--by", type=click.Choice(GROUPS), default="day", help="What to add up by. [default: day]")
@since_option
@json_option
@click.pass_context
def costs_command(ctx: click.Context, *, by: str, since: int | None, as_json: bool) -> None:
    """Show what model calls cost, added up by day (UTC), repo, story, model or agent.

    What is reserved by a call whose end was never seen is told apart; `ralph costs reconcile` settles it.
    """
    if ctx.invoked_subcommand:
        return
    from ralph.cli.costs_view import costs_table  # noqa: PLC0415
    from ralph.cli.trace_json import cost_facts  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.history.costs import cost_groups  # noqa: PLC0415

    with opened_traces() as store, opened_books() as books:
        groups = cost_groups(store, books, by, since_ns=since or 0)
    if as_json:
        echo_json([cost_facts(group, by) for group in groups])
    elif groups:
        click.echo("\n".join(costs_table(groups, by)))
    else:
        click.echo(NO_TRACES if since is None else "no model call since then")


@costs_command.command(
    "reconcile",
    short_help="List the calls that nobody saw end, or settle them.",
    epilog="""\b
Examples:
  ralph costs reconcile                  # lists what is open
  ralph costs reconcile 17 --usd 0.0312  # it cost this, says the provider's invoice
  ralph costs reconcile --all --nothing  # none of them was billed
""",
)
@click.argument("ids", type=int, nargs=-1, metavar="[ID]...")
@click.option("--usd", "micros", callback=exact_usd, metavar="AMOUNT", help="What each call cost, in dollars.")
@click.option("--nothing", is_flag=True, help="The provider billed nothing.")
@click.option("--accept", is_flag=True, help="Take what counts now as spent.")
@click.option("--all", "all_of_them", is_flag=True, help="Every call whose end was never seen.")
@click.option("--above", is_flag=True, help="Let an amount be more than the call counts with at most.")
@click.option("--note", default="", metavar="TEXT", help="Kept with the correction: why, or the invoice's number.")
@click.option("--clock", is_flag=True, help="The clock was ahead for a while: count under today again.")
@json_option
def reconcile_command(
    ids: tuple[int, ...],
    *,
    micros: int | None,
    nothing: bool,
    accept: bool,
    all_of_them: bool,
    above: bool,
    note: str,
    clock: bool,
    as_json: bool,
) -> None:
    """List the calls that count with their worst case because nobody saw how they ended, or settle them by hand.

    Each correction is kept for good, with who made it and when. The limits follow at once.
    """
    from tracing.reconcile import ReconcileError  # noqa: PLC0415  # heavy, and --help must be fast

    with opened_traces() as store, opened_books() as books:
        if clock:
            _set_clock_right(books)
        elif not (ids or all_of_them):
            _require(not (micros is not None or nothing or accept), "Name the call: `ralph costs reconcile` lists ids.")
            _list(store, books, as_json=as_json)
        else:
            _require((micros is not None) + nothing + accept == 1, ONE_WAY)
            _require(not (ids and all_of_them), "Name ids or --all, not both.")
            _require(
                not (all_of_them and micros), "--all takes --nothing or --accept: one amount does not fit every call."
            )
            chosen = ids or tuple(one.id for one in books.open_reservations() if one.is_unknown)
            amount = 0 if nothing else micros
            try:
                made = [books.settle(one, amount, made_by=user_name(), note=note, above=above) for one in chosen]
            except ReconcileError as error:
                raise RalphError(str(error)) from error
            _tell(made, as_json=as_json)


def user_name() -> str:
    """The number where the user has no name, as in a container that is started with some uid."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the former before Python 3.13
        return str(os.getuid())


@contextmanager
def opened_books() -> "Iterator[Books]":
    from ralph.home import find_home  # noqa: PLC0415
    from tracing.reconcile import Books  # noqa: PLC0415

    with closing(Books.open(find_home().ledger_db)) as books:
        yield books


def today() -> str:
    """The day of the day's limit: UTC, as of the clock."""
    return datetime.now(UTC).date().isoformat()


def _list(store: "TraceStore", books: "Books", *, as_json: bool) -> None:
    from ralph.cli.costs_view import open_facts, open_lines  # noqa: PLC0415
    from ralph.history.costs import trace_of  # noqa: PLC0415

    traces = [(one, trace_of(store, one.trace_id)) for one in books.open_reservations()]
    found = [
        (one, str(trace.story or ""), str(trace.metadata.get("ralph.model.played_by") or ""))
        if trace
        else (one, "", "")
        for one, trace in traces
    ]
    ahead = books.day_ahead(today())
    if as_json:
        echo_json({"open": [open_facts(*row) for row in found], "counting_under_day": ahead or today()})
    else:
        click.echo("\n".join(open_lines(found, ahead=ahead, today=today())))


def _tell(made: "list[Correction]", *, as_json: bool) -> None:
    from ralph.cli.costs_view import correction_facts, correction_line  # noqa: PLC0415

    if as_json:
        echo_json([correction_facts(one) for one in made])
    else:
        click.echo("\n".join(map(correction_line, made)) or "nothing is open")


def _set_clock_right(books: "Books") -> None:
    days = books.call_day_wrong(today())
    named = ", ".join(days)
    click.echo(f"not held against today any more: {named}" if days else "the clock is not behind: nothing to do")


def _require(condition: object, problem: str) -> None:
    if not condition:
        raise click.UsageError(problem)
