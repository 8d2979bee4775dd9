"""What works for schedules, alerts, the report and housekeeping dies at any of its points, is done again, and nothing shows it.

Each act is done once undisturbed, which says what its points are and what it leaves. Runs, couriers, the engine and a schedule's due
times die in tests of their own.
"""

import itertools
import json
import multiprocessing
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from ralph.cli.main import cli
from ralph.errors import RalphError
from ralph.home import find_home
from ralph.housekeeping.daily import gc_if_due
from ralph.report.message import send_if_due
from ralph.settings.load import user_settings
from tracing import SpanKind, Tracer, TraceStore, failpoint
from tracing.bundle import export_trace

DAY_NS = 86_400 * 10**9
NOW_NS = 1_795_348_800 * 10**9  # Sun 22 Nov 2026, 12:00 UTC
FORK = multiprocessing.get_context("fork")
CONFIG = """
[report]
at = "07:30"
[[channels]]
name = "hook"
kind = "webhook"
address = "http://127.0.0.1:9/"
private = true
"""
STORY = {
    "id": "US-1",
    "title": "T",
    "description": "D",
    "acceptanceCriteria": ["A"],
    "priority": 1,
    "passes": False,
    "notes": "",
}
PRD = {"project": "p", "branchName": "ralph/p", "description": "d", "userStories": [STORY]}
PROGRAM = """#!/bin/sh
case "$(basename "$0") $1" in
"crontab -l") cat "$HOME/table" 2>/dev/null || { echo "no crontab for sam" >&2; exit 1; } ;;
"crontab -") cat > "$HOME/new" && mv "$HOME/new" "$HOME/table" ;;
esac
"""
PROGRAMS = ("crontab", "systemctl", "loginctl")
DIFFERS = re.compile(r"\b1\d{18}\b|\b\d{10}\.\d+\b|\d{4}-\d\d-\d\dT[\d:.]+")  # moments by the real clock
NOT_COMPARED = (".db", ".db-wal", ".db-shm", ".lock")  # databases are compared by their rows
Act = Callable[[], object]


def ralph(*arguments: str) -> Act:
    def act() -> None:
        done = CliRunner().invoke(cli, list(arguments), standalone_mode=False)
        if done.exception:
            raise done.exception

    return act


def report() -> None:
    send_if_due(find_home(), user_settings(find_home()), lambda: NOW_NS)


def housekeeping() -> None:
    gc_if_due(find_home(), user_settings(find_home()), lambda: NOW_NS)
    ralph("vacuum")()


ACTS: dict[str, Act] = {
    "add": ralph("schedule", "add", "nightly", "--cron", "0 2 * * *", "--until", "07:00", "--max-cost", "5"),
    "edit": ralph("schedule", "edit", "old", "--cron", "30 3 * * *", "--missed", "skip"),
    "pause": ralph("schedule", "pause", "old"),
    "resume": ralph("schedule", "resume", "paused"),
    "remove": ralph("schedule", "remove", "old"),
    "install": ralph("schedule", "install", "--with", "systemd"),
    "install-cron": ralph("schedule", "install", "--with", "cron"),
    "silence": ralph("alerts", "silence", "tool_errors", "--for", "2h"),
    "report": report,
    "housekeeping": housekeeping,
    "import": ralph("import", "../one.ralph-trace"),
}
SAID_AGAIN = {"add", "remove"}  # done already: that is said, and not done twice


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository, a state folder with schedules and traces of all ages, a trace in a file, and programs of the system; `place`
    beside it is where its paths are true.
    """
    place = tmp_path_factory.mktemp("commands") / "place"
    for part in ("repo", "state", "sam", "bin"):
        (place / part).mkdir(parents=True)
    (place / "state" / "config.toml").write_text(CONFIG)
    for name in PROGRAMS:
        (place / "bin" / name).write_text(PROGRAM)
        (place / "bin" / name).chmod(0o755)
    (place / "repo" / "prd.json").write_text(json.dumps(PRD))
    for words in ("init -q -b main", "add -A", "-c user.name=Sam -c user.email=sam@example.com commit -qm start"):
        subprocess.run(["git", *words.split()], cwd=place / "repo", check=True)
    some_traces(place / "state" / "traces.db", (1, 100, 300))
    some_traces(place / "theirs.db", (5,))
    with closing(TraceStore.open(place / "theirs.db")) as store, (place / "one.ralph-trace").open("wb") as file:
        export_trace(store.path, store.traces()[0].trace_id, file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RALPH_HOME", str(place / "state"))
        patch.chdir(place / "repo")
        for name in ("old", "paused"):
            ralph("schedule", "add", name, "--cron", "0 2 * * *", "--timezone", "UTC")()
        ralph("schedule", "pause", "paused")()
    return place.rename(place.with_name("template"))


def ticks(start_ns: int) -> Callable[[], int]:
    return itertools.count(start_ns, 10**6).__next__


def some_traces(path: Path, ages: tuple[int, ...]) -> None:
    """One of each age, in days."""
    with closing(TraceStore.open(path)) as store:
        for days in ages:
            with Tracer(store, clock=ticks(NOW_NS - days * DAY_NS), watch=None).start_trace(f"of {days}") as trace:
                trace.add_span("bash", kind=SpanKind.TOOL, input={"command": "make"}, output="word " * 2_000)


@pytest.fixture
def somewhere(template: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Makes the template's state anew, always in the same place, and goes into its repository."""
    place = template.with_name("place")
    monkeypatch.setenv("HOME", str(place / "sam"))
    monkeypatch.setenv("RALPH_HOME", str(place / "state"))
    monkeypatch.setenv("PATH", f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}")
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def make() -> Path:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(template, place)
        monkeypatch.chdir(place / "repo")
        return place

    return make


def dies_at(act: Act, point: str) -> bool:
    def work() -> None:
        failpoint.arm(f"exit:{point}")
        act()
        os._exit(0)

    process = FORK.Process(target=work)
    process.start()
    process.join()
    return process.exitcode == failpoint.KILLED


def points_of(act: Act, log: Path) -> list[str]:
    """Those that it reaches undisturbed: NAME#COUNT."""
    failpoint.arm(f"log:{log}")
    try:
        act()
    finally:
        failpoint.arm(None)
    return [line.split(" ", 1)[1] for line in log.read_text().splitlines()]


def left_in(place: Path) -> dict[str, object]:
    """Every file and every row, but for what the time of day has in it."""
    files = [path for path in place.rglob("*") if path.is_file() and ".git" not in path.relative_to(place).parts]
    found: dict[str, object] = {
        str(path.relative_to(place)): DIFFERS.sub("", path.read_text(errors="replace"))
        for path in files
        if not path.name.endswith(NOT_COMPARED)
    }
    for path in (place / "state").glob("*.db"):
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
            found |= {f"{path.name} {table}": rows for table, rows in rows_of(db)}
    return found


def rows_of(db: sqlite3.Connection) -> Iterator[tuple[str, list[str]]]:
    """Of each table of ours, but for who wrote it; those that an index of words is made of follow from them."""
    made = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL%'")]
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall():
        if not table.startswith(tuple(made)) or not made:
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if not row[1].startswith("owner")]
            rows = db.execute(f"SELECT {', '.join(columns)} FROM {table}")
            yield table, sorted(DIFFERS.sub("", repr(row)) for row in rows)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name == "housekeeping" else []) for name in ACTS]
)
def test_what_dies_at_any_point_and_is_done_again_leaves_what_it_would_have_left(
    somewhere: Callable[[], Path], tmp_path: Path, name: str
) -> None:
    act, place = ACTS[name], somewhere()
    points = points_of(act, tmp_path / "points")
    expected = left_in(place)
    for point in points:
        somewhere()
        assert dies_at(act, point) or not point.endswith("#1"), point  # a busy machine does long work in more slices
        with suppress(RalphError) if name in SAID_AGAIN and point.startswith("after") else nullcontext():
            act()
        assert left_in(place) == expected, point
    assert len(points) >= 3
