"""What `ralph say`, `pause`, `resume` and `skip` answer, word for word."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ralph import orders
from ralph.cli.steer import pause_command, resume_command, say_command, skip_command
from ralph.errors import RalphError
from ralph.history.story_status import read_status
from ralph.home import find_home
from ralph.steer.control import Attendance, Control
from ralph.workspace.repo import Repo


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    root.mkdir()
    stories = [
        {"id": f"US-00{n}", "title": f"Story {n}", "description": "", "acceptanceCriteria": ["x"], "passes": False}
        for n in (1, 2)
    ]
    (root / "prd.json").write_text(json.dumps({"project": "p", "branchName": "work", "userStories": stories}))
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


@pytest.fixture
def control(repo: Path) -> Control:
    return Control.open(find_home(), Repo.open(repo).id)


@pytest.fixture
def run(control: Control) -> Iterator[Attendance]:
    with control.attend("run-1", "work") as attendance:
        yield attendance


def said(answer: str) -> str:
    return answer.partition(" (to take it back")[0]


def test_what_is_said_without_a_run_is_for_the_next_one(repo: Path) -> None:
    answer = orders.say(repo, "use the helper")
    assert said(answer) == "no run is going in this repository; the next one gets it at its first turn"
    answer = orders.say(repo, "use the helper", "US-002")
    assert said(answer) == "US-002 gets it when it is worked on; no run is going in this repository now"


def test_what_is_said_to_a_run_says_which_story_gets_it(repo: Path, run: Attendance) -> None:
    assert said(orders.say(repo, "a")) == "the next story gets it at its first turn"
    with run.story("US-001"):
        assert said(orders.say(repo, "a")) == "US-001 gets it at its next turn"
        assert said(orders.say(repo, "a", "US-001")) == "US-001 gets it at its next turn"
        assert said(orders.say(repo, "a", "US-002")) == "US-002 gets it when it is worked on"
        with run.story("US-002"):
            assert said(orders.say(repo, "a")) == "US-001 or US-002 gets it, whichever has its next turn first"


def test_what_waits_is_listed_and_can_be_taken_back(repo: Path, control: Control) -> None:
    assert list(orders.pending_lines(repo)) == ["nothing waits to be delivered"]
    answer = orders.say(repo, "use\nthe \x1b[31mhelper", "US-002")
    (message,) = control.pending()
    assert answer.endswith(f"(to take it back: ralph say --withdraw {message.id})")
    assert list(orders.pending_lines(repo)) == [f"{message.id}  US-002      use the helper"]
    assert orders.withdraw(repo, message.id) == "taken back: use the helper"
    with pytest.raises(RalphError, match=r"no message .* waits: an agent has it already"):
        orders.withdraw(repo, message.id)


def test_a_story_that_is_not_there_cannot_be_spoken_to_or_skipped(repo: Path) -> None:
    words = 'prd.json has no story "US-9". Its stories are US-001, US-002.'
    with pytest.raises(RalphError, match=words):
        orders.say(repo, "hello", "US-9")
    with pytest.raises(RalphError, match=words):
        orders.skip(repo, "US-9")


def test_only_a_run_can_be_paused_and_only_a_paused_one_goes_on(repo: Path, control: Control) -> None:
    assert orders.pause(repo) == "no run is going in this repository, so there is nothing to pause"
    with control.attend("run-1", "work") as run, run.story("US-001") as heard:
        assert orders.resume(repo) == "no run is paused in this repository"
        assert orders.pause(repo).startswith("US-001 will wait before the next turn; nothing is spent meanwhile")
        assert heard.paused()
        assert orders.resume(repo) == "the run goes on"
        assert not heard.paused()


def test_a_skipped_story_is_parked_and_its_session_ends(repo: Path, run: Attendance) -> None:
    assert orders.skip(repo, "US-002").startswith("US-002 is left out from now on")
    with run.story("US-001") as heard:
        assert orders.skip(repo, "US-001").startswith("US-001 ends before its next turn, and its work is kept")
        assert heard.skipped()
    assert ["skipped by the user" in story.reason for story in read_status(repo, None).stories] == [True, True]


@pytest.mark.parametrize(
    "args",
    [
        pytest.param([], id="nothing"),
        pytest.param(["text", "--list"], id="text-and-list"),
        pytest.param(["--list", "--withdraw", "x"], id="list-and-withdraw"),
    ],
)
def test_say_wants_one_thing(repo: Path, args: list[str]) -> None:
    done = CliRunner().invoke(say_command, [*args, "--repo", str(repo)])
    assert done.exit_code == 2
    assert "give one of: a text" in done.output


def test_the_commands_print_what_happens_next(repo: Path) -> None:
    runner, where = CliRunner(), ["--repo", str(repo)]
    assert "gets it at its first turn" in runner.invoke(say_command, ["hello", *where]).output
    assert "hello" in runner.invoke(say_command, ["--list", *where]).output
    assert "nothing to pause" in runner.invoke(pause_command, where).output
    assert "no run is paused" in runner.invoke(resume_command, where).output
    assert "left out from now on" in runner.invoke(skip_command, ["US-001", *where]).output


def done_too(repo: Path) -> None:
    prd = repo / "prd.json"
    prd.write_text(prd.read_text().replace('"passes": false', '"passes": true', 1))


def test_what_is_said_for_a_done_story_is_refused_since_nobody_would_hear_it(repo: Path, control: Control) -> None:
    done_too(repo)
    with pytest.raises(RalphError, match=r"US-001 is done \(the PRD says so\), so no agent would hear this"):
        orders.say(repo, "use the helper", "US-001")
    assert control.pending() == []
    assert said(orders.say(repo, "use the helper", "us-002")).startswith("US-002 gets it")


def test_the_end_of_a_run_says_what_nobody_heard_who_will_and_how_it_is_taken_back(control: Control) -> None:
    with control.attend("run-1", "work"):
        assert orders.unheard_note(control) is None
        first = control.say("use the helper")
        assert orders.unheard_note(control) == (
            'no agent has heard: "use the helper" (the next run gets it at its first turn; '
            f"to take it back: ralph say --withdraw {first.id})"
        )
        control.say("and no tabs", "US-001")
        note = orders.unheard_note(control, ["US-001"])
        assert note is not None
        assert '"and no tabs" (US-001 is done, so none will; to take it back' in note
        assert "US-001 gets it when it is worked on" in str(orders.unheard_note(control))


def test_the_beginning_of_an_id_is_enough_and_one_that_fits_several_is_refused(repo: Path) -> None:
    with pytest.raises(
        RalphError, match=r'"us" fits several stories of prd.json: US-001, US-002. Type more of the id.'
    ):
        orders.skip(repo, "us")
    prd = repo / "prd.json"
    prd.write_text(prd.read_text().replace("US-002", "US-0012"))
    assert orders.skip(repo, "US-001").startswith("US-001 is left out")  # the whole id wins
    assert orders.skip(repo, "us-0012").startswith("US-0012 is left out")
