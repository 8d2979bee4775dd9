"""`ralph status` and `ralph unblock`: why each story is or is not next, and letting a parked one be tried again."""

import shlex
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.complete import story_ids
from ralph.cli.places import prd_option, repo_option
from ralph.cli.table import on_terminal, screen_width
from ralph.cli.traces import echo_json
from tracing.words import cut, local_time, plain

if TYPE_CHECKING:
    from ralph.history.story_status import LastRun, Status, StoryStatus

WHY_IS_HERE = "; `ralph status` says why"  # of a run's last line, where this is that command
ID_CHARS = 32  # of an id on a terminal
LONG_ID_CHARS = 16  # from here on it is said that nobody need type all of it
LEAST_TITLE_CHARS = 20
REASON_CHARS = 60  # of an attempt; the whole is told by `ralph explain`


@click.command("status", epilog="Example: ralph status tasks/prd.json")
@click.argument("prd", required=False, type=click.Path(path_type=Path))
@repo_option
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def status_command(prd: Path | None, *, repo: Path, as_json: bool) -> int:
    """Say for every story of the PRD why it is or is not next. Exit code 0 when every story is done, else 1."""
    from ralph.history.story_status import read_status  # noqa: PLC0415  # heavy, and --help must be fast

    status = read_status(repo, prd)
    if as_json:
        echo_json(asdict(status))
    else:
        click.echo("\n".join(status_lines(status)))
    return int(status.exit_code)


@click.command("unblock", epilog="Example: ralph unblock US-004    or, everything at once: ralph unblock --all")
@click.argument("story_id", metavar="ID", required=False, shell_complete=story_ids)
@click.option("--all", "every", is_flag=True, help="Every story of the PRD.")
@repo_option
@prd_option
def unblock_command(story_id: str | None, *, every: bool, repo: Path, prd: Path | None) -> None:
    """Forget why story ID was parked, its failed attempts and what they learned, so that the next run may try it again."""
    from ralph.history.story_status import unblock  # noqa: PLC0415

    if every == (story_id is not None):
        raise click.UsageError("name one story, or give --all for every story. `ralph status` shows which are parked.")
    click.echo("\n".join(unblock(repo, story_id, prd)))


def status_lines(status: "Status") -> Iterator[str]:
    from prd.pick import Verdict  # noqa: PLC0415
    from ralph.standings import done_words  # noqa: PLC0415

    is_screen = on_terminal()
    ids = {story.id: cut(story.id, ID_CHARS) if is_screen else story.id for story in status.stories}
    width = max(map(len, ids.values()), default=0)
    room = max(screen_width() - width - 2, LEAST_TITLE_CHARS)
    done = sum(story.verdict is Verdict.DONE for story in status.stories)
    left_out = sum(story.optional and story.verdict is not Verdict.DONE for story in status.stories)
    yield f"{status.prd}: {done_words(done, len(status.stories), left_out)}, on branch {status.branch}"
    yield from (f"note: {plain(note)}" for note in status.notes)
    if status.last_run:
        yield run_line(status.last_run)
    if status.unheard:
        yield f"{status.unheard} message{'s' * (status.unheard > 1)} not heard by an agent yet (ralph say --list)"
    for story in status.stories:
        shown = f"{ids[story.id]:<{width}}"
        title = cut(plain(story.title), room) if is_screen else plain(story.title)
        yield f"{shown if ids[story.id] == story.id else click.style(shown, dim=True)}  {title}"
        indent = " " * (min(width, LONG_ID_CHARS) + 4)
        yield from (f"{indent}{line}" for line in _story_lines(story, status.attempts_allowed))
    if width > LONG_ID_CHARS:
        yield f"the beginning of an id is enough: ralph explain {shlex.quote(beginning_of_longest(status))}"


def beginning_of_longest(status: "Status") -> str:
    """As much of the longest id as tells it from the others."""
    ids = [story.id for story in status.stories]
    longest = max(ids, key=len)
    lengths = (count for count in range(4, len(longest)) if _is_one(longest[:count], ids))
    return longest[: next(lengths, len(longest))]


def _is_one(start: str, ids: list[str]) -> bool:
    return sum(other.casefold().startswith(start.casefold()) for other in ids) == 1


def run_line(run: "LastRun") -> str:
    """Whether a run is going, or how the last one ended."""
    if run.is_going:
        state = "paused (ralph resume)" if run.is_paused else "going"
        doing = f", at work on {', '.join(run.at_work)}" if run.at_work else ""
        return (
            f"a run is {state}{doing}: process {run.pid}, ${run.spent_usd:.4f} spent so far{run.apart} (ralph log -f)"
        )
    said = plain(run.ended).replace(WHY_IS_HERE, "")
    ended = said or f"an error or a kill ended it, ${run.spent_usd:.4f} spent{run.apart}"
    return f"last run: {ended} (ralph log --run {run.id})"


def _story_lines(story: "StoryStatus", allowed: int) -> Iterator[str]:
    yield plain(story.reason)
    counted = 0
    for attempt in story.attempts:
        counted += attempt.counted
        what = f"attempt {counted} of {allowed}" if attempt.counted else "counts as no attempt"
        yield f"{what}: {local_time(attempt.at_ns)}, {cut(plain(attempt.reason), REASON_CHARS)} (ralph trace {attempt.trace_id[:8]})"
    if story.attempts:
        yield f"the whole story: ralph explain {shlex.quote(story.id)}"
