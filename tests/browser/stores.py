"""What there is to see: a night of real runs with other agents beside them, a long trace, and an attacker's texts everywhere."""

import hashlib
import json
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ralph.home import Home
from ralph.replay.scripted import Turn, calls, finish_blocked, finish_done
from tests.browser.nights import a_fortnight
from tests.browser.payloads import PAYLOADS
from tracing import Tracer, TraceStore
from tracing import attributes as names
from tracing.finding import Finding, Severity
from tracing.owner import this_process
from tracing.span import PayloadRefs, SpanKind, SpanState, SpanStatus, TraceState, TraceStatus
from tracing.store.writes import PutFindings, PutPayload, PutSpan, PutTrace, Write
from tracing.tracer import Span, Trace

NOT_IN_A_TITLE = {"Cc", "Cs", "Zl", "Zp"}  # a PRD with such characters is refused
SPAN_NS = 100_000_000
TOOLS = ("read", "edit", "bash")
SETTINGS = "[agent]\nattempts = 2\nrepairs = 0\n"
LOOK = calls("bash", {"command": "grep -rn total src"})
READS = [calls("read", {"file_path": "src/app.txt"}), calls("bash", {"command": "ls src"})]


@dataclass(frozen=True)
class Morning:
    """Traces by what they are for."""

    home: Path
    repo: str
    passed: str  # a story's second attempt, which passed
    failed: str  # its first, which did the same until it wrote something else
    looped: str  # a real run that was stopped in a silent retry loop
    agent: str  # another agent's name
    session: str  # of that agent
    open_trace: Trace
    store: TraceStore

    def close(self) -> None:
        self.open_trace.end()
        self.store.close()


class Gathering(TraceStore):
    """Writes all at once, when it is closed: a transaction for each span would take long."""

    def __init__(self, path: Path, *, busy_timeout_ms: int = 5_000) -> None:
        super().__init__(path, busy_timeout_ms=busy_timeout_ms)
        self.waiting: list[Write] = []

    def write(self, writes: Sequence[Write]) -> None:
        self.waiting += writes

    def close(self) -> None:
        super().write(self.waiting)
        super().close()


@dataclass(frozen=True)
class Hostile:
    """A trace that is one payload throughout."""

    trace_id: str
    span_ids: tuple[str, ...]


def a_morning(folder: Path, runs: SimpleNamespace) -> Morning:
    """`RALPH_HOME` in the environment must be folder/ralph-home."""
    world = runs.world(folder / "repo", folder / "ralph-home")
    world.start_repo(runs.a_story(1), runs.a_story(2), runs.a_story(3, 2), runs.a_story(4))
    world.write("ralph.toml", SETTINGS + (world.root / "ralph.toml").read_text())
    world.commit()
    script: list[Turn] = [
        *READS, runs.writes(1, "broken"), finish_done("All tests pass."),
        *READS, runs.writes(1, "good"), finish_done("Wrote it properly."),
        *([LOOK] * 8), finish_blocked("Nothing here is called total."), finish_blocked("Nothing here is called total."),
    ]  # fmt: skip
    done = world.ralph("--max-iterations", "3", "--plain", script=script)
    store = TraceStore.open(world.home / "traces.db")
    rows = {(row.story, str(row.status)): row.trace_id for row in reversed(store.traces())}
    looped = next((trace_id for (story, _), trace_id in rows.items() if story == "US-002"), "")
    assert looped, f"{done.exit_code}\n{done.out}\n{done.err}"
    first, second = (row.trace_id for row in reversed(store.traces()) if row.story == "US-001")
    others = folder / "others" / "kitty"
    others.mkdir(parents=True)
    a_fortnight(Home(world.home), others, time.time_ns(), looped)
    return Morning(
        world.home, str(world.root), second, first, looped, "night/shift 7", "a session, of many", _others(store), store
    )


def _others(store: TraceStore) -> Trace:
    """An agent that is not Ralph: sixty short traces, a long text, and one that is still open."""
    tracer = Tracer(store)
    for number in range(60):
        with tracer.start_trace(
            f"Question {number}", agent_id="night/shift 7", session_id="a session, of many"
        ) as made:
            a_call(made, f"Answer {number}: the heron waits.")
            a_tool(made, "search", {"query": f"heron {number}"}, "three herons" * (4_000 if number == 59 else 1))
    still = tracer.start_trace("Still at it", agent_id="night/shift 7", metadata={names.STORY_ID: "Q-1"})
    a_call(still, "I look into it.")
    still.start_span("execute_tool wait", kind=SpanKind.TOOL, input={"command": "sleep 100"})
    return still


def a_call(of: Trace, text: str, messages: Sequence[Any] = (), *, system: str = "Be good.", **answer: Any) -> Span:
    call = of.start_span("chat m", kind=SpanKind.LLM)
    talk = of.tracer.conversation()
    for one in messages or [{"role": "user", "content": "What waits?"}]:
        talk.append(one)
    call.set_request(system=system, tools=[{"name": "search", "description": "Finds."}], conversation=talk)
    known: dict[str, Any] = {"model": "m-1", "stop_reason": "tool_use"}
    call.set(
        names.llm_response_attributes(
            **known | answer, uncached_input_tokens=900, output_tokens=40, cache_read_tokens=2_700, cost_micros=4_200
        )
    )
    call.set_output([{"type": "text", "text": text}])
    call.end()
    return call


def a_tool(of: Trace, name: str, told: object, output: object, error: str = "", **attributes: Any) -> Span:
    tool = of.start_span(f"execute_tool {name}", kind=SpanKind.TOOL, input=told)
    tool.set({names.TOOL_NAME: name, **attributes})
    tool.set_output(output)
    if error:
        tool.error(error)
    tool.end()
    return tool


def long_trace(store: TraceStore, spans: int) -> str:
    """Turns with three tool calls each, straight through the store's own writes; every hundredth turn fails."""
    trace_id, root, began_ns = f"{spans:032x}", f"{1:016x}", 1_800_000_000_000_000_000
    end_ns = began_ns + spans * SPAN_NS
    title = f"{spans} spans"
    state = TraceState(
        trace_id, root, title, "long", None, TraceStatus.SUCCESS, None, began_ns, end_ns, {}, this_process()
    )
    text = json.dumps("fine").encode()
    payload = PutPayload(hashlib.sha256(text).hexdigest(), len(text), compressed=False, data=text)
    whole = SpanState(
        trace_id, root, None, title, SpanKind.AGENT, SpanStatus.OK, None, began_ns, end_ns, {}, (), PayloadRefs()
    )
    rows = [replace(_long_span(whole, number), refs=PayloadRefs(output=payload.hash)) for number in range(2, spans + 1)]
    store.write([PutTrace(state, end_ns), payload, *(PutSpan(one, end_ns, (one.name,)) for one in [whole, *rows])])
    return trace_id


def _long_span(root: SpanState, number: int) -> SpanState:
    is_call, fails = number % 4 == 2, number % 400 == 0
    at_ns = root.started_at_ns + number * SPAN_NS
    return replace(
        root,
        span_id=f"{number:016x}",
        parent_span_id=root.span_id,
        name="chat m" if is_call else f"execute_tool {TOOLS[number % 4 % 3]}",
        kind=SpanKind.LLM if is_call else SpanKind.TOOL,
        status=SpanStatus.ERROR if fails else SpanStatus.OK,
        error="exit 1" if fails else None,
        started_at_ns=at_ns,
        ended_at_ns=at_ns + SPAN_NS // 2,
        attributes=names.llm_response_attributes(
            model="m-1", stop_reason="tool_use", uncached_input_tokens=900, output_tokens=40, cache_read_tokens=number, cost_micros=4_200,
        ) if is_call else {},
        gist=f"file-{number}.py",
    )  # fmt: skip


def hostile_traces(store: TraceStore) -> dict[int, tuple[Hostile, Hostile]]:
    """Each payload in every place of a trace of an agent that is named like it, and of one of Ralph's, with an outcome."""
    return {
        number: (_hostile(store, text, text), _hostile(store, text, "ralph")) for number, text in enumerate(PAYLOADS)
    }


def _hostile(store: TraceStore, text: str, agent: str) -> Hostile:
    told: dict[str, object] = {
        text: text, names.STORY_ID: text, names.REPO: f"/{text}", names.RUN_ID: text, "ralph.branch": text, "ralph.commit": text,
        "ralph.story.title": text, "ralph.story.criteria": [text], "nested": {text: [text, {text: text}]},
    }  # fmt: skip
    made = Tracer(store, watch=None).start_trace(text, agent_id=agent, session_id=text, metadata=told)
    call = _hostile_call(made, text)
    edit = {"file_path": text, "old_string": f"{text}\nold", "new_string": f"{text}\nnew", text: {text: text}}
    tools = [
        a_tool(made, "edit", edit, {text: text}, text),
        a_tool(made, text, {"command": text, text: [text]}, text, text, **{names.FULL_OUTPUT: text}),
    ]
    with made.span("verify", input={"files": [text]}) as verify:
        verdicts = [_hostile_check(made, text), _hostile_guard(made, text)]
        verify.set_output({"passed": False, "text": text})
    made.start_span(text, input=text).end()
    made.end("error", error=text)
    spans = tuple(one.span_id for one in (call, *tools, *verdicts))
    found = Finding(text, Severity.CRITICAL, text, f"{text}\n`{text}`", f"`{text}` {text}", spans)
    store.write([PutFindings(made.trace_id, (found,), 1_000, made.clock())])
    return Hostile(made.trace_id, spans)


def _hostile_call(made: Trace, text: str) -> Span:
    said = {"type": "text", "text": text}
    called = {"type": "tool_use", "id": text, "name": text, "input": {text: text, "command": text}}
    brought = {"type": "tool_result", "tool_use_id": text, "content": text, "is_error": True}
    finish = {"status": "blocked", "summary": text, "blocked_reason": text, "learnings": [text]}
    finish_call = {
        "type": "tool_use",
        "id": "f",
        "name": "finish",
        "input": finish | {"criteria": [{"criterion": text, "evidence": text}]},
    }
    call = made.start_span(text, kind=SpanKind.LLM)
    talk = made.tracer.conversation()
    talk.append({"role": "user", "content": text})
    talk.append({"role": "assistant", "content": [{"type": "thinking", "thinking": text}, said, called]})
    talk.append({"role": "user", "content": [brought, {"type": "image", "source": {"type": "url", "url": text}}]})
    talk.append({"role": text, "content": {text: text}})
    call.set_request(system=text, tools=[{"name": text, "description": text}], conversation=talk)
    call.set(
        names.llm_response_attributes(
            model=text, stop_reason=text, uncached_input_tokens=9, output_tokens=4, cache_read_tokens=2, cost_micros=7
        )
    )
    call.set({text: text, names.CACHE_BREAK: text, names.CALL_ATTEMPT_ERRORS: [text], names.PRICE_VERSION: text})
    call.set_output([{"type": "thinking", "thinking": text}, said, called, finish_call])
    call.event(text, {text: text})
    call.end()
    return call


def _hostile_check(made: Trace, text: str) -> Span:
    check = made.start_span(f"check {text}", kind=SpanKind.EVALUATOR, input=text)
    check.set({names.CHECK_PASSED: False, names.CHECK_EXIT_CODE: 1, "ralph.check.why": text})
    check.set_output(f"FAILED {text}\n{text}")
    check.end(SpanStatus.ERROR)
    return check


def _hostile_guard(made: Trace, text: str) -> Span:
    guard = made.start_span("integrity", kind=SpanKind.GUARDRAIL, input={"files": [text]})
    guard.exception(ValueError(text))
    found = {"rule": text, "text": text, "path": text, "line": 1, "evidence": text, "weight": 100}
    guard.set_output({"passed": False, "refused": True, "text": text, "findings": [found, text, {text: text}]})
    guard.end()
    return guard


def hostile_run(folder: Path, runs: SimpleNamespace) -> str:
    """A real run over a PRD, check output, file names and a diff that are payloads; gives the repository's place."""
    world = runs.world(folder / "repo", folder / "ralph-home")
    hostile = [text for text in PAYLOADS if not any(unicodedata.category(char) in NOT_IN_A_TITLE for char in text)]
    stories = [runs.a_story(number + 1) | {"title": text, "description": text, "acceptanceCriteria": [text], "notes": text}
               for number, text in enumerate(hostile)]  # fmt: skip
    world.start_repo(*stories, checks='[[checks]]\nname = "loud"\ncommand = "cat src/*.txt; ! grep -rn broken src"\n')
    world.write("src/1.txt", "\n".join(hostile))
    world.write("ralph.toml", SETTINGS + (world.root / "ralph.toml").read_text())
    world.commit()
    written = [
        Turn(
            tuple(
                block
                for text in hostile[at : at + 10]
                for block in calls("write", {"file_path": f"src/{_file_name(text)}", "content": f"{text}\n"}).content
            )
        )
        for at in range(0, len(hostile), 10)
    ]
    evidence = finish_done("\n".join(hostile))
    broken = [runs.writes(2, f"broken {hostile[0]}"), finish_done(hostile[1]), finish_blocked(hostile[2])]
    done = world.ralph("--max-iterations", "3", "--plain", script=[*written, evidence, *broken])
    assert world.branches() != ["main"], f"{done.exit_code}\n{done.out}\n{done.err}"
    return str(world.root)


def _file_name(text: str) -> str:
    return "".join(char if char.isprintable() and char != "/" else "_" for char in text)[:60] + text[-8:].replace(
        "/", "_"
    )
