"""`ralph prd check`: one line for a good PRD, every problem with its place for another."""

from collections.abc import Iterator
from pathlib import Path

import click

from prd.check import summary_line
from prd.errors import PrdError
from prd.find import PLACES, find
from prd.read import read_good
from ralph.cli.places import repo_root, shown
from ralph.errors import ExitCode
from tracing.words import plain

ENDINGS = {".json", ".yaml", ".yml", ".md", ".markdown"}


@click.command(
    "check",
    epilog="\b\nExamples:\n  ralph prd check\n  ralph prd check tasks/prd.json\n  ralph prd check docs/plans",
)
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
def check_command(paths: tuple[Path, ...]) -> int:
    """Say whether Ralph can work on the PRD at PATH, or on this repo's own. No file is touched.

    Of a folder its PRD is checked, or every file in it that could be one, where it keeps none at a usual place.

    Exit code 0 when all are good, else 2, with file, line, column and remedy for every problem.
    """
    here, root = Path.cwd(), repo_root(Path.cwd())
    if not paths:
        found = find(root)
        good = _tell(found.path, here)
        for note in found.notes(root):
            click.echo(f"  note: {plain(note)}")
        return ExitCode.ALL_DONE if good else ExitCode.USAGE
    results = [_tell(path, here) for named in paths for path in _files(named)]
    return ExitCode.ALL_DONE if all(results) else ExitCode.USAGE


def _files(named: Path) -> Iterator[Path]:
    if not named.is_dir():
        yield find(repo_root(Path.cwd()), named).path
        return
    kept = next((named / place for place in PLACES if "*" not in place and (named / place).is_file()), None)
    if kept:
        yield kept
        return
    files = sorted(path for path in named.iterdir() if path.suffix.lower() in ENDINGS and path.is_file())
    if not files:
        raise PrdError(f"{named}: there is no PRD in this folder. Name the file itself.")
    yield from files


def _tell(path: Path, here: Path) -> bool:
    """Whether the PRD is good."""
    name = shown(path, here)
    try:
        _, document = read_good(path, name)
    except PrdError as error:
        click.echo(str(error), err=True)
        return False
    click.echo(summary_line(document.prd, name))
    for note in document.notes:
        click.echo(f"  note: {plain(note)}")
    return True
