"""`ralph demo` as a stranger sees it: real git, real tests, and a recorded model, once with and once without a sandbox."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ralph.cli.demo import lines
from ralph.demo.make import make_demo
from ralph.demo.play import MISFIT, RECORDING, Summary, play
from ralph.errors import RalphError
from ralph.events import Event
from ralph.replay.recording import Recording, load_recording
from tracing.finding import Verdict
from tracing.span import SpanKind
from tracing.store import TraceStore

BRANCH = "ralph/kitty-settle"


def git(repo: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(repo), *arguments], check=True, capture_output=True, text=True).stdout


def ralph(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        [sys.executable, "-m", "ralph", *arguments],
        env={**os.environ, "PATH": path, **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def summary(folder: Path) -> Summary:
    """One run for all tests of this module, without a sandbox and with its state in its own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RALPH_HOME", raising=False)
        events: list[Event] = []
        return play(folder, events.append, sandbox="none")


def test_the_demo_ends_as_it_was_recorded(summary: Summary) -> None:
    assert summary.as_recorded, summary.reason
    assert summary.exit_code == 0
    assert [(attempt.story, attempt.status, attempt.repairs) for attempt in summary.attempts] == [
        ("US-001", "success", 0),
        ("US-002", "success", 1),
        ("US-003", "success", 0),
        ("US-004", "blocked", 0),
        ("US-005", "error", 0),
        ("US-005", "blocked", 0),
    ]
    assert "rate service" in summary.attempts[3].reason
    assert 0.5 < summary.cache_hit_ratio < 1
    assert 0 < summary.cost_usd < 1


def test_each_passed_story_is_a_commit_that_says_it_was_a_recording(summary: Summary) -> None:
    told = git(
        summary.repo, "log", "--format=%s|%(trailers:key=Ralph-Story,valueonly)%(trailers:key=Ralph-Model)", BRANCH
    )
    assert [line for line in told.splitlines() if line] == [
        "feat: [US-003] - Write the payments to a CSV file|US-003",
        "Ralph-Model: recording",
        "feat: [US-002] - Share an expense by weights|US-002",
        "Ralph-Model: recording",
        "feat: [US-001] - Say who pays whom|US-001",
        "Ralph-Model: recording",
        "Start kitty|",
    ]
    assert len(summary.commits) == 4


def test_flags_and_progress_are_on_the_branch_and_the_checkout_is_untouched(summary: Summary) -> None:
    prd = json.loads(git(summary.repo, "show", f"{BRANCH}:prd.json"))
    assert [story["passes"] for story in prd["userStories"]] == [True, True, True, False, False]
    progress = git(summary.repo, "show", f"{BRANCH}:progress.txt")
    assert re.findall(r"- (US-\d+)$", progress, re.MULTILINE) == ["US-001", "US-002", "US-003"]
    assert git(summary.repo, "status", "--porcelain") == ""
    assert git(summary.repo, "branch", "--show-current").strip() == "main"


def test_the_trace_of_the_repaired_story_shows_the_failing_check_and_the_one_that_passed(summary: Summary) -> None:
    assert summary.home
    with closing(TraceStore.open(summary.home / "traces.db")) as store:
        detail = store.trace(summary.attempts[1].trace_id)
        calls = [span for span in detail.spans if span.kind is SpanKind.LLM]
        assert len(calls) == 7
        assert detail.trace.status.value == "success"
        assert any("test_a_refund_undoes_its_expense" in json.dumps(span.messages()) for span in calls)


def test_what_a_story_learned_reaches_the_next_one(summary: Summary) -> None:
    progress = git(summary.repo, "show", f"{BRANCH}:progress.txt")
    assert progress.index("- tests/test_rules.py holds every `split_*` function") < progress.index("- US-001")
    assert summary.home
    with closing(TraceStore.open(summary.home / "traces.db")) as store:
        calls = [span for span in store.trace(summary.attempts[2].trace_id).spans if span.kind is SpanKind.LLM]
        first = json.dumps(calls[0].messages())
    assert "another output can use the same list" in first
    assert "run the whole suite after a change there" in first
    assert "US-001 - Say who pays whom (done)" in first


def test_the_blocked_story_is_parked_with_its_reason(summary: Summary) -> None:
    told = ralph("status", "--repo", str(summary.repo), RALPH_HOME=str(summary.home))
    assert told.returncode == 1
    assert "treasurer's rate service" in told.stdout


def test_a_silent_retry_loop_is_told_and_stopped_and_the_next_attempt_knows_of_it(summary: Summary) -> None:
    circles, honest = summary.attempts[4:]
    assert circles.stopped == "The same bash call brought the same result 6 times"
    assert summary.home
    with closing(TraceStore.open(summary.home / "traces.db")) as store:
        spans = store.trace(circles.trace_id).spans
        looked = [span for span in spans if span.kind is SpanKind.TOOL and "kitty balances" in span.gist]
        (found,) = store.findings(circles.trace_id)
        asked = [span for span in store.trace(honest.trace_id).spans if span.kind is SpanKind.LLM]
        opening = json.dumps(asked[0].messages())
    assert (found.detector, found.verdict) == ("retry_loop", Verdict.STOP)
    assert set(found.span_ids) == {span.span_id for span in looked}
    assert {span.status.value for span in looked} == {"ok"}  # nothing failed: that is what makes it silent
    assert "brought the same result 6 times" in opening
    assert "exports/2025.csv, which is not in the repository" in honest.reason


def test_a_second_run_changes_nothing(summary: Summary) -> None:
    before = git(summary.repo, "for-each-ref")
    told = ralph("run", "--recording", str(RECORDING), "--repo", str(summary.repo), RALPH_HOME=str(summary.home))
    assert told.returncode == 1, told.stderr
    assert "3 of 5 stories done, $0.0000" in told.stdout
    assert git(summary.repo, "for-each-ref") == before


def assert_told(shown: str, folder: Path) -> None:
    assert "US-002  passed   Share an expense by weights, after 1 repair" in shown
    assert "US-004  blocked  Show balances in another currency at today's rate: The story needs" in shown
    assert "US-005  stopped  Begin with what last year left open: the same bash call brought the same result 6" in shown
    assert "US-005  blocked  Begin with what last year left open: The story's test needs exports/2025.csv" in shown
    assert re.search(r"Where to look next\n  RALPH_HOME=.* ui   # see why US-005 went in circles\n", shown)
    assert " report   # what you would read in the morning\n" in shown
    assert "(simulated: nothing was spent)" in shown
    assert "The model was a recording" in shown
    assert f"RALPH_HOME={shlex.quote(f'{folder}/ralph-home')} " in shown
    assert f"status --repo {shlex.quote(f'{folder}/kitty')}" in shown


def test_the_end_tells_what_happened_and_that_the_model_was_a_recording(summary: Summary, folder: Path) -> None:
    assert_told("\n".join(lines(summary)), folder)


@pytest.mark.slow  # the whole demo once more: as a process, and in the sandbox of this machine
def test_the_command_tells_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RALPH_HOME")
    told = ralph("demo", "--folder", str(tmp_path / "a demo"))
    assert told.returncode == 0, told.stdout + told.stderr
    assert_told(told.stdout[told.stdout.index("\nStories\n") :], tmp_path / "a demo")
    assert "no story that is left can be worked on now; the lines below say why" in told.stdout


def test_drift_is_told_and_fails_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = load_recording(RECORDING).steps
    drifted = steps[1].model_copy(update={"tool_results": ("another file",), "tool_results_digest": "0"})
    Recording(steps=(steps[0], drifted)).save(tmp_path / "recording.json")
    monkeypatch.setattr("ralph.demo.play.RECORDING", tmp_path / "recording.json")
    told: list[str] = []
    ended = play(tmp_path / "demo", lambda event: told.append(event.text), sandbox="none")
    assert (ended.exit_code, ended.as_recorded, ended.reason.rstrip(".")) == (4, False, MISFIT)
    assert told[-2:] == [
        f"US-001 did not pass: {MISFIT}.",
        f"{MISFIT}: 0 of 5 stories done, $0.0144 (simulated) of $5.00 spent",
    ]
    shown = "\n".join([*told, *lines(ended)])
    assert shown.count("step 2 of US-001 expected the tool result 'another file'") == 1
    assert f"The{MISFIT[3:]}: please report it, with this line:" in shown
    assert "--by-hand" not in shown


def test_the_same_repository_is_made_each_time_and_never_over_something_else(tmp_path: Path) -> None:
    one, two = make_demo(tmp_path / "one"), make_demo(tmp_path / "two")
    assert git(one, "rev-parse", "HEAD") == git(two, "rev-parse", "HEAD")
    assert git(one, "status", "--porcelain", "--ignored") == ""
    with pytest.raises(RalphError, match=r"something there already\. Name a new folder: ralph demo --folder PATH"):
        make_demo(one)


def test_without_pytest_the_demo_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(Path(shutil.which("git") or "").parent / "none"))
    with pytest.raises(RalphError, match="-m pip install pytest"):
        play(tmp_path / "demo", lambda _: None)
    assert not (tmp_path / "demo").exists()
