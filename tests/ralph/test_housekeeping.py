"""Housekeeping: what would go, what goes, what stays because somebody still needs it, and once a day by itself."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from prd.read import read_prd
from ralph.history.event_log import EventLog, RunHead
from ralph.home import Home
from ralph.housekeeping.alone import TendedError, alone, try_alone
from ralph.housekeeping.daily import EVERY_NS, gc_if_due
from ralph.housekeeping.pile import Plan
from ralph.housekeeping.plan import carry_out, older_than, plan
from ralph.settings.load import user_settings
from ralph.settings.schema import Settings
from ralph.state import StoryStates
from ralph.workspace.lock import try_hold
from ralph.workspace.repo import Repo
from tracing import SpanKind, Tracer, TraceStore

DAY_S = 86_400
NOW_S = 1_800_000_000
NOW_NS = NOW_S * 10**9
BRANCH = "ralph/demo"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    folder = tmp_path / "home"
    folder.mkdir()
    return Home(folder)


@pytest.fixture
def settings(home: Home) -> Settings:
    return user_settings(home)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    stories = [a_story("US-1", passes=True), a_story("US-2", passes=False)]
    prd = {"project": "demo", "branchName": BRANCH, "description": "d", "userStories": stories}
    (root / "prd.json").write_text(json.dumps(prd))
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Start")
    return Repo.open(root)


def a_story(story_id: str, *, passes: bool) -> dict[str, object]:
    words = {"title": f"Story {story_id}", "description": "As I", "acceptanceCriteria": ["it works"]}
    return {"id": story_id, "priority": 1, "passes": passes, "notes": "", **words}


def git(folder: Path, *words: str, at_s: int = NOW_S) -> str:
    who = {f"GIT_{role}_{name}": "dev@example.com" for role in ("AUTHOR", "COMMITTER") for name in ("NAME", "EMAIL")}
    dates = {"GIT_AUTHOR_DATE": f"{at_s} +0000", "GIT_COMMITTER_DATE": f"{at_s} +0000"}
    done = subprocess.run(
        ["git", *words], cwd=folder, env={**os.environ, **who, **dates}, check=True, capture_output=True
    )
    return done.stdout.decode().strip()


def a_trace(home: Home, days: int, name: str = "story") -> str:
    """One that was written so many days ago."""
    ticks = iter(range(NOW_NS - days * DAY_S * 10**9, 2**63, 10**6))
    with closing(TraceStore.open(home.traces_db)) as store:
        tracer = Tracer(store, clock=lambda: next(ticks), watch=None)
        with tracer.start_trace(name) as trace:
            trace.add_span("bash", kind=SpanKind.TOOL, input={"command": f"make {name}"}, output="x" * 500)
        return trace.trace_id


def a_run(home: Home, repo: Repo, run: str, days: int) -> EventLog:
    log = EventLog(home, RunHead(run, repo.id, str(repo.root), BRANCH, "prd.json", 1))
    age(log.path, days)
    return log


def age(path: Path, days: int) -> None:
    at_s = NOW_S - days * DAY_S
    os.utime(path, (at_s, at_s))


def a_kept_attempt(home: Home, repo: Repo, story_id: str, trace_id: str, days: int) -> None:
    sha = git(repo.root, "commit-tree", "-m", "attempt", "HEAD^{tree}", at_s=NOW_S - days * DAY_S)
    git(repo.root, "update-ref", f"refs/ralph/attempts/{trace_id}", sha)
    story = next(one for one in read_prd(repo.root / "prd.json")[0].stories if one.id == story_id)
    with closing(StoryStates.open(home.ledger_db)) as states:
        states.record_attempt(repo.id, story, outcome="failed", reason="r", trace_id=trace_id)


def names(home: Home) -> set[str]:
    with closing(TraceStore.open(home.traces_db)) as store:
        return {row.name for row in store.traces()}


def kinds(planned: Plan) -> dict[str, int]:
    return {pile.what: pile.count for pile in planned.piles}


def refs(repo: Repo) -> list[str]:
    listing = git(repo.root, "for-each-ref", "--format=%(refname:lstrip=3)", "refs/ralph/attempts/")
    return listing.splitlines()


def test_an_empty_state_folder_has_nothing_to_let_go_of(home: Home, settings: Settings) -> None:
    assert plan(home, settings, NOW_NS) == Plan(())
    assert carry_out(plan(home, settings, NOW_NS)).is_finished
    assert list(home.root.iterdir()) == []


def test_by_default_texts_go_after_two_months_and_traces_after_half_a_year(home: Home, settings: Settings) -> None:
    for days in (0, 30, 90, 200):
        a_trace(home, days, f"of-{days}")
    planned = plan(home, settings, NOW_NS)
    assert kinds(planned) == {"traces": 1, "texts of traces": 1}
    assert "older than 180d ([retention] traces)" in {pile.why for pile in planned.piles}
    assert names(home) == {"of-0", "of-30", "of-90", "of-200"}
    done = carry_out(planned)
    assert [(one.what, one.count) for one in done.cleared] == [("traces", 1), ("texts of traces", 1)]
    assert names(home) == {"of-0", "of-30", "of-90"}
    with closing(TraceStore.open(home.traces_db)) as store:
        trimmed = {row.name for row in store.traces() if row.trimmed_ns}
    assert trimmed == {"of-90"}
    assert plan(home, settings, NOW_NS).piles == ()


def test_nothing_of_the_last_day_goes_whatever_age_is_asked_for(home: Home, settings: Settings) -> None:
    a_trace(home, 0, "fresh")
    a_trace(home, 2, "older")
    carry_out(plan(home, older_than(settings, 60), NOW_NS))
    assert names(home) == {"fresh"}


def test_above_its_size_the_oldest_texts_go_first_and_then_the_oldest_traces(home: Home, settings: Settings) -> None:
    for number in range(120):
        a_trace(home, 50 - number // 4, f"n{number}")
    small = settings.retention.model_copy(update={"traces_bytes": 1})
    planned = plan(home, settings.model_copy(update={"retention": small}), NOW_NS)
    assert kinds(planned) == {"texts and traces over the size": 120}
    carry_out(planned)
    assert names(home) == set()


def test_work_of_failed_attempts_goes_when_it_is_old_and_its_story_is_done(
    home: Home, settings: Settings, repo: Repo
) -> None:
    with closing(a_run(home, repo, "20260101-000000-run-1", 0)):
        old_done, old_open, new_done = "a" * 32, "b" * 32, "c" * 32
        a_kept_attempt(home, repo, "US-1", old_done, 40)
        a_kept_attempt(home, repo, "US-2", old_open, 41)
        a_kept_attempt(home, repo, "US-1", new_done, 3)
        planned = plan(home, settings, NOW_NS)
        assert kinds(planned) == {"kept work of failed attempts": 1}
        carry_out(planned)
    assert refs(repo) == [old_open, new_done]


def test_the_trace_of_an_attempt_that_is_kept_stays_with_its_texts(home: Home, settings: Settings, repo: Repo) -> None:
    needed = a_trace(home, 400, "needed")
    a_trace(home, 400, "forgotten")
    with closing(a_run(home, repo, "20260101-000000-run-1", 0)):
        a_kept_attempt(home, repo, "US-2", needed, 400)
        carry_out(plan(home, settings, NOW_NS))
    with closing(TraceStore.open(home.traces_db)) as store:
        assert [(row.name, row.trimmed_ns) for row in store.traces()] == [("needed", 0)]


def test_where_the_prd_cannot_be_read_the_work_stays_and_it_is_said(home: Home, settings: Settings, repo: Repo) -> None:
    with closing(a_run(home, repo, "20260101-000000-run-1", 0)):
        a_kept_attempt(home, repo, "US-1", "a" * 32, 40)
        (repo.root / "prd.json").write_text("{")
        planned = plan(home, settings, NOW_NS)
    assert planned.piles == ()
    assert "1 kept attempts stay, since its stories cannot be read" in planned.stays[0]


def test_old_logs_outputs_and_lock_files_go_and_those_in_use_stay(home: Home, settings: Settings, repo: Repo) -> None:
    a_run(home, repo, "20250101-000000-run-old", 90).close()
    with closing(a_run(home, repo, "20250101-000001-run-long", 90)):  # still going
        for name in ("nightly-20250101T020000Z-7.out", "daemon.lock", "nightly-20260101T020000Z-8.out"):
            (home.folder("schedule") / name).write_text("x")
        age(home.root / "schedule" / "nightly-20250101T020000Z-7.out", 90)
        age(home.root / "schedule" / "daemon.lock", 90)
        age(home.root / "schedule" / "nightly-20260101T020000Z-8.out", 3)
        held = try_hold(home.folder("locks") / "held.lock")
        assert held
        (home.root / "locks" / "free.lock").touch()
        for name in ("held", "free"):
            age(home.root / "locks" / f"{name}.lock", 90)
        planned = plan(home, settings, NOW_NS)
        carry_out(planned)
        held.release()
    counted = {"logs and outputs of runs": 1, "outputs of scheduled runs": 1, "lock files that nobody holds": 1}
    assert kinds(planned) == counted
    left = {path.name for folder in ("runs", "schedule", "locks") for path in (home.root / folder).iterdir()}
    assert left == {"20250101-000001-run-long", "daemon.lock", "nightly-20260101T020000Z-8.out", "held.lock"}


def test_what_a_second_leg_of_a_scheduled_run_left_goes_too(home: Home, settings: Settings) -> None:
    for suffix in ("log", "exit", "lock"):
        path = home.folder("schedule") / f"nightly-20250101T020000Z-7-2.{suffix}"
        path.write_text("0")
        age(path, 90)
    carry_out(plan(home, settings, NOW_NS))
    assert list((home.root / "schedule").iterdir()) == []


def test_the_files_of_a_scheduled_run_that_goes_on_stay_however_long_it_has_said_nothing(
    home: Home, settings: Settings
) -> None:
    base = home.folder("schedule") / "nightly-20250101T020000Z-7"
    held = try_hold(base.with_suffix(".lock"))
    assert held
    base.with_suffix(".log").write_text("x")
    for suffix in (".lock", ".log"):
        age(base.with_suffix(suffix), 90)
    assert kinds(plan(home, settings, NOW_NS)) == {}
    held.release()
    age(base.with_suffix(".lock"), 90)
    assert kinds(plan(home, settings, NOW_NS)) == {"outputs of scheduled runs": 2}


def test_a_worktree_of_a_repository_that_is_gone_goes_when_it_is_old(home: Home, settings: Settings) -> None:
    for name, days in (("old", 60), ("new", 3)):
        work = home.folder("worktrees", name) / "ralph-1"
        work.mkdir()
        (work / ".git").write_text("gitdir: /nowhere/at/all/.git/worktrees/ralph-1\n")
        age(work.parent, days)
    planned = plan(home, settings, NOW_NS)
    assert kinds(planned) == {"worktrees of no repository": 1}
    carry_out(planned)
    assert [path.name for path in (home.root / "worktrees").iterdir()] == ["new"]


def test_it_is_done_once_a_day_and_by_one_at_a_time(home: Home, settings: Settings) -> None:
    a_trace(home, 200)
    held = try_hold(home.folder("locks") / "housekeeping.lock")
    assert held
    assert gc_if_due(home, settings, lambda: NOW_NS) is None
    held.release()
    first = gc_if_due(home, settings, lambda: NOW_NS)
    assert first
    assert [one.count for one in first.cleared] == [1]
    assert gc_if_due(home, settings, lambda: NOW_NS + EVERY_NS - 1) is None
    assert gc_if_due(home, settings, lambda: NOW_NS + EVERY_NS)


def test_a_clock_that_leapt_lets_nothing_go_before_a_day_has_passed_by_it(home: Home, settings: Settings) -> None:
    assert gc_if_due(home, settings, lambda: NOW_NS)
    a_trace(home, 2)
    in_a_year_ns = NOW_NS + 365 * EVERY_NS
    assert gc_if_due(home, settings, lambda: in_a_year_ns) is None
    assert names(home) != set()
    assert gc_if_due(home, settings, lambda: NOW_NS + EVERY_NS)  # the clock was put right
    assert names(home) != set()


def test_after_a_long_holiday_it_goes_on_a_day_later(home: Home, settings: Settings) -> None:
    assert gc_if_due(home, settings, lambda: NOW_NS)
    a_trace(home, 2)
    back_ns = NOW_NS + 365 * EVERY_NS
    assert gc_if_due(home, settings, lambda: back_ns) is None
    assert gc_if_due(home, settings, lambda: back_ns + EVERY_NS)
    assert names(home) == set()


def test_what_a_portion_leaves_the_next_one_does(home: Home, settings: Settings) -> None:
    for number in range(3):
        a_trace(home, 200 + number)
    impatient: Iterator[float] = iter(range(0, 10_000, 10))
    first = gc_if_due(home, settings, lambda: NOW_NS, monotonic=lambda: next(impatient))
    assert first
    assert not first.is_finished
    second = gc_if_due(home, settings, lambda: NOW_NS)
    assert second
    assert second.is_finished
    assert names(home) == set()


def test_it_waits_while_a_run_is_starting(home: Home, settings: Settings, repo: Repo) -> None:
    head = RunHead("20270115-080000-run-1", repo.id, str(repo.root), BRANCH, "prd.json", 1)
    with closing(EventLog(home, head, clock_ns=lambda: NOW_NS)):
        assert gc_if_due(home, settings, lambda: NOW_NS + 10**9) is None
        assert gc_if_due(home, settings, lambda: NOW_NS + 200 * 10**9)


def test_who_tends_the_stores_is_waited_for_and_then_named(home: Home) -> None:
    held = try_alone(home)
    assert held
    with (
        pytest.raises(TendedError, match=r"another `ralph gc` or `ralph import` is at work in .*; try again"),
        alone(home, patience_s=0),
    ):
        pass
    with alone(home, sleep=lambda _s: held.release()):
        assert try_alone(home) is None
    free = try_alone(home)
    assert free
    free.release()
