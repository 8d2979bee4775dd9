"""Probe of the sandbox: every attack is tried for real, and the table says what came of each."""

import sys
from collections.abc import Iterator

from ralph.doctor.finding import Finding, Patient, Status, refused
from ralph.errors import RalphError
from ralph.sandbox.choose import MADE_FOR, NAMES, Choice, Machine, examine
from ralph.sandbox.probes import CONTROL, PROBES, ProbeResult

COLUMNS = "{:<19} {:<9} {}"
WIDTH = 62


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
    """Each attack on the level that is used, problems first; then why each other level is not."""
    rows = sorted((one for one in choice.results if one.name != CONTROL), key=_trouble)
    head = [COLUMNS.format("attack", "promised", "tried now")] if rows else []
    return (*head, *(_row(one) for one in rows), *_others(choice))


def _trouble(result: ProbeResult) -> tuple[bool, bool]:
    return not result.is_broken, result.blocked


def _row(result: ProbeResult) -> str:
    outcome = "blocked" if result.blocked else f"{'GOT' if result.promised else 'got'} THROUGH: {result.detail}"
    text = COLUMNS.format(result.name, "yes" if result.promised else "no", outcome)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def _others(choice: Choice) -> Iterator[str]:
    tried = {one.level: one.why for one in choice.tried}
    for level, system in MADE_FOR.items():
        if level != choice.sandbox.level:
            foreign = "" if sys.platform.startswith(system) else f"only on {system}"
            yield f"{NAMES[level]}: {tried.get(level) or foreign or 'not needed'}"
