"""Tries setup and each check as a run would: a worktree of HEAD, the run's sandbox, first without the network.

What a failure shows to be lacking is asked for (see `consent`), given, and the command is tried again. Knows nothing about how
the outcome is written or shown.
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
from ralph.detect.proposal import Need, Proposal
from ralph.errors import RalphError
from ralph.history.tidy import tidy
from ralph.home import Home
from ralph.init.consent import Consent, Permission
from ralph.init.diagnose import Diagnosis, Kind, Surroundings, diagnose
from ralph.init.helpers import first_of_each, is_from_compose, is_open, need_for, service_of
from ralph.init.result import Trial, Tried
from ralph.init.surroundings import may_hold_secrets
from ralph.known_secrets import known_secrets
from ralph.prepare.copies import find_copies
from ralph.prepare.services import Service, Services
from ralph.sandbox.base import Sandbox
from ralph.workspace.folders import remove_tree
from ralph.workspace.repo import Repo
from ralph.workspace.worktree import Worktree, open_worktree
from tracing.redact import Redactor

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
    """One trial: what was given so far, and what was only offered."""

    def __init__(
        self, bench: Bench, worktree: Worktree, scratch: Path, proposal: Proposal, services: ExitStack
    ) -> None:
        self._bench, self._worktree, self._scratch, self._proposal = bench, worktree, scratch, proposal
        self._started = services
        self._copies: list[str] = []
        self._services: list[Service] = []
        self._offered_copies: list[str] = []
        self._offered_services: list[Need] = []
        self._asked: dict[str, bool] = {}
        self._notes: list[str] = []

    def all(self) -> Trial:
        setup, checks = self._prepared()
        if checks is None:
            with self._fresh() as tree:
                checks = self._try_each(tree)
        if setup and not setup.passed:
            checks = [_without(setup, tried) for tried in checks]
        return Trial(
            self._worktree.base_sha,
            self._bench.sandbox.level,
            setup,
            tuple(checks),
            tuple(self._copies),
            tuple(dict.fromkeys(self._offered_copies)),
            tuple(self._services),
            first_of_each(self._offered_services),
            tuple(dict.fromkeys(self._notes)),
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
            for name in self._copies:
                self._put(name, tree)
            yield tree

    def _settle(self, proposed: Check, tree: Path) -> Tried:
        """Try it until it passes, or nothing more may be given."""
        check = proposed.model_copy(update={"network": self._starts_with_network(proposed)})
        for _ in range(MAX_TRIES):
            tried = self._try(check, tree, downloads=proposed.network)
            mended = self._mended(tried, tree)
            if mended is None:
                break
            check = mended
        return tried

    def _starts_with_network(self, proposed: Check) -> bool:
        """Where no sandbox can take the network away, only a question tells whether it may have it elsewhere."""
        if not proposed.network or self._can_isolate:
            return False
        allowed = self._allows_network(proposed, "it downloads what it needs")
        if not allowed:
            self._notes.append(f"{proposed.name} downloads; where there is a sandbox, it will need network = true.")
        return allowed

    @property
    def _can_isolate(self) -> bool:
        return self._bench.sandbox.level != "none"

    def _try(self, check: Check, tree: Path, *, downloads: bool) -> Tried:
        bench, is_offline = self._bench, self._can_isolate and not check.network
        with_network = " with the network" if check.network else ""
        bench.say(f"{check.name}: {_shown(check.command)}{with_network} ...")
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

    def _mended(self, tried: Tried, tree: Path) -> Check | None:
        """The check for another try; None when it is as good as it gets."""
        mends = {Kind.NETWORK: self._network, Kind.FILE: self._file, Kind.SERVICE: self._service}
        mend = mends.get(tried.diagnosis.kind)
        return mend(tried, tree) if mend else None

    def _network(self, tried: Tried, _: Path) -> Check | None:
        check = tried.check
        if check.network or not self._can_isolate or not self._allows_network(check, tried.diagnosis.reason):
            return None
        return check.model_copy(update={"network": True})

    def _allows_network(self, check: Check, reason: str) -> bool:
        setup = self._proposal.setup
        is_setup = setup is not None and check.name == setup.name and check.command == setup.command
        question = f"{check.name}: {reason}. May it have the network?"
        return self._allows(Permission.SETUP_NETWORK if is_setup else Permission.NETWORK, question)

    def _file(self, tried: Tried, tree: Path) -> Check | None:
        name = tried.diagnosis.subject
        if not name or name in self._copies:
            return None
        secret = may_hold_secrets(name)
        warning = " It may hold secrets, which the agent could then read." if secret else ""
        question = f"{tried.check.name}: {tried.diagnosis.reason}.{warning} Copy it into the worktrees?"
        if not self._allows(Permission.SECRET if secret else Permission.COPY, question):
            self._offered_copies.append(name)
            return None
        if not self._put(name, tree):
            return None
        self._copies.append(name)
        return tried.check

    def _put(self, name: str, tree: Path) -> bool:
        try:
            copies = find_copies(self._bench.repo, [name])
            copies.refuse_exposed(self._worktree)
            copies.into(tree)
        except RalphError as error:
            self._notes.append(str(error))
            return False
        return bool(copies.names)

    def _service(self, tried: Tried, _: Path) -> Check | None:
        check, port = tried.check, tried.diagnosis.subject
        need = need_for(port, self._proposal.needs)
        if is_open(port) and not check.network:  # it is up: only the sandbox is in the way
            reason = f"it talks to 127.0.0.1:{port}, which is up on this machine"
            return check.model_copy(update={"network": True}) if self._allows_network(check, reason) else None
        if need is None or not self._start(need, check):
            return None
        return None if check.network else check.model_copy(update={"network": True})

    def _start(self, need: Need, check: Check) -> bool:
        """Whether the service is up now by our doing."""
        service = service_of(need)
        if service in self._services:
            return not check.network
        question = (
            f"{check.name} needs {need.name}. Start it outside of the sandbox with `{service.up if service else ''}`, "
            f"and give {check.name} the network to reach it?"
        )
        if service is None or not is_from_compose(need) or not self._allows(Permission.SERVICE, question):
            self._offered_services.append(need)
            return False
        return self._up(service, need)

    def _up(self, service: Service, need: Need) -> bool:
        bench = self._bench
        users = bench.home.folder("locks") / f"services-{bench.repo.id[:32]}.lock"
        bench.say(f"{service.name}: {_shown(service.up)} ...")
        running = Services(
            [service],
            bench.repo.root,
            self._scratch / f"service-{len(self._services) + 1}",
            lambda event: bench.say(event.text),
            bench.stop,
            users,
        )
        try:
            self._started.enter_context(running.running())
        except RalphError as error:
            self._notes.append(str(error))
            self._offered_services.append(need)
            return False
        self._services.append(service)
        return True

    def _allows(self, permission: Permission, question: str) -> bool:
        """Each question is put once."""
        if question not in self._asked:
            self._asked[question] = self._bench.consent.allows(permission, question)
        return self._asked[question]


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


def _shown(command: str, limit_chars: int = 90) -> str:
    line = " ".join("".join(char if char.isprintable() else " " for char in command).split())
    return line if len(line) <= limit_chars else line[: limit_chars - 3] + "..."
