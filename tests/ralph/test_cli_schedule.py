"""Schedules at the command line: options checked at once, what is due and how the last run ended."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ralph.cli.main import cli
from ralph.errors import ExitCode, RalphError
from ralph.schedule.words import MEANING, meaning

NIGHTLY = ("schedule", "add", "nightly", "--cron", "0 2 * * *", "--timezone", "Europe/Berlin")


def ralph(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shop"
    (folder / "tasks").mkdir(parents=True)
    for place in ("prd.json", "tasks/prd.json"):
        (folder / place).write_text('[{"title": "A", "passes": false}]')
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    monkeypatch.chdir(folder)
    return folder


def test_a_schedule_is_added_listed_and_removed(repo: Path) -> None:
    assert ralph("schedule", "list").output.startswith("no schedules: add one with")
    assert "nightly is added; first due" in ralph(*NIGHTLY, "--max-cost", "5", "--story", "US-001").output
    shown = ralph("schedule", "list").output
    assert f'nightly  "0 2 * * *" (Europe/Berlin) in {repo}' in shown
    assert "runs   ralph run --max-cost 5 --story US-001" in shown
    assert "last   never ran" in shown
    assert ralph("schedule", "remove", "nightly").output.startswith("nightly is removed; ")
    assert json.loads(ralph("schedule", "list", "--json").output) == []


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--max-cost", "5", "tasks/prd.json"), id="as-they-are"),
        pytest.param(("--", "--max-cost", "5", "tasks/prd.json"), id="after-two-dashes"),
    ],
)
def test_run_options_are_kept_as_given(repo: Path, options: tuple[str, ...]) -> None:
    ralph(*NIGHTLY, *options)
    [row] = json.loads(ralph("schedule", "list", "--json").output)
    assert row["run_args"] == ["--max-cost", "5", "tasks/prd.json"]
    assert row["next_due"] is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param((*NIGHTLY, "--max-cst", "5"), "`ralph run` would refuse this: No such option", id="option"),
        pytest.param((*NIGHTLY, "--max-duration", "4x"), '--max-duration: run.max_duration cannot be "4x"', id="value"),
        pytest.param((*NIGHTLY, "--", "--help"), "--help is no option for a scheduled run", id="help"),
        pytest.param(("schedule", "add", "n", "--cron", "0 25 * * *"), 'hour "25" is not valid', id="cron"),
        pytest.param(("schedule", "remove", "x"), 'there is no schedule "x"', id="unknown"),
        pytest.param(("schedule", "run-now", "x"), 'there is no schedule "x"', id="run-unknown"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(repo: Path, arguments: tuple[str, ...], message: str) -> None:
    error = ralph(*arguments).exception
    assert isinstance(error, RalphError)
    assert error.exit_code == ExitCode.USAGE
    assert message in str(error)
    assert json.loads(ralph("schedule", "list", "--json").output) == []


def test_what_a_run_would_not_find_is_refused_at_once(repo: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "prd").mkdir(parents=True)
    for arguments, message in (
        (("--repo", str(outside)), f"{outside}: not in a git repository"),
        (("tasks/gone.json",), "tasks/gone.json: there is no such PRD"),
    ):
        assert message in str(ralph(*NIGHTLY, *arguments).exception)
    (repo / "tasks/prd.json").write_text('[{"titel": "A"}]')
    assert "tasks/prd.json:1" in str(ralph(*NIGHTLY, "tasks/prd.json").exception)
    (repo / "prd.json").unlink()
    (repo / "tasks/prd.json").unlink()
    assert "no PRD found" in str(ralph(*NIGHTLY).exception)
    assert json.loads(ralph("schedule", "list", "--json").output) == []
    assert ralph(*NIGHTLY, "--from-issues", "sam/shop").exit_code == 0


def test_a_prd_of_a_schedule_is_looked_for_where_the_run_will_start(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    assert ralph(*NIGHTLY, "--repo", str(repo), "tasks/prd.json").exit_code == 0


def test_an_option_before_the_name_is_explained(repo: Path) -> None:
    result = ralph("schedule", "add", "--max-cost", "5", "--cron", "0 2 * * *")
    assert (result.exit_code, "the schedule's name comes first" in result.output) == (ExitCode.USAGE, True)


def test_a_run_by_hand_says_where_its_output_goes_and_the_list_how_it_ended(repo: Path) -> None:
    ralph(*NIGHTLY)
    shown = CliRunner().invoke(cli, ["schedule", "run-now", "nightly"], standalone_mode=False)
    assert shown.return_value == ExitCode.USAGE  # the folder is no repository
    assert "its output: " in shown.output
    assert "ended, exit code 2 (could not start, see the log)" in shown.output
    assert "exit code 2 (could not start, see the log)" in ralph("schedule", "list").output


def test_every_exit_code_has_words() -> None:
    assert set(MEANING) == set(ExitCode)
    assert (meaning(None), meaning(9)) == ("given up", "exit code 9")
