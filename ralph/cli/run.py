"""`ralph run`: options to a request, events to a view or to lines, the outcome to an exit code."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.complete import story_ids
from ralph.cli.places import by_hand_option, label_option, recording_option, repo_option
from ralph.cli.reporting import reporting

if TYPE_CHECKING:
    from ralph.survey import RunRequest


@click.command("run", epilog="Example: ralph run --max-cost 2 --max-iterations 3")
@click.argument("prd", required=False, type=click.Path(path_type=Path))
@click.option("--max-iterations", type=click.IntRange(min=1), help="Stories to attempt at most. [default: 10]")
@click.option("--max-cost", metavar="USD", help="Never spend more than this in the run. [default: 5.00]")
@click.option("--max-duration", metavar="TIME", help="Stop cleanly after this long, for example 2h or 90m.")
@click.option(
    "--until",
    metavar="TIME",
    help="Stop cleanly at this time of day, for example 07:00, or moment, for example 2026-11-22T07:00:00+01:00.",
)
@click.option("--story", metavar="ID", shell_complete=story_ids, help="Work on this story only.")
@click.option(
    "--from-issues", metavar="OWNER/REPO", help="Work on GitHub's issues with a label instead of a PRD, through gh."
)
@label_option
@click.option("--model", metavar="NAME", help="The model to use, for example claude-opus-5-5.")
@click.option(
    "--dry-run",
    "is_dry",
    is_flag=True,
    help="Print the story, the checks, the prompt's size and the worst-case cost; call nothing.",
)
@click.option("--in-place", is_flag=True, help="Commit to the branch that is checked out here; refuses a dirty tree.")
@click.option("--jobs", type=click.IntRange(1, 16), help="Work on so many independent stories at a time. [default: 1]")
@click.option("--plain", is_flag=True, help="A line for each event, also on a terminal, instead of the live view.")
@click.option("--json", "as_json", is_flag=True, help="One JSON event a line.")
@repo_option
@click.option(
    "--sandbox",
    type=click.Choice(["auto", "required", "bwrap", "landlock", "seatbelt", "none"]),
    help="How commands are confined. [default: auto]",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any other setting for this run, as docs/settings.md names it; may be given several times.",
)
@by_hand_option
@recording_option
def run_command(
    prd: Path | None,
    *,
    max_iterations: int | None,
    max_cost: str | None,
    max_duration: str | None,
    until: str | None,
    story: str | None,
    from_issues: str | None,
    label: str | None,
    model: str | None,
    is_dry: bool,
    in_place: bool,
    jobs: int | None,
    plain: bool,
    as_json: bool,
    repo: Path,
    sandbox: str | None,
    settings: tuple[str, ...],
    by_hand: Path | None,
    recording: Path | None,
) -> int:
    """Work on the PRD's stories until every one passes, none can be worked on, or a limit is reached.

    The agent works in a worktree of its own; your checkout is not touched. Ralph runs the checks and makes the commits.
    On a terminal the run is shown as a live view with keys (? lists them); elsewhere as a line for each event.
    """
    from ralph.assembly import open_run  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.deadline import read_until  # noqa: PLC0415
    from ralph.preview import dry_run  # noqa: PLC0415
    from ralph.settings.layers import parse_set_option  # noqa: PLC0415
    from ralph.survey import RunRequest  # noqa: PLC0415

    try:
        named = dict(parse_set_option(text) for text in settings)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if from_issues or label:
        prd = _issues(from_issues, label, prd, repo)
    request = RunRequest(
        repo=repo,
        prd=prd,
        story=story,
        in_place=in_place,
        by_hand=by_hand,
        recording=recording,
        until=read_until(until, datetime.now(UTC)) if until else None,
        overrides=named
        | {
            name: value
            for name, value in {
                "run.max_iterations": max_iterations,
                "limits.per_run_usd": max_cost,
                "run.max_duration": max_duration,
                "run.jobs": jobs,
                "agent.model": model,
                "sandbox": sandbox,
            }.items()
            if value is not None
        },
    )
    if story is not None:
        request = replace(request, story=_whole_id(request))
    if is_dry:
        found = dry_run(request)
        click.echo(found.as_json() if as_json else found.lines())
        return int(found.exit_code)
    with reporting(repo, prd, as_json=as_json, plain=plain) as report, open_run(request, report) as loop:
        return int(loop.run().exit_code)


def _issues(source: str | None, label: str | None, prd: Path | None, repo: Path) -> Path:
    """The PRD that the issues are kept in."""
    from ralph.github.issues import DEFAULT_LABEL, keep  # noqa: PLC0415
    from ralph.home import find_home  # noqa: PLC0415
    from ralph.workspace.repo import Repo  # noqa: PLC0415

    if source is None or prd is not None:
        raise click.UsageError(
            'give either a PRD, or --from-issues OWNER/REPO, with --label NAME where it is not "ralph".'
        )
    path, notes = keep(find_home(), Repo.open(repo), source, label or DEFAULT_LABEL)
    for note in (*notes, f"the issues are kept in {path}; how they stand: ralph status {path}"):
        click.echo(f"note: {note}", err=True)
    return path


def _whole_id(request: "RunRequest") -> str:
    """The id of the story whose beginning was asked for."""
    from ralph.history.story_status import named_story  # noqa: PLC0415
    from ralph.survey import look  # noqa: PLC0415

    assert request.story is not None
    seen = look(request)
    return named_story(seen.prd, request.story, seen.place.name).id
