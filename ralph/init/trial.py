"""Tries setup and each check as a run would: a worktree of HEAD, the run's sandbox, first without the network.

After each failure `giving` may give what was lacking, and the command is tried again. Knows nothing about how the outcome is
written or shown.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ralph.checks.check import Check
from ralph.checks.runner import run_check
from ralph.detect.proposal import Proposal
from ralph.history.tidy import tidy
from ralph.home import Home
from ralph.init.consent import Consent
from ralph.init.diagnose import Diagnosis, Kind, Surroundings, diagnose
from ralph.init.giving import SHOWN_CHARS, Gifts
from ralph.init.missed_services import first_of_each
from ralph.init.result import Trial, Tried
from ralph.known_secrets import known_secrets
from ralph.sandbox.base import Sandbox
from ralph.workspace.folders import remove_tree
from ralph.workspace.repo import Repo
from ralph.workspace.worktree import Worktree, open_worktree
from tracing.redact import Redactor
from tracing.words import cut, plain

MAX_TRIES = 10
OFFLINE_S = 120.0  # for what is known to download: longer than this it only waits for the network
HEARTBEAT_S = 20.0
IMPATIENT = {  # without the network there is nothing to wait for
    "npm_config_fetch_retries": "0",
    "PIP_RETRIES": "0",
    "PIP_DEFAULT_TIMEOUT": "5",
    "UV_HTTP_RETRIES": "0",
    "CARGO_NET_RETRY": "0",
    "BUNDLE_RETRY": "0",
    "YARN_NETWORK_TIMEOUT": "5000",
}
HOME_IS_HIDDEN = "Check the connection. Commands do not see your home: name a proxy or a registry of your own in `env` of the command."
Say = Callable[[str], None]


@dataclass
class Bench:
    """Where and with what the commands are tried. `scratch` keeps their outputs."""

    repo: Repo
    home: Home
    sandbox: Sandbox
    around: Surroundings
    consent: Consent
    say: Say
    timeout_s: float
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def can_isolate(self) -> bool:
        return self.sandbox.level != "none"

    def try_out(self, proposal: Proposal) -> Trial:
        """Raises: RalphError when no worktree can be made, or another init is at it."""
        worktree = open_worktree(self.repo, self.home, self.repo.head, "init")
        scratch = self.home.folder("init", self.repo.id[:16])
        remove_tree(scratch)
        try:
            with ExitStack() as services:
                return _Tries(self, worktree, scratch, proposal, services).all()
        finally:
            tidy(scratch, Redactor(known_secrets(os.environ, self.repo.root, self.home)).text)
            worktree.remove()


class _Tries:
    """One trial, from setup to the last check."""

    def __init__(
        self, bench: Bench, worktree: Worktree, scratch: Path, proposal: Proposal, services: ExitStack
    ) -> None:
        self._bench, self._worktree, self._scratch, self._proposal = bench, worktree, scratch, proposal
        self._gifts = Gifts(
            bench.repo,
            bench.home,
            worktree,
            scratch,
            proposal,
            can_isolate=bench.can_isolate,
            consent=bench.consent,
            say=bench.say,
            stop=bench.stop,
            started=services,
        )

    def all(self) -> Trial:
        setup, checks = self._prepared()
        if checks is None:
            with self._fresh() as tree:
                checks = self._try_each(tree)
        if setup and not setup.passed:
            checks = [_without(setup, tried) for tried in checks]
        gifts = self._gifts
        return Trial(
            self._worktree.base_sha,
            self._bench.sandbox.level,
            setup,
            tuple(checks),
            tuple(gifts.copies),
            tuple(dict.fromkeys(gifts.offered_copies)),
            tuple(gifts.services),
            first_of_each(gifts.offered_services),
            tuple(dict.fromkeys(gifts.notes)),
        )

    def _prepared(self) -> tuple[Tried | None, list[Tried] | None]:
        """Setup, and in the same tree the checks after it; without a setup that works they need a tree of their own."""
        if self._proposal.setup is None:
            return None, None
        with self._fresh() as tree:
            setup = _as_setup(self._settle(self._proposal.setup, tree))
            return setup, self._try_each(tree) if setup.passed else None

    def _try_each(self, tree: Path) -> list[Tried]:
        return [self._settle(check, tree) for check in self._proposal.checks]

    @contextmanager
    def _fresh(self) -> Iterator[Path]:
        with self._worktree.verification(self._worktree.base_sha) as tree:
            self._gifts.into(tree)
            yield tree

    def _settle(self, proposed: Check, tree: Path) -> Tried:
        """Try it until it passes, or nothing more may be given."""
        check = proposed.model_copy(update={"network": self._gifts.starts_with_network(proposed)})
        for _ in range(MAX_TRIES):
            tried = self._try(check, tree, downloads=proposed.network)
            mended = self._gifts.mended(tried, tree)
            if mended is None:
                break
            check = mended
        return tried

    def _try(self, check: Check, tree: Path, *, downloads: bool) -> Tried:
        bench, is_offline = self._bench, self._bench.can_isolate and not check.network
        with_network = " with the network" if check.network else ""
        bench.say(f"{check.name}: {cut(plain(check.command), SHOWN_CHARS)}{with_network} ...")
        with _heartbeat(check.name, bench.say):
            result = run_check(
                check.model_copy(update={"env": {**(IMPATIENT if downloads and is_offline else {}), **check.env}}),
                tree,
                sandbox=bench.sandbox,
                scratch=self._scratch,
                cancel=bench.stop,
                timeout_cap_s=min(bench.timeout_s, OFFLINE_S) if downloads and is_offline else bench.timeout_s,
                read_only=[self._worktree.repo.common_dir],
            )
        if result.cancelled:
            raise KeyboardInterrupt
        found = diagnose(result, bench.around, command=check.command)
        if is_offline:
            found = _waited_for_network(found) if downloads else found
        elif found.kind is Kind.NETWORK:
            found = replace(found, reason=f"{found.reason}, although it had it", remedy=HOME_IS_HIDDEN)
        told = "ok" if found.kind is Kind.PASSED else found.reason
        bench.say(f"{check.name}: {told} ({result.duration_s:.1f} s)")
        return Tried(check, found, result.duration_s, result.output)


def _waited_for_network(found: Diagnosis) -> Diagnosis:
    if found.kind is not Kind.TIMEOUT:
        return found
    return Diagnosis(Kind.NETWORK, "it downloads, and did not end without the network", "Give it network = true.")


@contextmanager
def _heartbeat(name: str, say: Say) -> Iterator[None]:
    """A line now and then as long as the command runs."""
    ended, started_s = threading.Event(), time.monotonic()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_S):
            say(f"{name}: {time.monotonic() - started_s:.0f} s so far")

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _as_setup(tried: Tried) -> Tried:
    """A setup that fails by itself has to be mended, whatever a story may do about a red check."""
    if tried.diagnosis.kind is not Kind.RED:
        return tried
    remedy = "Run it in a fresh clone until it works, or correct the command."
    return replace(tried, diagnosis=replace(tried.diagnosis, remedy=remedy))


def _without(setup: Tried, tried: Tried) -> Tried:
    """What a check lacks when setup did not work is, as a rule, what setup would have brought."""
    if tried.diagnosis.kind not in {Kind.TOOL, Kind.DEPENDENCY}:
        return tried
    reason = f"{tried.diagnosis.reason}, as setup did not work: {setup.diagnosis.reason}"
    found = replace(tried.diagnosis, kind=Kind.DEPENDENCY, reason=reason, remedy="Mend setup first.")
    return replace(tried, diagnosis=found)
