"""What the shell is offered for a story or a schedule while a person types. Silent about everything that is wrong."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import click

from ralph.cli.places import repo_root


def story_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The ids in the PRD of `--repo` and `--prd`, or of this folder's repo."""
    del param
    with suppress(Exception):  # the screen of a person who types is no place for a message
        from prd.find import find_prd  # noqa: PLC0415  # only the shell asks
        from prd.read import read_prd  # noqa: PLC0415

        prd, _ = read_prd(find_prd(repo_root(ctx.params.get("repo") or Path()), ctx.params.get("prd")))
        return [story.id for story in prd.stories if story.id.startswith(incomplete)]
    return []


def schedule_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Read from the ledger as it is: neither made nor brought up to date for this."""
    del ctx, param
    with suppress(Exception):
        from ralph.home import find_home  # noqa: PLC0415

        ledger = find_home().ledger_db
        if os.access(ledger, os.R_OK):
            with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as connection:
                rows = connection.execute("SELECT name FROM schedules ORDER BY name").fetchall()
            return [str(name) for (name,) in rows if str(name).startswith(incomplete)]
    return []
