"""Runs the tool calls of one turn and answers each of them, whatever happens: a span and an event for every call.

Reads run side by side, everything else in order. Knows nothing about the model, the story or money.
"""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Protocol

from ralph.agents.loop_guard import LoopGuard
from ralph.brief.marks import without_marks
from ralph.deadline import Left
from ralph.events import Event, EventKind, EventValue, Reporter
from ralph.model.blocks import Block, scrub
from ralph.screen_text import last_lines, one_line
from ralph.tools.result import ToolResult
from tracing import attributes as names
from tracing.span import SpanKind
from tracing.tracer import Span, Trace, current_span

FINISH = "finish"
READERS = 8
NOT_ALONE = (
    "finish must be the only call of its turn. Look at the results of the other calls first, then call it alone."
)
NO_TIME = "Not run: the time of the run is over."
LONGEST_CALL_S = 600.0


class Tools(Protocol):
    """What the turn loop needs of a toolbox."""

    schemas: list[dict[str, Any]]
    read_only: frozenset[str]

    def validate(self, name: str, given: object) -> str | None: ...
    def run(
        self,
        name: str,
        given: Mapping[str, Any],
        *,
        timeout_cap_s: float = ...,
        cancel: threading.Event | None = None,
    ) -> ToolResult: ...


@dataclass(frozen=True)
class Batch:
    """The answers to all calls of one turn, in their order."""

    results: list[Block]
    well_formed: bool  # at least one call could be run
    refusal: str = ""  # why the last call that could not be run was refused


@dataclass(frozen=True)
class ToolCalls:
    """The calls of one session. `left_s` is asked before each call."""

    tools: Tools
    trace: Trace
    guard: LoopGuard
    report: Reporter
    left_s: Left
    story_id: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, calls: Sequence[Block], malformed: Mapping[str, str]) -> Batch:
        """Answer every call of a turn whose stop reason is `tool_use`."""
        problems = {call["id"]: self._problem(call, malformed) for call in calls}
        results: list[Block] = []
        for side_by_side, group in groupby(calls, key=lambda call: call["name"] in self.tools.read_only):
            results += self._run_group(list(group), problems, side_by_side=side_by_side)
        return Batch(
            results=results,
            well_formed=not all(problems.values()),
            refusal=next((problem for problem in reversed(problems.values()) if problem), ""),
        )

    def _problem(self, call: Block, malformed: Mapping[str, str]) -> str | None:
        if call["id"] in malformed:
            return f"{call['name']}: the input is not valid JSON, nothing was run. {malformed[call['id']]}"
        return self.tools.validate(call["name"], call["input"]) or (NOT_ALONE if call["name"] == FINISH else None)

    def _run_group(self, calls: list[Block], problems: Mapping[str, str | None], *, side_by_side: bool) -> list[Block]:
        above = current_span()  # a thread of the pool has no current span
        if not side_by_side or len(calls) == 1:
            return [self._answer(call, problems[call["id"]], above) for call in calls]
        with ThreadPoolExecutor(min(READERS, len(calls))) as pool:
            return list(pool.map(lambda call: self._answer(call, problems[call["id"]], above), calls))

    def _answer(self, call: Block, problem: str | None, above: Span | None) -> Block:
        """The result for the model."""
        attributes = names.tool_attributes(name=str(call["name"]), call_id=call["id"])
        span = self.trace.start_span(
            f"execute_tool {call['name']}", kind=SpanKind.TOOL, parent=above, input=call["input"], attributes=attributes
        )
        with span.ending():
            result = self._refused(call, problem) if problem else self._carried_out(call, span)
            if problem:
                span.error(problem, "refused_call")
                span.set({names.CHANGED: False})
            span.set_output(result["content"])
        return result

    def _refused(self, call: Block, problem: str) -> Block:
        self._tell(call, "refused", is_error=True)
        return answer(call, without_marks(problem), is_error=True)

    def _carried_out(self, call: Block, span: Span) -> Block:
        left_s = self.left_s()
        if left_s <= 0:
            return self._refused(call, NO_TIME)
        cap_s = min(LONGEST_CALL_S, left_s)
        self._tell_started(call)
        result = self.tools.run(call["name"], call["input"], timeout_cap_s=cap_s)
        span.set(
            names.tool_result_attributes(
                exit_code=result.exit_code,
                duration_ms=result.duration_s * 1000,
                truncated=result.truncated,
                full_output=str(result.full_output or ""),
                changed=result.changed,
            )
        )
        if result.is_error:
            span.error(str(result.content)[:500], "tool_error")
        self._tell(call, _outcome(result), is_error=result.is_error, lines=last_lines(result.content))
        with self._lock:
            self.guard.saw(str(result.content), changed=result.changed)
        return answer(call, _own_words(result.content), is_error=result.is_error)

    def _tell_started(self, call: Block) -> None:
        gist = _gist(call["input"])
        fields: dict[str, EventValue] = {
            "story": self.story_id,
            "tool": str(call["name"]),
            "call": str(call["id"]),
            "gist": gist,
        }
        self.report(Event(EventKind.TOOL_STARTED, f"{call['name']} {gist}".strip(), fields))

    def _tell(self, call: Block, outcome: str, *, is_error: bool, lines: Sequence[str] = ()) -> None:
        text = f"{call['name']} {_gist(call['input'])}".strip()
        fields: dict[str, EventValue] = {
            "story": self.story_id,
            "tool": str(call["name"]),
            "call": str(call["id"]),
            "outcome": outcome,
            "is_error": is_error,
            "lines": list(lines),
        }
        self.report(Event(EventKind.TOOL, f"{text}: {outcome}", fields))


def answer(call: Block, content: str | list[Block], *, is_error: bool) -> Block:
    """The one result that the API wants for each call."""
    given = content or "(no output)"
    return {"type": "tool_result", "tool_use_id": call["id"], "content": scrub(given), "is_error": is_error}


def _own_words(content: str | list[Block]) -> str | list[Block]:
    """What a tool gave back, which is never the harness or the user speaking."""
    if isinstance(content, str):
        return without_marks(content)
    return [{**block, "text": without_marks(block["text"])} if "text" in block else block for block in content]


def _outcome(result: ToolResult) -> str:
    if result.exit_code is not None:
        return f"exit {result.exit_code} ({result.duration_s:.1f} s)"
    return "error" if result.is_error else "ok"


def _gist(given: object) -> str:
    """The first argument on one line: the command, the path, the pattern."""
    first = next(iter(given.values()), "") if isinstance(given, dict) else ""
    line = one_line(str(first))
    return line if len(line) <= 80 else f"{line[:79]}…"
