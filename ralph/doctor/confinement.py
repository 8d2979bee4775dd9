"""Probe of the sandbox: every attack is tried for real, and the table says what came of each."""

import sys
from collections.abc import Iterator

from ralph.doctor.finding import Finding, Patient, Status, refused
from ralph.errors import RalphError
from ralph.sandbox.choose import MADE_FOR, NAMES, Choice, Machine, examine
from ralph.sandbox.probes import CONTROL, PROBES, ProbeResult

PROMISED, NOT_PROMISED = "promised, and tried just now:", "not promised, and tried just now:"
THROUGH = "GOT THROUGH"
SYSTEMS = {"darwin": "macOS", "linux": "Linux"}


def sandbox(patient: Patient) -> Iterator[Finding]:
    """What is chosen by the settings; where they refuse to run, what "auto" would do instead is in the table."""
    settings = patient.loaded.settings if patient.loaded else None
    wanted = str(settings.sandbox) if settings else "auto"
    caches = settings.caches if settings else ()
    limits = settings.resources if settings else None
    machine = Machine(patient.home, patient.environ, caches, limits, hide=[patient.root])
    if wanted == "none":
        remedy = 'set sandbox = "auto" to confine them'
        yield Finding("sandbox", Status.WARN, 'commands run without one: sandbox = "none"', remedy)
        return
    try:
        choice = examine(wanted, machine)
    except RalphError as error:
        finding = refused("sandbox", error)
        choice = examine("auto", machine)
        yield Finding(finding.area, finding.status, finding.what, finding.remedy, table(choice))
    else:
        yield _chosen(choice)


def _chosen(choice: Choice) -> Finding:
    if choice.warning:
        what, _, remedy = choice.warning.partition(". ")
        return Finding("sandbox", Status.WARN, what, remedy, table(choice))
    blocked = sum(result.blocked for result in choice.results if result.name != CONTROL)
    what = (
        f"{NAMES[choice.sandbox.level]}: {blocked} of {len(PROBES)} attacks were blocked, all that it promises to block"
    )
    return Finding("sandbox", Status.OK, what, details=table(choice))


def table(choice: Choice) -> tuple[str, ...]:
    """What commands can try on the level that is used, what got through first; then why each other level is not used."""
    tried = sorted((one for one in choice.results if one.name != CONTROL), key=lambda one: one.blocked)
    groups = (
        (PROMISED, [one for one in tried if one.promised]),
        (NOT_PROMISED, [one for one in tried if not one.promised]),
    )
    rows = [row for title, group in groups if group for row in (title, *map(_row, group))]
    return (*rows, *_others(choice))


def _row(result: ProbeResult) -> str:
    outcome = "blocked" if result.blocked else THROUGH
    detail = "" if result.blocked else f": {result.detail}"
    return f"  {outcome:<{len(THROUGH)}} {PROBES[result.name]}{detail}"


def _others(choice: Choice) -> Iterator[str]:
    tried = {one.level: one.why.removeprefix(f"{NAMES[one.level]} ") for one in choice.tried}
    for level, system in MADE_FOR.items():
        if level != choice.sandbox.level:
            foreign = "" if sys.platform.startswith(system) else f"only on {SYSTEMS[system]}"
            why = tried.get(level) or foreign or "not needed"
            yield f"{NAMES[level]}: {why}"
