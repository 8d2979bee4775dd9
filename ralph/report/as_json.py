"""The report as JSON: the facts of `facts.py` by name, with a version. docs/report.md describes it."""

from dataclasses import asdict

from ralph.report.facts import Report
from ralph.report.told import title
from tracing.finding import Severity
from tracing.span import JsonValue
from tracing.words import iso_time

VERSION = 1  # grows when a field goes or changes its meaning; new fields do not count


def as_facts(report: Report) -> dict[str, JsonValue]:
    """Times as ISO 8601 in UTC under the name without `_ns`, money in millionths of a dollar."""
    facts = _plain(asdict(report))
    assert isinstance(facts, dict)
    needs = [{**_object(_plain(asdict(need))), "severity": need.severity.name.lower()} for need in report.needs]
    return {"version": VERSION, "title": title(report), **facts, "needs": list(needs)}


def _object(value: JsonValue) -> dict[str, JsonValue]:
    assert isinstance(value, dict)
    return value


def _plain(value: object) -> JsonValue:
    if isinstance(value, dict):
        return dict(_field(str(name), one) for name, one in value.items())
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Severity):
        return value.name.lower()
    assert value is None or isinstance(value, str | int | float | bool)
    return str(value) if isinstance(value, str) else value


def _field(name: str, value: object) -> tuple[str, JsonValue]:
    if name.endswith(("_at_ns", "since_ns")) and (value is None or isinstance(value, int)):
        return name.removesuffix("_ns"), iso_time(value)
    return name, _plain(value)
