"""`ralph analyze`: the detectors over traces of the store and over files, and what they found, the gravest first."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.traces import NO_TRACES, opened_traces, since_option
from ralph.errors import RalphError

if TYPE_CHECKING:
    from tracing.failures.observed import Ending
    from tracing.finding import Finding
    from tracing.store import TraceStore

EPILOG = """\b
Examples:
  ralph analyze                          the newest trace
  ralph analyze 45f0                     the one whose id begins so
  ralph analyze --all --since 12h        every trace since last night
  ralph analyze runs.jsonl.gz --json     a file: OTLP/JSON, spans, steps, or a trace as JSON
"""


@dataclass(frozen=True)
class Analysed:
    """One trace and what was found in it. `source` is the file that it came from; "" is the store."""

    trace_id: str
    agent: str
    what: str  # of a story its title, else the trace's name or goal
    ending: "Ending"
    findings: "tuple[Finding, ...]"
    source: str = ""


@click.command("analyze", epilog=EPILOG)
@click.argument("targets", metavar="[TRACE|FILE]...", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="Every trace in the store.")
@since_option
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line for each trace, also where nothing was found."
)
def analyze_command(targets: tuple[str, ...], *, is_all: bool, since: int | None, as_json: bool) -> None:
    """Say what went wrong in traces: loops, cut answers, runaway agents, hidden errors, odd costs. No model is asked.

    TRACE is the beginning of a trace's id or `latest` (the default), FILE a file of traces from anywhere. What is found in the store's traces
    is kept beside them.
    """
    if targets and is_all:
        raise click.UsageError("--all is every trace of the store: leave out the traces and files.")
    if since is not None and not is_all:
        raise click.UsageError("--since goes with --all.")
    counted = Counter[str]()
    for one in _analysed(targets, is_all=is_all, since_ns=since):
        counted["traces"] += 1
        counted["found"] += bool(one.findings)
        if as_json:
            click.echo(json.dumps(facts(one), ensure_ascii=False))
        elif one.findings or not is_many(targets, is_all=is_all):
            counted["shown"] += 1
            click.echo("\n".join([*lines(one), ""]))
    if not as_json and not (counted["traces"] == counted["shown"] == 1):
        click.echo(
            f"{counted['traces']} trace{'s' * (counted['traces'] != 1)} analysed, {counted['found']} with findings"
        )


def is_many(targets: Sequence[str], *, is_all: bool) -> bool:
    """Where many traces may come, only those with findings are shown."""
    return is_all or any(_is_file(target) for target in targets)


def _analysed(targets: Sequence[str], *, is_all: bool, since_ns: int | None) -> Iterator[Analysed]:
    if is_all:
        yield from _all(since_ns)
    for target in targets or (() if is_all else ("latest",)):
        yield from _in_file(Path(target)) if _is_file(target) else _one(target)


def _is_file(target: str) -> bool:
    """A trace's id is hex digits: anything with another character, and whatever exists, is a file."""
    return target != "latest" and (Path(target).is_file() or not set(target.lower()) <= set("0123456789abcdef"))


def _one(trace_id: str) -> Iterator[Analysed]:
    from ralph.cli.traces import read_trace  # noqa: PLC0415

    with opened_traces() as store:
        yield _of_store(store, read_trace(store, trace_id).trace.trace_id)


def _all(since_ns: int | None) -> Iterator[Analysed]:
    from tracing.store import TraceFilter  # noqa: PLC0415  # heavy, and --help must be fast

    with opened_traces() as store:
        rows = store.traces(TraceFilter(since_ns=since_ns, limit=2**62))
        if not rows and since_ns is None:
            raise RalphError(NO_TRACES)
        for row in rows:
            yield _of_store(store, row.trace_id)


def _of_store(store: "TraceStore", trace_id: str) -> Analysed:
    from ralph.cli.trace_view import title  # noqa: PLC0415
    from tracing.failures.stored import analyse  # noqa: PLC0415
    from tracing.failures.trace_facts import ending_of  # noqa: PLC0415

    findings, row = analyse(store, trace_id), store.trace_row(trace_id)
    what = f"{row.story} {title(row)}".strip()
    return Analysed(row.trace_id, row.agent_id, what, ending_of(row.status, row.metadata), findings)


def _in_file(path: Path) -> Iterator[Analysed]:
    from tracing.failures.files import UnreadableFileError, analyse_file  # noqa: PLC0415

    try:
        for subject, ending, findings in analyse_file(path):
            yield Analysed(subject.trace_id, subject.agent, subject.goal, ending, findings, source=str(path))
    except UnreadableFileError as error:
        raise RalphError(str(error)) from error


def facts(one: Analysed) -> dict[str, object]:
    """For a program. Money in micro-dollars, times in nanoseconds."""
    return {
        "trace_id": one.trace_id,
        "source": one.source or None,
        "agent": one.agent,
        "status": one.ending.status.value,
        "passed": one.ending.passed,
        "findings": [
            {**asdict(found), "severity": found.severity.name.lower(), "verdict": found.verdict.value}
            for found in one.findings
        ],
    }


def lines(one: Analysed) -> Iterator[str]:
    from ralph.cli.finding_view import findings_lines  # noqa: PLC0415
    from tracing.words import cut, plain  # noqa: PLC0415

    count = len(one.findings)
    found = f"{count} finding{'s' * (count != 1)}" if count else "nothing found"
    about = ", ".join(filter(None, (plain(one.agent), cut(plain(one.what), 60), one.ending.status.value)))
    where = f" in {plain(one.source)}" if one.source else ""
    yield f"trace {plain(one.trace_id)[:32]}{where} ({about}): {found}"
    yield from findings_lines(one.findings, "" if one.source else one.trace_id)
