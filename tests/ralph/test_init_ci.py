"""`ralph init --ci`: a workflow that GitHub can read, whose shell lines do what they say when bash runs them."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from ralph.cli.main import cli
from ralph.errors import RalphError
from ralph.init.ci import PLACE, workflow

RALPH = """#!/bin/sh
case "$1" in
status) echo '{"branch": "ralph/shop"}'; exit 1 ;;
run)
  env > "$LOGS/run.env"
  git -c user.name=R -c user.email=r@x commit-tree -p "$(git rev-parse -q --verify refs/heads/ralph/shop || git rev-parse HEAD)" \
    -m "feat: one story" "$(git rev-parse 'HEAD^{tree}')" | xargs git update-ref refs/heads/ralph/shop
  echo '{"event": "run_ended"}'; exit "$ENDS" ;;
*) printf '%s\\n' "$*" >> "$LOGS/other" ;;
esac
"""


def ralph(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["init", "--ci", *arguments], standalone_mode=False)


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of an origin, as a runner has it."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    git(tmp_path, "init", "-q", "-b", "main", "--bare", str(origin))
    git(tmp_path, "clone", "-q", str(origin), str(clone))
    git(clone, "checkout", "-q", "-b", "main")
    git(clone, "-c", "user.name=R", "-c", "user.email=r@x", "commit", "-q", "--allow-empty", "-m", "start")
    git(clone, "push", "-q", "origin", "main")
    monkeypatch.chdir(clone)
    return clone


def steps() -> dict[str, dict[str, Any]]:
    found = yaml.safe_load(workflow())["jobs"]["night"]["steps"]
    return {step.get("name", step.get("uses")): step for step in found}


class Runner:
    """Runs steps as GitHub does: `bash -eo pipefail`, outputs by file, programs of our own first on PATH."""

    def __init__(self, repo: Path, ends: int) -> None:
        self.repo, self.folder = repo, repo.parent / "runner"
        programs = self.folder / "bin"
        programs.mkdir(parents=True, exist_ok=True)
        python = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'  # `setup-python` brings it
        for name, text in (("ralph", RALPH), ("gh", "#!/bin/sh\n"), ("python", python)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        self.environ = os.environ | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "LOGS": str(self.folder),
            "ENDS": str(ends),
            "MAX_COST": "5.00",
        }

    def step(self, name: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", steps()[name]["run"]],
            cwd=self.repo,
            env=self.environ | environ,
            capture_output=True,
            text=True,
            check=False,
        )


def test_github_can_read_it_and_it_asks_for_no_more_than_it_needs() -> None:
    found = yaml.safe_load(workflow())
    assert found[True] == {"schedule": [{"cron": "17 2 * * *"}], "workflow_dispatch": None}  # YAML 1.1 reads `on` so
    assert found["permissions"] == {"contents": "write", "pull-requests": "write"}
    assert found["concurrency"] == {"group": "ralph", "cancel-in-progress": False}
    assert steps()["actions/checkout@v6"]["with"] == {"fetch-depth": 0, "persist-credentials": False}


def test_every_action_is_pinned_by_its_major_version() -> None:
    used = [step["uses"] for step in steps().values() if "uses" in step]
    assert len(used) == 5
    assert all(re.fullmatch(r"actions/[a-z/-]+@v\d+", name) for name in used)


def test_no_expression_is_put_into_a_shell_and_the_key_is_in_one_step_alone() -> None:
    assert not [step for step in steps().values() if "${{" in step.get("run", "")]
    assert [name for name, step in steps().items() if "ANTHROPIC_API_KEY" in str(step)] == ["Work on the stories"]


def test_the_state_is_brought_back_and_kept_under_keys_that_fit() -> None:
    back = steps()["Bring back the state of the nights before"]["with"]
    keep = steps()["Keep the state for the next night"]["with"]
    assert back["path"] == keep["path"]
    assert back["key"] == keep["key"]
    assert back["key"].startswith(back["restore-keys"])


def test_every_shell_line_is_valid_bash() -> None:
    for step in steps().values():
        subprocess.run(["bash", "-n"], input=step.get("run", ""), text=True, check=True)


@pytest.mark.parametrize(
    ("ends", "fails"),
    [
        pytest.param(0, False, id="all-done"),
        pytest.param(1, False, id="stories-remain"),
        pytest.param(3, False, id="limit"),
        pytest.param(2, True, id="settings"),
        pytest.param(4, True, id="service"),
        pytest.param(70, True, id="bug"),
    ],
)
def test_stories_that_remain_do_not_fail_the_job_and_trouble_does(repo: Path, ends: int, *, fails: bool) -> None:
    done = Runner(repo, ends).step("Work on the stories")
    assert done.returncode == (ends if fails else 0)
    assert ("::error::" in done.stdout) == fails
    assert '{"event": "run_ended"}' in done.stdout


def test_a_second_night_goes_on_with_the_branch_of_the_first(repo: Path, tmp_path: Path) -> None:
    for night in (1, 2):
        clone = tmp_path / f"night-{night}"
        git(tmp_path, "clone", "-q", str(tmp_path / "origin"), str(clone))
        runner = Runner(clone, 1)
        for name in ("Go on with the branch of the nights before", "Work on the stories", "Push the branch"):
            done = runner.step(name, BRANCH="ralph/shop")
            assert done.returncode == 0, done.stderr
        assert "name=ralph/shop" in (runner.folder / "output").read_text()
    assert git(tmp_path / "origin", "rev-list", "--count", "main..ralph/shop") == "2"


def test_a_pull_request_is_asked_for_only_where_there_is_something_to_merge(repo: Path) -> None:
    runner = Runner(repo, 1)
    told = []
    for before in ("Go on with the branch of the nights before", "Work on the stories"):
        runner.step(before)
        assert runner.step("Report in a pull request", BRANCH="ralph/shop").returncode == 0
        told.append((runner.folder / "other").read_text().splitlines())
    page, request = "report --since 24h --format markdown", "report --pr --since 24h"
    assert told == [[page], [page, page, request]]


def test_the_users_settings_are_written_for_the_run(repo: Path, tmp_path: Path) -> None:
    (repo / "ralph.toml").touch()
    runner, home = Runner(repo, 0), tmp_path / "state"
    environ = {"RALPH_HOME": str(home), "MAX_PER_DAY": "10.00", "HOME": str(tmp_path)}
    assert runner.step("Settings that are not the repo's to choose", **environ).returncode == 0
    assert (home / "config.toml").read_text() == "[limits]\nper_day_usd = 10.00\n\n[report]\npull_request = true\n"
    assert (runner.folder / "other").read_text() == "trust\n"


def test_it_is_written_once_and_a_file_of_somebody_elses_is_not_replaced_silently(repo: Path) -> None:
    assert ralph("--dry-run").output == workflow()
    assert not (repo / PLACE).exists()
    assert f"wrote {PLACE}\n" in ralph().output
    assert (repo / PLACE).read_text() == workflow()
    assert "nothing was changed" in ralph().output
    (repo / PLACE).write_text("mine")
    refused = ralph().exception
    assert isinstance(refused, RalphError)
    assert "--ci --force` writes it, and keeps yours as ralph.yml.bak" in str(refused)
    assert "the old one is kept as ralph.yml.bak" in ralph("--force").output
    assert (repo / PLACE).with_name("ralph.yml.bak").read_text() == "mine"
