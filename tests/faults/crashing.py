"""Whole runs that die at a failpoint and are started again, and what has to be true of all that is left in the end.

A story's turns depend on the conversation alone (how often the model has spoken in it), so a run that starts anew finds its
place. Each run is a fork of a warm process; the model answers over loopback.
"""

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ralph.replay.scripted import Request, ScriptedModel, Turn, calls, finish_done
from ralph.replay.server import serve
from tests.forks import Forks

World = Any
KILLED = {137, -9}
CALM_ENDS = {0, 1, 2}  # of a run whose disk failed: it was of no weight, a story was set aside, a word about the disk
ENDS = ("success", "interrupted")  # of a trace
OPTIONS = {"tracked": (), "untracked": (), "jobs": ("--jobs", "2"), "in-place": ("--in-place",)}
LONGEST_RUN_S = 60.0
CAP_MICROS = 5_000_000  # the run's limit by default
CHECKS = '[[checks]]\nname = "sound"\ncommand = "! grep -rqn broken src"\n'


def write(number: int, text: str) -> Turn:
    return calls("write", {"file_path": f"src/{number}.txt", "content": f"{text}\n"})


TURNS = {
    "US-001": [write(1, "broken"), finish_done("Wrote 1."), write(1, "good"), finish_done("Mended 1.")],
    "US-002": [write(2, "good"), finish_done("Wrote 2.")],
}


def script(request: Request) -> Turn:
    found = re.search(r"Story: (US-\d+)", str(request.messages[0]["content"]))
    assert found, "the first message names its story"
    return TURNS[found[1]][sum(message["role"] == "assistant" for message in request.messages)]


@dataclass
class Variant:
    """A kind of repository and run, its template and how an uninterrupted run ends."""

    name: str
    template: Path
    options: tuple[str, ...] = ()
    final: dict[str, object] = field(default_factory=dict)
    points: list[str] = field(default_factory=list)  # NAME#COUNT in the order in which they were reached


@dataclass
class Crashing:
    """One repository that runs die in. `codes` are those of its runs so far."""

    world: World
    forks: Forks
    variant: Variant
    bills: Any
    models: list[ScriptedModel] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def run(self, failpoint: str = "") -> int:
        model = ScriptedModel(script)
        self.models.append(model)
        out = self.world.home.with_name("said.txt")
        with serve(model) as base_url:
            env = self.world.environment(base_url) | {
                "RALPH_HOME": str(self.world.home),
                "RALPH_FAILPOINT": failpoint,
            }
            argv = ["run", "--sandbox", "none", "--plain", *self.variant.options]
            code = self.forks.run(argv, cwd=self.world.root, env=env, out=out)
        self.codes.append(code)
        self.said.append(f"--- {failpoint or 'whole'}: {code}\n{out.read_text(errors='replace')}")
        assert model.drift is None, model.drift
        return code

    def die_and_recover(self, *failpoints: str) -> None:
        """Each run dies at its failpoint (or ends before it comes), and one more run finishes the work."""
        for failpoint in failpoints:
            assert self.run(failpoint) in {0, *KILLED}, self.story
        assert self.run() == 0, self.story
        self.assert_sound()
        before = self.all_that_is_left()
        assert self.run() == 0, self.story
        assert self.all_that_is_left() == before, self.story

    def fail_and_recover(self, failpoint: str) -> None:
        """One run meets an error of the disk, and says so without a crash; the next one finishes the work."""
        code = self.run(failpoint)
        assert code in CALM_ENDS, self.story
        assert "Traceback" not in self.story
        assert self.run() == 0, self.story
        self.assert_sound((*ENDS, "error"))

    @property
    def story(self) -> str:
        return "\n".join(self.said)

    def final(self) -> dict[str, object]:
        """What has to be the same however often a run died: the branch's files, the user's files, who did what."""
        world = self.world
        return {
            "tree": world.git("ls-tree", "-r", "ralph/work"),
            "stories": sorted(world.stories_on()),
            "commits": world.git("rev-list", "--count", "main..ralph/work"),
            "branches": world.branches(),
            "checkout": files_of(world.root),
            "index": world.git("ls-files", "--stage"),
            "HEAD": (world.root / ".git" / "HEAD").read_text(),
            "stash": world.git("stash", "list"),
        }

    def all_that_is_left(self) -> dict[str, object]:
        """What a further run, with nothing to do, must leave as it is."""
        traces = [(one.trace.trace_id, one.trace.status, len(one.spans)) for one in self.world.traces()]
        refs = self.world.git("for-each-ref")
        return self.final() | {"traces": traces, "refs": refs, "charged": self.world.charged_micros()}

    def assert_sound(self, statuses: Collection[str] = ENDS) -> None:
        final = self.final()
        for name, value in self.variant.final.items():
            assert final[name] == value, f"{name}: {final[name]!r} != {value!r}\n{self.story}"
        self.world.assert_clean()
        self._assert_books()
        self._assert_spans(statuses)
        assert not self._litter(), self.story
        assert not living(str(self.world.home.parent)), self.story

    def _assert_books(self) -> None:
        served, charged = self.bills(*self.models), self.world.charged_micros()
        assert served <= charged <= CAP_MICROS * len(self.models), f"{served} <= {charged}\n{self.story}"
        for name in ("ledger.db", "traces.db"):
            with closing(sqlite3.connect(self.world.home / name)) as db:
                assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                assert db.execute("PRAGMA foreign_key_check").fetchall() == []

    def _assert_spans(self, statuses: Collection[str]) -> None:
        for detail in self.world.traces():
            assert detail.trace.status in statuses, f"{detail.trace.status}\n{self.story}"
            for span in detail.spans:
                assert span.ended_at_ns, f"{span.name} is open\n{self.story}"

    def _litter(self) -> list[str]:
        """What a killed run left in the state folder, besides logs."""
        home = self.world.home
        worktrees = [path for path in (home / "worktrees").glob("*/*") if path.name != "admin.lock"]
        control = [path for part in ("runs", "taken", "messages") for path in (home / "control").glob(f"*/{part}/*")]
        return [str(path) for path in [*worktrees, *control, *home.rglob("*.ralph-new")]]


def files_of(root: Path) -> dict[str, bytes]:
    """Every file of a checkout but git's own."""
    files = [path for path in root.rglob("*") if path.is_file() and path.relative_to(root).parts[0] != ".git"]
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(files)}


def living(mark: str) -> list[str]:
    """Command lines of live processes that work below the folder `mark`, or were told of it."""
    found = []
    give_up_s = time.monotonic() + 2
    while time.monotonic() < give_up_s:
        found = [_command_line(entry) for entry in Path("/proc").glob("[0-9]*") if _knows(entry, mark)]
        if not found:
            break
        time.sleep(0.05)
    return found


def _knows(process: Path, mark: str) -> bool:
    try:
        if int(process.name) == os.getpid() or b") Z " in (process / "stat").read_bytes():
            return False
        return str((process / "cwd").readlink()).startswith(mark) or mark.encode() in (process / "environ").read_bytes()
    except OSError:
        return False


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


@contextmanager
def forking() -> Iterator[Forks]:
    forks = Forks()
    try:
        yield forks
    finally:
        forks.close()


def make_variant(name: str, folder: Path, *, forks: Forks, whole_runs: Any) -> Variant:
    """A template, played once to its end, so that its points and how it ends are known."""
    template = folder / "template"
    world = whole_runs.World(template, folder / "no-home")
    world.start_repo(whole_runs.a_story(1), whole_runs.a_story(2), checks=CHECKS)
    if name == "untracked":
        world.git("rm", "-q", "--cached", "prd.json")
        world.write(".gitignore", "prd.json\n")
        world.commit()
    elif name == "in-place":
        world.git("checkout", "-q", "-b", "ralph/work")
    variant = Variant(name, template, OPTIONS[name])
    made = {"world": whole_runs.World, "forks": forks, "bills": whole_runs.billed_micros}
    with in_a_copy(variant, folder / "whole", **made) as whole:
        assert whole.run(f"log:{folder / 'points'}") == 0, whole.story
        variant.final = whole.final()
        whole.assert_sound()
    variant.points = [line.split(" ", 1)[1] for line in (folder / "points").read_text().splitlines()]
    return variant


@contextmanager
def in_a_copy(variant: Variant, folder: Path, *, world: type, forks: Forks, bills: Any) -> Iterator[Crashing]:
    """A fresh copy of the variant's repository, removed when all went well."""
    folder.mkdir(parents=True)
    shutil.copytree(variant.template, folder / "repo", symlinks=True)
    yield Crashing(world(folder / "repo", folder / "ralph-home"), forks, variant, bills)
    shutil.rmtree(folder)
