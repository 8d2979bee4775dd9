"""`ralph run` on a real terminal: the view is painted, keys reach the run, and the terminal comes back as it was."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest

from ralph.assembly import INTERRUPTED
from ralph.replay.scripted import ScriptedModel, Turn, calls, finish_done
from ralph.replay.server import serve

World = Any
pytestmark = pytest.mark.slow
PATIENCE_S = 90.0
DEMO_S = 600.0  # some 20 s of processor time in 900 processes; a busy machine gives it a tenth of a processor
COLUMNS, ROWS = 80, 24
TOLD_CHARS = 8_000  # what a failure tells: a hang's stacks and the last pictures, not minutes of them
SHOW_CURSOR = "\x1b[?25h"


class Terminal:
    """The far end of a pseudo-terminal with a run on it."""

    def __init__(self, world: World, base_url: str, args: Sequence[str], **environment: str) -> None:
        self.controller, self.line = pty.openpty()
        self.resize(COLUMNS, ROWS)
        self.before = termios.tcgetattr(self.line)
        self.seen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", LEADER, *args],
            cwd=world.root,
            env=world.environment(base_url) | {"TERM": "xterm-256color"} | environment,
            stdin=self.line,
            stdout=self.line,
            stderr=self.line,
            start_new_session=True,
        )

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.line, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self.controller, keys.encode())

    def wait_for(self, words: str) -> None:
        """Until the words were written, whatever colours stand between them, after those of the last wait."""
        self.wait_until(lambda: words in self.plain, words)
        self.seen = self.seen[self.seen.rindex(words.rsplit(maxsplit=1)[-1]) :]

    @property
    def plain(self) -> str:
        return re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", self.seen)

    def end(self, within_s: float = PATIENCE_S) -> int:
        self.wait_until(lambda: self.process.poll() is not None, "the end of the run", within_s)
        self._read(0)
        return self.process.returncode

    def wait_until(self, true: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
        give_up_s = time.monotonic() + within_s
        while not true():
            if time.monotonic() > give_up_s:
                self._give_up(what)
            self._read(0.05)

    def _give_up(self, what: str) -> NoReturn:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGUSR1)  # it tells where each thread stands
            told_s = time.monotonic() + 1.0
            while time.monotonic() < told_s:
                self._read(0.1)
        pytest.fail(f"no {what!r} at the end of:\n{self.plain[-TOLD_CHARS:]}")

    def _read(self, timeout_s: float) -> None:
        while select.select([self.controller], [], [], timeout_s)[0]:
            self.seen += os.read(self.controller, 65_536).decode(errors="replace")
            timeout_s = 0

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.controller)
        os.close(self.line)


LEADER = """
import faulthandler, fcntl, signal, sys, termios
faulthandler.register(signal.SIGUSR1)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # a terminal of our own, as a shell's child has it
from ralph.cli.main import main
sys.argv = ["ralph", *sys.argv[1:]]
main()
"""


@contextmanager
def terminal(
    world: World, script: Sequence[Turn], *args: str, command: str = "run", **environment: str
) -> Iterator[Terminal]:
    model = ScriptedModel(script)
    with serve(model) as base_url:
        shown = Terminal(world, base_url, [command, *args], **environment)
        try:
            yield shown
        finally:
            model.release()
            shown.close()


@pytest.fixture
def repo(world: World, tools: Any) -> World:
    return world.start_repo(tools.a_story(1), tools.a_story(2))


def waits(number: int = 1) -> Turn:
    """A command that waits for `go_on` with its number."""
    return calls("bash", {"command": f"while ! test -e src/go{number}; do sleep 0.05; done; echo went on"})


def go_on(repo: World, number: int = 1) -> None:
    (next(repo.home.rglob("src/app.txt")).parent / f"go{number}").touch()


def test_a_run_is_shown_while_it_goes_on_and_its_log_stays(repo: World, tools: Any) -> None:
    script = [tools.writes(1), waits(), finish_done("Wrote 1."), *tools.solves(2)]
    with terminal(repo, script) as shown:
        shown.wait_for("attempt 1, turn 2")
        shown.wait_for("bash while ! test -e src/go1")
        assert not termios.tcgetattr(shown.line)[3] & termios.ICANON
        go_on(repo)
        code = shown.end()
        after = termios.tcgetattr(shown.line)
    assert code == 0
    assert after == shown.before
    assert re.search(r"committed \w+ on ralph/work: US-002 passes", shown.plain)
    assert "every story passes: 2 of 2 stories done" in shown.plain
    assert "done     US-002  Story 2" in shown.plain
    assert shown.plain.splitlines()[-1].startswith("the commits are on ralph/work; to take them over:")
    assert SHOW_CURSOR in shown.seen


def test_keys_say_pause_go_on_skip_and_stop(repo: World, tools: Any) -> None:
    script = [tools.writes(1), waits(1), waits(2), tools.writes(2), waits(3)]
    with terminal(repo, script) as shown:
        shown.wait_for("bash while")
        shown.press("?")
        shown.wait_for("skip a story")
        shown.press("s")
        shown.press("use the hélper\x1b[Ax\x7f\r")
        shown.wait_for("US-001 gets it at its next turn")
        shown.press("p")
        shown.wait_for("will wait before the next turn")
        go_on(repo)
        shown.wait_for("US-001 is paused")
        shown.press("p")
        shown.wait_for("US-001 goes on")
        shown.wait_for("US-001 was told: use the hélper")
        shown.wait_for("test -e src/go2")
        shown.press("k")
        shown.wait_for("skip story: US-001")
        shown.press("\r")
        shown.wait_for("US-001 ends before its next turn")
        go_on(repo, 2)
        shown.wait_for("skipped by the user")
        shown.wait_for("test -e src/go3")
        shown.press("q")
        shown.wait_for("stops after the step it is at")
        go_on(repo, 3)
        code = shown.end()
        after = termios.tcgetattr(shown.line)
    assert code == 130
    assert after == shown.before


@pytest.mark.parametrize(
    ("stop", "exit_code"),
    [
        pytest.param(lambda shown: shown.press("\x03"), 130, id="Ctrl-C"),
        pytest.param(lambda shown: os.kill(shown.process.pid, signal.SIGTERM), 143, id="TERM"),
    ],
)
def test_the_terminal_comes_back_when_the_run_is_stopped(
    repo: World, stop: Callable[[Terminal], None], exit_code: int
) -> None:
    with terminal(repo, [waits()]) as shown:
        shown.wait_for("bash while")
        stop(shown)
        time.sleep(0.2)  # the signal is on its way; the step that runs is finished first
        go_on(repo)
        code = shown.end()
        after = termios.tcgetattr(shown.line)
    assert (code, after) == (exit_code, shown.before)
    assert SHOW_CURSOR in shown.seen
    assert "Traceback" not in shown.seen


@pytest.mark.parametrize("kind", ["xterm-256color", "dumb"])
def test_the_terminal_comes_back_when_the_run_is_broken_off(repo: World, kind: str) -> None:
    begins = calls("bash", {"command": "touch src/begun; sleep 60"})
    with terminal(repo, [begins], TERM=kind) as shown:
        shown.wait_until(lambda: bool(list(repo.home.glob("worktrees/*/*/src/begun"))), "the command to begin")
        shown.press("\x03")
        time.sleep(0.2)
        shown.press("\x03")
        code = shown.end()
        after = termios.tcgetattr(shown.line)
    assert (code, after) == (130, shown.before)
    assert shown.plain.rstrip().endswith(INTERRUPTED)


def test_the_terminal_comes_back_after_an_error(repo: World) -> None:
    repo.write("ralph.toml", "broken = 1\n")
    with terminal(repo, []) as shown:
        code = shown.end()
        after = termios.tcgetattr(shown.line)
    assert (code, after) == (2, shown.before)
    assert "ralph: ralph.toml:1" in shown.plain


def test_a_view_on_a_terminal_that_becomes_smaller_fits_again(repo: World, tools: Any) -> None:
    with terminal(repo, [tools.writes(1), waits(), finish_done("s"), *tools.solves(2)]) as shown:
        shown.wait_for("bash while")
        shown.resize(40, 10)
        shown.wait_for("runs     US-001")
        go_on(repo)
        assert shown.end() == 0


@pytest.mark.parametrize(
    ("args", "environment"),
    [
        pytest.param(["--plain"], {}, id="asked-for"),
        pytest.param([], {"TERM": "dumb"}, id="dumb-terminal"),
    ],
)
def test_lines_are_printed_where_a_view_is_not_wanted(
    repo: World, tools: Any, args: list[str], environment: dict[str, str]
) -> None:
    with terminal(repo, tools.solves(1, 2), *args, **environment) as shown:
        assert shown.end() == 0
    assert "\x1b" not in shown.seen
    assert "turn 2: finish" in shown.seen


def test_a_view_without_colour_has_none(repo: World, tools: Any) -> None:
    with terminal(repo, tools.solves(1, 2), NO_COLOR="1") as shown:
        assert shown.end() == 0
    assert "done     US-002" in shown.plain
    assert not re.search(r"\x1b\[[0-9;]*[34][0-8]", shown.seen)


@pytest.mark.timeout(DEMO_S + PATIENCE_S)
def test_the_demo_is_shown_live_too_and_tells_its_summary_below(repo: World) -> None:
    folder = str(repo.home.parent / "demo")
    with terminal(repo, [], "--folder", folder, "--sandbox", "none", command="demo") as shown:
        shown.wait_for("p pause  s say  k skip  q stop  ? help")
        code = shown.end(DEMO_S)
    assert code == 0
    assert "done     US-003" in shown.plain
    assert "Where to look next" in shown.plain
