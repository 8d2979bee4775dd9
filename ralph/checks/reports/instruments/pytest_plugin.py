"""Tells Ralph what pytest runs, as it happens. PYTEST_DONT_REWRITE.

Loaded into the pytest of the repo: any Python from 3.8 and any pytest from 6, the standard library alone. It forgets where
the channel is in `os.environ` before a conftest is imported. Under xdist only the controller speaks.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

CHANNEL = "RUNNER_REPORTS"
ROOT = "RUNNER_INSTRUMENTS"
MOST_ID_BYTES = 3000  # a line within PIPE_BUF is written whole, whoever else writes
LOOKED_UP = ("help", "version", "markers")

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    Say = Callable[[dict[str, object]], None]


def _speaker(path: str) -> Say | None:
    """Says one event; the key is here and nowhere else. What tests put in place of `os.write` is not called."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None
    os.set_blocking(fd, True)
    write, getpid, dumps, new_mac = os.write, os.getpid, json.dumps, hmac.new
    key, session, pid = os.urandom(16), os.urandom(6).hex().encode(), os.getpid()
    number, last = 0, b""

    def say(event: dict[str, object]) -> None:
        nonlocal number, last
        if getpid() != pid:  # a fork of a test
            return
        if not number:
            event["key"] = key.hex()
        payload = dumps(event, ensure_ascii=False).encode("utf-8", "backslashreplace")
        last = new_mac(key, last + payload, "sha256").digest()[:12]
        line = b"%s %d %s %s\n" % (session, number, last.hex().encode(), payload)
        number += 1
        try:
            write(fd, line)
        except OSError:
            return

    return say


def _short(name: str) -> str:
    data = name.encode("utf-8", "backslashreplace")
    if len(data) <= MOST_ID_BYTES:
        return name
    digest = hashlib.sha256(data).hexdigest()[:16]
    return f"{data[: MOST_ID_BYTES - 40].decode('utf-8', 'ignore')}...{digest}"


def _forget() -> str:
    """The channel's path; afterwards the environment is as if we had never been there."""
    path = os.environ.pop(CHANNEL, "")
    folder = os.environ.pop(ROOT, "")
    kept = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part != folder]
    if folder and any(kept):
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)
    elif folder:
        os.environ.pop("PYTHONPATH", None)
    return path


def pytest_addoption(parser: Any, pluginmanager: Any) -> None:
    """The first hook of all: before any conftest is read."""
    del parser
    path = _forget()
    say = _speaker(path) if path else None
    if say is not None:
        pluginmanager.register(Listener(say))


def pytest_configure(config: Any) -> None:
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(Worker(config))


class Collected:
    """The tests that were found, and those of them that are still there when all had their say."""

    def __init__(self) -> None:
        self.found: dict[int, Any] = {}
        self.selected: set[str] = set()
        self.deselected = 0
        self.raised: set[tuple[str, str]] = set()

    def pytest_itemcollected(self, item: Any) -> None:
        self.found[id(item)] = item

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: Any) -> None:
        kept = {id(item) for item in session.items}
        self.selected |= {item.nodeid for item in session.items}
        self.deselected = sum(1 for item in self.found if item not in kept)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Generator[None, Any, None]:
        """Remembers which part of a test raised, whatever its report will say in the end; the last try counts."""
        part = (item.nodeid, call.when)
        if call.excinfo is None:
            self.raised.discard(part)
        else:
            self.raised.add(part)
        yield


class Worker(Collected):
    """In a worker of xdist: leaves for the controller what only a worker knows."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.output = config.workeroutput

    def pytest_sessionfinish(self) -> None:
        self.output["runner_deselected"] = self.deselected
        self.output["runner_raised"] = [list(part) for part in self.raised]


class Listener(Collected):
    def __init__(self, say: Say) -> None:
        super().__init__()
        self.say = say
        self.reported: set[str] = set()
        self.passed: set[tuple[str, str]] = set()
        say({"begin": "pytest", "root": os.getcwd()})  # noqa: PTH109 - pathlib may not be itself in here

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: Any) -> None:
        """Now the root that ids are relative to is known. Our name in the list of plugins would tell tests apart."""
        self.say({"root": str(config.rootdir if not hasattr(config, "rootpath") else config.rootpath)})
        known = getattr(config.pluginmanager, "_plugin_distinfo", [])
        known[:] = [pair for pair in known if getattr(pair[0], "CHANNEL", "") != CHANNEL]

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.say({"uncollected": _short(report.nodeid)})
        elif report.skipped:
            self.say({"id": _short(report.nodeid), "outcome": "skipped"})

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        outcome = _outcome(report)
        part = (report.nodeid, report.when)
        if report.when not in ("setup", "call"):
            self.reported.add(report.nodeid)
        if outcome == "passed" and not hasattr(report, "wasxfail"):
            self.passed.add(part)
            outcome = "failed" if part in self.raised else outcome
        if outcome == "failed" or (outcome and (report.when == "call" or outcome != "passed")):
            self.say({"id": _short(report.nodeid), "outcome": outcome})

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: Any, exitstatus: int) -> None:
        missing = self.selected - self.reported
        is_listing = bool(getattr(session.config.option, "collectonly", False))
        whole = is_listing or not missing or int(exitstatus) == 1
        self.say({"deselected": self.deselected, "end": True, "whole": whole})

    @pytest.hookimpl(hookwrapper=True)
    def pytest_cmdline_main(self, config: Any) -> Generator[None, Any, None]:
        """`pytest --version` begins no session that could end."""
        yield
        if any(getattr(config.option, name, False) for name in LOOKED_UP):
            self.say({"end": True})

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Iterable[str]) -> None:
        del node
        self.selected |= set(ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        del error
        output = getattr(node, "workeroutput", {})
        for name, when in output.get("runner_raised", ()):
            if (name, when) in self.passed:
                self.say({"id": _short(name), "outcome": "failed"})
        self.deselected = max(self.deselected, int(output.get("runner_deselected", 0)))


def _outcome(report: Any) -> str:
    """As Ralph calls it; empty for one that says nothing yet, as a try that is run again."""
    if report.outcome not in ("passed", "failed", "skipped"):
        return ""
    if report.outcome == "skipped" and hasattr(report, "wasxfail"):
        return "xfailed"
    return str(report.outcome)
