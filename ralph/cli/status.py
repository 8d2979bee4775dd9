"""`ralph status` and `ralph unblock`: why each story is or is not next, and letting a parked one be tried again."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.table import local_time, plain
from ralph.cli.traces import echo_json

if TYPE_CHECKING:
    from ralph.story_status import Status, StoryStatus

repo_option = click.option(
    "--repo", type=click.Path(path_type=Path), default=Path(), help="The repository. [default: this folder]"
)


@click.command("status", epilog="Example: ralph status tasks/prd.json")
@click.argument("prd", required=False, type=click.Path(path_type=Path))
@repo_option
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def status_command(prd: Path | None, *, repo: Path, as_json: bool) -> int:
    """Say for every story of the PRD why it is or is not next. Exit code 0 when every story is done, else 1."""
    from ralph.story_status import read_status  # noqa: PLC0415  # heavy, and --help must be fast

    status = read_status(repo, prd)
    if as_json:
        echo_json(asdict(status))
    else:
        click.echo("\n".join(status_lines(status)))
    return int(status.exit_code)


@click.command("unblock", epilog="Example: ralph unblock US-004")
@click.argument("story_id", metavar="ID")
@repo_option
@click.option("--prd", type=click.Path(path_type=Path), help="The PRD, where it is not at a usual place.")
def unblock_command(story_id: str, *, repo: Path, prd: Path | None) -> None:
    """Forget why story ID was parked, its failed attempts and what they learned, so that the next run may try it again."""
    from ralph.story_status import unblock  # noqa: PLC0415

    click.echo(unblock(repo, story_id, prd))


def status_lines(status: "Status") -> Iterator[str]:
    from prd.pick import Verdict  # noqa: PLC0415

    width = max((len(story.id) for story in status.stories), default=0)
    done = sum(story.verdict is Verdict.DONE for story in status.stories)
    yield f"{status.prd}: {done} of {len(status.stories)} stories done, on branch {status.branch}"
    for story in status.stories:
        yield f"{story.id:<{width}}  {plain(story.title)}"
        yield from (f"{'':<{width}}    {line}" for line in _story_lines(story, parked=story.verdict is Verdict.PARKED))


def _story_lines(story: "StoryStatus", *, parked: bool) -> Iterator[str]:
    yield plain(story.reason)
    for number, attempt in enumerate(story.attempts, 1):
        ended = f"{local_time(attempt.at_ns)}, {plain(attempt.reason)}"
        yield f"attempt {number}: {ended} (ralph trace {attempt.trace_id[:8]})"
    if parked:
        yield f"to have it tried again: ralph unblock {story.id}, or change its text"
