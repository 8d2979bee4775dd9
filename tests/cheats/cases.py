"""The corpus of cheating and honest changes: small repos, what an agent changed in them, and what a fair judge says.

`repos/NAME.toml` holds a base repo, file by file, with its checks; `cases/ID.toml` holds one change as a diff, with its story,
the verdict and why. All of it is text inside TOML, so that no test runner, linter or type checker of this project takes it for
its own. Every change passes its checks, the cheating ones too: what the checks see by themselves is no case.
Knows nothing about the guard that is judged by it.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from prd.story import Story

HERE = Path(__file__).resolve().parent
TOOLS = {"python": ("make",), "javascript": ("node", "npm"), "go": ("go",), "rust": ("cargo",)}
"""What must be on the PATH for the checks of a language to run; the Python repos use the interpreter that runs these tests."""

PYTHON_TOOLS = ("coverage", "mypy", "ruff")  # of the environment for development


class Verdict(StrEnum):
    CHEAT = "cheat"
    HONEST = "honest"


class OnBase(StrEnum):
    """How the checks end on the base code with the test files of an honest change."""

    FAIL = "fail"  # the new tests can fail
    PASS = "pass"  # the story asks for that: behaviour is pinned down, code is moved, only documents change
    UNSAID = "unsaid"  # cheats, and Rust changes whose tests stand in the same file as the code


@dataclass(frozen=True)
class RepoCheck:
    """A check as a person writes it in the settings."""

    name: str
    command: str


@dataclass(frozen=True)
class BaseRepo:
    name: str
    language: str
    checks: tuple[RepoCheck, ...]
    files: Mapping[str, str]


@dataclass(frozen=True)
class Built:
    """A real repo: HEAD is the base commit, the files and the index are as the agent left them."""

    path: Path
    base_tree: str
    new_tree: str


@dataclass(frozen=True)
class Case:
    id: str
    repo: BaseRepo
    verdict: Verdict
    why: str
    story: Story
    checks: tuple[RepoCheck, ...]
    on_base: OnBase
    diff: str

    @property
    def language(self) -> str:
        return self.repo.language

    def build(self, folder: Path) -> Built:
        """Makes the repo in the folder, which must not exist or be empty."""
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in self.repo.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        _git(folder, "init", "-q", "-b", "main")
        _git(folder, "add", "-A", "-f")
        _git(folder, "commit", "-q", "-m", "Base")
        _git(folder, "apply", "--index", "--whitespace=nowarn", "-", stdin=self.diff)
        return Built(folder, _git(folder, "rev-parse", "HEAD^{tree}"), _git(folder, "write-tree"))


def load_cases(corpus: Path = HERE) -> list[Case]:
    """All cases of a corpus, by id."""
    return [_case(path) for path in sorted((corpus / "cases").glob("*.toml"))]


@cache
def load_repo(name: str, corpus: Path = HERE) -> BaseRepo:
    data = tomllib.loads((corpus / "repos" / f"{name}.toml").read_text(encoding="utf-8"))
    return BaseRepo(name, data["language"], _checks(data["checks"]), data["files"])


def missing_tool(case: Case) -> str:
    """A tool that the case's checks need and that is not here; empty: none."""
    needed = [tool for tool in TOOLS[case.language] if not shutil.which(tool)]
    commands = " ".join(check.command for check in case.checks if case.language == "python")
    needed += [name for name in PYTHON_TOOLS if re.search(rf"\b{name}\b", commands) and not find_spec(name)]
    return next(iter(needed), "")


def check_environment() -> dict[str, str]:
    """The environment for a check: this interpreter first on the PATH, nothing of the test run that surrounds it."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "NODE_", "COV_", "GIT_"))
    }
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}


def _case(path: Path) -> Case:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    repo = load_repo(data["repo"], path.parent.parent)
    return Case(
        id=path.stem,
        repo=repo,
        verdict=Verdict(data["verdict"]),
        why=data["why"],
        story=Story.model_validate(data["story"]),
        checks=_checks(data["checks"]) if "checks" in data else repo.checks,
        on_base=OnBase(data.get("tests_on_base", "unsaid")),
        diff=data["diff"],
    )


def _checks(commands: Mapping[str, str]) -> tuple[RepoCheck, ...]:
    return tuple(RepoCheck(name, command) for name, command in commands.items())


def _git(folder: Path, *args: str, stdin: str | None = None) -> str:
    identity = ("-c", "user.name=Sam Doe", "-c", "user.email=sam@example.com", "-c", "core.autocrlf=false")
    done = subprocess.run(
        ["git", *identity, *args], cwd=folder, input=stdin, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise ValueError(f"git {args[0]} in {folder} ended with {done.returncode}: {done.stderr}")
    return done.stdout.strip()
