"""`ralph ui` as a script and a person start it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner

from ralph.cli.main import cli
from ralph.cli.ui import can_open, listening
from ralph.errors import RalphError
from ralph.settings import SettingsError, resolve
from ralph.settings.layers import SettingsFile
from tracing import TraceStatus, TraceStore
from tracing.web.server import listen


@contextmanager
def viewer(home: Path, *options: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The address that it prints, and its process."""
    argv = [sys.executable, "-m", "ralph", "ui", "--no-open", *options]
    environ = {**os.environ, "RALPH_HOME": str(home)}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.terminate()


def test_it_prints_the_address_that_lets_in_and_ends_cleanly_on_ctrl_c(tmp_path: Path) -> None:
    with viewer(tmp_path, "--port", "0") as (url, process):
        with httpx2.Client(follow_redirects=True) as browser:
            first = browser.get(url)
            assert (first.status_code, "token" in str(first.url)) == (200, False)
            assert browser.get(first.url.join("/index.json")).status_code == 200
        assert httpx2.get(url.partition("?")[0]).status_code == 401
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=10)
    assert (process.returncode, rest) == (0, "")
    assert said == "The viewer runs at this address. Open it in a browser. Ctrl-C ends it.\n"


def test_what_a_dead_process_left_running_is_closed_before_the_first_page_is_shown(tmp_path: Path) -> None:
    store = TraceStore.open(tmp_path / "traces.db")
    code = "import os, sys, pathlib, tracing\nstore = tracing.TraceStore.open(pathlib.Path(sys.argv[1]))\n"
    code += "tracing.Tracer(store).start_trace('dies', agent_id='agent')\nos._exit(0)\n"
    subprocess.run([sys.executable, "-c", code, str(store.path)], check=True)
    assert store.traces()[0].status is TraceStatus.RUNNING
    with viewer(tmp_path, "--port", "0") as (url, _):
        assert httpx2.get(url, follow_redirects=False).status_code == 303
        assert store.traces()[0].status is TraceStatus.INTERRUPTED
    store.close()


def test_a_port_that_is_taken_is_an_error_that_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RALPH_HOME", str(tmp_path))
    with listen(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RalphError) as refused:
            listening(port)
        (tmp_path / "config.toml").write_text(f"[ui]\nport = {port}\n")
        said = CliRunner().invoke(cli, ["ui", "--no-open"])
    assert str(refused.value) == (
        f"127.0.0.1:{port} cannot be listened at: Address already in use. Is a viewer running there already? "
        "Take another port: ralph ui --port 0 takes one that is free."
    )
    assert str(said.exception) == str(refused.value)


def test_only_the_user_says_where_the_viewer_is_found() -> None:
    text = b'[ui]\npublic_url = "https://ralph.example.com"\nport = 7100\n'
    user, repo = (SettingsFile(Path(name), text, name) for name in ("config.toml", "ralph.toml"))
    found = resolve(None, user, {}).settings.ui
    assert (found.public_url, found.port) == ("https://ralph.example.com", 7100)
    with pytest.raises(
        SettingsError, match=r"ralph\.toml:2: ui\.public_url is about this machine and no repository"
    ) as refused:
        resolve(repo, None, {})
    assert "ralph.toml:3: ui.port is about this machine and no repository" in str(refused.value)


@pytest.mark.parametrize(
    "address",
    ["ralph.example.com", "ftp://a", "https://a/", "https://user@a", "https://a/b?c", "https://a b", "https://a/<b>"],
)
def test_an_address_that_links_cannot_begin_with_is_refused(address: str) -> None:
    file = SettingsFile(Path("c"), f'[ui]\npublic_url = "{address}"\n'.encode(), "c")
    with pytest.raises(SettingsError, match="c:2"):
        resolve(None, file, {})


def test_the_browser_is_given_an_address_that_lets_in_and_not_the_token(tmp_path: Path) -> None:
    browser, given = tmp_path / "browser", tmp_path / "given"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {given}.part && mv {given}.part {given}\n')
    browser.chmod(0o755)
    environ = {**os.environ, "RALPH_HOME": str(tmp_path), "BROWSER": str(browser)}
    argv = [sys.executable, "-m", "ralph", "ui", "--port", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        until = time.monotonic() + 10
        while not given.exists() and time.monotonic() < until:
            threading.Event().wait(0.01)
        opened = given.read_text()
        assert opened.partition("=")[0] == url.partition("=")[0]
        assert opened != url
        assert [httpx2.get(opened).status_code for _ in range(2)] == [303, 401]
        process.terminate()
        assert process.wait(10) == 0


def test_a_browser_is_opened_only_where_there_is_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert not can_open()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert can_open()
