"""A user's repository, and whole runs over it: as a process of its own against a loopback model, or in this process."""

import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ralph.assembly import open_run
from ralph.events import Event
from ralph.model.pace import Pace
from ralph.models import Player
from ralph.replay.scripted import Bill, Request, ScriptedModel, Turn, calls, finish_done
from ralph.replay.server import serve
from ralph.run import Outcome
from ralph.survey import RunRequest
from tests.forks import forks
from tracing.prices import PriceBook, TokenUsage
from tracing.store import TraceStore
from tracing.store.detail import TraceDetail

MODEL = "claude-opus-5-5"
CHECKS = '[[checks]]\nname = "sound"\ncommand = "! grep -rn broken src"\n'
LONGEST_RUN_S = 60.0
LONGEST_MEETING_S = 20.0


def a_story(number: int, *depends_on: int, passes: bool = False, priority: int | None = None) -> dict[str, object]:
    return {
        "id": f"US-{number:03}",
        "title": f"Story {number}",
        "description": f"As a user I want number {number}",
        "acceptanceCriteria": [f"src/{number}.txt exists"],
        "priority": number if priority is None else priority,
        "passes": passes,
        "notes": "",
        "dependsOn": [f"US-{other:03}" for other in depends_on],
    }


def a_prd(*stories: dict[str, object], branch: str = "ralph/work") -> str:
    """With tabs, escapes and a BOM-free odd layout, so that a rewrite of the whole file would be seen."""
    head = {"project": "W\u00f6rk", "branchName": branch, "description": 'odd "text"\t'}
    listed = ",\r\n".join("\t\t" + json.dumps(story) for story in stories)
    return json.dumps(head)[:-1] + ',\r\n\t"userStories" : [\r\n' + listed + "\r\n\t]  }\n\n"


def writes(number: int, text: str = "good") -> Turn:
    return calls("write", {"file_path": f"src/{number}.txt", "content": f"{text}\n"})


def solves(*numbers: int) -> list[Turn]:
    return [turn for number in numbers for turn in (writes(number), finish_done(f"Wrote number {number}."))]


class EachStory:
    """Plays each story's turns, whoever asks first; with `together`, no first answer comes before so many have asked."""

    def __init__(self, turns: Mapping[str, Sequence[Turn]], *, together: int = 1) -> None:
        self.left = {story_id: list(script) for story_id, script in turns.items()}
        self.asked: list[str] = []
        self._together = threading.Barrier(together)
        self._lock = threading.Lock()
        self._met: set[str] = set()

    def __call__(self, request: Request) -> Turn:
        found = re.search(r"Story: (US-\d+)", str(request.messages[0]["content"]))
        assert found, "the first message names its story"
        story_id = found[1]
        with self._lock:
            self.asked.append(story_id)
            is_first = story_id not in self._met and len(self._met) < self._together.parties
            self._met.add(story_id)
            turn: Turn = self.left[story_id].pop(0)
        if is_first:
            self._together.wait(LONGEST_MEETING_S)
        return turn


@dataclass(frozen=True)
class Done:
    """A run that was a process."""

    exit_code: int
    out: str
    err: str
    model: ScriptedModel

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Played:
    """A run that was made in this process."""

    outcome: Outcome
    model: ScriptedModel
    events: list[Event]
    waits_s: list[float]


@dataclass
class Started:
    """A run that goes on; its lines are read as they come."""

    process: subprocess.Popen[str]
    model: ScriptedModel
    seen: list[str] = field(default_factory=list)

    def wait_for_line(self, words: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.seen.append(line)
            if words in line:
                return line
        raise AssertionError(f"the run ended without {words!r}:\n{''.join(self.seen)}")

    def wait_until(self, true: Callable[[], bool]) -> None:
        give_up_s = time.monotonic() + LONGEST_RUN_S
        while not true():
            assert time.monotonic() < give_up_s, "".join(self.seen)
            assert self.process.poll() is None, "".join(self.seen)
            time.sleep(0.02)

    def kill(self) -> None:
        """As the machine would: the whole process group at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> tuple[int, str]:
        out, _ = self.process.communicate(timeout=LONGEST_RUN_S)
        return self.process.returncode, "".join(self.seen) + out


class World:
    """One user's repository and state folder. `prd` is where the PRD is."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root, self.home = root, home
        self.prd = root / "prd.json"
        self.before = ""  # a hash of the user's checkout, for later

    # the repository

    def git(self, *args: str) -> str:
        return subprocess.run(["git", *args], cwd=self.root, check=True, capture_output=True, text=True).stdout.strip()

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
        return file

    def start_repo(
        self, *stories: dict[str, object], prd: str = "prd.json", branch: str = "ralph/work", checks: str = CHECKS
    ) -> "World":
        self.root.mkdir(parents=True)
        self.git("init", "-q")
        self.prd = self.write(prd, a_prd(*stories, branch=branch))
        self.write("src/app.txt", "hello\n")
        self.write("ralph.toml", checks)
        self.commit()
        return self

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "by the user")

    def stories_on(self, branch: str = "ralph/work") -> list[str]:
        """The Ralph-Story trailers of the branch, oldest first."""
        text = self.git("log", "--reverse", "--format=%(trailers:key=Ralph-Story,valueonly,separator=%x2C)", branch)
        return [line for line in text.splitlines() if line]

    def branches(self) -> list[str]:
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()

    def show(self, name: str) -> bytes:
        """A file of a commit, byte by byte."""
        return subprocess.run(["git", "show", name], cwd=self.root, check=True, capture_output=True).stdout

    def attempts(self) -> list[str]:
        return self.git("for-each-ref", "--format=%(refname)", "refs/ralph/attempts").split()

    def flags(self) -> dict[str, bool]:
        return {story["id"]: story["passes"] for story in json.loads(self.prd.read_bytes())["userStories"]}

    def set_flag(self, number: int, *, passes: bool) -> None:
        """As a user would in an editor."""
        data = self.prd.read_bytes().decode()
        before, after = data.split(f'"id": "US-{number:03}"')
        old, new = ("true", "false") if not passes else ("false", "true")
        after = after.replace(f'"passes": {old}', f'"passes": {new}', 1)
        self.prd.write_bytes(f'{before}"id": "US-{number:03}"{after}'.encode())

    def checkout_hash(self) -> str:
        """Over everything that is the user's: each file's bytes, the index, HEAD, the stash."""
        digest = hashlib.sha256()
        for path in sorted(self.root.rglob("*")):
            if path.is_file() and ".git" not in path.relative_to(self.root).parts:
                digest.update(f"{path}".encode() + path.read_bytes())
        for part in ((".git/HEAD",), (".git/index",), (".git/refs/stash",)):
            file = self.root.joinpath(*part)
            digest.update(file.read_bytes() if file.exists() else b"-")
        return digest.hexdigest()

    def assert_clean(self) -> None:
        """Nothing of a run is left: no worktree, no broken object, no lock."""
        assert len(self.git("worktree", "list").splitlines()) == 1
        assert "error" not in self.git("fsck", "--no-progress", "--no-dangling")
        assert not list((self.root / ".git").rglob("*.lock"))

    # runs

    def environment(self, base_url: str | None) -> dict[str, str]:
        model = {"ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_API_KEY": "fake-key-for-tests"} if base_url else {}
        return {**os.environ, **model}

    def command(self, *args: str) -> Done:
        """Any `ralph` command, with no model in reach."""
        return self._finished(args, ScriptedModel([]), None)

    def ralph(self, *args: str, script: Sequence[Turn] = ()) -> Done:
        """`ralph run`: the real command and the real SDK against a loopback server."""
        model = ScriptedModel(script)
        with serve(model) as base_url:
            return self._finished(["run", *args], model, base_url)

    def _finished(self, args: Sequence[str], model: ScriptedModel, base_url: str | None) -> Done:
        out, err = self.home.with_name("said.out"), self.home.with_name("said.err")
        code = forks().run(args, cwd=self.root, env=self.environment(base_url), out=out, err=err)
        return Done(code, out.read_text("utf-8"), err.read_text("utf-8"), model)

    @contextmanager
    def started(self, *args: str, script: Sequence[Turn]) -> Iterator[Started]:
        model = ScriptedModel(script)
        with (
            serve(model) as base_url,
            subprocess.Popen(
                [sys.executable, "-m", "ralph", "run", *args],
                cwd=self.root,
                env=self.environment(base_url),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            ) as process,
        ):
            try:
                yield Started(process, model)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    # what is left of them

    def traces(self) -> list[TraceDetail]:
        """Newest first."""
        with closing(TraceStore.open(self.home / "traces.db")) as store:
            details = [store.trace(row.trace_id) for row in store.traces()]
            for detail in details:
                for span in detail.spans:
                    span.input(), span.output()
            return details

    def charged_micros(self) -> int:
        """All that was ever settled, and what is still held."""
        with closing(sqlite3.connect(self.home / "ledger.db")) as ledger:
            rows = ledger.execute("SELECT state, reserved_micros, charged_micros FROM reservations").fetchall()
        return sum(reserved if state == "held" else charged or 0 for state, reserved, charged in rows)


def billed_micros(*models: ScriptedModel) -> int:
    """The provider's own bill."""
    prices = PriceBook()
    return sum(prices.cost_micros(MODEL, _usage(bill)) for model in models for bill in model.bills)


def _usage(bill: Bill) -> TokenUsage:
    return TokenUsage(**{name: getattr(bill.usage, name) for name in TokenUsage.__dataclass_fields__})


@pytest.fixture(scope="session")
def tools() -> SimpleNamespace:
    """Builders, for test files that cannot import this one."""
    return SimpleNamespace(
        a_story=a_story, a_prd=a_prd, writes=writes, solves=solves, billed_micros=billed_micros, each_story=EachStory
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "repo", tmp_path / "ralph-home")


@pytest.fixture
def play(world: World) -> Callable[..., Played]:
    """A run in this process: the same command-line request and SDK, waits are counted instead of waited for."""

    def played(
        script: Sequence[Turn], *, story: str | None = None, in_place: bool = False, **overrides: object
    ) -> Played:
        model, events, waits_s = ScriptedModel(script), list[Event](), list[float]()
        pace = Pace(sleep=lambda seconds, _cancel: waits_s.append(seconds), dice=lambda: 1.0)

        player = nullcontext(Player(None, model.transport()))
        named = {name.replace("__", "."): value for name, value in overrides.items()}
        request = RunRequest(repo=world.root, story=story, in_place=in_place, overrides=named)
        with open_run(request, events.append, player=player, pace=pace) as loop:
            outcome = loop.run()
        return Played(outcome, model, events, waits_s)

    return played
