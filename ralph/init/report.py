"""What init found out, for a person and as JSON. Pure: turns an outcome into lines."""

from collections.abc import Iterator, Sequence

from ralph.detect.proposal import NeedKind
from ralph.detect.tree import one_line
from ralph.init.result import Trial, Tried, wanted
from ralph.init.start import Outcome

MAX_HINTS = 12


def report(outcome: Outcome) -> Iterator[str]:
    """Line by line."""
    if outcome.trial is None:
        yield outcome.example
        yield from _hints(outcome)
        return
    yield ""
    yield from _commands(outcome.trial)
    yield from _given(outcome.trial)
    yield from _notes(outcome)
    yield from _hints(outcome)
    yield ""
    yield from _ending(outcome)


def as_json(outcome: Outcome) -> dict[str, object]:
    trial = outcome.trial
    return {
        "repo": str(outcome.root),
        "ecosystems": list(outcome.proposal.ecosystems),
        "ready": outcome.is_ready,
        "written": str(outcome.written) if outcome.written else None,
        "kept": str(outcome.kept) if outcome.kept else None,
        "setup": _as_json(trial.setup, is_active=trial.setup.passed) if trial and trial.setup else None,
        "checks": [_as_json(tried, is_active=tried.diagnosis.is_usable) for tried in trial.checks] if trial else [],
        "copy": list(trial.copies) if trial else [],
        "copy_offered": list(trial.offered_copies) if trial else [],
        "services": [service.model_dump() for service in trial.services] if trial else [],
        "services_offered": [need.name for need in trial.offered_services] if trial else [],
        "sandbox": trial.sandbox if trial else None,
        "notes": [*outcome.notes, *(trial.notes if trial else ())],
        "hints": list(outcome.proposal.hints),
        "example": outcome.example,
        "toml": outcome.text,
    }


def _as_json(tried: Tried, *, is_active: bool) -> dict[str, object]:
    return {
        "name": tried.check.name,
        "command": tried.check.command,
        "cwd": tried.check.cwd,
        "network": tried.check.network,
        "active": is_active,
        "state": tried.diagnosis.kind.value,
        "reason": tried.diagnosis.reason,
        "remedy": tried.diagnosis.remedy,
        "duration_s": round(tried.duration_s, 3),
        "output": str(tried.output),
    }


def _commands(trial: Trial) -> Iterator[str]:
    width = max(len(one_line(tried.check.name, 40)) for tried in trial.commands)
    for tried in trial.commands:
        name = f"{one_line(tried.check.name, 40):<{width}}"
        is_active = tried.passed or (tried is not trial.setup and tried.diagnosis.is_usable)
        word = "ok " if tried.passed else "red" if is_active else "off"
        with_network = ", with the network" if tried.check.network else ""
        yield f"  {word}  {name}  {one_line(tried.check.command, 70)}  ({tried.duration_s:.1f} s{with_network})"
        if not tried.passed:
            indent = " " * (width + 9)
            yield f"{indent}{one_line(tried.diagnosis.reason, 300)}"
            if tried.diagnosis.remedy:
                yield f"{indent}-> {one_line(tried.diagnosis.remedy, 300)}"
            yield f"{indent}its output: {tried.output}"


def _given(trial: Trial) -> Iterator[str]:
    if trial.copies:
        yield f"copied into each worktree: {', '.join(trial.copies)}"
    for name in trial.offered_copies:
        yield f"not copied: {name}. Say yes to it with --yes (for .env and its like: --copy-env), or write it into `copy`."
    for service in trial.services:
        yield f"started for the checks: {service.name} (`{one_line(service.up)}`)"
    for need in trial.offered_services:
        yield f"not started: {need.name}. ralph.toml has the lines for it, as a comment."
    if any(wanted(tried).network and not tried.check.network for tried in trial.commands):
        yield "the network was not allowed. Say yes to it with --yes, or write network = true where it is needed."


def _notes(outcome: Outcome) -> Iterator[str]:
    trial = outcome.trial
    for note in (*outcome.notes, *(trial.notes if trial else ())):
        yield f"note: {note}"
    for need in outcome.proposal.needs:
        if need.kind is NeedKind.TOOL:
            yield f"note: {one_line(need.why)}. {one_line(need.remedy)}"


def _hints(outcome: Outcome) -> Iterator[str]:
    hints = outcome.proposal.hints
    if hints:
        yield ""
        yield "also seen, and not used:"
        yield from (f"  {one_line(hint, 200)}" for hint in hints[:MAX_HINTS])


def _ending(outcome: Outcome) -> Iterator[str]:
    if outcome.written and outcome.is_ready:
        yield f"wrote {outcome.written}, and trusts it as it is (`ralph trust --forget` takes that back)"
    elif outcome.written:
        yield f"no check can run here yet, so {outcome.written} has them as comments. Mend what is named above, and run"
        yield "`ralph init` again. Or edit the file by hand, and run `ralph trust`."
    if outcome.kept:
        yield f"the ralph.toml that was there is kept as {outcome.kept.name}"
    if outcome.is_ready:
        yield "what next:"
        yield from (f"  {line}" for line in _next(outcome))


def _next(outcome: Outcome) -> Sequence[str]:
    commit = (
        "git add ralph.toml && git commit    so that others have it (`ralph trust`, once, where a run asks them to)"
    )
    new = [] if outcome.has_prd else ['ralph prd new "what you want"       a first PRD']
    return [commit, *new, "ralph run --dry-run                 what would happen, and what it could cost", "ralph run"]
