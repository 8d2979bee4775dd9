"""Which repository a command is about, found cheaply: no git is run, and it need not be usable."""

import os
from pathlib import Path

import click

repo_option = click.option(
    "--repo", type=click.Path(path_type=Path), default=Path(), help="The repository. [default: this folder]"
)
prd_option = click.option("--prd", type=click.Path(path_type=Path), help="The PRD, where it is not at a usual place.")
label_option = click.option(
    "--label", metavar="NAME", help="The label that marks the issues that Ralph is to work on. [default: ralph]"
)


def repo_root(path: Path) -> Path:
    """The repository that `path` is in, as traces name it; `path` itself where there is none (any more)."""
    start = path.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start)


def shown(path: Path, here: Path) -> str:
    """The path as a person in `here` would write it."""
    if path.resolve().is_relative_to(repo_root(here)):
        return Path(os.path.relpath(path.resolve(), here.resolve())).as_posix()
    return str(path)
