"""What a signal does: the flag for everything that waits, the exit code, and what the user is told meanwhile."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from ralph.events import Event
from ralph.signals import STOPPING, StopSignal, announced, listen

PATIENCE_S = 10.0
IN_THE_LOCK = """
import os, signal, sys
from ralph.signals import listen
with listen() as stop:
    with stop.event._cond:  # as the main thread holds it for a moment whenever it waits
        os.kill(os.getpid(), signal.SIGINT)
    assert stop.event.wait(10)
sys.exit(stop.exit_code)
"""
IGNORED = """
import os, signal
from ralph.signals import listen
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with listen() as stop:
    os.kill(os.getpid(), signal.SIGHUP)
    assert not stop.event.wait(0.2)
assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
"""

COMMAND = """
import sys, threading
import click
from ralph.cli.main import cli, main
from ralph.signals import listen
@click.command()
def hang():
    with listen() as stop:
        print("begun", flush=True)
        stop.event.wait()
        print("asked", flush=True)
        threading.Event().wait()
cli.rows["hang"] = ("__main__", "hang", "")
sys.argv = ["ralph", "hang"]
main()
"""


def test_a_signal_is_answered_at_once_whatever_goes_on() -> None:
    stop, told, heard = StopSignal(), list[Event](), threading.Event()

    def tell(event: Event) -> None:
        told.append(event)
        heard.set()

    with announced(stop, tell):
        stop.signum = signal.SIGTERM
        stop.event.set()
        assert heard.wait(5)
    assert [event.text for event in told] == [STOPPING]


def test_a_stop_that_no_signal_asked_for_and_an_end_are_not_announced() -> None:
    told = list[Event]()
    stop = StopSignal()
    stop.event.set()
    for one in (stop, StopSignal()):
        with announced(one, told.append):
            pass
    assert told == []


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [
        pytest.param(signal.SIGINT, 130, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, 143, id="TERM"),
        pytest.param(signal.SIGHUP, 129, id="a closed terminal"),
    ],
)
def test_each_signal_stops_the_run_with_its_exit_code(number: signal.Signals, exit_code: int) -> None:
    with listen() as stop:
        os.kill(os.getpid(), number)
        assert stop.event.wait(PATIENCE_S)
        assert stop.exit_code == exit_code


def test_a_second_ctrl_c_stops_at_once_and_a_second_hangup_does_not() -> None:
    with listen() as stop:
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        assert stop.event.wait(PATIENCE_S)
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert stop.exit_code == 129


@pytest.mark.parametrize(
    ("first", "second", "exit_code"),
    [
        pytest.param(signal.SIGTERM, signal.SIGTERM, 143, id="TERM twice"),
        pytest.param(signal.SIGTERM, signal.SIGINT, 143, id="TERM and Ctrl-C"),
        pytest.param(signal.SIGINT, signal.SIGINT, 130, id="Ctrl-C twice"),
    ],
)
def test_a_command_that_is_stopped_twice_leaves_with_the_exit_code_of_the_first_signal(
    first: signal.Signals, second: signal.Signals, exit_code: int
) -> None:
    with subprocess.Popen([sys.executable, "-c", COMMAND], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for word, number in (("begun\n", first), ("asked\n", second)):
            assert process.stdout.readline() == word
            process.send_signal(number)
        assert process.wait(PATIENCE_S) == exit_code


def test_the_former_handlers_come_back() -> None:
    former = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with listen():
        pass
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == former
    assert signal.set_wakeup_fd(-1) == -1


def test_a_signal_while_the_main_thread_holds_the_events_lock_does_not_lock_up() -> None:
    done = subprocess.run([sys.executable, "-c", IN_THE_LOCK], check=False, capture_output=True, timeout=PATIENCE_S)
    assert done.returncode == 130, done.stderr


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    done = subprocess.run([sys.executable, "-c", IGNORED], check=False, capture_output=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
