"""A labelled trace: what was told, in which format, and what a person says about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.failures.blind.build import Node, Script, World
from tests.failures.blind.wire import record

NONE = "none"


@dataclass(frozen=True)
class Case:
    id: str
    format: str
    kind: str
    why: str  # why a person labels it so
    guilty: str  # the span that a person points at; "" where nothing is wrong
    also: tuple[
        str, ...
    ]  # spans that another person might as well point at, the other halves of their turns among them
    record: dict[str, Any]


Told = Callable[[Script], Any]
PLAN: list[tuple[str, World, str, str, str, Told]] = []


def case(kind: str, world: World, form: str, why: str, goal: str = "") -> Callable[[Told], Told]:
    """Registers a teller: it fills the script and returns the guilty span, or (guilty, other acceptable ones)."""

    def register(tell: Told) -> Told:
        PLAN.append((kind, world, form, why, goal or GOALS[world.name], tell))
        return tell

    return register


GOALS = {
    "swe": "Fix the reported issue in this repository so that the hidden tests pass.",
    "code": "Fix the bugs listed in ISSUES.md one after the other and keep the test suite green.",
    "web": "Answer the question with a short fact. Search the web and verify what you find: a list of facts about places, people and works.",
    "tau": "Help the customer with reservations, following the airline policy.",
    "graph": "Write a sourced briefing: plan, research and write section by section.",
    "rag": "Answer the users' questions about the collection from its documents.",
    "data": "Find what drives returns in sales.csv and report it.",
    "team": "Build a small desktop game in Python with tests and a manual.",
}


def tell(kind: str, world: World, form: str, why: str, goal: str, teller: Told) -> Case:
    name = f"{world.name}-{teller.__name__}"
    script = Script(name, world, goal)
    told = teller(script)
    if not script.root.ended_s:
        script.close(script.root.children[-1].output if script.root.children else "")
    guilty, also = told if isinstance(told, tuple) else (told, [])
    named = [node for node in (guilty, *also) if node]
    turns = [script.turn_of[node.id] for node in named if node.id in script.turn_of]
    others = tuple(dict.fromkeys(node.id for node in (*also, *turns)))
    return Case(name, form, kind, why, _id(guilty), others, record(script, form))


def _id(node: Node | None) -> str:
    return node.id if node else ""


def cases() -> list[Case]:
    """Every trace, in the order in which the files tell them; the same on every run."""
    from tests.failures.blind import failing_models, failing_tools, failing_ways, healthy  # noqa: PLC0415

    del failing_models, failing_tools, failing_ways, healthy  # imported for what they register
    told = [tell(*plan) for plan in PLAN]
    assert len({one.id for one in told}) == len(told)
    return told
