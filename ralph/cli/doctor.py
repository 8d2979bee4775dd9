"""`ralph doctor`: what was looked at, a line each, with a remedy where something is amiss."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.places import prd_option, repo_option
from ralph.cli.table import screen_width
from ralph.cli.traces import echo_json
from ralph.errors import ExitCode
from tracing.words import plain_lines

if TYPE_CHECKING:
    from ralph.doctor import Finding

MARGIN = 17
ALWAYS = (
    "sandbox",
    "state",
    "settings",
    "prices",
    "key",
    "PRD",
    "checks",
)  # each has a finding wherever it was looked at


@click.command("doctor", epilog="Example: ralph doctor --repo ~/code/shop")
@repo_option
@prd_option
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def doctor_command(*, repo: Path, prd: Path | None, as_json: bool) -> int:
    """Look at git, the sandbox, the key, prices, the PRD and the checks: is everything here that a run needs?

    Nothing is changed and no model is called. Exit code 0 when nothing fails (warnings do not count), else 2.
    """
    from ralph.doctor import Status, examine  # noqa: PLC0415  # heavy, and --help must be fast

    found: list[Finding] = []
    for finding in examine(repo, prd):
        found.append(finding)
        if not as_json:
            click.echo("\n".join(lines(finding)))
    if as_json:
        echo_json([asdict(finding) for finding in found])
    else:
        click.echo(f"\n{verdict(found)}")
    return int(ExitCode.USAGE if any(finding.status is Status.FAIL for finding in found) else ExitCode.ALL_DONE)


def lines(finding: "Finding") -> Iterator[str]:
    first, *rest = _wrapped(finding.what)
    yield f"{finding.status:<5} {finding.area:<{MARGIN - 7}} {first}"
    yield from (f"{'':<{MARGIN}}{line}" for line in rest)
    if finding.remedy:
        yield from (
            f"{'':<{MARGIN}}{'-> ' if number == 0 else '   '}{line}"
            for number, line in enumerate(_wrapped(finding.remedy, 3))
        )
    yield from (f"{'':<{MARGIN}}{line}" for detail in finding.details for line in _wrapped(detail))


def _wrapped(text: str, less: int = 0) -> list[str]:
    width = screen_width() - MARGIN - less
    wrapped = [
        part
        for line in plain_lines(text)
        for part in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
    ]
    return wrapped or [""]


def verdict(found: "Sequence[Finding]") -> str:
    failed, warned = (sum(finding.status == status for finding in found) for status in ("fail", "warn"))
    warnings = f"{warned} warning{'s' * (warned != 1)}"
    if failed:
        problems = f"{failed} problem{'s' * (failed != 1)}"
        return f"{problems} to mend before a run{f', {warnings}' if warned else ''}{_unseen(found)}"
    return f"ready: ralph run --dry-run shows what would happen{f' ({warnings})' if warned else ''}"


def _unseen(found: "Sequence[Finding]") -> str:
    """What an earlier problem kept from being looked at must not pass for well."""
    areas = {finding.area for finding in found}
    missing = [area for area in ALWAYS if area not in areas]
    return f"; not looked at before they are: {', '.join(missing)}" if missing else ""
