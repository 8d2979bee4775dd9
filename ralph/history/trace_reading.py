"""What the spans of Ralph's own runs say in words: what the agent handed to `finish`, and the verdicts on its work;
and which lines of a check's output say what failed.
"""

import re
from collections.abc import Iterator, Mapping

from tracing.span import JsonValue, SpanKind
from tracing.store import SpanRow

FINISH = "finish"
AFTER = 3  # lines behind one that tells of a failure: what was expected, where it was
GAP = "…"
FAILING = re.compile(
    r"^(E  |FAILED|ERROR|FAIL\b|\s*--- FAIL|\s*not ok|\s*[✗✕●]|\s*error(\[\w+\])?:|panicked|thread '|Traceback )"
    r"|: (fatal )?error\b|^\s*[\w.]*(Error|Exception)\b|\bassertion\b.*failed",
)
NOISE = re.compile(
    r"^\[exit code|^\s*(-{3,}|\.{3}|ok \d.*|\d+\.\.\d+|# Subtest:.*|# (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) .*"
    r"|(duration_ms|type|failureType|stack): .*)$"
)


def finish_call(span: SpanRow) -> Mapping[str, JsonValue]:
    """What the agent handed to `finish` in this turn; empty where it did not call it."""
    given = next((call.get("input") for call in tool_calls(span.output()) if call.get("name") == FINISH), None)
    return given if isinstance(given, Mapping) else {}


def verdict_of(span: SpanRow) -> Mapping[str, JsonValue]:
    """`passed` and `text` of a verification; empty for every other span."""
    if span.kind is not SpanKind.CHAIN or span.name != "verify":
        return {}
    output = span.output()
    return output if isinstance(output, Mapping) else {}


def blocked_reason(given: Mapping[str, JsonValue]) -> str:
    """Why the agent says that it cannot be done; "" where it says nothing like that."""
    if given.get("status") != "blocked":
        return ""
    return str(given.get("blocked_reason") or given.get("summary") or "")


def tool_calls(output: JsonValue) -> list[Mapping[str, JsonValue]]:
    return [block for block in blocks(output) if block.get("type") == "tool_use"]


def blocks(output: JsonValue) -> list[Mapping[str, JsonValue]]:
    return [block for block in output if isinstance(block, Mapping)] if isinstance(output, list) else []


def failing_lines(output: str, count: int) -> list[str]:
    """At most `count` lines: those that say what failed, with what follows each; the last lines where none does."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip() and not NOISE.match(line)]
    hits = [number for number, line in enumerate(lines) if FAILING.search(line)]
    if not hits:
        return lines[-count:]
    wanted = sorted({near for hit in hits for near in range(hit, hit + 1 + AFTER) if near < len(lines)})
    return list(_with_gaps(lines, wanted))[:count]


def _with_gaps(lines: list[str], wanted: list[int]) -> Iterator[str]:
    for before, number in zip([None, *wanted], wanted, strict=False):
        if before is not None and number > before + 1:
            yield GAP
        yield lines[number]
