"""`ralph gc`: let go of what is older than the user's `[retention]`, or only say what would go."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ralph.cli.table import Column, table
from ralph.cli.traces import echo_json

if TYPE_CHECKING:
    from ralph.housekeeping.pile import Done, Pile, Plan

MB = 1_000_000
COLUMNS = (
    Column("what"),
    Column("how many", right=True),
    Column("size", right=True),
    Column("from"),
    Column("to"),
    Column("why", grows=True),
)


@click.command(
    "gc", epilog="\b\nExamples:\n  ralph gc --dry-run\n  ralph gc --older-than 30d     # once, with another age"
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--older-than", metavar="TIME", help="This age for everything, instead of [retention]; at least 1d.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def gc_command(*, dry_run: bool, older_than: str | None, as_json: bool) -> None:
    """Let go of old traces, texts, kept work of failed attempts, logs and records; docs/housekeeping.md says what stays.

    It is safe while a run goes on, and may be stopped at any time. `ralph daemon` does it once a day. Freed room is used again;
    `ralph vacuum` gives it back to the disk.
    """
    import time  # noqa: PLC0415  # with the rest, when it is used
    from contextlib import nullcontext  # noqa: PLC0415

    from ralph.home import find_home  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.housekeeping import plan as housekeeping  # noqa: PLC0415
    from ralph.housekeeping.alone import alone  # noqa: PLC0415
    from ralph.settings.load import user_settings  # noqa: PLC0415

    home, now_ns = find_home(), time.time_ns()
    settings = user_settings(home)
    if older_than:
        settings = housekeeping.older_than(settings, _age_s(older_than))
    with nullcontext() if dry_run else alone(home):
        planned = housekeeping.plan(home, settings, now_ns)
        done = None if dry_run else housekeeping.carry_out(planned)
    if as_json:
        echo_json(as_facts(planned, done))
    else:
        click.echo("\n".join(lines(planned, done)))


def lines(planned: "Plan", done: "Done | None") -> list[str]:
    """A table, and one line that sums up; `done` None: nothing went."""
    if not planned.piles:
        return ["Nothing is old enough to go.", *planned.stays]
    what = "would go. Run `ralph gc` to let it go." if done is None else "went."
    count = planned.count if done is None else sum(one.count for one in done.cleared)
    return [*table(COLUMNS, [_row(pile) for pile in planned.piles]), "", f"{count:,} {what}", *planned.stays]


def as_facts(planned: "Plan", done: "Done | None") -> dict[str, object]:
    names = ("what", "why", "count", "bytes", "oldest_ns", "newest_ns")
    piles = [{name: getattr(pile, name) for name in names} for pile in planned.piles]
    return {"piles": piles, "stays": list(planned.stays), "done": asdict(done) if done else None}


def size(count_bytes: int) -> str:
    """As in "0.3 MB"; "-" where nobody knows."""
    return f"{max(count_bytes / MB, 0.1):,.1f} MB" if count_bytes else "-"


def _row(pile: "Pile") -> list[str]:
    return [pile.what, f"{pile.count:,}", size(pile.bytes), _day(pile.oldest_ns), _day(pile.newest_ns), pile.why]


def _day(at_ns: int | None) -> str:
    return "-" if at_ns is None else datetime.fromtimestamp(at_ns / 1e9, UTC).astimezone().date().isoformat()


def _age_s(text: str) -> int:
    from ralph.durations import parse_duration_s  # noqa: PLC0415
    from ralph.housekeeping.plan import DAY_S  # noqa: PLC0415

    try:
        age_s = parse_duration_s(text)
    except ValueError as error:
        raise click.UsageError(f"--older-than: {error}") from error
    if age_s < DAY_S:
        raise click.UsageError("--older-than: at least 1d; what is younger than a day always stays.")
    return age_s
