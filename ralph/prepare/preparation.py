"""What makes a fresh worktree fit for work: the ignored files it needs, and `setup`, also when a manifest changed.

Where a `setup` is configured, it alone writes lock files: the agent's edits to them are taken back. What setup changed and
the agent did not touch is no work of the agent, and is not committed. Knows nothing about models, stories or money.
"""

import hashlib
import os
import stat
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ralph.checks.check import Check, CheckResult
from ralph.checks.record import ending, record, told
from ralph.checks.runner import run_setup
from ralph.deadline import Left, forever
from ralph.errors import RalphError
from ralph.events import Event, EventKind, Reporter
from ralph.prepare.copies import Copies, find_copies
from ralph.prepare.manifests import is_lock_file, is_manifest
from ralph.prepare.services import Service
from ralph.sandbox.base import Sandbox
from ralph.tools.places import Place, opened_parent, read_bytes, replace_bytes
from ralph.tools.result import ToolRefusedError
from ralph.workspace.repo import Repo
from ralph.workspace.worktree import Worktree
from tracing.span import SpanKind
from tracing.tracer import Trace

SHOWN_LINES = 15
ALL_OF_IT = -1
Signature = tuple[int, int, int]  # of a file: when it was changed, its size, its kind
NOT_THERE: Signature = (0, 0, 0)


@dataclass(frozen=True)
class Preparation:
    """How the worktrees of one run are prepared; `of` makes the part that belongs to one worktree."""

    copies: Copies
    setup: Check | None
    sandbox: Sandbox
    scratch: Path  # the run's folder; each trace has one below it, which is also that of its checks
    services: Sequence[Service] = ()  # what else the checks find; they are started elsewhere
    left_s: Left = forever  # until the run's deadline
    stop: threading.Event = field(default_factory=threading.Event)

    def of(self, worktree: Worktree, trace: Trace, report: Reporter) -> "Prepared":
        return Prepared(self, worktree, trace, report)

    def copy_into(self, checkout: Path) -> None:
        """Give a verification checkout the ignored files that its checks need.

        Raises:
            RalphError: one is gone, or cannot be written.
        """
        self.copies.into(checkout)

    @property
    def fingerprint(self) -> str:
        """Changes with what the checks find beside the tree; for the key under which the base's results are remembered."""
        return " ".join([self.copies.fingerprint, *(service.up for service in self.services)])

    @property
    def own_stores(self) -> bool:
        """Whether setup may bring new packages, so that every command must look for them where setup could put them."""
        return self.setup is not None and self.setup.network

    @property
    def is_over(self) -> bool:
        """The run was stopped, or has no time left: a command that failed now says nothing."""
        return self.stop.is_set() or self.left_s() <= 0


def plan_copies(repo: Repo, patterns: Sequence[str], report: Reporter) -> Copies:
    """What `copy` names, once per run; a pattern without a match is told.

    Raises:
        RalphError: as `find_copies`.
    """
    copies = find_copies(repo, patterns)
    for pattern in copies.unmatched:
        text = f'copy: nothing in {repo.root} matches "{pattern}", so the worktrees go without it.'
        report(Event(EventKind.WARNING, text))
    return copies


class Prepared:
    """One worktree: what setup left in it, so that the agent's own changes can be told from it."""

    def __init__(self, preparation: Preparation, worktree: Worktree, trace: Trace, report: Reporter) -> None:
        self._preparation, self._worktree = preparation, worktree
        self._trace, self._report = trace, report
        self._from_setup: dict[str, Signature] = {}
        self._locks: dict[str, bytes] = {}
        self._base_manifests: dict[str, str] = {}
        self._manifests: dict[str, str] = {}
        self._seen: dict[str, Signature] = {}

    def prepare(self) -> None:
        """Copy the ignored files and run setup, before the agent's first turn.

        Raises:
            RalphError: a file cannot be copied, or setup fails, so that no check could pass.
        """
        copies, setup = self._preparation.copies, self._preparation.setup
        copies.refuse_exposed(self._worktree)
        copies.into(self._worktree.path)
        if setup is None:
            return
        result = self._run_setup(setup, "setup")
        self._base_manifests = self._manifests
        if not result.passed and not self._preparation.is_over:
            raise RalphError(_failed_on_base(setup, result, self._worktree.base_sha))

    def after_change(self) -> str:
        """Look at what a tool call changed: take back edits of lock files, run setup again when a manifest changed.

        What the agent has to be told; empty when there is nothing.
        """
        setup = self._preparation.setup
        if setup is None or (seen := self._signatures()) == self._seen:
            return ""
        reverted = self._restore_locks(seen)
        changed = _differences(self._manifests, self._read_manifests(seen))
        notes = [_reverted_note(reverted)] if reverted else []
        if changed:
            notes.append(_setup_note(changed, self._run_setup(setup, f"setup again, as {_listed(changed)} changed")))
        self._seen = self._signatures()
        return "\n".join(notes)

    def files_to_discard(self) -> list[str]:
        """Paths whose changes are not the agent's to commit: copied files, what setup left, lock files it did not write."""
        copied = list(self._preparation.copies.names)
        if self._preparation.setup is None:
            return copied
        changed = self._base_manifests != self._read_manifests(self._signatures())
        foreign = [path for path in self._touched() if self._is_foreign(path, manifests_changed=changed)]
        return sorted({*copied, *foreign})

    def _is_foreign(self, path: str, *, manifests_changed: bool) -> bool:
        if is_lock_file(path):
            return not manifests_changed or self._read(path) != self._locks.get(path)
        return path in self._from_setup and self._from_setup[path] == self._signature(path)

    def _run_setup(self, setup: Check, words: str) -> CheckResult:
        before = self._touched()
        started_ns = self._trace.clock()
        result = run_setup(
            setup,
            self._worktree.path,
            sandbox=self._preparation.sandbox,
            scratch=self._preparation.scratch / self._trace.trace_id[:16],
            cancel=self._preparation.stop,
            timeout_cap_s=self._preparation.left_s(),
            read_only=[
                path for path in (self._worktree.repo.common_dir, self._worktree.path / ".git") if path.exists()
            ],
            own_stores=self._preparation.own_stores,
        )
        record(self._trace, result, started_ns, name="setup", kind=SpanKind.CHAIN)
        self._report(told(result, words, "done"))
        self._remember(before)
        return result

    def _remember(self, before: dict[str, Signature]) -> None:
        """Note what setup left. A file that the agent had changed before stays the agent's, whatever setup did to it."""
        for path, now in self._touched().items():
            if path not in before or before[path] == self._from_setup.get(path):
                self._from_setup[path] = now
        self._seen = self._signatures()
        self._locks = {
            path: data for path in self._seen if is_lock_file(path) and (data := self._read(path)) is not None
        }
        self._manifests = self._read_manifests(self._seen)

    def _restore_locks(self, seen: dict[str, Signature]) -> list[str]:
        differing = [path for path in sorted({*seen, *self._locks}) if self._is_edited_lock(path)]
        return [path for path in differing if self._restore(path)]

    def _is_edited_lock(self, path: str) -> bool:
        return is_lock_file(path) and self._read(path) != self._locks.get(path)

    def _restore(self, path: str) -> bool:
        """False when something stands in the way; such a file is not committed either."""
        place = self._place(path)
        wanted = self._locks.get(path)
        try:
            if wanted is not None:
                replace_bytes(place, wanted, None)
            else:
                with opened_parent(place) as parent:
                    os.unlink(place.parts[-1], dir_fd=parent)
        except OSError:
            return False
        return True

    def _signatures(self) -> dict[str, Signature]:
        """Of all manifests and lock files that git does not ignore."""
        git = self._worktree.git(self._worktree.pristine_index)
        names = git.names("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        return {name: self._signature(name) for name in names if is_manifest(name) or is_lock_file(name)}

    def _touched(self) -> dict[str, Signature]:
        """Files that may differ from the base commit, or are new."""
        git = self._worktree.git(self._worktree.pristine_index)
        known = git.names("diff-files", "-z", "--name-only", "--ignore-submodules=all")
        new = git.names("ls-files", "-z", "--others", "--exclude-standard")
        return {name: self._signature(name) for name in {*known, *new}}

    def _signature(self, name: str) -> Signature:
        try:
            about = (self._worktree.path / name).lstat()
        except OSError:
            return NOT_THERE
        return (0, 0, 1) if stat.S_ISDIR(about.st_mode) else (about.st_mtime_ns, about.st_size, about.st_mode)

    def _read_manifests(self, names: Iterable[str]) -> dict[str, str]:
        read = {name: self._read(name) for name in names if is_manifest(name)}
        return {name: hashlib.sha256(data).hexdigest() for name, data in read.items() if data is not None}

    def _read(self, name: str) -> bytes | None:
        """A regular file's content; None for what is not there, a pipe, a link, or in a folder that is a link."""
        try:
            return read_bytes(self._place(name), ALL_OF_IT)[0]
        except (OSError, ToolRefusedError):
            return None

    def _place(self, name: str) -> Place:
        return Place(self._worktree.path.resolve(), PurePosixPath(name).parts, name)


def _differences(old: dict[str, str], new: dict[str, str]) -> list[str]:
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def _last_lines(result: CheckResult) -> str:
    return "\n".join(result.excerpt.strip().splitlines()[-SHOWN_LINES:]) or "(it printed nothing)"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _reverted_note(paths: Sequence[str]) -> str:
    return (
        f"[harness] {_listed(paths)}: only `setup` writes lock files, so your change was taken back. "
        "Change the manifest instead; setup then runs again."
    )


def _setup_note(changed: Sequence[str], result: CheckResult) -> str:
    start = f"[harness] {_listed(changed)} changed, so `setup` ran again and"
    if result.passed:
        return f"{start} succeeded."
    return f"{start} failed ({ending(result)}). Its last lines:\n{_last_lines(result)}"


def _failed_on_base(setup: Check, result: CheckResult, sha: str) -> str:
    network = "" if setup.network else " It runs without the network: if it needs it, write network = true there."
    return (
        f"setup failed on the commit {sha[:10]} before any work ({ending(result)}), so no check could pass: "
        f"`{setup.command}`. Its last lines:\n{_last_lines(result)}\n"
        f"Mend [setup] in ralph.toml; `ralph init` tries it out.{network}"
    )
