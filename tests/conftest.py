"""What every test gets: a state folder of its own, a strict tracer, an identity for git, and no way to a real model."""

import functools
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ralph.home import Home, find_home
from ralph.sandbox.base import NoSandbox, Sandbox
from ralph.sandbox.choose import LEVELS, Machine

# Containers often forbid bytecode; each of the hundreds of processes below would then compile all of Ralph anew (0.5 s).
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell starts what is put in the background (`make test &`) with Ctrl-C ignored, and each command would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(autouse=True)
def _isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name for name in os.environ if name.startswith(("ANTHROPIC_", "RALPH_", "GIT_", "OTEL_", "TRACEPARENT"))
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RALPH_HOME", str(tmp_path / "ralph-home"))
    monkeypatch.setenv("RALPH_TRACER_STRICT", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (tmp_path / "gitconfig").write_text(
        '[user]\n\tname = Sam Doe\n\temail = sam@example.com\n[init]\n\tdefaultBranch = main\n[protocol "file"]\n\tallow = always\n',
        encoding="utf-8",
    )


@pytest.fixture
def home() -> Home:
    """The test's own state folder."""
    return find_home()


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For what a person reads, which is told in local time."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real material beside the checkout; tests that want it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Home], Sandbox]:
    """A level that the probes have proved on this machine, for a test's own state folder. Proving takes a quarter of a
    second, so each level is proved once.
    """
    tried = functools.cache(lambda level: LEVELS[level](Machine(Home(tmp_path_factory.mktemp("proving")), os.environ)))

    def sandbox(level: str, home: Home) -> Sandbox:
        if level == "none":
            return NoSandbox()
        found: Any = tried(level)
        if found.sandbox is None:
            pytest.skip(found.why)
        return replace(found.sandbox, state=home.root.resolve())  # type: ignore[no-any-return]

    return sandbox
