"""What a trial found out, as plain data. Knows nothing about how commands are tried, written down or shown."""

from dataclasses import dataclass
from pathlib import Path

from ralph.checks.check import Check
from ralph.detect.proposal import Need
from ralph.init.diagnose import Diagnosis, Kind
from ralph.prepare.services import Service


@dataclass(frozen=True)
class Tried:
    """A command after its last try, as it was then."""

    check: Check
    diagnosis: Diagnosis
    duration_s: float
    output: Path

    @property
    def passed(self) -> bool:
        return self.diagnosis.kind is Kind.PASSED


@dataclass(frozen=True)
class Trial:
    """What init found out. What is `offered` would help and was not allowed."""

    sha: str
    sandbox: str
    setup: Tried | None = None
    checks: tuple[Tried, ...] = ()
    copies: tuple[str, ...] = ()
    offered_copies: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    offered_services: tuple[Need, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def commands(self) -> tuple[Tried, ...]:
        """Setup, if there is one, and the checks."""
        return (*([self.setup] if self.setup else []), *self.checks)

    @property
    def usable(self) -> tuple[Tried, ...]:
        return tuple(tried for tried in self.checks if tried.diagnosis.is_usable)


def wanted(tried: Tried) -> Check:
    """The check with the network where that is what it lacks."""
    lacks = tried.diagnosis.kind in {Kind.NETWORK, Kind.SERVICE}
    return tried.check.model_copy(update={"network": tried.check.network or lacks})
