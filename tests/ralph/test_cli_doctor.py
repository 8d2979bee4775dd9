"""Every probe of `ralph doctor` on real repositories, machines without a program, and settings that cannot be used."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from prd.errors import PrdError
from ralph.cli.doctor import lines
from ralph.cli.explain import _row as explain_row
from ralph.cli.main import cli
from ralph.doctor import PROBES, Finding, Status, examine
from ralph.doctor.confinement import table
from ralph.doctor.finding import refused
from ralph.doctor.work import programs
from ralph.errors import ExitCode
from ralph.home import find_home
from ralph.sandbox.choose import Choice, Tried
from ralph.sandbox.landlock import Landlock
from ralph.sandbox.probes import ProbeResult
from ralph.workspace.repo import Repo

STORY = {"id": "US-001", "title": "Cart", "description": "", "acceptanceCriteria": [], "priority": 1, "passes": False}
SETTINGS = 'sandbox = "auto"\n[[checks]]\nname = "tests"\ncommand = "bash -c true"\n'


def ralph(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(cli, ["doctor", *arguments], standalone_mode=False)


def git(repo: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=repo, check=True, capture_output=True)


def found(repo: Path, area: str, **environ: str) -> list[Finding]:
    return [finding for finding in examine(repo, environ={**os.environ, **environ}) if finding.area == area]


def one(repo: Path, area: str, **environ: str) -> tuple[Status, str, str]:
    [finding] = found(repo, area, **environ)
    return finding.status, finding.what, finding.remedy


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "prd.json").write_text(
        json.dumps({"project": "Shop", "branchName": "ralph/shop", "userStories": [STORY]})
    )
    (folder / "ralph.toml").write_text(SETTINGS)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "start")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-do-not-show-me")
    monkeypatch.chdir(folder)
    return folder


def test_a_repo_with_everything_is_ready_and_no_key_is_shown(repo: Path) -> None:
    before = sorted(repo.rglob("*"))
    result = ralph()
    assert result.return_value == ExitCode.ALL_DONE, result.output
    assert "key        ANTHROPIC_API_KEY is set" in result.output
    assert "ready: ralph run --dry-run shows what would happen" in result.output
    assert "sk-ant" not in result.output
    assert sorted(repo.rglob("*")) == before


def test_as_json_every_finding_has_a_status_and_what_fails_a_remedy(repo: Path) -> None:
    (repo / "prd.json").write_text("{")
    result = ralph("--json")
    findings = json.loads(result.stdout)
    assert result.return_value == ExitCode.USAGE
    assert [finding["area"] for finding in findings if finding["status"] == "fail"] == ["PRD"]
    assert all(finding["remedy"] for finding in findings if finding["status"] != "ok")


def test_without_a_key_the_run_would_be_refused(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    result = ralph()
    assert result.return_value == ExitCode.USAGE
    assert "fail  key        no key for the model: set ANTHROPIC_API_KEY" in result.output
    assert "-> To see Ralph work without one, run: ralph demo" in result.output
    assert "1 problem to mend before a run" in result.output


def test_a_server_of_ones_own_is_named_and_needs_no_key(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://localhost:11434")
    assert "ANTHROPIC_BASE_URL is set" in ralph().output
    monkeypatch.delenv("ANTHROPIC_BASE_URL")
    find_home().config.write_text('base_url = "http://localhost:4000"\n')
    assert "none, which is for the server to mind; calls go to http://localhost:4000" in ralph().output


def test_missing_programs_of_the_machine_are_named(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    nothing = {"PATH": str(tmp_path / "empty")}
    assert one(repo, "git", **nothing)[:2] == (Status.FAIL, "git is not installed")
    assert one(repo, "bash", **nothing)[0] is Status.FAIL
    assert one(repo, "ripgrep", **nothing)[0] is Status.OK
    status, what, _ = one(repo, "sandbox", **nothing)
    assert (status, "without a sandbox" in what) == (Status.WARN, True)


@pytest.mark.parametrize(
    ("version", "status"), [("2.20.1", Status.FAIL), ("2.34.0", Status.WARN), ("2.50.1.windows.1", Status.OK)]
)
def test_an_old_git_is_found_out(repo: Path, tmp_path: Path, version: str, status: Status) -> None:
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho git version {version}\n")
    program.chmod(0o755)
    assert one(repo, "git", PATH=f"{program.parent}:{os.environ['PATH']}")[0] is status


def test_a_folder_that_is_no_repository_fails_once(tmp_path: Path) -> None:
    areas = {finding.area for finding in examine(tmp_path) if finding.status is Status.FAIL}
    assert areas == {"repo", "key"}


def test_a_bare_repository_and_one_without_an_author_are_refused(repo: Path, tmp_path: Path) -> None:
    git(repo, "clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    status, what, remedy = one(tmp_path / "bare", "repo")
    assert (status, "a bare repository" in what, "git clone" in remedy) == (Status.FAIL, True, True)
    (tmp_path / "gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    assert "git does not know who you are" in one(repo, "identity")[1]


def test_trees_that_git_would_do_half_are_found_before_a_run(repo: Path) -> None:
    assert found(repo, "tree") == []
    (repo / ".gitattributes").write_text("*.bin filter=lfs\n")
    for name in ("a.bin", "b.bin"):
        (repo / name).write_text("x")
    git(repo, "-c", "filter.lfs.clean=cat", "add", "-A")
    git(repo, "config", "core.sparseCheckout", "true")
    sparse, lfs = found(repo, "tree")
    assert sparse.what.startswith("a sparse checkout")
    assert lfs.what == "a.bin (and 1 more) goes through Git LFS, which Ralph does not run"
    assert "git lfs migrate export" in lfs.remedy


def test_prompts_of_another_loop_are_named_as_not_used(repo: Path) -> None:
    assert "not used" not in ralph().output
    (repo / "PROMPT.md").write_text("Pick a story and commit it.")
    (repo / "scripts/ralph").mkdir(parents=True)
    (repo / "scripts/ralph/prompt.md").write_text("Set passes to true.")
    result = ralph()
    assert "prompts    not used: PROMPT.md, scripts/ralph/prompt.md, the prompts of another loop" in result.output
    assert result.return_value == ExitCode.ALL_DONE


def test_changes_that_the_agent_will_not_see_are_counted(repo: Path) -> None:
    assert found(repo, "changes") == []
    (repo / "ralph.toml").write_text(SETTINGS + "\n")
    status, what, _ = one(repo, "changes")
    assert (status, what.startswith("1 changed file is not committed")) == (Status.OK, True)


def test_settings_that_cannot_be_used_are_shown_with_their_line(repo: Path) -> None:
    (repo / "ralph.toml").write_text("[limits]\nper_rum_usd = 1\n")
    assert "ralph.toml:2" in one(repo, "settings")[1]
    assert found(repo, "checks") == []


def test_several_problems_of_the_settings_are_listed_before_the_remedy_and_what_was_not_looked_at_is_named(
    repo: Path,
) -> None:
    (repo / "ralph.toml").write_text('sandbox = "none"\n[limits]\nper_run_usd = 50\n')
    _, what, remedy = one(repo, "settings")
    assert ("ralph.toml:1" in what, "ralph.toml:3" in what, "ralph.toml" in remedy) == (True, True, False)
    last = ralph().output.splitlines()[-1]
    told = last.replace(", 1 warning", "")  # where no sandbox but Landlock is to be had
    assert told == "1 problem to mend before a run; not looked at before they are: prices, key, checks"


def test_a_model_without_a_price_is_refused(repo: Path) -> None:
    (repo / "ralph.toml").write_text(SETTINGS + '[agent]\nmodel = "made-up-model-9"\n')
    status, what, _ = one(repo, "prices")
    assert (status, "made-up-model-9" in what) == (Status.FAIL, True)


def test_a_check_whose_program_is_missing_is_a_warning(repo: Path) -> None:
    (repo / "ralph.toml").write_text('[[checks]]\nname = "types"\ncommand = "A=1 no-such-tool . && ./not-there.sh"\n')
    there, first, second = found(repo, "checks")
    assert (there.status, there.what) == (Status.OK, "types (ralph.toml)")
    assert [one.what for one in (first, second)] == [
        "types: no-such-tool is not on PATH",
        "types: ./not-there.sh is not on PATH",
    ]


def test_what_the_checks_need_beside_the_tree_is_looked_for(repo: Path) -> None:
    services = '[[services]]\nname = "db"\nup = "no-such-docker compose up"\n'
    find_home().config.write_text('copy = [".env"]\n' + services)
    program, file = found(repo, "needs")
    assert program.what == "db: no-such-docker is not on PATH"
    assert file.what == 'copy: nothing here matches ".env", so the worktrees go without it'
    assert {program.status, file.status} == {Status.WARN}


def test_a_repo_without_checks_is_told_how_to_get_some(repo: Path) -> None:
    (repo / "ralph.toml").write_text("")
    status, _, remedy = one(repo, "checks")
    assert (status, "ralph init" in remedy) == (Status.FAIL, True)
    (repo / "ralph.toml").write_text("[run]\nallow_unchecked = true\n")
    assert found(repo, "settings")[0].status is Status.FAIL  # a repo may not loosen this by itself


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("python -m pytest -q", ["python"], id="plain"),
        pytest.param("cd web && CI=1 npm test | tee out", ["npm", "tee"], id="chained"),
        pytest.param("! grep -rn broken src > /dev/null", ["grep"], id="negated"),
        pytest.param("if make check; then echo yes; else exit 1; fi", ["make"], id="keywords"),
        pytest.param("$TOOL run\nnpx tsc", ["npx"], id="lines-and-variables"),
        pytest.param("echo 'open", [], id="open-quote"),
    ],
)
def test_the_programs_of_a_command_are_told_without_running_it(command: str, expected: list[str]) -> None:
    assert list(programs(command)) == expected


def test_a_worktree_whose_run_is_dead_is_reported_and_a_living_one_is_not(repo: Path) -> None:
    folder = find_home().folder("worktrees", Repo.open(repo).id[:16])
    (folder / "ralph-0123").mkdir()
    assert "a killed run left 1 worktree" in one(repo, "leftovers")[1]
    with (folder / "ralph-0123.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert found(repo, "leftovers") == []


def test_schedules_that_nobody_carries_out_are_a_warning(repo: Path) -> None:
    assert found(repo, "schedules") == []
    CliRunner().invoke(cli, ["schedule", "add", "nightly", "--cron", "0 2 * * *"])
    assert one(repo, "schedules") == (
        Status.WARN,
        "nightly, but nobody carries them out",
        "from boot on: ralph schedule install; in this terminal: ralph daemon",
    )


def test_every_finding_has_a_place_on_the_screen() -> None:
    assert max(map(len, PROBES)) <= 10
    shown = list(lines(Finding("PRD", Status.FAIL, "prd.json:1:2: wrong\nprd.json:2:3: wrong too", "mend it")))
    assert shown == [
        "fail  PRD        prd.json:1:2: wrong",
        "                 prd.json:2:3: wrong too",
        "                 -> mend it",
    ]
    assert refused("PRD", PrdError("no remedy here")).remedy


def test_what_doctor_and_explain_wrap_fits_a_terminal_of_forty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    words = "a sentence of words that is longer than a line " * 3
    shown = [*lines(Finding("PRD", Status.FAIL, words, words)), *explain_row("now", words)]
    assert len(shown) > 10
    assert max(map(len, shown)) <= 40


def a_result(name: str, *, promised: bool = True, blocked: bool = True, detail: str = "") -> ProbeResult:
    return ProbeResult(name, promised, blocked, detail)


def test_the_table_of_the_sandbox_shows_problems_first_and_why_other_levels_are_not_used() -> None:
    results = (
        a_result("write-inside"),
        a_result("tcp"),
        a_result("udp", promised=False, blocked=False, detail="127.0.0.1 answered"),
        a_result("forks", blocked=False, detail="the limit did not hold, " + "and that is long to tell " * 3),
    )
    tried = (Tried("bwrap", "bubblewrap is not installed"), Tried("landlock", results=results))
    shown = table(Choice(Landlock(7, Path("/state"), ()), results, tried, None))
    assert [" ".join(line.split()[:5]) for line in shown] == [
        "promised, and tried just now:",
        "GOT THROUGH start processes without",
        "blocked reach the network by",
        "not promised, and tried just",
        "GOT THROUGH reach the network",
        "bubblewrap: is not installed",
        "Seatbelt: only on macOS" if sys.platform == "linux" else "Seatbelt: not needed",
    ]


def test_a_sandbox_that_is_required_and_missing_fails_and_shows_what_there_is(repo: Path, tmp_path: Path) -> None:
    (repo / "ralph.toml").write_text(SETTINGS.replace("auto", "bwrap"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "bash").symlink_to(shutil.which("bash") or "/bin/bash")
    status, what, remedy = one(repo, "sandbox", PATH=str(tmp_path / "bin"))
    assert (status, what) == (Status.FAIL, 'sandbox = "bwrap" was asked for, but bubblewrap is not installed')
    assert "--sandbox auto" in remedy


def test_a_rule_or_a_channel_that_is_misspelt_in_the_settings_is_named(repo: Path) -> None:
    find_home().config.write_text(
        '[alerts]\noff = ["limit_usd"]\n[report]\nto = ["mial"]\n[[channels]]\nname = "me"\nkind = "desktop"\n'
    )

    assert [(one.status, one.what) for one in found(repo, "alerts")][:2] == [
        (Status.WARN, 'alerts.off: there is no rule "limit_usd"'),
        (Status.WARN, 'report.to: there is no channel "mial"'),
    ]
