"""GitHub's issues with a label as a PRD, through `gh`. Only reads: nothing on GitHub is closed, labelled or commented on."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from prd.convert import to_snarktank
from prd.read import parse_prd, read_prd
from prd.story import Prd, Story
from ralph.errors import RalphError
from ralph.files import write_atomically
from ralph.github.issue_text import CLOSED, Issue, dependencies, story_of
from ralph.home import Home
from ralph.screen_text import one_line
from ralph.workspace.branch import slug
from ralph.workspace.repo import Repo

DEFAULT_LABEL = "ralph"
MAX_ISSUES = 200
MAX_LOOKED_UP = 20
TIMEOUT_S = 60.0
NOT_LOGGED_IN = 4  # gh's exit code
FIELDS = "number,title,body,labels,state,url"

_REPO = re.compile(r"(?:https://)?((?:[\w-]+(?:\.[\w-]+)+/)?[A-Za-z0-9][\w.-]*/[\w.-]+?)(?:\.git)?/?")
_ISSUES = TypeAdapter(tuple[Issue, ...])


@dataclass(frozen=True)
class Fetched:
    """The issues as a PRD; `notes`: what a person should know of it, a line each."""

    prd: Prd
    notes: tuple[str, ...] = ()


def fetch(repo: str, label: str) -> Fetched:
    """All issues of `owner/repo` with the label, oldest first; closed ones count as done.

    Raises: RalphError when gh is missing, not logged in, or finds none.
    """
    found = _REPO.fullmatch(repo)
    if found is None:
        raise RalphError(f"{repo}: this names no repository on GitHub. Write it as owner/repo.")
    name = found[1].removeprefix("github.com/")
    issues = sorted(_listed(name, label), key=lambda issue: issue.number)
    if not issues:
        raise RalphError(
            f'{name}: no issue has the label "{label}". Give it to the issues that Ralph is to work on, or name another one with '
            "--label. (A repository that was renamed must be given by its new name.)"
        )
    listed = {issue.number for issue in issues}
    others = {number for issue in issues if not issue.closed for number in dependencies(issue)} - listed
    still_open = _still_open(name, sorted(others))
    stories = tuple(story_of(issue, listed, still_open) for issue in issues)
    prd = Prd(
        project=f"{name} issues {label}", description=f'Issues of {name} with the label "{label}".', stories=stories
    )
    notes = (
        (f"only the newest {MAX_ISSUES} issues were read; close or unlabel some",) if len(issues) == MAX_ISSUES else ()
    )
    return Fetched(parse_prd(to_snarktank(prd, name=f"the issues of {name}").encode(), name), notes)


def keep(home: Home, repo: Repo, source: str, label: str) -> tuple[Path, tuple[str, ...]]:
    """Fetch the issues into a PRD in Ralph's own folder, one for each clone, and give its path and the notes.

    What a run did stays done although the issue is open until somebody closes it; an issue that was closed and is opened again is
    open.

    Raises: RalphError as `fetch`; PrdError when the file that is there cannot be read.
    """
    path = home.folder("issues", repo.id[:32]) / f"{slug(source)}-{slug(label)}.json"
    try:
        fetched = fetch(source, label)
    except RalphError as error:
        if path.exists():
            raise RalphError(f"{error}\nTo work on the issues as they were read last: ralph run {path}") from error
        raise
    before = {story.id: story for story in read_prd(path)[0].stories} if path.exists() else {}
    stories = tuple(_with_flag(story, before.get(story.id)) for story in fetched.prd.stories)
    write_atomically(path, to_snarktank(fetched.prd.model_copy(update={"stories": stories})).encode())
    return path, fetched.notes


def _with_flag(story: Story, before: Story | None) -> Story:
    done_here = before is not None and before.passes and not before.notes.endswith(CLOSED)
    return story.model_copy(update={"passes": True, "held": ""}) if done_here else story


def _listed(name: str, label: str) -> Sequence[Issue]:
    arguments = ["issue", "list", "--repo", name, "--label", label, "--state", "all", "--limit", str(MAX_ISSUES)]
    output = _gh([*arguments, "--json", FIELDS], f"list the issues of {name}")
    try:
        return _ISSUES.validate_json(output.strip() or "[]")
    except ValidationError as error:
        raise RalphError(
            f"gh printed something that is no list of issues ({error.error_count()} faults). Update gh."
        ) from error


def _still_open(name: str, numbers: Sequence[int]) -> Mapping[int, str]:
    """Of issues that others depend on, and that have not the label: those that are not closed, and in words why they are waited for."""
    states = {number: _state(name, number) for number in numbers[:MAX_LOOKED_UP]}
    unknown = dict.fromkeys(numbers[MAX_LOOKED_UP:], "was not looked up")
    return {number: f"#{number} {state}" for number, state in (states | unknown).items() if state}


def _state(name: str, number: int) -> str:
    """Empty for one that is closed."""
    try:
        state = _gh(
            ["issue", "view", str(number), "--repo", name, "--json", "state", "--jq", ".state"], f"read #{number}"
        )
    except RalphError:
        return "cannot be read"
    return "is open" if state.strip().upper() == "OPEN" else ""


def _gh(arguments: Sequence[str], to_do: str) -> str:
    """What gh prints. Raises: RalphError with what to do."""
    program = shutil.which("gh")
    if program is None:
        raise RalphError(
            "issues are read with GitHub's gh, which is not installed. Install it (apt install gh, brew install gh, or "
            "https://cli.github.com), then run: gh auth login"
        )
    try:
        done = subprocess.run(
            [program, *arguments],
            env={**os.environ, "CLICOLOR_FORCE": "0", "GH_PROMPT_DISABLED": "1"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RalphError(f"gh did not {to_do} within {TIMEOUT_S:.0f} s. Try again later.") from error
    if done.returncode == NOT_LOGGED_IN or "gh auth login" in done.stderr:
        raise RalphError("gh is not logged in. Run: gh auth login (or set GH_TOKEN where there is no terminal)")
    if done.returncode:
        said = one_line(done.stderr) or f"exit code {done.returncode}"
        raise RalphError(f"gh could not {to_do}: {said}. To see it for yourself: gh {' '.join(arguments[:6])}")
    return done.stdout
