"""A trace that somebody else wrote: what it names must not become an option of git, or a command that a person is told to type."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from ralph.history.objects import Objects
from ralph.history.told import Criterion, matched
from ralph.home import find_home
from ralph.ui.outcome import Outcome, outcome
from ralph.ui.overview import overview
from tracing import Tracer
from tracing import attributes as names
from tracing.compare import compare_details
from tracing.span import SpanKind
from tracing.store import TraceStore
from tracing.web.page import Query


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for text in ("one\n", "two\n"):
        (folder / "a.txt").write_text(text)
        git(folder, "add", "a.txt")
        git(folder, "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-qm", text)
    return folder


def git(folder: Path, *args: str) -> str:
    return subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True).stdout.decode().strip()


def told(store: TraceStore, agent: str, baseline: str = "", **facts: object) -> Outcome:
    """The outcome of a trace with these facts, made by whoever."""
    metadata = {f"ralph.{name.replace('_', '.')}": value for name, value in facts.items()}
    with Tracer(store).start_trace("theirs", agent_id=agent, metadata=metadata) as trace:
        trace.add_span("baseline", kind=SpanKind.CHAIN, input={"commit": baseline}, output={"red": []})
    store_row = store.traces()[0]
    found = outcome(store, find_home(), store.trace(store_row.trace_id))
    assert found
    return found


def test_a_base_that_is_an_option_writes_no_file(store: TraceStore, repo: Path, tmp_path: Path) -> None:
    pwned = tmp_path / "pwned"
    sha = git(repo, "rev-parse", "HEAD")
    found = told(store, "ralph verify", f"--output={pwned}", repo=str(repo), verified_commit=sha)
    assert not pwned.exists()
    assert found.work.diff is None
    objects = Objects.of(str(repo))
    assert objects
    assert objects.diff(f"--output={pwned}", "HEAD") is None
    assert not pwned.exists()


@pytest.mark.parametrize("commit", [";curl x|sh", "$(reboot)", "HEAD", "--help", ["x"], {"a": 1}, 7, "abc"])
def test_a_commit_that_is_no_id_is_in_no_command(store: TraceStore, repo: Path, commit: object) -> None:
    found = told(store, "ralph", repo=str(repo), commit=commit, branch="main")
    assert found.work.commit == ""
    assert not [one.command for one in found.commands if "verify" in one.command or "show" in one.command]


def test_a_story_that_is_a_command_is_quoted(store: TraceStore, repo: Path) -> None:
    found = told(store, "ralph", repo=str(repo), story_id="US-1;reboot")
    assert "ralph explain 'US-1;reboot'" in [one.command for one in found.commands]


def test_a_repo_whose_config_runs_things_runs_nothing(store: TraceStore, repo: Path, tmp_path: Path) -> None:
    """A blob is missing, so that git would fetch it; every setting that names a command names ours."""
    ran = tmp_path / "ran"
    script = tmp_path / "run.sh"
    script.write_text(f"#!/bin/sh\necho ran >> {ran}\nexit 1\n")
    script.chmod(0o755)
    sha, blob = git(repo, "rev-parse", "HEAD"), git(repo, "rev-parse", "HEAD~:a.txt")
    (repo / ".git/objects" / blob[:2] / blob[2:]).unlink()
    (repo / ".git/info/attributes").write_text("* diff=x filter=x\n")
    (repo / ".git/hooks/fsmonitor-watchman").symlink_to(script)
    settings = ("core.fsmonitor", "core.sshCommand", "core.pager", "core.gitProxy", "core.alternateRefsCommand")
    drivers = ("diff.external", "diff.x.command", "diff.x.textconv", "filter.x.smudge", "filter.x.clean", "gpg.program")
    for name in (*settings, *drivers, "remote.origin.uploadpack", "credential.helper"):
        git(repo, "config", name, str(script))
    for name, value in {
        "core.repositoryformatversion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::{script}",
        "protocol.allow": "always",
        "protocol.ext.allow": "always",
    }.items():
        git(repo, "config", name, value)
    found = told(store, "ralph", repo=str(repo), commit=sha, branch="main")
    assert found.work.diff is None
    assert found.work.commit == sha
    assert not ran.exists()


def test_what_a_call_may_have_cost_is_nowhere_added_to_what_is_known(store: TraceStore, repo: Path) -> None:
    """As `ralph traces` and the list of traces say it: known, and apart from it at most so much."""
    facts = {"ralph.repo": str(repo), "ralph.story.id": "US-001"}
    with Tracer(store).start_trace("unseen", agent_id="ralph", metadata=facts) as trace:
        attributes = {names.COST_MICROS: 700_000, names.UNSEEN_MICROS: 500_000}
        trace.add_span("turn", kind=SpanKind.LLM, attributes=attributes)
    row = store.traces()[0]
    assert (row.known_micros, row.unseen_micros) == (200_000, 500_000)
    (session,) = overview(Query(store, now_ns=time.time_ns()), find_home()).sessions
    assert (session.cost_micros, session.unseen_micros, session.lines[0].cost_micros) == (200_000, 500_000, 200_000)
    detail = store.trace(row.trace_id)
    found = outcome(store, find_home(), detail)
    assert found
    assert (found.cost_micros, found.unseen_micros) == (200_000, 500_000)
    compared = compare_details(detail, detail)
    assert compared.a.totals.cost_micros == sum(pair.a.cost_micros for pair in compared.pairs if pair.a) == 200_000


@pytest.mark.parametrize("count", [10, 2_000])
def test_criteria_at_any_length_are_matched_at_once(count: int) -> None:
    wanted = [f"criterion {number} " + "abcde fgh " * 200 for number in range(20)]
    given = [Criterion("xbcdefgh " * 2_000 + str(number), "shown") for number in range(count)]
    given.append(Criterion(wanted[7].upper(), "the same words"))
    began = time.process_time()
    found, others = matched(wanted, given)
    assert time.process_time() - began < 5
    assert found[7].evidence == "the same words"
    assert len(others) == count


def test_a_pipe_in_place_of_a_repos_refs_holds_no_page_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ralph.history.objects.GIT_TIMEOUT_S", 0.3)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    os.mkfifo(tmp_path / ".git" / "packed-refs")
    found = Objects.of(str(tmp_path))
    assert found is None or found.commit("refs/heads/nothing") is None
