"""What several commands ask in the same words, and which repository they are about: no git is run, it need not be usable."""

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
by_hand_option = click.option(
    "--by-hand",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="You are the model: requests are written here, answers read from here; see docs/by-hand.md.",
)
recording_option = click.option(
    "--recording",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Play a recorded model session instead of calling a model.",
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
