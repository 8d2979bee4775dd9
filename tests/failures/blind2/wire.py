"""A run in neutral words, written in the four forms in which agents' logs are found. Knows nothing of the detectors."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
STEPS, GEN_AI, OPENINFERENCE, TREE = "steps", "otlp gen_ai", "otlp openinference", "span tree"
GUILTY, ALSO = "guilty", "also"


@dataclass(frozen=True)
class Call:
    tool: str
    args: Any
    out: Any
    error: bool = False
    seconds: float = 0.9
    mark: str = ""


@dataclass(frozen=True)
class Turn:
    text: str
    calls: tuple["Call | Sub", ...] = ()
    tokens_in: int = 0  # 0: as long as the conversation is
    tokens_out: int = 0
    cached: int = -1  # -1: all that the turn before had
    finish: str = ""
    seconds: float = 3.1
    failure: str = ""
    model: str = ""
    same_input: bool = False  # a retry: nothing of it enters the conversation
    mark: str = ""


@dataclass(frozen=True)
class Sub:
    agent: str
    goal: str
    turns: tuple[Turn, ...]
    mark: str = ""


@dataclass(frozen=True)
class Run:
    id: str
    agent: str
    system: str
    goal: str
    turns: tuple[Turn, ...]
    model: str
    caches: bool
    solved: bool | None = None


@dataclass
class Node:
    id: str
    parent: str
    kind: str  # agent, llm, tool
    name: str
    start_s: float
    item: Any
    end_s: float = 0.0
    goal: str = ""
    heard: list[Json] = field(default_factory=list)
    tokens: tuple[int, int, int] = (0, 0, 0)  # in, cached, out


class _Walk:
    """Lays a run out in time and gives each of its parts an id."""

    def __init__(self, run: Run) -> None:
        self.run, self.now, self.nodes = run, 0.0, []  # type: ignore[var-annotated]
        self._agent(run.agent, run.goal, run.turns, "", run)

    def _node(self, parent: str, kind: str, name: str, item: Any) -> Node:
        digest = hashlib.sha256(f"{self.run.id}/{len(self.nodes)}".encode()).hexdigest()[:16]
        node = Node(digest, parent, kind, name, self.now, item)
        self.nodes.append(node)
        return node

    def _agent(self, name: str, goal: str, turns: tuple[Turn, ...], parent: str, item: Any) -> str:
        agent = self._node(parent, "agent", name, item)
        agent.goal = goal
        heard: list[Json] = [{"role": "user", "text": goal}]
        previous = 0
        for turn in turns:
            self.now += 0.05
            previous = self._turn(turn, agent.id, heard, previous)
        self.now += 0.02
        agent.end_s = self.now
        said = [turn.text for turn in turns if turn.text and not turn.failure]
        agent.heard = [{"role": "assistant", "text": said[-1] if said else ""}]
        return str(agent.heard[0]["text"])

    def _turn(self, turn: Turn, agent: str, heard: list[Json], previous: int) -> int:
        llm = self._node(agent, "llm", turn.model or self.run.model, turn)
        llm.heard = list(heard) if len(heard) < 60 else [*heard[:1], *heard[-12:]]
        size = turn.tokens_in or 1900 + sum(len(json.dumps(m)) for m in heard) // 4
        cached = turn.cached if turn.cached >= 0 else min(previous, size)
        spoken = turn.tokens_out or 24 + (len(turn.text) + sum(len(json.dumps(_asked(c))) for c in turn.calls)) // 4
        llm.tokens = (0, 0, 0) if turn.failure else (size, cached, spoken)
        self.now += turn.seconds
        llm.end_s = self.now
        if not turn.same_input and not turn.failure:
            calls = [(f"call_{llm.id[:6]}_{k}", *_asked(call)) for k, call in enumerate(turn.calls)]
            heard.append({"role": "assistant", "text": turn.text, "calls": calls})
        for k, call in enumerate(turn.calls):
            heard.append({"role": "tool", "id": f"call_{llm.id[:6]}_{k}", "text": self._call(call, agent)})
        return previous if turn.failure else size

    def _call(self, call: "Call | Sub", agent: str) -> str:
        if isinstance(call, Sub):
            return self._agent(call.agent, call.goal, call.turns, agent, call)
        tool = self._node(agent, "tool", call.tool, call)
        self.now += call.seconds
        tool.end_s = self.now
        return _text(call.out)


def _asked(call: "Call | Sub") -> tuple[str, Any]:
    return (f"delegate_to_{call.agent}", {"task": call.goal}) if isinstance(call, Sub) else (call.tool, call.args)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def written(run: Run, form: str) -> tuple[Json, str, tuple[str, ...]]:
    """The record, the guilty span's id and those of the others that a human would accept."""
    nodes = _Walk(run).nodes
    by_mark = {mark: [n.id for n in nodes if getattr(n.item, "mark", "") == mark] for mark in (GUILTY, ALSO)}
    if form == STEPS:
        record, ids = _steps(run, nodes)
        by_mark = {mark: [ids[i] for i in marked if i in ids] for mark, marked in by_mark.items()}
    else:
        record = _tree(run, nodes) if form == TREE else _otlp(run, nodes, form)
    others = by_mark[GUILTY][1:] + by_mark[ALSO]
    if form == STEPS:  # a label is a step's; read back, a step is a model's turn and its call
        others += [f"{step}-turn" for step in (*by_mark[GUILTY], *by_mark[ALSO])]
    return record, (by_mark[GUILTY] or [""])[0], tuple(others)


def _steps(run: Run, nodes: list[Node]) -> tuple[Json, dict[str, str]]:
    steps: list[Json] = []
    ids: dict[str, str] = {}
    for at, node in enumerate(nodes):
        if node.kind != "llm":
            continue
        turn = node.item
        waiting = [n for n in nodes[at + 1 : at + 1 + len(turn.calls)] if n.kind == "tool"]
        ids[node.id] = f"s{len(steps)}"
        for tool in waiting or [Node("", "", "tool", "respond", 0, Call("respond", {"content": turn.text}, ""))]:
            call = tool.item
            ids[tool.id] = name = f"s{len(steps)}"
            out = _text(call.out)
            step = {"i": len(steps), "span": name, "agent": run.agent, "tool": call.tool, "args": _text(call.args)}
            step |= {"obs": out[:2000], "obs_len": len(out), "err": call.error}
            steps.append(step | {"ptok": node.tokens[0], "ctok": node.tokens[2], "finish": turn.finish or "stop"})
    head: Json = {"source": run.agent, "trace_id": run.id, "split": run.model, "outcome": run.solved, "labels": {}}
    return head | {"steps": steps}, ids


def _gen_ai(run: Run, node: Node) -> Json:
    item = node.item
    if node.kind == "agent":
        shown: Json = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": node.name}
        shown["gen_ai.input.messages"] = json.dumps([_part("user", {"type": "text", "content": node.goal})])
        shown["gen_ai.output.messages"] = json.dumps(_messages(node.heard))
        return shown
    if node.kind == "tool":
        shown = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": item.tool}
        return shown | {"gen_ai.tool.call.arguments": _text(item.args), "gen_ai.tool.call.result": _text(item.out)}
    shown = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": _provider(node.name)}
    shown |= {"gen_ai.request.model": node.name, "gen_ai.request.max_tokens": 8192}
    shown["gen_ai.system_instructions"] = json.dumps([{"type": "text", "content": run.system}])
    shown["gen_ai.input.messages"] = json.dumps(_messages(node.heard))
    if item.failure:
        return shown | {"error.type": item.failure.split(":")[0]}
    said = [{"role": "assistant", "text": item.text, "calls": [("call", *_asked(c)) for c in item.calls]}]
    shown["gen_ai.output.messages"] = json.dumps(_messages(said))
    shown["gen_ai.response.model"] = node.name
    shown["gen_ai.response.finish_reasons"] = [_finish(item)]
    size, cached, spoken = node.tokens
    shown |= {"gen_ai.usage.input_tokens": size, "gen_ai.usage.output_tokens": spoken}
    if run.caches:
        shown["gen_ai.usage.cache_read.input_tokens"] = cached
        shown["gen_ai.usage.cache_creation.input_tokens"] = max(size - cached - 4, 0)
    return shown


def _provider(model: str) -> str:
    return "anthropic" if model.startswith("claude") else "gcp.gemini" if model.startswith("gemini") else "openai"


def _finish(turn: Turn) -> str:
    return turn.finish or ("tool_calls" if turn.calls else "stop")


def _part(role: str, *parts: Json) -> Json:
    return {"role": role, "parts": list(parts)}


def _messages(heard: list[Json]) -> list[Json]:
    shown = []
    for message in heard:
        if message["role"] == "tool":
            answer = {"type": "tool_call_response", "id": message["id"], "result": message["text"]}
            shown.append(_part("tool", answer))
            continue
        calls = message.get("calls", [])
        parts = [{"type": "text", "content": message["text"]}] if message["text"] or not calls else []
        parts += [{"type": "tool_call", "id": i, "name": name, "arguments": args} for i, name, args in calls]
        shown.append(_part(message["role"], *parts))
    return shown


def _openinference(run: Run, node: Node) -> Json:
    item = node.item
    shown: Json = {"openinference.span.kind": node.kind.upper()}
    if node.kind == "agent":
        return shown | {"agent.name": node.name, "input.value": node.goal, "output.value": node.heard[0]["text"]}
    if node.kind == "tool":
        shown |= {"tool.name": item.tool, "input.value": _text(item.args), "output.value": _text(item.out)}
        return shown | {"tool.parameters": _text(item.args)}
    shown["llm.model_name"] = node.name
    shown["llm.invocation_parameters"] = json.dumps({"max_tokens": 8192, "temperature": 0.2})
    shown |= dict(_flat("llm.input_messages", [{"role": "system", "text": run.system}, *node.heard]))
    shown["input.value"] = json.dumps({"messages": [m["text"] for m in node.heard[-2:]]})
    if item.failure:
        return shown
    calls = [("call", *_asked(c)) for c in item.calls]
    shown |= dict(_flat("llm.output_messages", [{"role": "assistant", "text": item.text, "calls": calls}]))
    size, cached, spoken = node.tokens
    shown |= {"output.value": item.text, "llm.finish_reason": _finish(item), "llm.token_count.prompt": size}
    shown |= {"llm.token_count.completion": spoken, "llm.token_count.total": size + spoken}
    if run.caches:
        shown["llm.token_count.prompt_details.cache_read"] = cached
        shown["llm.token_count.prompt_details.cache_write"] = max(size - cached - 4, 0)
    return shown


def _flat(prefix: str, heard: list[Json]) -> Iterator[tuple[str, Any]]:
    for n, message in enumerate(heard):
        at = f"{prefix}.{n}.message"
        yield f"{at}.role", message["role"]
        yield f"{at}.content", message["text"]
        if message["role"] == "tool":
            yield f"{at}.tool_call_id", message["id"]
        for k, (i, name, args) in enumerate(message.get("calls", [])):
            yield f"{at}.tool_calls.{k}.tool_call.id", i
            yield f"{at}.tool_calls.{k}.tool_call.function.name", name
            yield f"{at}.tool_calls.{k}.tool_call.function.arguments", _text(args)


EPOCH_S = 1_772_442_000  # 2 March 2026


def _failure(node: Node) -> str:
    item = node.item
    return item.failure if node.kind == "llm" else _text(item.out)[:300] if node.kind == "tool" and item.error else ""


def _name(node: Node, form: str) -> str:
    if form == GEN_AI:
        return f"{ {'agent': 'invoke_agent', 'llm': 'chat', 'tool': 'execute_tool'}[node.kind] } {node.name}"
    return {"agent": f"{node.name}.run", "llm": "LiteLLMModel.__call__", "tool": node.name}[node.kind]


def _exception(text: str) -> Json:
    return {"exception.type": text.split(":", maxsplit=1)[0][:40], "exception.message": text}


def _otlp(run: Run, nodes: list[Node], form: str) -> Json:
    trace = hashlib.sha256(run.id.encode()).hexdigest()[:32]
    spans = []
    for node in nodes:
        start, end = (int((EPOCH_S + s) * 1_000) * 1_000_000 for s in (node.start_s, node.end_s))
        shown = _gen_ai(run, node) if form == GEN_AI else _openinference(run, node)
        span: Json = {"traceId": trace, "spanId": node.id, "parentSpanId": node.parent, "name": _name(node, form)}
        span |= {"kind": 3 if node.kind == "llm" else 1, "startTimeUnixNano": str(start), "endTimeUnixNano": str(end)}
        span |= {"attributes": _pairs(shown), "status": {}}
        if failure := _failure(node):
            span["status"] = {"code": 2, "message": failure}
            span["events"] = [
                {"name": "exception", "timeUnixNano": str(end), "attributes": _pairs(_exception(failure))}
            ]
        spans.append(span)
    scope = {"name": "agent-sdk", "version": "1.4.0"}
    resource = {"attributes": _pairs({"service.name": run.agent})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]}


def _pairs(shown: Json) -> list[Json]:
    return [{"key": key, "value": _value(value)} for key, value in shown.items()]


def _value(value: Any) -> Json:
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(v) for v in value]}}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def _tree(run: Run, nodes: list[Node]) -> Json:
    trace = hashlib.sha256(run.id.encode()).hexdigest()[:32]
    spans: dict[str, Json] = {}
    for node in nodes:
        at_s = int(node.start_s)
        hour, minute, second = at_s // 3600, at_s // 60 % 60, at_s % 60
        failure = _failure(node)
        span: Json = {
            "timestamp": f"2026-03-02T{9 + hour:02d}:{minute:02d}:{second:02d}.{int(node.start_s * 1e6) % 1000000:06d}Z"
        }
        span |= {"trace_id": trace, "span_id": node.id, "parent_span_id": node.parent or None}
        span |= {"span_name": _name(node, TREE), "span_kind": "Internal", "service_name": run.agent}
        span |= {"resource_attributes": {"service.name": run.agent}, "scope_name": "openinference.instrumentation"}
        span |= {"span_attributes": _openinference(run, node), "duration": f"PT{node.end_s - node.start_s:.6f}S"}
        span |= {"status_code": "Error" if failure else "Ok", "status_message": failure, "logs": [], "links": []}
        events = [{"Name": "exception", "Attributes": _exception(failure)}] if failure else []
        spans[node.id] = span | {"events": events, "child_spans": []}
        if node.parent:
            spans[node.parent]["child_spans"].append(spans[node.id])
    return {"trace_id": trace, "spans": [spans[n.id] for n in nodes if not n.parent]}
