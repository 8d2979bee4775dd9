"""A made agent run, told step by step: a tree of spans with a clock, a conversation and token counts.

Knows nothing about wire formats (wire.py) and nothing about detectors: a trace is written as people see it, then labelled.
"""

import contextlib
import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Message = dict[str, Any]
BASE_S = 1_760_000_000.0  # 2025-10-09


@dataclass
class Llm:
    """What a model call carries besides its text."""

    model: str
    system: str
    messages: list[Message]
    calls: list[tuple[str, str, Any]]  # id, tool, arguments
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    max_tokens: int
    stop: str  # "" = the framework did not record one


@dataclass
class Node:
    id: str
    kind: str  # AGENT | CHAIN | LLM | TOOL | RETRIEVER
    name: str
    started_s: float
    ended_s: float = 0.0
    input: Any = None
    output: Any = None
    error: str = ""
    llm: Llm | None = None
    agent: str = ""
    children: list["Node"] = field(default_factory=list)


@dataclass(frozen=True)
class World:
    """A kind of agent: its prompt, its model, how it is built."""

    name: str
    agent: str
    model: str
    system: str
    stepped: bool = False  # each turn is wrapped in a "Step N" span
    cached: bool = False  # the provider reads the known prefix from a cache
    base_tokens: int = 1200


@dataclass
class Conversation:
    system: str
    messages: list[Message]
    seen_tokens: int = 0


class Script:
    """Tells one run. Every method appends spans and returns the one that a label may name."""

    def __init__(self, trace_id: str, world: World, goal: str) -> None:
        self.trace_id, self.world, self.goal = trace_id, world, goal
        self.rng = random.Random(trace_id)
        self.clock_s = BASE_S + self.rng.randrange(0, 20_000_000) + self.rng.random()
        self.count = 0
        self.done = 0  # steps of ordinary work told so far
        self.extra_tokens = 0
        self.cache_is_off = False
        self.root = self._node("AGENT", world.agent, {"task": goal})
        self.root.agent = world.agent
        self.stack = [self.root]
        self.talks = [Conversation(world.system, [{"role": "user", "content": goal}])]
        self.passed: bool | None = None
        self.turn_of: dict[str, Node] = {}  # the other half of a turn: the model call of a tool call and back

    def _node(self, kind: str, name: str, given: Any = None) -> Node:
        self.count += 1
        key = hashlib.sha256(f"{self.trace_id}/{self.count}".encode()).hexdigest()[:16]
        return Node(key, kind, name, self.clock_s, input=given)

    def _open(self, node: Node) -> Node:
        node.agent = node.agent or self.stack[-1].agent
        self.stack[-1].children.append(node)
        return node

    def wait(self, seconds: float) -> None:
        self.clock_s += seconds

    def _close(self, node: Node, seconds: float) -> None:
        self.clock_s += seconds
        node.ended_s = self.clock_s
        self.clock_s += self.rng.uniform(0.002, 0.05)

    def say(
        self,
        text: str,
        *,
        stop: str | None = "stop",
        error: str = "",
        out: int | None = None,
        max_tokens: int = 4096,
        seconds: float | None = None,
        calls: list[tuple[str, str, Any]] | None = None,
        cached: bool | None = None,
        add_tokens: int = 0,
        model: str = "",
    ) -> Node:
        """A model call. Its answer joins the conversation unless the call failed."""
        talk, calls = self.talks[-1], calls or []
        node = self._open(self._node("LLM", "chat"))
        tokens = self._context_tokens(talk) + add_tokens
        reads = (self.world.cached and not self.cache_is_off) if cached is None else cached
        written = out if out is not None else max(6, len(text) // 4 + 40 * len(calls) + self.rng.randrange(0, 30))
        hit = min(talk.seen_tokens, tokens) if reads else 0
        reason = ("tool_calls" if calls else "stop") if stop == "stop" else (stop or "")
        node.llm = Llm(
            model or self.world.model,
            talk.system,
            list(talk.messages),
            calls,
            tokens,
            hit,
            0 if error else written,
            max_tokens,
            "" if error else reason,
        )
        node.output, node.error = text, error
        self._close(node, seconds if seconds is not None else 0.8 + written / 60 + self.rng.random())
        if not error:
            talk.messages.append({"role": "assistant", "content": text, "calls": calls})
            talk.seen_tokens = tokens
        return node

    def _context_tokens(self, talk: Conversation) -> int:
        text = sum(len(m["content"]) + len(json.dumps(m.get("calls", []), default=str)) for m in talk.messages)
        return self.world.base_tokens + text // 4 + self.extra_tokens

    def hear(self, text: str, role: str = "user") -> None:
        """What the person (or the framework) says next."""
        self.talks[-1].messages.append({"role": role, "content": text})

    def tool(self, name: str, args: Any, result: Any, *, error: str = "", seconds: float | None = None) -> Node:
        """A tool's span alone, without a model call before it."""
        node = self._open(self._node("TOOL", name, args))
        node.output, node.error = result, error
        self._close(node, seconds if seconds is not None else self.rng.uniform(0.05, 1.4))
        return node

    def call(
        self,
        name: str,
        args: Any,
        result: Any,
        thought: str = "",
        *,
        error: str = "",
        seconds: float | None = None,
        **llm: Any,
    ) -> Node:
        """A turn: the model asks for a tool, the tool answers."""
        with self.step():
            call_id = f"call_{self.rng.randrange(16**8):08x}"
            asked = self.say(thought, calls=[(call_id, name, args)], **llm)
            node = self.tool(name, args, result, error=error, seconds=seconds)
            self.turn_of |= {asked.id: node, node.id: asked}
        shown = result if isinstance(result, str) else json.dumps(result)
        self.talks[-1].messages.append({"role": "tool", "content": shown or error, "id": call_id})
        return node

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        if not self.world.stepped:
            yield
            return
        number = sum(child.name.startswith("Step ") for child in self.stack[-1].children) + 1
        with self.chain(f"Step {number}"):
            yield

    @contextlib.contextmanager
    def chain(self, name: str, given: Any = None, kind: str = "CHAIN") -> Iterator[Node]:
        node = self._open(self._node(kind, name, given))
        self.stack.append(node)
        yield node
        self.stack.pop()
        self._close(node, 0.01)

    @contextlib.contextmanager
    def agent(self, name: str, task: str, system: str = "") -> Iterator[Node]:
        """An agent inside this one, with a conversation of its own."""
        with self.chain(name, {"task": task}, "AGENT") as node:
            node.agent = name
            self.talks.append(Conversation(system or self.world.system, [{"role": "user", "content": task}]))
            yield node
            self.talks.pop()
            node.output = node.children[-1].output if node.children else ""

    def end(self, answer: str) -> Node:
        node = self.say(answer)
        self.close(answer)
        return node

    def close(self, answer: str = "", error: str = "") -> None:
        self.root.output, self.root.error = answer, error
        self.root.ended_s = self.clock_s + 0.02


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)
