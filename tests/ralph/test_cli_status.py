"""Why a story waits, letting it be tried again, and trusting a repo's settings, with a real repository and real stores."""

import json
import os
import re
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from prd.read import read_prd
from ralph.cli.main import cli
from ralph.errors import ExitCode, RalphError
from ralph.events import Event, EventKind
from ralph.history.event_log import EventLog, RunHead
from ralph.home import find_home
from ralph.settings.problems import SettingsError
from ralph.state import StoryStates
from ralph.steer.control import Control
from ralph.workspace.repo import Repo
from tracing.budget import NO_LIMIT_MICROS, Ledger, Limit


def ralph(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, standalone_mode=False)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    stories = [
        {"id": "US-001", "title": "Cart", "description": "", "acceptanceCriteria": [], "priority": 1, "passes": True},
        {"id": "US-002", "title": "Pay", "description": "", "acceptanceCriteria": [], "priority": 2, "passes": False},
        {"id": "US-003", "title": "Ship", "description": "", "acceptanceCriteria": [], "priority": 3, "passes": False},
    ]
    (folder / "prd.json").write_text(
        json.dumps({"project": "Shop", "branchName": "ralph/shop", "userStories": stories})
    )
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    monkeypatch.chdir(folder)
    return folder


def parked(repo: Path, story_id: str, *, counted: bool = True, trace_id: str = "ab" * 16) -> None:
    home = Path(os.environ["RALPH_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    prd, _ = read_prd(repo / "prd.json")
    story, repo_id = prd.story(story_id), Repo.open(repo).id
    with closing(StoryStates.open(home / "ledger.db")) as states:
        states.record_attempt(
            repo_id, story, outcome="done", reason="failed: pytest", trace_id=trace_id, counted=counted
        )
        states.park(repo_id, story, "3 attempts failed, the last one: failed: pytest")


def test_status_says_for_each_story_why_it_is_or_is_not_next(repo: Path) -> None:
    parked(repo, "US-002")
    result = ralph("status")
    assert result.return_value == ExitCode.STORIES_REMAIN
    first, *rest = result.output.splitlines()
    assert first == "prd.json: 1 of 3 stories done, on branch ralph/shop"
    text = "\n".join(rest)
    assert "3 attempts failed, the last one: failed: pytest" in text
    assert re.search(r"attempt 1 of 3: \S+ \S+, failed: pytest \(ralph trace abababab\)", text)
    assert "ralph unblock US-002" in text
    assert "the whole story: ralph explain US-002" in text
    assert "next" in rest[-1]


def test_status_counts_an_optional_story_apart(repo: Path) -> None:
    (repo / "prd.md").write_text("# P\n\n## Tasks\n\n- [x] One\n\n## Optional\n\n- [ ] Two\n")
    first = ralph("status", "prd.md").output.splitlines()[0]
    assert first.endswith(" done (1 optional left out), on branch ralph/p")


def test_status_cuts_no_id_in_a_pipe_and_only_very_long_ones_and_titles_on_a_terminal(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prd = json.loads((repo / "prd.json").read_text())
    long_id, title = "resolve-an-ambiguous-name-of-a-person", "Resolve an ambiguous name " * 4
    prd["userStories"][1] |= {"id": long_id, "title": title}
    prd["userStories"][2] |= {"id": "resolve-the-other-one"}
    (repo / "prd.json").write_text(json.dumps(prd))
    hint = "the beginning of an id is enough: ralph explain resolve-a"
    lines = ralph("status").output.splitlines()
    assert f"{long_id}  {title}".rstrip() in lines
    assert lines[-1] == hint
    monkeypatch.setattr("ralph.cli.status.on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    lines = ralph("status").output.splitlines()
    assert f"{long_id[:31]}…  {title[:45]}…" in lines
    assert any(line.startswith("resolve-the-other-one ") for line in lines)
    assert lines[-1] == hint


def test_status_as_json_names_the_verdicts(repo: Path) -> None:
    parked(repo, "US-002")
    status = json.loads(ralph("status", "--json").output)
    assert [story["verdict"] for story in status["stories"]] == ["done", "parked", "next"]
    assert status["stories"][1]["attempts"][0]["trace_id"] == "ab" * 16


def test_unblock_lets_a_parked_story_be_next_again(repo: Path) -> None:
    parked(repo, "US-002")
    assert ralph("unblock", "US-002").output.startswith("US-002 is not parked any more")
    assert json.loads(ralph("status", "--json").output)["stories"][1]["verdict"] == "next"
    assert "nothing to forget" in ralph("unblock", "US-002").output


def test_unblock_of_an_unknown_story_names_those_there_are(repo: Path) -> None:
    error = ralph("unblock", "US-9").exception
    assert isinstance(error, RalphError)
    assert str(error) == 'prd.json has no story "US-9". Its stories are US-001, US-002, US-003.'


def test_an_attempt_that_does_not_count_is_not_numbered(repo: Path) -> None:
    parked(repo, "US-002", counted=False)
    shown = ralph("status").output
    assert "counts as no attempt: " in shown
    assert "attempt 1" not in shown


def test_everything_is_unblocked_at_once(repo: Path) -> None:
    parked(repo, "US-002")
    parked(repo, "US-003", trace_id="cd" * 16)
    told = ralph("unblock", "--all").output.splitlines()
    assert [line.split()[0] for line in told] == ["US-002", "US-003"]
    assert ralph("unblock", "--all").output == "no story is parked or has failed attempts: nothing to forget\n"
    for wrong in (("unblock",), ("unblock", "--all", "US-002")):
        assert "name one story, or give --all" in str(ralph(*wrong).exception)


def test_status_says_that_a_run_is_going_at_what_and_then_how_it_ended(repo: Path) -> None:
    home, repo_id = find_home(), Repo.open(repo).id
    head = RunHead("20261121-160520-abcdef", repo_id, str(repo), "ralph/shop", "prd.json", 4711)
    control = Control.open(home, repo_id)
    with (
        closing(EventLog(home, head)),
        control.attend(head.run, head.branch) as attendance,
        attendance.story("US-003"),
    ):
        rest = f"at work on US-003: process {os.getpid()}, $0.0000 spent so far (ralph log -f)"
        shown = ralph("status").output.splitlines()
        assert shown[1] == f"a run is going, {rest}"
        assert "running" in shown[-1]
        control.pause()
        control.say("use the helper")
        shown = ralph("status").output.splitlines()
        assert shown[1] == f"a run is paused (ralph resume), {rest}"
        assert shown[2] == "1 message not heard by an agent yet (ralph say --list)"
        control.withdraw(control.pending()[0].id)
    with closing(Ledger.open(home.ledger_db)) as ledger:
        run = Limit(f"run:{head.run}", NO_LIMIT_MICROS)
        ledger.settle(ledger.reserve(900_000, [run], model="m"), 30_000)
        ledger.reserve(1_310_000, [run], model="m")
    with closing(EventLog(home, head)), control.attend(head.run, head.branch):
        words = "$0.0300 spent so far, + up to $1.31 for the call under way (ralph log -f)"
        assert words in ralph("status").output.splitlines()[1]
    reserved = "$0.0300 spent, + $1.31 reserved by a call whose end was never seen"
    killed = f"last run: an error or a kill ended it, {reserved} (ralph log --run 20261121-160520-abcdef)"
    assert ralph("status").output.splitlines()[1] == killed
    with closing(EventLog(home, head)) as log:
        log(Event(EventKind.RUN_ENDED, "stopped; `ralph status` says why: 1 of 3 stories done, $0.0000 of $5.00 spent"))
    ended = "last run: stopped: 1 of 3 stories done, $0.0000 of $5.00 spent (ralph log --run 20261121-160520-abcdef)"
    assert ralph("status").output.splitlines()[1] == ended
    assert json.loads(ralph("status", "--json").output)["last_run"]["is_going"] is False


def test_status_looks_at_the_branch_that_a_run_would_start_at_the_base_of_the_settings(repo: Path) -> None:
    subprocess.run(["git", "branch", "start"], cwd=repo, check=True)
    message = "feat: [US-002] - Pay\n\nRalph-Story: US-002\n"
    subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", message], cwd=repo, check=True)
    assert json.loads(ralph("status", "--json").output)["stories"][1]["verdict"] == "done"
    (repo / "ralph.toml").write_text('[run]\nbase = "start"\n')
    assert json.loads(ralph("status", "--json").output)["stories"][1]["verdict"] == "next"


def test_trust_shows_what_the_file_loosens_and_forget_takes_it_back(repo: Path) -> None:
    (repo / "ralph.toml").write_text('sandbox = "none"\n\n[limits]\nper_run_usd = 4000\n')
    shown = ralph("trust").output
    assert f"trusted as it is now: {repo / 'ralph.toml'}" in shown
    assert 'ralph.toml:1: sandbox = "none" (you allow "auto")' in shown
    assert "ralph.toml:4: limits.per_run_usd = 4000 (you allow 5" in shown
    assert "is not trusted any more" in ralph("trust", "--forget").output
    assert "nothing to forget" in ralph("trust", str(repo), "--forget").output


def test_a_file_that_loosens_nothing_is_trusted_and_a_wrong_one_is_not(repo: Path) -> None:
    (repo / "ralph.toml").write_text("[limits]\nper_run_usd = 1\n")
    assert "it loosens nothing now" in ralph("trust").output
    (repo / "ralph.toml").write_text("[limits]\nper_rum_usd = 1\n")
    assert isinstance(ralph("trust").exception, SettingsError)
    (repo / "ralph.toml").unlink()
    assert "there is nothing to trust" in str(ralph("trust").exception)


def test_status_shows_the_last_run_over_this_prd_and_none_over_another(repo: Path) -> None:
    head = RunHead("20261121-160520-abcdef", Repo.open(repo).id, str(repo), "ralph/shop", "scripts/prd.json", 4711)
    with closing(EventLog(find_home(), head)) as log:
        log(Event(EventKind.RUN_ENDED, "stopped"))
    assert "last run" not in ralph("status").output
    with Control.open(find_home(), head.repo_id).attend(head.run, head.branch):
        assert "a run is going" not in ralph("status").output
    (repo / "scripts").mkdir()
    (repo / "scripts/prd.json").write_bytes((repo / "prd.json").read_bytes())
    assert "last run: stopped" in ralph("status", "scripts/prd.json").output
