"""`ralph init` as a command: questions on a real terminal, none where there is none, one result on stdout."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ralph.cli.main import cli
from ralph.errors import RalphError

INIT = [sys.executable, "-m", "ralph", "init"]
PATIENCE_S = 20.0


def ralph(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(cli, ["init", *arguments], standalone_mode=False)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its check reads two ignored files, one of which may hold secrets."""
    root = tmp_path / "shop"
    (root / "config").mkdir(parents=True)
    (root / "Makefile").write_text("test:\n\tcat config/local.json\n\tcat .env\n")
    (root / ".gitignore").write_text(".env\nconfig/local.json\n")
    (root / ".env").write_text("KEY=1\n")
    (root / "config/local.json").write_text("{}\n")
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    monkeypatch.chdir(root)
    return root


class Terminal:
    """A process on a pseudo-terminal of its own."""

    def __init__(self, *argv: str) -> None:
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        self.seen = ""

    def until(self, words: str) -> str:
        """What came up to the words, which are eaten."""
        give_up_s = time.monotonic() + PATIENCE_S
        while words not in self.seen:
            assert time.monotonic() < give_up_s, self.seen
            if select.select([self.ours], [], [], 0.5)[0]:
                self.seen += os.read(self.ours, 4096).decode()
        before, _, self.seen = self.seen.partition(words)
        return before

    def type(self, line: str) -> None:
        os.write(self.ours, f"{line}\n".encode())

    def end(self) -> tuple[int, str]:
        while True:
            try:
                data = os.read(self.ours, 4096)
            except OSError:  # the other side is closed
                break
            if not data:
                break
            self.seen += data.decode()
        os.close(self.ours)
        return self.process.wait(PATIENCE_S), self.seen


def test_on_a_terminal_each_step_that_reaches_further_is_a_question(repo: Path) -> None:
    terminal = Terminal(*INIT)
    assert "it reads config/local.json" in terminal.until("Copy it into the worktrees? [Y/n]: ")
    terminal.type("")
    assert "It may hold secrets, which the agent could then read." in terminal.until("[y/N]: ")
    terminal.type("y")
    code, rest = terminal.end()
    assert code == 0, rest
    assert "ok   test  make test" in rest
    assert tomllib.loads((repo / "ralph.toml").read_text())["copy"] == ["config/local.json", ".env"]


def test_enter_alone_copies_no_secrets(repo: Path) -> None:
    terminal = Terminal(*INIT)
    terminal.until("[Y/n]: ")
    terminal.type("")
    terminal.until("[y/N]: ")
    terminal.type("")
    code, rest = terminal.end()
    assert code == 1, rest
    assert "not copied: .env." in rest
    assert tomllib.loads((repo / "ralph.toml").read_text())["copy"] == ["config/local.json"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_ended_from_outside_it_leaves_nothing(repo: Path, tmp_path: Path, number: int, code: int) -> None:
    (repo / "Makefile").write_text("test:\n\tsleep 60\n")
    subprocess.run(["git", "commit", "-qam", "slow"], check=True)
    terminal = Terminal(*INIT)
    terminal.until("test: make test ...")
    terminal.process.send_signal(number)
    assert terminal.end()[0] == code
    assert not (repo / "ralph.toml").exists()
    listed = subprocess.run(["git", "worktree", "list"], check=True, capture_output=True, text=True).stdout
    assert listed.count("\n") == 1
    assert list((tmp_path / "ralph-home" / "worktrees").glob("*/ralph-*")) == []


@pytest.mark.parametrize("redirection", ["< /dev/null", "<&-", "<&- >&-"])
def test_without_a_terminal_nothing_is_asked(repo: Path, redirection: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f"exec {sys.executable} -m ralph init {redirection}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "[Y/n]" not in done.stdout
    assert tomllib.loads((repo / "ralph.toml").read_text()) == {}


def test_as_json_stdout_is_the_result_alone(repo: Path) -> None:
    result = ralph("--json", "--yes", "--copy-env")
    assert result.return_value == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["copy"] == ["config/local.json", ".env"]
    assert [(check["name"], check["state"], check["active"]) for check in answer["checks"]] == [
        ("test", "passed", True)
    ]
    assert answer["toml"] == (repo / "ralph.toml").read_text()
    assert "test: ok" in result.stderr


def test_a_dry_run_prints_the_file_alone_on_stdout(repo: Path) -> None:
    result = ralph("--dry-run", "--yes")
    assert not (repo / "ralph.toml").exists()
    assert tomllib.loads(result.stdout) == {"copy": ["config/local.json"]}
    assert result.return_value == 1


def test_a_file_that_is_there_is_left_and_described(repo: Path) -> None:
    (repo / "ralph.toml").write_text('[limits]\nper_run_usd = 1.0\n[[checks]]\nname = "mine"\ncommand = "true"\n')
    result = ralph("--yes")
    assert isinstance(result.exception, RalphError)
    assert str(result.exception) == (
        f"{repo}/ralph.toml is there already (checks: mine; sets limits). `ralph init --dry-run` prints what init would "
        "write; `ralph init --force` writes it, and keeps yours as ralph.toml.bak."
    )
    mine = (repo / "ralph.toml").read_text()
    assert ralph("--force", "--yes", "--copy-env").return_value == 0
    assert (repo / "ralph.toml.bak").read_text() == mine


@pytest.mark.parametrize("content", ["[[checks", 'nonsense = "x"'])
def test_a_file_that_is_no_settings_is_left_too(repo: Path, content: str) -> None:
    (repo / "ralph.toml").write_text(content)
    with pytest.raises(RalphError, match="is there already \\(and cannot be read as settings\\)"):
        raise ralph().exception or AssertionError
    assert (repo / "ralph.toml").read_text() == content


def test_in_a_repo_without_checks_the_smallest_example_is_shown(repo: Path) -> None:
    (repo / "Makefile").unlink()
    result = ralph()
    assert result.return_value == 1
    assert "No quality check was found." in result.output
    assert not (repo / "ralph.toml").exists()


def test_the_help_says_what_the_exit_codes_mean() -> None:
    assert "1 when none does" in " ".join(ralph("--help").output.split())
