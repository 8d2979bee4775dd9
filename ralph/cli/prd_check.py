"""`ralph prd check`: one line for a good PRD, every problem with its place for another."""

from pathlib import Path

import click

from prd.check import summary_line
from prd.find import find_prd
from prd.read import read_prd
from ralph.cli.places import shown


@click.command("check", epilog="Example: ralph prd check tasks/prd.json")
@click.argument("path", required=False, type=click.Path(path_type=Path))
def check_command(path: Path | None) -> None:
    """Say whether Ralph can work on the PRD at PATH, or on this folder's own. The file is not touched.

    Exit code 0 for a good one, 2 with file, line, column and remedy for every problem of another.
    """
    here = Path.cwd()
    found = find_prd(here, path)
    name = shown(found, here)
    prd, _ = read_prd(found, name)
    click.echo(summary_line(prd, name))
