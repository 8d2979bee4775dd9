"""How a check is told: a span in the trace, and an event for whoever watches."""

from ralph.checks.check import CheckResult
from ralph.events import Event, EventKind, EventValue
from tracing import attributes as names
from tracing.span import SpanKind
from tracing.tracer import Trace


def ending(result: CheckResult) -> str:
    """How a failed one ended."""
    return "timed out" if result.timed_out else f"exit code {result.exit_code}"


def record(trace: Trace, result: CheckResult, started_ns: int, *, name: str, kind: SpanKind, why: str = "") -> None:
    """The span of a check that is over; `started_ns` since the epoch. `why` says what it was run for, "" for the work itself."""
    trace.add_span(
        name,
        kind=kind,
        input=result.command,
        output=result.excerpt,
        error=None if result.passed else ending(result),
        started_at_ns=started_ns,
        attributes={
            names.CHECK_EXIT_CODE: result.exit_code,
            names.CHECK_PASSED: result.passed,
            "ralph.check.output_path": str(result.output),
            **({names.CHECK_WHY: why} if why else {}),
        },
    )


def told(result: CheckResult, words: str, good: str) -> Event:
    """For example "check tests: passed in 0.4 s"."""
    word = good if result.passed else f"failed ({ending(result)})"
    fields: dict[str, EventValue] = {
        "check": result.name,
        "passed": result.passed,
        "exit_code": result.exit_code,
        "duration_s": round(result.duration_s, 3),
    }
    return Event(EventKind.CHECK, f"{words}: {word} in {result.duration_s:.1f} s", fields)
