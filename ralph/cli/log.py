"""`ralph log`: the lines of a run as it printed them, after it or while it goes on."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.lines import FOR_VIEWS, Lines
from ralph.cli.places import repo_option, repo_root

if TYPE_CHECKING:
    from ralph.history.event_log import Logged, RunFolder

POLL_S = 0.2


@click.command(
    "log", epilog="Example: ralph log -f    or, the last ten lines of a run: ralph log -n 10 --run 20261121-02"
)
@click.option("-f", "--follow", is_flag=True, help="Go on with the lines of a run that is going, until it ends.")
@click.option(
    "-n", "--lines", "count", type=click.IntRange(min=0), metavar="N", help="The last N lines. [default: all]"
)
@click.option("-l", "--list", "list_them", is_flag=True, help="List this repository's runs instead, newest first.")
@click.option(
    "--run", "run_id", default="", metavar="ID", help="The newest run whose name begins so, of any repository."
)
@repo_option
@click.option("--json", "as_json", is_flag=True, help="One JSON event a line, as of `ralph run --json`.")
def log_command(*, follow: bool, count: int | None, list_them: bool, run_id: str, repo: Path, as_json: bool) -> None:
    """Show the lines of this repository's last run, or follow the run that is going. Ctrl-C ends the looking, not the run."""
    if list_them:
        for listed in runs(repo):
            click.echo(json.dumps(listed) if as_json else list_line(listed))
        return
    folder = find_run(repo, run_id)
    if not as_json:
        click.echo(title(folder))
    lines = Lines()
    try:
        for logged in shown(folder, count, follow=follow, views=as_json):
            click.echo(logged.line if as_json else lines.line(logged.event, logged.at_ns / 1e9))
    except KeyboardInterrupt:
        return


def find_run(repo: Path, run_id: str) -> "RunFolder":
    """Raises: RalphError when there is no such run."""
    from ralph.errors import RalphError  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.history.event_log import RunFolders  # noqa: PLC0415
    from ralph.home import find_home  # noqa: PLC0415

    folders, root = RunFolders(find_home()), repo_root(repo)
    found = folders.newest(run=run_id) if run_id else folders.newest(repo=root)
    if found is not None:
        return found
    known = next((f"; the newest one is {one.head.run}, in {one.head.repo}" for one in folders.all() if one.head), "")
    what = f'no run begins with "{run_id}"' if run_id else f"{root}: Ralph has not run here yet"
    raise RalphError(f"{what}{known}. `ralph run` makes one, `ralph log --run ID` shows one of another repository.")


def runs(repo: Path) -> Iterator[dict[str, object]]:
    """Every run of the repository that is still kept, newest first."""
    from ralph.history.event_log import RunFolders  # noqa: PLC0415
    from ralph.home import find_home  # noqa: PLC0415

    root = str(repo_root(repo))
    for folder in RunFolders(find_home()).all():
        if folder.head and folder.head.repo == root:
            yield {**asdict(folder.head), "is_going": folder.is_going, "ended": folder.last_words()}


def list_line(run: dict[str, object]) -> str:
    last = "going" if run["is_going"] else run["ended"] or "an error or a kill ended it"
    return f"{run['run']}  {run['branch']}  {last}"


def title(folder: "RunFolder") -> str:
    head = folder.head
    assert head is not None
    state = f"going, process {head.pid}" if folder.is_going else "ended"
    return f"run {head.run} ({state}): {head.prd} of {head.repo}, on {head.branch}"


def shown(folder: "RunFolder", count: int | None, *, follow: bool, views: bool = False) -> Iterator["Logged"]:
    """The last `count` lines there are; then, when following, each new one until the run's process is gone.

    `views`: what is told for a live view alone is among them.
    """
    there = list(folder.events())
    after = there[-1][0] if there else 0
    wanted = [logged for _, logged in there if views or logged.event.kind not in FOR_VIEWS]
    yield from (wanted if count is None else wanted[len(wanted) - min(count, len(wanted)) :])
    going = follow
    while going:
        going = folder.is_going  # asked before reading: what it wrote last is not missed
        for behind, logged in folder.events(after):
            after = behind
            if views or logged.event.kind not in FOR_VIEWS:
                yield logged
        if going:
            time.sleep(POLL_S)
