"""Worktrees made fit for work: a real repository, real worktrees and a small package manager written in bash."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ralph.agents.prepared_tools import PreparedTools
from ralph.checks.check import Check
from ralph.deadline import forever
from ralph.errors import ExitCode, RalphError
from ralph.events import Event, EventKind
from ralph.home import Home
from ralph.prepare.copies import Copies
from ralph.prepare.preparation import Preparation, Prepared, plan_copies
from ralph.prepare.services import Service
from ralph.sandbox.base import NoSandbox
from ralph.tools.result import ToolResult
from ralph.tools.toolbox import Toolbox
from ralph.workspace.repo import Repo
from ralph.workspace.snapshot import Snapshot, collect
from ralph.workspace.worktree import Worktree, open_worktree
from tracing.contents import Content
from tracing.redact import Redactor
from tracing.store import TraceStore
from tracing.tracer import Trace, Tracer

INSTALL = """set -e
echo run >> "$HOME/runs"
if grep -q missing-package package.json; then echo "no such package: missing-package"; exit 4; fi
mkdir -p node_modules
sed 's/^/locked /' package.json > package-lock.json
cp package.json node_modules/installed.json
echo made > made.txt
"""
SETUP = Check(name="setup", command="bash install.sh")


@dataclass
class Ground:
    """A user's repository, what prepares its worktrees, and one worktree."""

    root: Path
    home: Home
    trace: Trace
    events: list[Event] = field(default_factory=list)
    preparation: Preparation = field(init=False)
    worktree: Worktree = field(init=False)
    prepared: Prepared = field(init=False)

    def write(self, name: str, text: str) -> Path:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def commit(self) -> None:
        for words in (["add", "-A"], ["commit", "-qm", "by the user"]):
            subprocess.run(["git", *words], cwd=self.root, check=True)

    @property
    def repo(self) -> Repo:
        return Repo.open(self.root)

    def copies(self, *patterns: str) -> Copies:
        return plan_copies(self.repo, patterns, self.events.append)

    @contextmanager
    def opened(self, *patterns: str, setup: Check | None = SETUP, prepare: bool = True) -> "Iterator[Ground]":
        scratch = self.home.folder("runs", "r1")
        self.preparation = Preparation(self.copies(*patterns), setup, NoSandbox(), scratch)
        self.worktree = open_worktree(self.repo, self.home, self.repo.head, "t1")
        try:
            self.prepared = self.preparation.of(self.worktree, self.trace, self.events.append)
            if prepare:
                self.prepared.prepare()
            yield self
        finally:
            self.worktree.remove()

    @property
    def tree(self) -> Path:
        return self.worktree.path

    @contextmanager
    def tools(self) -> Iterator[Callable[..., ToolResult]]:
        scratch = self.preparation.scratch / self.trace.trace_id[:16]
        with closing(PreparedTools(Toolbox(self.tree, scratch, NoSandbox()), self.prepared.after_change)) as tools:
            yield lambda name, **given: tools.run(name, given)

    def snapshot(self) -> Snapshot:
        return collect(self.worktree, discard=self.prepared.files_to_discard())

    @property
    def setups(self) -> int:
        runs = self.preparation.scratch / self.trace.trace_id[:16] / "home" / "runs"
        return len(runs.read_text().split())


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    root = tmp_path / "repo"
    root.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    with closing(TraceStore.open(tmp_path / "traces.db")) as store:
        tracer = Tracer(store, redact=Redactor([]), content=Content("full"))
        with tracer.start_trace("test", agent_id="ralph") as trace:
            ground = Ground(root, Home(tmp_path / "home"), trace)
            ground.write(".gitignore", "node_modules/\n.env\nconfig/*.local.json\nlocal/\n")
            ground.write("package.json", "a\n")
            ground.write("package-lock.json", "locked a\n")
            ground.write("install.sh", INSTALL)
            ground.write("src/app.js", "hello\n")
            ground.commit()
            yield ground


def text_of(result: ToolResult) -> str:
    assert isinstance(result.content, str)
    return result.content


# ignored files


def test_ignored_files_that_match_are_copied_into_the_worktree_and_its_verification(ground: Ground) -> None:
    ground.write(".env", "KEY=1\n").chmod(0o600)
    ground.write("config/a.local.json", "{}")
    ground.write("local/deep/b.txt", "b")
    with ground.opened(".env", "config/*.local.json", "local", setup=None):
        assert (ground.tree / ".env").read_text() == "KEY=1\n"
        assert (ground.tree / ".env").stat().st_mode & 0o777 == 0o600
        assert (ground.tree / "config/a.local.json").exists()
        assert (ground.tree / "local/deep/b.txt").read_text() == "b"
        (ground.tree / "src/new.js").write_text("x")
        snapshot = ground.snapshot()
        assert snapshot.changed == ("src/new.js",)
        with ground.worktree.verification(snapshot.tree_sha) as tree:
            assert not (tree / ".env").exists()
            ground.preparation.copy_into(tree)
            assert (tree / ".env").read_text() == "KEY=1\n"


def test_a_copied_file_is_not_committed_even_when_the_agent_stops_ignoring_it(ground: Ground) -> None:
    ground.write("config/a.local.json", "{}")
    with ground.opened("config/*.local.json", setup=None):
        (ground.tree / ".gitignore").write_text("")
        (ground.tree / "config/a.local.json").write_text("changed by the agent")
        assert ground.snapshot().changed == (".gitignore",)


def test_tracked_files_are_left_as_the_commit_has_them(ground: Ground) -> None:
    ground.write("src/app.js", "edited, not committed\n")
    with ground.opened("src/*", setup=None):
        assert (ground.tree / "src/app.js").read_text() == "hello\n"


def test_a_file_that_git_does_not_ignore_is_refused(ground: Ground) -> None:
    ground.write("notes.txt", "mine")
    with pytest.raises(RalphError) as caught:
        ground.copies("*.txt")
    assert str(caught.value) == (
        'copy: notes.txt matches "*.txt" and git does not ignore it, so it would be committed with a story. '
        "Add it to .gitignore, commit it yourself, or write a narrower pattern."
    )


def test_a_file_that_only_the_uncommitted_gitignore_ignores_is_refused(ground: Ground) -> None:
    ground.write(".gitignore", "secret.txt\n")
    ground.write("secret.txt", "x")
    with pytest.raises(RalphError, match=r"secret.txt is ignored in .* Commit your \.gitignore first\."):
        ground.opened("secret.txt", setup=None).__enter__()


def test_links_inside_of_the_repo_stay_links_and_others_are_refused(ground: Ground, tmp_path: Path) -> None:
    ground.write("local/real.txt", "x")
    (ground.root / "local/link.txt").symlink_to("real.txt")
    with ground.opened("local", setup=None):
        assert (ground.tree / "local/link.txt").readlink() == Path("real.txt")
    (tmp_path / "outside").write_text("x")
    (ground.root / "local/away.txt").symlink_to("../../outside")
    with pytest.raises(RalphError, match=r"local/away.txt is a link to ../../outside, outside of the repo\."):
        ground.copies("local")
    (ground.root / "local/away.txt").unlink()
    (ground.root / "local/absolute.txt").symlink_to(tmp_path / "outside")
    with pytest.raises(RalphError, match=r"absolute.txt is reached through a link"):
        ground.copies("local")


def test_a_link_that_the_agent_committed_does_not_lead_a_copy_out_of_the_checkout(
    ground: Ground, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    ground.write("config/a.local.json", "{}")
    with ground.opened("config/*.local.json", setup=None):
        (ground.tree / "config/a.local.json").unlink()
        (ground.tree / "config").rmdir()
        (ground.tree / "config").symlink_to(outside)
        with pytest.raises(RalphError, match=r"a.local.json cannot be copied"):
            ground.preparation.copy_into(ground.tree)
    assert list(outside.iterdir()) == []


def test_a_pattern_without_a_match_is_told_and_the_run_goes_on(ground: Ground) -> None:
    assert ground.copies(".env").names == ()
    assert [event.text for event in ground.events] == [
        f'copy: nothing in {ground.root} matches ".env", so the worktrees go without it.'
    ]


def test_the_fingerprint_follows_the_copied_files(ground: Ground) -> None:
    assert ground.copies().fingerprint == ""
    ground.write(".env", "1")
    before = ground.copies(".env").fingerprint
    ground.write(".env", "22")
    assert before
    assert ground.copies(".env").fingerprint != before


def test_the_base_is_checked_anew_when_there_is_another_service(ground: Ground) -> None:
    with ground.opened(setup=None):
        other = replace(ground.preparation, services=[Service(name="a", up="true")])
        assert other.fingerprint != ground.preparation.fingerprint


# setup


def test_setup_runs_in_the_agents_worktree_before_its_first_turn_as_a_span_and_an_event(ground: Ground) -> None:
    with ground.opened():
        assert (ground.tree / "node_modules/installed.json").read_text() == "a\n"
    told = [event for event in ground.events if event.kind is EventKind.CHECK]
    assert [(event.fields["check"], event.fields["passed"]) for event in told] == [("setup", True)]
    assert told[0].text.startswith("setup: done in ")


def test_what_setup_leaves_is_not_the_agents_work_until_the_agent_changes_it(ground: Ground) -> None:
    ground.write("package-lock.json", "old\n")
    ground.commit()
    with ground.opened():
        assert (ground.tree / "package-lock.json").read_text() == "locked a\n"
        assert ground.snapshot().is_empty
        (ground.tree / "made.txt").write_text("and the agent's line\n")
        assert ground.snapshot().changed == ("made.txt",)


def test_a_setup_that_fails_on_the_base_ends_the_run_with_its_last_lines(ground: Ground) -> None:
    ground.write("package.json", "missing-package\n")
    ground.commit()
    with ground.opened(prepare=False):
        with pytest.raises(RalphError) as caught:
            ground.prepared.prepare()
        sha = ground.worktree.base_sha[:10]
        assert ground.snapshot().is_empty
    assert str(caught.value) == (
        f"setup failed on the commit {sha} before any work (exit code 4), so no check could pass: `bash install.sh`. "
        "Its last lines:\nno such package: missing-package\nMend [setup] in ralph.toml; `ralph init` tries it out. "
        "It runs without the network: if it needs it, write network = true there."
    )
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("ending", ["stop", "deadline"])
def test_a_setup_that_is_cut_off_by_the_end_of_the_run_is_no_failure(ground: Ground, ending: str) -> None:
    stop = threading.Event()
    with ground.opened(prepare=False):
        if ending == "stop":
            stop.set()
        preparation = replace(
            ground.preparation,
            setup=Check(name="setup", command="sleep 20"),
            stop=stop,
            left_s=(lambda: -1.0) if ending == "deadline" else forever,
        )
        preparation.of(ground.worktree, ground.trace, ground.events.append).prepare()


# manifests and lock files


def test_a_changed_manifest_runs_setup_again_and_its_lock_file_is_committed(ground: Ground) -> None:
    with ground.opened(), ground.tools() as call:
        result = call("edit", file_path="package.json", old_string="a", new_string="b")
        assert text_of(result).endswith("\n\n[harness] package.json changed, so `setup` ran again and succeeded.")
        assert (ground.tree / "node_modules/installed.json").read_text() == "b\n"
        assert (ground.tree / "package-lock.json").read_text() == "locked b\n"
        assert ground.snapshot().changed == ("package-lock.json", "package.json")
        assert ground.setups == 2
        call("bash", command="touch src/app.js src/new.js")
        assert ground.setups == 2


def test_a_setup_that_fails_on_the_agents_manifest_is_told_to_the_agent(ground: Ground) -> None:
    with ground.opened(), ground.tools() as call:
        result = call("bash", command="echo missing-package >> package.json")
        assert text_of(result).endswith(
            "[harness] package.json changed, so `setup` ran again and failed (exit code 4). Its last lines:\n"
            "no such package: missing-package"
        )
        mended = call("bash", command="echo a > package.json")
        assert text_of(mended).endswith("changed, so `setup` ran again and succeeded.")
        assert ground.snapshot().is_empty


def test_an_edit_of_a_lock_file_alone_is_taken_back(ground: Ground) -> None:
    with ground.opened(), ground.tools() as call:
        result = call("bash", command="echo by hand >> package-lock.json; echo x > yarn.lock; echo done")
        assert text_of(result).endswith(
            "[harness] package-lock.json, yarn.lock: only `setup` writes lock files, so your change was taken back. "
            "Change the manifest instead; setup then runs again."
        )
        assert (ground.tree / "package-lock.json").read_text() == "locked a\n"
        assert not (ground.tree / "yarn.lock").exists()
        assert call("bash", command="rm package-lock.json").content != ""
        assert (ground.tree / "package-lock.json").read_text() == "locked a\n"
        assert (ground.setups, ground.snapshot().is_empty) == (1, True)


def test_a_manifest_and_its_lock_file_changed_together_give_the_lock_file_of_setup(ground: Ground) -> None:
    with ground.opened(), ground.tools() as call:
        result = call("bash", command="echo b > package.json; echo evil > package-lock.json")
        assert "your change was taken back" in text_of(result)
        assert "package.json changed" in text_of(result)
        assert (ground.tree / "package-lock.json").read_text() == "locked b\n"


def test_a_new_manifest_in_any_folder_counts_and_one_that_git_ignores_does_not(ground: Ground) -> None:
    with ground.opened(), ground.tools() as call:
        call("bash", command="mkdir -p node_modules/x && echo 1 > node_modules/x/package.json")
        assert ground.setups == 1
        call("write", file_path="packages/new/package.json", content="{}")
        assert ground.setups == 2


def test_a_lock_file_that_was_changed_behind_the_tools_back_is_left_out_of_the_commit(ground: Ground) -> None:
    with ground.opened(), ground.tools() as call:
        call("edit", file_path="package.json", old_string="a", new_string="b")
        (ground.tree / "package-lock.json").write_text("evil\n")
        assert ground.snapshot().changed == ("package.json",)
        assert "package-lock.json" in ground.snapshot().discarded


def test_a_lock_file_is_not_written_through_a_link_that_the_agent_made(ground: Ground, tmp_path: Path) -> None:
    ground.write("packages/a/yarn.lock", "mine\n")
    ground.commit()
    outside = tmp_path / "outside"
    outside.mkdir()
    with ground.opened(), ground.tools() as call:
        call("bash", command=f"rm -r packages/a && ln -s {outside} packages/a")
        assert list(outside.iterdir()) == []
        call("bash", command=f"rm package-lock.json && ln -s {outside}/x package-lock.json")
        assert (ground.tree / "package-lock.json").read_text() == "locked a\n"
        assert not (ground.tree / "package-lock.json").is_symlink()
    assert list(outside.iterdir()) == []


def test_what_lies_outside_is_not_read_through_a_linked_folder(ground: Ground, tmp_path: Path) -> None:
    ground.write("packages/a/package.json", "mine\n")
    ground.commit()
    outside = tmp_path / "outside"
    outside.mkdir()
    with ground.opened(), ground.tools() as call:
        (outside / "package.json").write_text("mine\n")
        call("bash", command=f"rm -r packages/a && ln -s {outside} packages/a")
        setups = ground.setups
        (outside / "package.json").write_text("theirs now\n")
        assert "setup" not in text_of(call("bash", command="true"))
        assert ground.setups == setups


def test_what_the_agent_wrote_before_setup_ran_over_it_stays_the_agents(ground: Ground) -> None:
    with ground.opened(), ground.tools() as call:
        call("bash", command="echo by the agent > made.txt")
        call("edit", file_path="package.json", old_string="a", new_string="b")
        assert (ground.tree / "made.txt").read_text() == "made\n"
        assert "made.txt" in ground.snapshot().changed


def test_without_a_setup_manifests_and_lock_files_are_the_agents_own(ground: Ground) -> None:
    with ground.opened(setup=None), ground.tools() as call:
        result = call("bash", command="echo b > package.json; echo b > package-lock.json")
        assert "[harness]" not in text_of(result)
        assert ground.snapshot().changed == ("package-lock.json", "package.json")


def test_a_verification_in_between_changes_nothing_of_what_is_known(ground: Ground) -> None:
    with ground.opened(), ground.tools() as call:
        call("edit", file_path="package.json", old_string="a", new_string="b")
        snapshot = ground.snapshot()
        with ground.worktree.verification(snapshot.tree_sha) as tree:
            assert (tree / "package-lock.json").read_text() == "locked b\n"
        assert ground.snapshot() == snapshot
        call("bash", command="touch src/app.js")
        assert ground.setups == 2


def test_two_worktrees_of_a_run_share_nothing(ground: Ground) -> None:
    with ground.opened():
        other = open_worktree(ground.repo, ground.home, ground.repo.head, "t2")
        try:
            second = ground.preparation.of(other, ground.trace, ground.events.append)
            second.prepare()
            (other.path / "package.json").write_text("c\n")
            assert "ran again and succeeded" in second.after_change()
            assert ground.prepared.after_change() == ""
            assert (ground.tree / "package-lock.json").read_text() == "locked a\n"
        finally:
            other.remove()
