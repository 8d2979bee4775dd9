"""Is everything here that a run needs? Small probes, each with a remedy; they change nothing and call no model."""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from prd.errors import PrdError
from ralph.doctor import channels, confinement, machine, repository, work
from ralph.doctor.finding import Finding, Patient, Probe, Status, refused
from ralph.errors import RalphError
from ralph.home import HomeError
from tracing.sqlite import StateError

__all__ = ["Finding", "Status", "examine"]

PROBES: Mapping[str, Probe] = {
    "python": machine.python,
    "git": machine.git,
    "bash": machine.bash,
    "ripgrep": machine.ripgrep,
    "sandbox": confinement.sandbox,
    "state": machine.state,
    "repo": repository.repository,
    "identity": repository.identity,
    "tree": repository.whole_tree,
    "changes": repository.uncommitted,
    "leftovers": repository.leftovers,
    "settings": work.settings,
    "key": work.model,
    "PRD": work.prd,
    "prompts": work.prompts,
    "checks": work.checks,
    "needs": work.needs,
    "schedules": machine.schedules,
    "alerts": channels.alerts,
}


def examine(path: Path, prd: Path | None = None, environ: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Each finding as soon as it is known; whatever a probe trips over becomes one. That there is no state folder is told once."""
    patient = Patient(path.resolve(), prd, os.environ if environ is None else environ)
    homeless = False
    for area, probe in PROBES.items():
        try:
            yield from probe(patient)
        except HomeError as error:
            if not homeless:
                yield refused("state", error)
            homeless = True
        except (RalphError, PrdError, StateError, OSError, sqlite3.Error) as error:
            yield refused(area, error)
