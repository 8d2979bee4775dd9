"""Services by real commands: what is started is stopped, whatever happens in between."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ralph.errors import ExitCode, RalphError
from ralph.events import Event, EventKind
from ralph.prepare.services import Service, Services


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def these(tmp_path: Path, events: list[Event]) -> Callable[..., Services]:
    (tmp_path / "repo").mkdir()

    def made(*services: Service, stop: threading.Event | None = None) -> Services:
        stop = stop or threading.Event()
        return Services(services, tmp_path / "repo", tmp_path / "out", events.append, stop, tmp_path / "users")

    return made


def logged(name: str, more: str = "true", **fields: object) -> Service:
    """A service that notes when it is started and stopped."""
    return Service.model_validate(
        {"name": name, "up": f"echo up {name} >> log; {more}", "down": f"echo down {name} >> log", **fields}
    )


def log(services: Services) -> list[str]:
    return (services.root / "log").read_text().splitlines()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_services_come_up_in_order_and_go_down_in_the_other(these: Callable[..., Services]) -> None:
    services = these(logged("a"), logged("b"))
    with services.running():
        assert log(services) == ["up a", "up b"]
    assert log(services) == ["up a", "up b", "down b", "down a"]


def test_they_go_down_when_the_run_crashes(these: Callable[..., Services]) -> None:
    services = these(logged("a"))
    with pytest.raises(ZeroDivisionError), services.running():
        raise ZeroDivisionError
    assert log(services) == ["up a", "down a"]


def test_a_failed_up_ends_the_run_with_its_words_and_takes_down_what_was_begun(these: Callable[..., Services]) -> None:
    services = these(logged("a"), logged("b", "echo port 5432 is taken; exit 7"), logged("c"))
    with pytest.raises(RalphError) as caught, services.running():
        raise AssertionError
    assert str(caught.value) == (
        "the service b did not start: `echo up b >> log; echo port 5432 is taken; exit 7` ended with exit code 7. "
        f"Its last lines:\n  port 5432 is taken\nRun the command yourself in {services.root} until it works, "
        "or change [[services]] in your settings."
    )
    assert caught.value.exit_code is ExitCode.USAGE
    assert log(services) == ["up a", "up b", "down b", "down a"]


def test_an_up_that_hangs_is_stopped_at_its_timeout(these: Callable[..., Services]) -> None:
    services = these(logged("a", "sleep 30", timeout_s=0.2))
    with pytest.raises(RalphError, match=r"took longer than 0\.2 s, and printed nothing\."), services.running():
        raise AssertionError
    assert log(services) == ["up a", "down a"]


def test_a_failed_down_is_told_and_fails_nothing(these: Callable[..., Services], events: list[Event]) -> None:
    services = these(logged("a"), Service(name="b", up="true", down="echo busy; exit 3"))
    with services.running():
        pass
    warning = next(event for event in events if event.kind is EventKind.WARNING)
    assert warning.text == (
        "the service b may still run: `echo busy; exit 3` ended with exit code 3. Its last lines:\n  busy\n"
        f"Stop it yourself in {services.root}."
    )
    assert log(services) == ["up a", "down a"]


def test_a_daemon_that_up_leaves_behind_lives_until_it_is_taken_down(these: Callable[..., Services]) -> None:
    services = these(
        Service(name="a", up="setsid sleep 60 > /dev/null 2>&1 & echo $! > pid", down="kill $(cat pid); echo x > gone")
    )
    with services.running():
        pid = int((services.root / "pid").read_text())
        try:
            assert is_alive(pid)
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            raise
    assert (services.root / "gone").exists()


def test_commands_get_no_key_and_the_variables_that_containers_need(
    these: Callable[..., Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "fake-key")
    monkeypatch.setenv("SOME_TOKEN", "fake-token")
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/x.sock")
    services = these(Service(name="a", up="env > env.txt"))
    with services.running():
        text = (services.root / "env.txt").read_text()
    assert "fake" not in text
    assert "DOCKER_HOST=unix:///run/x.sock" in text


def test_a_stop_while_they_start_is_no_failure_and_starts_no_more(these: Callable[..., Services]) -> None:
    stop = threading.Event()
    services = these(logged("a", "touch begun; sleep 30"), logged("b"), stop=stop)

    def when_begun() -> None:
        while not (services.root / "begun").exists():
            stop.wait(0.01)
        stop.set()

    waiter = threading.Thread(target=when_begun)
    waiter.start()
    with services.running():
        waiter.join()
    assert log(services) == ["up a", "down a"]


def test_two_runs_share_the_services_and_the_last_one_stops_them(these: Callable[..., Services]) -> None:
    first, second = these(logged("a")), these(logged("a"))
    with first.running():
        with second.running():
            pass
        assert log(first) == ["up a", "up a"]
    assert log(first) == ["up a", "up a", "down a"]


def test_without_services_nothing_is_written(these: Callable[..., Services]) -> None:
    services = these()
    with services.running():
        pass
    assert not services.outputs.exists()
    assert services.users is not None
    assert not services.users.exists()
