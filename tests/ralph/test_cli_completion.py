"""What the shell is offered: asked through a real bash, as a key press asks."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ralph.cli.completion import SHELLS
from ralph.cli.main import COMMANDS, cli

BASH = shutil.which("bash") or "bash"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shop"
    (folder / ".git").mkdir(parents=True)
    stories = [
        {"id": f"US-{number:03}", "title": "T", "description": "", "acceptanceCriteria": [], "passes": False}
        for number in (1, 2, 11)
    ]
    (folder / "prd.json").write_text(json.dumps({"project": "Shop", "branchName": "ralph/x", "userStories": stories}))
    monkeypatch.chdir(folder)
    return folder


def offered(tmp_path: Path, *words: str) -> list[str]:
    """What bash would show after these words and a press of the tab key."""
    ralph = tmp_path / "bin" / "ralph"
    ralph.parent.mkdir(exist_ok=True)
    ralph.write_text(
        f'#!{BASH}\nexec {sys.executable} -c "import sys; sys.argv[0] = \'ralph\'; from ralph.cli.main import main; main()" "$@"\n'
    )
    ralph.chmod(0o755)
    typed = " ".join(f"'{word}'" for word in ("ralph", *words))
    script = (
        f"source <(ralph completion bash); COMP_WORDS=({typed}); COMP_CWORD={len(words)}; "
        '_ralph_completion ralph; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    environment = {**os.environ, "PATH": f"{ralph.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([BASH, "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=30)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(("sta",), ["status"], id="commands"),
        pytest.param(("unblock", "US-00"), ["US-001", "US-002"], id="stories"),
        pytest.param(("run", "--story", "US-00"), ["US-001", "US-002"], id="stories-of-run"),
        pytest.param(("say", "hello", "--story", "US-00"), ["US-001", "US-002"], id="stories-of-say"),
        pytest.param(("skip", "US-00"), ["US-001", "US-002"], id="stories-of-skip"),
        pytest.param(("unblock", "--al"), ["--all"], id="options"),
    ],
)
def test_bash_completes_commands_options_and_stories(
    repo: Path, tmp_path: Path, words: tuple[str, ...], expected: list[str]
) -> None:
    assert offered(tmp_path, *words) == expected


def test_names_of_schedules_are_completed(repo: Path, tmp_path: Path) -> None:
    assert offered(tmp_path, "schedule", "remove", "") == []
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "Start"]):
        subprocess.run(["git", *command], cwd=repo, check=True)
    added = CliRunner().invoke(cli, ["schedule", "add", "nightly", "--cron", "0 2 * * *", "--repo", str(repo)])
    assert added.exit_code == 0, added.output
    assert offered(tmp_path, "schedule", "remove", "ni") == ["nightly"]


def test_what_cannot_be_read_offers_nothing_and_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert offered(tmp_path, "unblock", "US") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script(shell: str) -> None:
    assert "_RALPH_COMPLETE" in CliRunner().invoke(cli, ["completion", shell]).output


def test_commands_are_completed_without_importing_them() -> None:
    code = "import sys\nfrom ralph.cli.main import cli\nimport click\n"
    code += "print(len(cli.shell_complete(click.Context(cli), '')), 'ralph.cli.traces' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(COMMANDS)), "False"]
