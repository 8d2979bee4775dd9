"""Schedules at the command line: options checked at once, what is due and how the last run ended."""

import fcntl
import json
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ralph.cli.main import cli
from ralph.errors import ExitCode, RalphError
from ralph.events import Event, EventKind
from ralph.history.event_log import EventLog, RunHead
from ralph.home import find_home
from ralph.schedule.store import Schedules
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


def shown(name: str = "nightly") -> str:
    return ralph("schedule", "show", name).output


def test_times_are_those_of_the_schedules_own_clock_and_name_its_zone_where_it_is_another(repo: Path) -> None:
    assert "02:00 (Europe/Berlin), until 07:00\n" in ralph(*NIGHTLY, "--until", "07:00").output
    assert 'when    "0 2 * * *" (Europe/Berlin), until 07:00\n' in shown()
    assert " 02:00 (Europe/Berlin)\n" in shown()


def test_an_edit_changes_only_what_is_given(repo: Path) -> None:
    ralph(*NIGHTLY, "--until", "07:00", "--missed", "skip", "--max-cost", "5")
    for change, expected in (
        (("--cron", "30 3 * * *"), {"cron": "30 3 * * *", "until": "07:00", "missed": "skip"}),
        (("--until", "06:30"), {"cron": "30 3 * * *", "until": "06:30", "run_args": ["--max-cost", "5"]}),
        (("--no-until", "--", "--max-cost", "8"), {"until": None, "run_args": ["--max-cost", "8"]}),
        (("--missed", "default", "--no-run-options"), {"missed": None, "run_args": []}),
    ):
        assert "nightly is changed; next due" in ralph("schedule", "edit", "nightly", *change).output
        facts = json.loads(ralph("schedule", "show", "nightly", "--json").output)
        assert expected == {name: facts[name] for name in expected}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(("--until", "25:00"), 'until "25:00" is not a time of day', id="until"),
        pytest.param(("--cron", "0 25 * * *"), 'hour "25" is not valid', id="cron"),
        pytest.param(("--", "--max-cst", "5"), "`ralph run` would refuse this", id="option"),
        pytest.param(("--", "--until", "07:00"), "--until is the schedule's own here", id="until-of-the-run"),
        pytest.param(("--repo", "/"), "/: not in a git repository", id="repo"),
    ],
)
def test_an_edit_is_checked_as_a_new_schedule_is(repo: Path, change: tuple[str, ...], message: str) -> None:
    ralph(*NIGHTLY, "--until", "07:00")
    before = shown()
    assert message in str(ralph("schedule", "edit", "nightly", *change).exception)
    assert shown() == before


@pytest.mark.parametrize("command", ["add", "edit"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        pytest.param(("--cron", "a b c d e"), 'minute "a" is not valid', id="cron"),
        pytest.param(("--cron", ""), "has 0 fields", id="empty"),
        pytest.param(("--cron", "0 2 * * *", "--timezone", "Mars"), 'timezone "Mars" is not known', id="timezone"),
        pytest.param(("--cron", "0 2 * * *", "--until", "25:00"), "25:00", id="until"),
    ],
)
def test_a_wrong_value_is_told_before_what_is_wrong_elsewhere(
    tmp_path: Path, command: str, wrong: tuple[str, ...], message: str
) -> None:
    error = ralph("schedule", command, "nowhere", "--repo", str(tmp_path), "--missed", "skip", *wrong).exception
    assert message in str(error)


def test_what_contradicts_itself_is_refused(repo: Path) -> None:
    result = ralph("schedule", "edit", "nightly", "--until", "07:00", "--no-until")
    assert (result.exit_code, "contradict each other" in result.output) == (ExitCode.USAGE, True)


def test_an_edit_of_nothing_says_what_could_be_edited(repo: Path) -> None:
    ralph(*NIGHTLY)

    result = ralph("schedule", "edit", "nightly")

    assert result.exit_code == 2
    assert "Say what to change, for example: ralph schedule edit nightly --until 06:30" in result.output


def test_a_daemon_does_not_begin_with_settings_that_no_night_could_begin_with(repo: Path) -> None:
    find_home().config.write_text('[report]\nat = "25:00"\n', encoding="utf-8")

    with pytest.raises(RalphError, match=r'report\.at cannot be "25:00"'):
        CliRunner().invoke(cli, ["daemon"], standalone_mode=False, catch_exceptions=False)


def test_a_paused_schedule_says_so_everywhere_until_it_is_resumed(repo: Path) -> None:
    ralph(*NIGHTLY)
    assert "it begins again after: ralph schedule resume nightly" in ralph("schedule", "pause", "nightly").output
    for screen in (shown(), ralph("schedule", "list").output):
        assert "nothing: paused, until `ralph schedule resume nightly`" in screen
    assert ralph("schedule", "edit", "nightly", "--until", "07:00").output.startswith(
        "nightly is changed, and stays paused"
    )
    assert ralph("schedule", "resume", "nightly").output.startswith("nightly is resumed; next due ")
    assert ralph("schedule", "resume", "nightly").output.startswith("nightly was not paused; next due ")


def test_one_budget_for_a_day_is_named_or_what_could_be_spent_without_it(repo: Path, tmp_path: Path) -> None:
    assert "1 schedule could spend up to $2.0000 a night" in ralph(*NIGHTLY, "--max-cost", "2").output
    second = ralph("schedule", "add", "weekly", "--cron", "0 3 * * sat", "--max-cost", "3").output
    assert "2 schedules could spend up to $5.0000 a night" in second
    assert "per_day_usd = 5.00" in second
    (find_home().root / "config.toml").write_text("[limits]\nper_day_usd = 4.00\n")
    limited = ralph("schedule", "edit", "weekly", "--until", "07:00").output
    assert "all runs of a day (UTC) may spend $4.0000 together" in limited


def test_where_nothing_carries_them_out_it_is_said(repo: Path) -> None:
    for output in (ralph(*NIGHTLY).output, ralph("schedule", "list").output, shown()):
        assert "nothing carries schedules out now. From boot on: ralph schedule install" in output


def test_a_timer_of_ones_own_carries_out_what_is_due_once(repo: Path) -> None:
    ralph(*NIGHTLY)
    assert once() == (0, "nothing is due\n")
    assert once("nightly") == (0, "nothing of nightly is due\n")
    with closing(Schedules(find_home())) as schedules:
        schedules.enqueue("nightly")
    code, output = once("nightly")
    assert (code, "nightly: ended, exit code 2" in output) == (ExitCode.USAGE, True)
    assert once() == (0, "nothing is due\n")
    assert 'there is no schedule "x"' in str(ralph("schedule", "once", "x").exception)


def test_a_timer_leaves_to_a_daemon_what_is_the_daemons(repo: Path) -> None:
    ralph(*NIGHTLY)
    with (find_home().folder("schedule") / "daemon.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert once()[0] == 0
        assert "nothing to do: a daemon" in once()[1]
        assert "nothing carries" not in ralph("schedule", "list").output
        assert CliRunner().invoke(cli, ["daemon", "--unless-running"], standalone_mode=False).return_value == 0


def once(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["schedule", "once", *arguments], standalone_mode=False)
    assert isinstance(result.return_value, int), result.exception
    return result.return_value, result.output


def test_a_night_is_shown_with_its_cost_its_log_and_what_it_said(repo: Path) -> None:
    ralph(*NIGHTLY)
    CliRunner().invoke(cli, ["schedule", "run-now", "nightly"], standalone_mode=False)
    [night] = json.loads(ralph("schedule", "show", "nightly", "--json").output)["nights"]
    [log] = night["logs"]
    assert Path(log).exists()
    head = RunHead("20261122", "id", str(repo), "b", "prd.json", 1, due=f"nightly/{night['id']}")
    events = EventLog(find_home(), head)
    events(Event(EventKind.RUN_ENDED, "over", {"spent_usd": 1.25}))
    events.close()
    assert "$1.2500, exit code 2 (could not start, see the log)" in shown()
    assert f"log  {log}" in shown()
    assert f"said {repo}" in shown()


@pytest.mark.parametrize("command", [("schedule", "run-now", "nightly"), ("schedule", "once"), ("daemon",)])
def test_nothing_is_begun_with_keys_that_others_can_read(repo: Path, command: tuple[str, ...]) -> None:
    ralph(*NIGHTLY)
    (find_home().root / "env").touch()
    (find_home().root / "env").chmod(0o644)
    assert "may read it (mode 0644): chmod 600" in str(ralph(*command).exception)
    assert "nothing was due yet" in shown()
