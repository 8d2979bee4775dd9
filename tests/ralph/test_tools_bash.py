"""The bash tool: what the model sees of a command, and what is left of it afterwards."""

import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ralph.home import Home
from ralph.sandbox import Sandbox
from ralph.tools import Toolbox, ToolResult
from ralph.tools.shell import GIT_READ_ONLY

Bash = Callable[..., ToolResult]
Proven = Callable[[str, Home], Sandbox]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path / "repo")], check=True)
    return tmp_path / "repo"


@pytest.fixture(params=["none", "bwrap"])
def box(request: pytest.FixtureRequest, root: Path, tmp_path: Path, proven: Proven) -> Iterator[Toolbox]:
    home = Home(tmp_path / "state")
    sandbox = proven(request.param, home)
    (root / "prd.json").write_text("{}")
    box = Toolbox(root, home.folder("runs", "one"), sandbox, protected=["prd.json"])
    yield box
    box.close()


@pytest.fixture
def bash(box: Toolbox) -> Bash:
    def run(command: str, **more: object) -> ToolResult:
        return box.run("bash", {"command": command, **more})

    return run


@pytest.mark.parametrize(
    ("command", "shown", "exit_code"),
    [
        pytest.param("echo out; echo err >&2", "out\nerr\n[exit code 0]", 0, id="both-streams"),
        pytest.param("true", "(no output)\n[exit code 0]", 0, id="silent"),
        pytest.param("grep x /dev/null", "(no output)\n[exit code 1]", 1, id="no-match-is-no-error"),
        pytest.param("(echo red; exit 3) | tail -n 1", "red\n[exit code 3]", 3, id="a-pipe-keeps-a-failure"),
        pytest.param("exit 3", "(no output)\n[exit code 3]", 3, id="exit"),
        pytest.param("exec 1>/dev/null; echo x", "(no output)\n[exit code 0]", 0, id="stdout-gone"),
        pytest.param("cat", "(no output)\n[exit code 0]", 0, id="waits-for-input"),
        pytest.param("printf '\\033[31mred\\033[0m\\a'; echo", "red\n[exit code 0]", 0, id="escapes"),
    ],
)
def test_the_result_is_clean_text_and_the_exit_code(bash: Bash, command: str, shown: str, exit_code: int) -> None:
    result = bash(command)
    assert (result.content, result.exit_code, result.is_error) == (shown, exit_code, False)


@pytest.mark.parametrize("command", ["sleep 20 & echo started", "setsid sleep 20 & echo started"])
def test_a_forgotten_child_costs_no_time_and_is_mentioned(bash: Bash, command: str) -> None:
    result = bash(command)
    assert result.content == (
        "started\n[what a command leaves running is stopped when it returns; set background to keep it]\n[exit code 0]"
    )
    assert result.duration_s < 3


@pytest.mark.parametrize("command", ["true && echo 'a&b'", "sleep 0 & wait", "echo x >&2", "echo x &>/dev/null"])
def test_an_ampersand_that_leaves_nothing_behind_is_not_mentioned(bash: Bash, command: str) -> None:
    assert "stopped when it returns" not in str(bash(command).content)


def test_every_call_is_a_fresh_shell_but_tmp_and_home_stay(bash: Bash) -> None:
    bash("cd /; x=1; echo kept > $TMPDIR/note; echo too > ~/note")
    assert bash("echo ${x-unset} $(basename $PWD) $(cat $TMPDIR/note ~/note)").content == (
        "unset repo kept too\n[exit code 0]"
    )


def test_a_command_over_its_time_is_killed_and_says_so_without_a_measured_duration(bash: Bash) -> None:
    result = bash("echo begun; sleep 20", timeout_s=1)
    assert result.is_error
    assert result.content == "begun\n[killed after 1 s: timeout_s]\n[exit code 143]"


def test_the_time_left_of_the_run_limits_every_command(box: Toolbox) -> None:
    result = box.run("bash", {"command": "sleep 20"}, timeout_cap_s=0.1)
    assert result.content == "(no output)\n[killed: the time of the run is up]\n[exit code 143]"


def test_an_interrupted_run_stops_the_command(box: Toolbox) -> None:
    cancel = threading.Event()
    cancel.set()
    result = box.run("bash", {"command": "sleep 20"}, cancel=cancel)
    assert str(result.content).splitlines()[1] == "[killed: the run was interrupted]"


def test_long_output_is_cut_in_the_middle_and_saved_whole(bash: Bash) -> None:
    result = bash("seq 1 100000")
    assert result.truncated
    assert result.full_output is not None
    assert result.full_output.stat().st_size == 588_895
    assert f"bytes omitted; full output: {result.full_output}]" in str(result.content)
    assert str(result.content).endswith("\n100000\n[exit code 0]")


def test_the_saved_output_can_be_read_and_searched(box: Toolbox, bash: Bash) -> None:
    saved = bash("seq 1 100000").full_output
    assert box.run("read", {"file_path": str(saved), "offset": 50_000, "limit": 1}).content == (
        f"{saved} (100000 lines)\n50000\t50000\n[lines 50000 to 50000 of 100000; go on with offset 50001]"
    )
    assert box.run("grep", {"pattern": "^77777$", "path": str(saved)}).content == "bash-1.txt:77777:77777"


def test_binary_output_is_described(bash: Bash) -> None:
    assert str(bash("head -c 100000 /bin/ls").content).startswith("[binary output, 100000 bytes, not shown; it is in ")


def test_a_command_longer_than_an_argument_may_be_still_runs(bash: Bash) -> None:
    assert bash(f"# {'x' * 300_000}\necho ok").content == "ok\n[exit code 0]"


def test_it_is_told_whether_files_changed(box: Toolbox, bash: Bash) -> None:
    assert not bash("cat prd.json").changed
    assert bash("echo x > new").changed
    assert not bash("cat new; echo x > $TMPDIR/y").changed
    box.run("write", {"file_path": "newer", "content": "x"})
    assert not bash("cat newer").changed
    assert bash("rm new").changed


def test_the_environment_holds_no_secret_and_not_our_state(bash: Bash, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "s3cret")
    monkeypatch.setenv("MY_TOKEN", "s3cret")
    monkeypatch.setenv("RALPH_HOME", "/x")
    assert not re.search("s3cret|RALPH_HOME|VIRTUAL_ENV", str(bash("env").content))


def test_a_background_command_runs_on_writes_its_log_and_ends_with_the_session(box: Toolbox, bash: Bash) -> None:
    own = f"sleep 298.{time.time_ns() % 10**6}"
    result = bash(f"echo serving; exec {own}", background=True)
    log = result.full_output
    assert log is not None
    assert result.content == f"started background-1; its output goes to {log}. It is stopped when the session ends."
    assert box.run("read", {"file_path": str(log)}).content == f"{log} (1 line)\n1\tserving"
    started = time.monotonic()
    box.close()
    assert time.monotonic() - started < 4
    assert own not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


def test_a_background_command_that_fails_at_once_says_so(bash: Bash) -> None:
    assert bash("echo no; exit 4", background=True).content == "no\n[background-1 ended at once]\n[exit code 4]"


def test_in_a_sandbox_git_and_protected_files_are_read_only_and_the_model_is_told(box: Toolbox, bash: Bash) -> None:
    if box.sandbox_level == "none":
        pytest.skip("no sandbox: only the edit and write tools refuse this")
    refused = bash("touch /etc/ralph-x || touch .git/x; echo x > prd.json")
    allowed = "in the repository (.git and protected files excepted), /tmp and $HOME. There is no network."
    assert f"[the sandbox allows writing only {allowed} Do without]" in str(refused.content)
    assert (box.root / "prd.json").read_text() == "{}"
    assert not (box.root / ".git" / "x").exists()


def test_a_command_puts_no_link_where_outputs_are_written_or_read_from_outside(
    box: Toolbox, bash: Bash, tmp_path: Path
) -> None:
    if box.sandbox_level == "none":
        pytest.skip("no sandbox: every file can be written anyway")
    theirs = tmp_path / "theirs.txt"
    theirs.write_text("precious")
    scratch = box.scratch
    bash(f"ln -s {theirs} {scratch}/bash-2.txt; ln -s {theirs} {scratch}/checks; mv {scratch}/home {scratch}/old")
    bash("echo over")
    assert theirs.read_text() == "precious"
    assert "precious" not in str(bash(f"rm -f {scratch}/bash-3.txt; ln -s {theirs} {scratch}/bash-3.txt").content)
    assert str(bash(f"cat {scratch}/bash-2.txt; echo kept > $HOME/file && cat $HOME/file").content).startswith(
        "over\nkept"
    )


def test_what_the_sandbox_forbids_is_told_even_when_the_last_command_went_well(box: Toolbox, bash: Bash) -> None:
    if box.sandbox_level == "none":
        pytest.skip("no sandbox: nothing is forbidden")
    assert "the sandbox allows writing only" in str(bash("touch /etc/ralph-x; echo done").content)
    assert "the sandbox" not in str(bash("false").content)


def test_git_that_would_write_is_explained_even_where_it_says_nothing_itself(box: Toolbox, bash: Bash) -> None:
    if box.sandbox_level == "none":
        pytest.skip("no sandbox: git can write")
    (box.root / "a.txt").write_text("one\n")
    git = ["git", "-C", str(box.root), "-c", "user.name=x", "-c", "user.email=x@x"]
    for words in (["add", "a.txt"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    stashed = bash("echo two >> a.txt; git -c user.name=x -c user.email=x@x stash")
    assert stashed.content == f"(no output)\n{GIT_READ_ONLY}\n[exit code 1]"
    added = str(bash("git add -N a.txt; true").content)
    assert GIT_READ_ONLY in added
    assert "the sandbox allows" not in added
    assert "the sandbox allows" in str(bash("touch /etc/ralph-x; git add -N a.txt").content)
    assert GIT_READ_ONLY not in str(bash("git log; git diff; git status; git show HEAD:none").content)
