"""What a failed try shows to be lacking is asked for (see `consent`), and given or only offered: the network, a file, a service.

Knows nothing about how commands are run.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ralph.checks.check import Check
from ralph.detect.proposal import Need, Proposal
from ralph.errors import RalphError
from ralph.home import Home
from ralph.init.consent import Consent, Permission
from ralph.init.diagnose import Kind
from ralph.init.missed_services import is_from_compose, is_open, need_for, service_of
from ralph.init.result import Tried
from ralph.init.surroundings import may_hold_secrets
from ralph.prepare.copies import find_copies
from ralph.prepare.services import Service, Services
from ralph.workspace.repo import Repo
from ralph.workspace.worktree import Worktree
from tracing.words import cut, plain

SHOWN_CHARS = 90  # of a command


@dataclass
class Gifts:
    """What was given in one trial so far, and what was only offered."""

    repo: Repo
    home: Home
    worktree: Worktree
    scratch: Path
    proposal: Proposal
    can_isolate: bool  # whether the sandbox can take the network away
    consent: Consent
    say: Callable[[str], None]
    stop: threading.Event
    started: ExitStack  # services are down again when it closes
    copies: list[str] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    offered_copies: list[str] = field(default_factory=list)
    offered_services: list[Need] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _asked: dict[str, bool] = field(default_factory=dict, init=False)

    def into(self, tree: Path) -> None:
        """A fresh tree gets the files that were given so far."""
        for name in self.copies:
            self._put(name, tree)

    def starts_with_network(self, proposed: Check) -> bool:
        """Where no sandbox can take the network away, only a question tells whether it may have it elsewhere."""
        if not proposed.network or self.can_isolate:
            return False
        allowed = self._allows_network(proposed, "it downloads what it needs")
        if not allowed:
            self.notes.append(f"{proposed.name} downloads; where there is a sandbox, it will need network = true.")
        return allowed

    def mended(self, tried: Tried, tree: Path) -> Check | None:
        """The check for another try; None when it is as good as it gets."""
        mends = {Kind.NETWORK: self._network, Kind.FILE: self._file, Kind.SERVICE: self._service}
        mend = mends.get(tried.diagnosis.kind)
        return mend(tried, tree) if mend else None

    def _network(self, tried: Tried, _: Path) -> Check | None:
        check = tried.check
        if check.network or not self.can_isolate or not self._allows_network(check, tried.diagnosis.reason):
            return None
        return check.model_copy(update={"network": True})

    def _allows_network(self, check: Check, reason: str) -> bool:
        setup = self.proposal.setup
        is_setup = setup is not None and check.name == setup.name and check.command == setup.command
        question = f"{check.name}: {reason}. May it have the network?"
        return self._allows(Permission.SETUP_NETWORK if is_setup else Permission.NETWORK, question)

    def _file(self, tried: Tried, tree: Path) -> Check | None:
        name = tried.diagnosis.subject
        if not name or name in self.copies:
            return None
        secret = may_hold_secrets(name)
        warning = " It may hold secrets, which the agent could then read." if secret else ""
        question = f"{tried.check.name}: {tried.diagnosis.reason}.{warning} Copy it into the worktrees?"
        if not self._allows(Permission.SECRET if secret else Permission.COPY, question):
            self.offered_copies.append(name)
            return None
        if not self._put(name, tree):
            return None
        self.copies.append(name)
        return tried.check

    def _put(self, name: str, tree: Path) -> bool:
        try:
            copies = find_copies(self.repo, [name])
            copies.refuse_exposed(self.worktree)
            copies.into(tree)
        except RalphError as error:
            self.notes.append(str(error))
            return False
        return bool(copies.names)

    def _service(self, tried: Tried, _: Path) -> Check | None:
        check, port = tried.check, tried.diagnosis.subject
        need = need_for(port, self.proposal.needs)
        if is_open(port) and not check.network:  # it is up: only the sandbox is in the way
            reason = f"it talks to 127.0.0.1:{port}, which is up on this machine"
            return check.model_copy(update={"network": True}) if self._allows_network(check, reason) else None
        if need is None or not self._start(need, check):
            return None
        return None if check.network else check.model_copy(update={"network": True})

    def _start(self, need: Need, check: Check) -> bool:
        """Whether the service is up now by our doing."""
        service = service_of(need)
        if service in self.services:
            return not check.network
        question = (
            f"{check.name} needs {need.name}. Start it outside of the sandbox with `{service.up if service else ''}`, "
            f"and give {check.name} the network to reach it?"
        )
        if service is None or not is_from_compose(need) or not self._allows(Permission.SERVICE, question):
            self.offered_services.append(need)
            return False
        return self._up(service, need)

    def _up(self, service: Service, need: Need) -> bool:
        users = self.home.folder("locks") / f"services-{self.repo.id[:32]}.lock"
        self.say(f"{service.name}: {cut(plain(service.up), SHOWN_CHARS)} ...")
        running = Services(
            [service],
            self.repo.root,
            self.scratch / f"service-{len(self.services) + 1}",
            lambda event: self.say(event.text),
            self.stop,
            users,
        )
        try:
            self.started.enter_context(running.running())
        except RalphError as error:
            self.notes.append(str(error))
            self.offered_services.append(need)
            return False
        self.services.append(service)
        return True

    def _allows(self, permission: Permission, question: str) -> bool:
        """Each question is put once."""
        if question not in self._asked:
            self._asked[question] = self.consent.allows(permission, question)
        return self._asked[question]
