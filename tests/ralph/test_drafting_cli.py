"""`ralph prd new` and `ralph prd lint --judge` as a person or a script calls them; the model's answers are written beforehand."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ralph.cli import prd_talk
from ralph.cli.main import cli
from ralph.drafting.questions import Question

ROOT = Path(__file__).resolve().parents[2]
STORY = {
    "title": "Add `kitty csv`",
    "description": "As a traveller I want the list in a spreadsheet.",
    "acceptanceCriteria": ["`kitty csv` prints `who,amount` (tests/test_csv.py)"],
}
PROPOSAL = {"project": "Kitty", "branch": "ralph/csv", "description": "A list for spreadsheets.", "stories": [STORY]}
ASK = {"questions": [{"question": "Which separator?", "suggestions": ["comma", "semicolon"]}]}


class Folder:
    """A repository, and a folder in which the model's answers lie ready."""

    def __init__(self, folder: Path) -> None:
        self.repo, self.answers = folder / "kitty", folder / "answers"
        self.repo.mkdir()
        self.answers.mkdir()
        (self.repo / "README.md").write_text("# Kitty\n", encoding="utf-8")
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Start"]):
            subprocess.run(["git", *words], cwd=self.repo, check=True, capture_output=True)

    def ready(self, *turns: tuple[str, object]) -> None:
        for number, (name, given) in enumerate(turns, 1):
            text = json.dumps({"calls": [{"name": name, "input": given}]})
            (self.answers / f"{number:03d}-answer.json").write_text(text, encoding="utf-8")

    def words(self, *more: str) -> list[str]:
        place = ["--repo", str(self.repo), "--by-hand", str(self.answers)]
        return ["prd", "new", "export the list as CSV", *place, *more]

    def new(self, *more: str) -> Result:
        return CliRunner().invoke(cli, self.words(*more), standalone_mode=False)

    @property
    def prd(self) -> Path:
        return self.repo / "prd.json"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_without_a_terminal_the_draft_goes_to_standard_output_and_nothing_is_written(folder: Folder) -> None:
    folder.ready(("propose", PROPOSAL))
    done = folder.new()
    assert done.return_value == 1
    assert [one["id"] for one in json.loads(done.stdout)["userStories"]] == ["US-001"]
    assert "Nothing was written, since nobody could be asked. Save the above as prd.json, or give --yes" in done.stderr
    assert not folder.prd.exists()


def test_with_yes_the_prd_is_written_and_not_committed(folder: Folder) -> None:
    folder.ready(("propose", PROPOSAL))
    done = folder.new("--yes")
    assert done.return_value == 0
    assert json.loads(folder.prd.read_text())["branchName"] == "ralph/csv"
    assert "Wrote 1 story as prd.json. Ralph does not commit it: look at it, commit it, then: ralph run" in done.stdout
    status = subprocess.run(["git", "status", "-s"], cwd=folder.repo, check=True, capture_output=True, text=True)
    assert status.stdout == "?? prd.json\n"


def test_answers_on_the_command_line_reach_the_model(folder: Folder) -> None:
    folder.ready(("ask", ASK), ("propose", PROPOSAL))
    folder.new("--answer", "tab")
    assert "1. Which separator?\ntab" in (folder.answers / "002-request.md").read_text()


def test_json_is_one_object_with_the_draft_its_cost_and_whether_it_was_written(folder: Folder) -> None:
    folder.ready(("propose", PROPOSAL))
    done = folder.new("--json", "--out", str(folder.repo / "csv.json"), "--yes")
    told = json.loads(done.stdout)
    assert (told["written"], told["file"], told["findings"], done.return_value) == (True, "csv.json", [], 0)
    assert told["prd"] == json.loads((folder.repo / "csv.json").read_text())
    assert told["cost_usd"] > 0


def test_a_repo_that_has_a_prd_gets_the_stories_behind_its_own(folder: Folder) -> None:
    there = {
        "userStories": [{"id": "US-001", "title": "List", "acceptanceCriteria": ["x"], "priority": 1, "passes": True}]
    }
    folder.prd.write_text(json.dumps(there, indent=2))
    folder.ready(("propose", PROPOSAL))
    done = folder.new("--yes")
    assert "Added 1 story to prd.json." in done.stdout
    assert [one["id"] for one in json.loads(folder.prd.read_text())["userStories"]] == ["US-001", "US-002"]
    assert "- US-001 List (done)" in (folder.answers / "001-request.md").read_text()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        pytest.param(["--max-cost", "0"], "per_run_usd", id="limit"),
        pytest.param(["--out", "plan.md"], "a new PRD is written as JSON", id="kind"),
        pytest.param(["--no-questions", "--answer", "x"], "exclude each other", id="both"),
    ],
)
def test_what_cannot_work_is_refused_before_the_model_is_called(folder: Folder, more: list[str], words: str) -> None:
    done = folder.new(*more)
    assert words in str(done.exception)
    assert list(folder.answers.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        pytest.param("\n", "comma", id="enter"),
        pytest.param("2\n", "semicolon", id="number"),
        pytest.param("tab\n", "tab", id="own-words"),
        pytest.param("3\n", "3", id="no-such-number"),
        pytest.param("-\n", "", id="skipped"),
    ],
)
def test_a_question_is_answered_by_a_number_own_words_or_enter(typed: str, answer: str) -> None:
    with CliRunner().isolation(input=typed):
        assert prd_talk.ask(Question("Which\x1b[31m separator?", "it matters", ("comma", "semicolon")), 1, 2) == answer


def test_a_question_without_suggestions_may_be_left_to_the_model() -> None:
    with CliRunner().isolation(input="\n"):
        assert prd_talk.ask(Question("Which separator?"), 1, 1) == ""


CTRL_C = "\x03"


class Terminal:
    """A command on a terminal of its own, answered line by line as its prompts come."""

    def __init__(self, argv: Sequence[str], cwd: Path, **environ: str) -> None:
        self.shown = ""
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ralph", *argv],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def answer(self, prompt: str, keys: str) -> None:
        self._until(prompt, len(self.shown))
        self._type(keys)

    def end(self, again: str = "") -> int:
        """The exit code. `again` is typed whenever nothing happens: a signal may come just before the prompt is read."""
        self._until(None, 0, again)
        os.close(self._ours)
        return self._process.wait(10)

    def _type(self, keys: str) -> None:
        if keys == CTRL_C:
            self._process.send_signal(signal.SIGINT)
        else:
            os.write(self._ours, keys.encode())

    def _until(self, prompt: str | None, start: int, again: str = "") -> None:
        end_s = time.monotonic() + 60
        while prompt is None or prompt not in self.shown[start:]:
            assert time.monotonic() < end_s, self.shown
            if select.select([self._ours], [], [], 1)[0]:
                try:
                    data = os.read(self._ours, 65_536)
                except OSError:  # the other end is closed
                    data = b""
                if not data:
                    assert prompt is None, self.shown
                    return
                self.shown += data.decode(errors="replace")
            elif again:
                self._type(again)


def test_on_a_terminal_a_person_answers_edits_and_says_yes(folder: Folder) -> None:
    folder.ready(("ask", ASK), ("propose", PROPOSAL))
    terminal = Terminal(folder.words(), folder.repo, EDITOR="sed -i s/kitty\\ csv/kitty\\ table/")
    terminal.answer("Your answer (Enter takes 1, - leaves it to the model): ", "2\n")
    terminal.answer("Write prd.json? [y/N/e] (e: edit it first) ", "e\n")
    assert not folder.prd.exists()
    terminal.answer("Write prd.json? [y/N/e] (e: edit it first) ", "y\n")
    assert terminal.end() == 0
    assert "US-001  Add `kitty table`" in terminal.shown
    assert "semicolon" in (folder.answers / "002-request.md").read_text()
    assert json.loads(folder.prd.read_text())["userStories"][0]["title"] == "Add `kitty table`"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("keys", "code"), [pytest.param("\n", 1, id="no-is-the-default"), pytest.param(CTRL_C, 130, id="ctrl-c")]
)
def test_without_a_yes_nothing_is_written(folder: Folder, keys: str, code: int) -> None:
    folder.ready(("propose", PROPOSAL))
    terminal = Terminal(folder.words("--no-questions"), folder.repo)
    terminal.answer("Write prd.json?", keys)
    assert terminal.end(again=keys) == code
    assert "Nothing was written. What the model handed in is in the trace: ralph trace " in terminal.shown
    assert list(folder.repo.glob("*.json")) == []


def test_a_judge_gives_advice_beside_the_rules(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.repo)
    story = {"id": "US-001", "title": "List", "acceptanceCriteria": ["It works properly"]}
    folder.prd.write_text(json.dumps({"userStories": [story]}))
    found = {"story": "US-001", "kind": "vague", "what": "List what?", "remedy": "Name it."}
    folder.ready(("report", {"findings": [found]}))
    words = ["prd", "lint", "--judge", "--by-hand", str(folder.answers)]
    done = CliRunner().invoke(cli, words, standalone_mode=False)
    assert done.return_value == 1
    assert done.stdout.splitlines() == [
        'prd.json:1:18: US-001: "It works properly": "works properly" can be read in many ways. Say what can be seen or measured.',
        "prd.json:1:18: US-001: vague: List what? Name it. (the model's advice)",
        "prd.json: 2 findings",
    ]


def test_lint_as_json_has_place_story_what_and_remedy(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.repo)
    folder.prd.write_text('{"userStories": [\n  {"id": "US-001", "title": "List"}\n]}')
    done = CliRunner().invoke(cli, ["prd", "lint", "--json"], standalone_mode=False)
    assert json.loads(done.stdout) == [
        {
            "place": "prd.json:2:3",
            "story": "US-001",
            "what": "It has no acceptance criteria.",
            "remedy": "Say in one to five sentences what can be seen or tested when it is done.",
            "by": "rule",
        }
    ]
