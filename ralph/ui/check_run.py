"""One check, run once, as its span says it: what it ran, how it ended, and the lines of its output that say what failed.

Reads spans as `ralph.checks.record` writes them; knows nothing of verdicts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ralph.checks.reports.printed.failing import tally
from ralph.excerpts import clean_text
from ralph.history.trace_reading import failing_lines
from tracing import attributes as names
from tracing.span import JsonValue, SpanKind
from tracing.store import SpanRow

FAILING_LINES = 12
CHECK = "check "


@dataclass(frozen=True)
class CheckRun:
    """One check, run once."""

    name: str
    command: str
    passed: bool | None  # None: it was not seen to its end
    exit_code: int | None
    duration_ns: int | None
    failing: tuple[str, ...]  # names of tests, where the output has them
    lines: tuple[str, ...]  # of a failed one: those that say what failed
    output: str
    trace_id: str  # where it was run: another trace, where the result was known from before
    span_id: str
    why: str = ""  # what it was run for; "" for the work itself
    was_red: bool = False  # it failed before the work too, and is not blamed on the story

    @property
    def word(self) -> str:
        if self.was_red:
            return "failed as before"
        return {True: "passed", False: "failed", None: "not finished"}[self.passed]


def check_runs(spans: Sequence[SpanRow]) -> Iterator[CheckRun]:
    """Checks, and a `setup` that failed."""
    for span in spans:
        if span.kind is SpanKind.EVALUATOR:
            yield check_run(span)


def check_run(span: SpanRow) -> CheckRun:
    known, output = span.attributes, clean_text(_text(span.output()))
    passed, code = known.get(names.CHECK_PASSED), known.get(names.CHECK_EXIT_CODE)
    failed = passed is False
    return CheckRun(
        name=span.name.removeprefix(CHECK),
        command=_text(span.input()),
        passed=passed if isinstance(passed, bool) else None,
        exit_code=code if isinstance(code, int) else None,
        duration_ns=span.duration_ns,
        failing=tally(output).failing if failed else (),
        lines=tuple(failing_lines(output, FAILING_LINES)) if failed else (),
        output=output,
        trace_id=span.trace_id,
        span_id=span.span_id,
        why=str(known.get(names.CHECK_WHY) or ""),
    )


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
