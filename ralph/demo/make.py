"""Makes the demo's repository: the sample project in a folder of its own, with one commit on `main`.

Every run makes the same commit, so that a recording of a session on it stays true. Knows nothing about models or runs.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ralph.errors import RalphError

SAMPLE = Path(__file__).with_name("sample")
BRANCH = "main"
NAME = "Ralph Demo"
EMAIL = "demo@ralph.invalid"
COMMITTED_AT = "2026-07-01T09:00:00+00:00"
RENAMED = {"gitignore": ".gitignore"}  # a real .gitignore would hide files of the sample from our own repository


def make_demo(folder: Path) -> Path:
    """Fill `folder`, which must be empty or absent, and return the repository's root.

    Raises:
        RalphError: the folder has something in it or cannot be written, or git cannot be used.
    """
    root = folder.expanduser().resolve()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise RalphError(f"{root}: there is something there already. Name a new folder: ralph demo --folder PATH")
    try:
        root.mkdir(parents=True, exist_ok=True)
        shutil.copytree(SAMPLE, root, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        for packed, real in RENAMED.items():
            (root / packed).rename(root / real)
    except OSError as error:
        why = error.strerror or "no room, or not yours"
        raise RalphError(f"{root}: cannot be written: {why}. Name another folder: ralph demo --folder PATH") from error
    _git(root, "-c", "init.templateDir=", "init", "--quiet", f"--initial-branch={BRANCH}")
    _git(root, "config", "user.name", NAME)
    _git(root, "config", "user.email", EMAIL)
    _git(root, "add", "--all")
    _git(root, "-c", "commit.gpgSign=false", "commit", "--quiet", "--no-verify", "--message", "Start kitty")
    return root


def _git(root: Path, *arguments: str) -> None:
    """Raises: RalphError."""
    command = ["git", "-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false", *arguments]
    try:
        done = subprocess.run(command, cwd=root, env=_env(os.environ), capture_output=True, text=True, check=False)
    except OSError as error:
        raise RalphError(f"git cannot be started: {error}. Install git and put it on PATH.") from error
    if done.returncode:
        raise RalphError(
            f"{root}: git {arguments[-1]} failed: {done.stderr.strip()}. Name another folder with --folder."
        )


def _env(environ: Mapping[str, str]) -> dict[str, str]:
    """Ours without what would send git elsewhere, and with the date and people that make the commit the same each time."""
    env = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
    kept = {name: environ[name] for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM") if name in environ}
    people = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _PERSON.items()}
    return env | kept | people


_PERSON = {"NAME": NAME, "EMAIL": EMAIL, "DATE": COMMITTED_AT}
