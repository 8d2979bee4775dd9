"""What a scheduled run would refuse, and what all schedules together may spend: found out while somebody is there to read it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ralph.cli.places import shown
from ralph.errors import RalphError
from tracing.words import money

if TYPE_CHECKING:
    from ralph.home import Home
    from ralph.schedule.store import Schedule
    from ralph.settings.schema import Settings

UNTIL = "--until is the schedule's own here, and not one of its run's options: give it before the `--`, as in --until 07:00."


def check_times(cron: str | None, timezone: str | None, until: str | None) -> None:
    """What was typed comes first: only then what it is about.

    Raises:
        ScheduleError: one of them can never be one.
    """
    from ralph.schedule.cron import parse_cron  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.schedule.window import parse_until  # noqa: PLC0415

    if cron is not None or timezone is not None:
        parse_cron("0 2 * * *" if cron is None else cron, timezone or "UTC")
    if until:
        parse_until(until)


def check_run_args(run_args: tuple[str, ...], repo: Path) -> None:
    """Read them as `ralph run` will.

    Raises:
        RalphError, PrdError: `ralph run` would refuse them, or there is no repository or no PRD for it.
    """
    from prd.find import find  # noqa: PLC0415  # heavy, and --help must be fast
    from prd.read import read_good  # noqa: PLC0415
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.workspace.repo import Repo  # noqa: PLC0415

    given = _given(run_args)
    root = Repo.open(repo).root
    _settings(given, root, find_home())
    if given["from_issues"] is None:
        found = find(root, given["prd"] and _there(repo, root, given["prd"]))
        read_good(found.path, shown(found.path, Path.cwd()))


def budget_words(schedules: Sequence["Schedule"], home: "Home") -> list[str]:
    """One budget for all of them: what the day's limit is, or what could be spent without one."""
    limits = [limit for schedule in schedules if (limit := _limits(schedule, home))]
    days = [day for _, day in limits if day is not None]
    if days:
        return [
            f"all runs of a day (UTC) may spend {money(min(days))} together, whoever starts them (limits.per_day_usd)"
        ]
    total = sum(run for run, _ in limits)
    some = "1 schedule" if len(limits) == 1 else f"{len(limits)} schedules"
    return [
        f"no limit per day is set: {some} could spend up to {money(total)} a night. One for all runs of a day, in {home.config}:",
        "  [limits]",
        f"  per_day_usd = {total / 1_000_000:.2f}",
    ]


def _limits(schedule: "Schedule", home: "Home") -> tuple[int, int | None] | None:
    """What one run, and all of a day, may cost in micro-dollars; None where the settings cannot be read now."""
    from ralph.workspace.repo import Repo  # noqa: PLC0415

    try:
        limits = _settings(_given(schedule.run_args), Repo.open(schedule.repo).root, home).limits
    except RalphError:
        return None
    return limits.micros("per_run_usd") or 0, limits.micros("per_day_usd")


def _given(run_args: tuple[str, ...]) -> dict[str, Any]:
    """The options as `ralph run` reads them."""
    from ralph.cli.run import run_command  # noqa: PLC0415

    if {"--help", "-h"} & set(run_args):
        raise RalphError("--help is no option for a scheduled run. `ralph run --help` lists those there are.")
    try:
        given = run_command.make_context("ralph run", list(run_args)).params
    except click.UsageError as error:
        raise RalphError(f"`ralph run` would refuse this: {error.format_message()}") from error
    if given.get("until"):
        raise RalphError(UNTIL)
    return given


def _settings(given: dict[str, Any], root: Path, home: "Home") -> "Settings":
    from ralph.settings.catalogue import OPTIONS  # noqa: PLC0415
    from ralph.settings.load import load_settings  # noqa: PLC0415

    params = {name: option.removeprefix("--").replace("-", "_") for name, option in OPTIONS.items()}
    return load_settings(root, home, {name: given.get(param) for name, param in params.items()}).settings


def _there(repo: Path, root: Path, prd: Path) -> Path:
    """The PRD as a run that starts in `repo` will find it, wherever this is typed."""
    here = repo.resolve() / prd
    return here if here.exists() else root / prd
