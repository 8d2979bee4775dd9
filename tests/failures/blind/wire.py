"""A told run in the formats that real tools write."""

import json
from datetime import UTC, datetime
from typing import Any

from tests.failures.blind.build import Llm, Message, Node, Script, walk

Record = dict[str, Any]


def record(script: Script, form: str) -> Record:
    return FORMS[form](script)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# -- runs as steps ----------------------------------------------------------------------------------------------------


def _steps(script: Script) -> Record:
    steps: list[Record] = []
    last: Llm | None = None
    nodes = list(walk(script.root))
    for place, node in enumerate(nodes):
        if node.llm is not None:
            last = node.llm
            if not node.llm.calls:
                steps.append(_step(len(steps), node, last, None, node.output or node.error, None))
            elif place + 1 == len(nodes) or nodes[place + 1].kind not in {"TOOL", "RETRIEVER", "AGENT"}:
                steps.append(_step(len(steps), node, last, node.llm.calls[0][1], _text(node.llm.calls[0][2]), None))
        elif node.kind == "TOOL":
            shown = _text(node.output if node.output is not None else node.error)
            steps.append(_step(len(steps), node, last, node.name, _text(node.input), shown))
            last = None
    return {
        "source": f"blind-{script.world.name}",
        "trace_id": script.trace_id,
        "split": script.world.agent,
        "outcome": script.passed,
        "labels": {},
        "steps": steps,
    }


def _step(number: int, node: Node, llm: Llm | None, tool: str | None, args: str, obs: str | None) -> Record:
    return {
        "i": number,
        "span": node.id,
        "agent": node.agent or None,
        "tool": tool,
        "args": args,
        "obs": obs[:2000] if obs is not None else None,
        "obs_len": len(obs or ""),
        "err": bool(node.error),
        "ptok": llm.input_tokens if llm else 0,
        "ctok": llm.output_tokens if llm else 0,
        "finish": (llm.stop or None) if llm else None,
    }


# -- OTLP/JSON --------------------------------------------------------------------------------------------------------


def _value(value: Any) -> Record:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    return {"stringValue": _text(value)}


def _otlp(script: Script, scope: str, attributes: Any, names: Any) -> Record:
    spans = []
    trace = script.root.id + script.root.id[::-1]

    def add(node: Node, parent: str) -> None:
        span: Record = {
            "traceId": trace,
            "spanId": node.id,
            "name": names(node),
            "kind": 3 if node.llm else 1,
            "startTimeUnixNano": str(round(node.started_s * 1e9)),
            "endTimeUnixNano": str(round(node.ended_s * 1e9)),
            "attributes": [{"key": key, "value": _value(value)} for key, value in attributes(node).items()],
            "status": {"code": 2, "message": node.error} if node.error else {},
        }
        if parent:
            span["parentSpanId"] = parent
        if node.error:
            span["events"] = [_exception(node)]
        spans.append(span)
        for child in node.children:
            add(child, node.id)

    add(script.root, "")
    spans.sort(key=lambda span: int(span["endTimeUnixNano"]))
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": script.world.agent}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": scope}, "spans": spans}]}]}


def _exception(node: Node) -> Record:
    return {
        "name": "exception",
        "timeUnixNano": str(round(node.ended_s * 1e9)),
        "attributes": [
            {"key": "exception.type", "value": {"stringValue": node.error.split(":")[0]}},
            {"key": "exception.message", "value": {"stringValue": node.error}},
        ],
    }


def _genai(script: Script) -> Record:
    return _otlp(script, "opentelemetry.instrumentation.genai", _genai_attributes, _genai_name)


def _genai_name(node: Node) -> str:
    if node.llm:
        return f"chat {node.llm.model}"
    verb = {"AGENT": "invoke_agent ", "TOOL": "execute_tool ", "RETRIEVER": "retrieval "}.get(node.kind, "")
    return verb + node.name


def _genai_attributes(node: Node) -> Record:
    if node.llm:
        return _genai_llm(node, node.llm)
    if node.kind == "TOOL":
        return {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": node.name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.arguments": _text(node.input),
            "gen_ai.tool.call.result": _text(node.output or ""),
        } | ({"error.type": node.error.split(":")[0]} if node.error else {})
    if node.kind == "AGENT":
        parts = [{"role": "user", "parts": [{"type": "text", "content": node.input["task"]}]}]
        answer = [{"role": "assistant", "parts": [{"type": "text", "content": _text(node.output or "")}]}]
        return {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": node.name,
            "gen_ai.input.messages": json.dumps(parts),
            "gen_ai.output.messages": json.dumps(answer),
        }
    if node.kind == "RETRIEVER":
        return {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.data_source.id": node.name,
            "input.value": _text(node.input),
            "output.value": _text(node.output),
        }
    return {"input.value": _text(node.input or ""), "output.value": _text(node.output or "")}


def _genai_llm(node: Node, llm: Llm) -> Record:
    out: list[Record] = [{"type": "text", "content": node.output}] if node.output else []
    out += [{"type": "tool_call", "id": i, "name": n, "arguments": a} for i, n, a in llm.calls]
    attributes: Record = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic" if "claude" in llm.model else "openai",
        "gen_ai.request.model": llm.model,
        "gen_ai.request.max_tokens": llm.max_tokens,
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": llm.system}]),
        "gen_ai.input.messages": json.dumps([_parts(m) for m in llm.messages]),
        "gen_ai.agent.name": node.agent,
    }
    if node.error:
        return attributes | {"error.type": node.error.split(":")[0]}
    attributes |= {
        "gen_ai.response.model": llm.model,
        "gen_ai.response.id": f"resp_{node.id}",
        "gen_ai.usage.input_tokens": llm.input_tokens,
        "gen_ai.usage.output_tokens": llm.output_tokens,
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": out}]),
    }
    if llm.cached_tokens:
        attributes["gen_ai.usage.cache_read.input_tokens"] = llm.cached_tokens
        attributes["gen_ai.usage.cache_write.input_tokens"] = llm.input_tokens - llm.cached_tokens
    if llm.stop:
        attributes["gen_ai.response.finish_reasons"] = [llm.stop]
    return attributes


def _parts(message: Message) -> Record:
    if message["role"] == "tool":
        part = {"type": "tool_call_response", "id": message["id"], "result": message["content"]}
        return {"role": "tool", "parts": [part]}
    parts: list[Record] = [{"type": "text", "content": message["content"]}] if message["content"] else []
    for call_id, name, arguments in message.get("calls", []):
        parts.append({"type": "tool_call", "id": call_id, "name": name, "arguments": arguments})
    return {"role": message["role"], "parts": parts}


def _openinference(script: Script) -> Record:
    return _otlp(script, "openinference.instrumentation.langchain", _oi_attributes, _oi_name)


def _oi_name(node: Node) -> str:
    return "ChatOpenAI" if node.llm else node.name


def _oi_attributes(node: Node) -> Record:
    attributes: Record = {"openinference.span.kind": node.kind}
    if node.llm:
        return attributes | _oi_llm(node, node.llm)
    if node.input is not None:
        plain = isinstance(node.input, str)
        attributes |= {
            "input.value": _text(node.input),
            "input.mime_type": "text/plain" if plain else "application/json",
        }
    if node.output is not None:
        attributes |= {"output.value": _text(node.output)}
    if node.kind == "TOOL":
        attributes |= {"tool.name": node.name, "tool.parameters": _text(node.input)}
    if node.kind == "RETRIEVER":
        for number, document in enumerate(node.output or []):
            attributes[f"retrieval.documents.{number}.document.content"] = document
    return attributes


def _oi_llm(node: Node, llm: Llm) -> Record:
    messages = [{"role": "system", "content": llm.system}, *llm.messages]
    attributes: Record = {
        "llm.model_name": llm.model,
        "llm.invocation_parameters": json.dumps({"max_tokens": llm.max_tokens, "temperature": 0.2}),
        "input.value": json.dumps({"messages": messages}),
        "input.mime_type": "application/json",
    }
    for number, message in enumerate(messages):
        attributes |= _oi_message(f"llm.input_messages.{number}.message", message)
    if node.error:
        return attributes
    answer = {"role": "assistant", "content": node.output, "calls": llm.calls}
    attributes |= _oi_message("llm.output_messages.0.message", answer)
    attributes |= {
        "output.value": node.output if not llm.calls else json.dumps(answer),
        "llm.token_count.prompt": llm.input_tokens,
        "llm.token_count.completion": llm.output_tokens,
        "llm.token_count.total": llm.input_tokens + llm.output_tokens,
    }
    if llm.cached_tokens:
        attributes["llm.token_count.prompt_details.cache_read"] = llm.cached_tokens
    if llm.stop:
        attributes["llm.finish_reason"] = llm.stop
    return attributes


def _oi_message(prefix: str, message: Message) -> Record:
    attributes: Record = {f"{prefix}.role": message["role"]}
    if message["content"]:
        attributes[f"{prefix}.content"] = message["content"]
    if message.get("id"):
        attributes[f"{prefix}.tool_call_id"] = message["id"]
    for number, (call_id, name, arguments) in enumerate(message.get("calls", [])):
        call = f"{prefix}.tool_calls.{number}.tool_call"
        attributes |= {
            f"{call}.id": call_id,
            f"{call}.function.name": name,
            f"{call}.function.arguments": _text(arguments),
        }
    return attributes


# -- nested span trees, as Phoenix exports and as TRAIL publishes them ------------------------------------------------


def _trail(script: Script) -> Record:
    trace = script.root.id + script.root.id[::-1]
    return {"trace_id": trace, "spans": [_trail_span(script.root, None, trace, script.world.agent)]}


def _trail_span(node: Node, parent: str | None, trace: str, service: str) -> Record:
    name = "LiteLLMModel.__call__" if node.llm else node.name
    if node.kind == "AGENT":
        name = f"{node.name}.run"
    when = datetime.fromtimestamp(node.started_s, UTC)
    return {
        "timestamp": when.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "trace_id": trace,
        "span_id": node.id,
        "parent_span_id": parent,
        "trace_state": "",
        "span_name": name,
        "span_kind": "Internal",
        "service_name": service,
        "resource_attributes": {"service.name": service, "telemetry.sdk.language": "python"},
        "scope_name": "openinference.instrumentation.smolagents",
        "scope_version": "0.1.10",
        "span_attributes": {k: v if isinstance(v, str) else json.dumps(v) for k, v in _oi_attributes(node).items()},
        "duration": _iso(node.ended_s - node.started_s),
        "status_code": "Error" if node.error else ("Unset" if node.kind == "CHAIN" else "Ok"),
        "status_message": node.error,
        "events": [_trail_event(node)] if node.error else [],
        "links": [],
        "logs": [],
        "child_spans": [_trail_span(child, node.id, trace, service) for child in node.children],
    }


def _trail_event(node: Node) -> Record:
    when = datetime.fromtimestamp(node.ended_s, UTC).isoformat().replace("+00:00", "Z")
    return {
        "Timestamp": when,
        "Name": "exception",
        "Attributes": {"exception.type": node.error.split(":")[0], "exception.message": node.error},
    }


def _iso(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"PT{int(minutes)}M{rest:.6f}S" if minutes else f"PT{rest:.6f}S"


FORMS = {"steps": _steps, "genai": _genai, "openinference": _openinference, "trail": _trail}
