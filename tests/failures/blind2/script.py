"""Reads the traces' scripts: a case is a header, then turns, calls and stretches of honest work, one a line.

`== kind name | world form before/after [cache] | why a human says so` (before/after: honest turns around it), then
`B n [options]` n honest turns · `T*n [options] text` a turn, n times · `C tool {args} => output` a call of the turn above
· `S agent | task | n` a sub-agent with n honest turns · `G goal` · `F last words`.
A mark stands behind the letter: `!` guilty (its repetitions too are accepted), `?` guilty from the second time, `x` an error.
In a text `<a|b>` takes turns, `<#a+b>` is a + b * repetition, `<n> <m> <r> <w>` are a number, a number, hex, a word.
"""

import dataclasses
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.failures.blind2.wire import (
    ALSO,
    GEN_AI,
    GUILTY,
    OPENINFERENCE,
    STEPS,
    TREE,
    Call,
    Json,
    Run,
    Sub,
    Turn,
    written,
)

HERE = Path(__file__).parent
FORMS = {"steps": STEPS, "genai": GEN_AI, "oi": OPENINFERENCE, "tree": TREE}
LINE = re.compile(r"([TCSB])([!?x]*)(?:\*(\d+))? ?(?:\[([^\]]*)\] ?)?(.*)")
WORDS = [
    "juniper",
    "harbour",
    "lantern",
    "quarry",
    "saffron",
    "meadow",
    "cobalt",
    "thistle",
    "orchard",
    "marble",
    "falcon",
    "ember",
    "delta",
    "willow",
]
ABOUT_THE_MODEL = {"token_exhaustion", "context_growth", "cache_break", "silent_model_error", "cost_or_latency_anomaly"}
NUMBERS = {"tokens_in", "tokens_out", "cached", "same_input"}


@dataclass(frozen=True)
class Case:
    id: str
    kind: str
    format: str
    record: Json
    guilty: str
    also: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class World:
    agent: str
    model: str
    goal: str
    last: str
    steps: tuple[str, ...]


def _blocks(name: str) -> Iterator[list[str]]:
    lines = (line for line in (HERE / name).read_text(encoding="utf-8").splitlines() if line.strip())
    block: list[str] = []
    for line in lines:
        if line.startswith("==") and block:
            yield block
            block = []
        block.append(line)
    yield block


def _worlds() -> dict[str, World]:
    found = {}
    for head, goal, last, *steps in _blocks("worlds.txt"):
        name, agent, model = head[2:].split()
        found[name] = World(agent, model, goal, last, tuple(steps))
    return found


class _Script:
    def __init__(self, kind: str, name: str, world: World, worlds: dict[str, World]) -> None:
        self.random, self.world, self.worlds = random.Random(name), world, worlds
        self.kind, self.honest_steps = kind, 0
        self.turns: list[Turn] = []
        self.goal, self.last = world.goal, world.last

    def read(self, lines: list[str]) -> None:
        at = 0
        while at < len(lines):
            below = at + 1
            while below < len(lines) and lines[below][0] in "CS":
                below += 1
            if lines[at][0] in "GF":
                setattr(self, {"G": "goal", "F": "last"}[lines[at][0]], _plain(lines[at][2:]))
            else:
                self._turns(lines[at], lines[at + 1 : below])
            at = below
        if self.last != "-":
            self.turns.append(Turn(self.last))

    def _turns(self, line: str, calls: list[str]) -> None:
        kind, marks, times, options, text = _parts(line)
        for i in range(int(text) if kind == "B" else times):
            bound, chosen = self._bound(i), _options(_filled(options, self._bound(i)))
            if kind == "B":
                turn = self.honest(self.worlds[chosen.pop("world")] if "world" in chosen else self.world)
            else:
                turn = Turn(_filled(text, bound), tuple(made for c in calls for made in self._calls(c, i, bound)))
            self.turns.append(self._marked(dataclasses.replace(turn, **chosen), _mark(marks, i)))

    def _marked(self, turn: Turn, mark: str) -> Turn:
        """A mark on a turn means its call, unless the case is about what the model itself did."""
        first = turn.calls[0] if turn.calls else None
        if not isinstance(first, Call) or self.kind in ABOUT_THE_MODEL or not mark or any(c.mark for c in turn.calls):
            return dataclasses.replace(turn, mark=mark)
        calls = (dataclasses.replace(first, mark=mark), *turn.calls[1:])
        return dataclasses.replace(turn, calls=calls, mark=ALSO)

    def _calls(self, line: str, at: int, bound: dict[str, str]) -> Iterator["Call | Sub"]:
        kind, marks, times, options, text = _parts(line)
        for k in range(times):
            i = at if times == 1 else k
            bound = bound if times == 1 else self._bound(i)
            if kind == "S":
                agent, task, steps = _filled(text, bound).split(" | ")
                yield self._sub(agent, task, int(steps), _mark(marks, i), int(_options(options).get("depth", 1)))
                continue
            tool, rest = _filled(text, bound).split(" ", 1)
            args, out = rest.split(" => ", 1)
            seconds = _options(_filled(options, bound)).get("seconds") or round(self.random.uniform(0.2, 2.4), 3)
            yield Call(tool, _json(args), _json(out), "x" in marks, seconds, _mark(marks, i))

    def _sub(self, agent: str, task: str, steps: int, mark: str, depth: int) -> Sub:
        turns = [self.honest(self.world) for _ in range(steps)]
        if depth > 1:
            inner = self._sub(agent, task, steps, ALSO if mark else "", depth - 1)
            turns.append(Turn("This is best handled by a specialist, I will delegate it.", (inner,)))
        return Sub(agent, task, (*turns, Turn(f"Result of the part '{task[:60]}': see the notes above.")), mark)

    def honest(self, world: World) -> Turn:
        thought, line = world.steps[self.honest_steps % len(world.steps)].split(" :: ", 1)
        self.honest_steps += 1
        bound = self._bound(self.honest_steps)
        calls = tuple(made for part in line.split(" ;; ") for made in self._calls(f"C {part}", 0, bound))
        return Turn(_filled(thought, bound), calls, seconds=round(self.random.uniform(1.6, 6.2), 2))

    def _bound(self, i: int) -> dict[str, str]:
        pick = self.random
        number = {"n": str(pick.randint(1000, 9999)), "m": str(pick.randint(11, 89)), "i": str(i)}
        return number | {"r": f"{pick.getrandbits(40):010x}", "w": pick.choice(WORDS)}


def _parts(line: str) -> tuple[str, str, int, str, str]:
    found = LINE.fullmatch(line)
    assert found, f"cannot read the script's line: {line}"
    kind, marks, times, options, text = found.groups()
    return kind, marks, int(times or 1), options or "", text


def _mark(marks: str, i: int) -> str:
    since = i - 1 if "?" in marks else i if "!" in marks else -1
    return GUILTY if since == 0 else ALSO if since > 0 else ""


def _filled(text: str, bound: dict[str, str]) -> str:
    i = int(bound["i"])

    def one(found: re.Match[str]) -> str:
        inner = found[1]
        if inner in bound:
            return bound[inner]
        if inner[0] == "#":
            start, step = inner[1:].split("+")
            return str(int(start) + int(step) * i)
        return inner.split("|")[i % (inner.count("|") + 1)]

    return re.sub(r"<(#?[^<>]*\|[^<>]*|#\d+\+\d+|[nmirw])>", one, text)


def _options(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in filter(None, text.split("; ")):
        key, value = pair.split("=", 1)
        found[key] = int(value) if key in NUMBERS else float(value) if key == "seconds" else value
    return found


def _plain(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\t", "\t")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return _plain(text)


def cases() -> Iterator[Case]:
    worlds = _worlds()
    for head, *lines in _blocks("cases.txt"):
        title, how, why = head[2:].split(" | ", 2)
        kind, name = title.split()
        world, form, around, *options = how.split()
        before, after = around.split("/")
        script = _Script(kind, name, worlds[world], worlds)
        script.read([f"B {before}", *lines, f"B {after}"])
        place = worlds[world]
        system = f"You are {place.agent}, a careful assistant. Use the tools; say when you are done."
        run = Run(f"b2-{name}", place.agent, system, script.goal, tuple(script.turns), place.model, "cache" in options)
        record, guilty, also = written(dataclasses.replace(run, solved=kind == "none"), FORMS[form])
        yield Case(name, kind, FORMS[form], record, guilty, also, why)
