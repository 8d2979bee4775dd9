"""Broken and odd PRDs, made from good ones: nothing but a PrdError ever comes out, and what is written is what was asked for.

300 cases by default; `RALPH_FUZZ=10000 pytest tests/prd/test_prd_fuzz.py` runs more, `RALPH_FUZZ_SEED` others.
"""

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from prd.check import summary_line
from prd.errors import PrdError
from prd.read import parse_prd, read_document
from prd.story import Prd, Story
from prd.writeback import append_story, mark

CASES = int(os.environ.get("RALPH_FUZZ", "300"))
SEED = int(os.environ.get("RALPH_FUZZ_SEED", "1"))
SHARED = Path(__file__).parents[2].parent / "shared" / "prds"
MAX_BYTES = 2_500

JSON = [
    {"userStories": [{"id": "US-001", "title": "Log in", "passes": False, "priority": 1, "acceptanceCriteria": ["a"]}]},
    {"prd": {"stories": [{"id": 1, "name": "A", "status": "open", "depends_on": [2]}, {"id": 2, "name": "B"}]}},
    {"tasks": [{"title": "A", "completed": True, "parallel_group": 1}, {"title": "B", "parallel_group": 2}]},
    [{"category": "ui", "description": "It works. Really.", "steps": ["Open", "Look"], "passes": False}],
    {"phases": [{"name": "One", "tasks": [{"title": "A", "priority": "high", "status": "todo"}]}, {"name": "Two"}]},
]
YAML = [
    (
        "# mine\ntasks:\n  - title: Log in  # first\n    completed: no\n    steps:\n    - open\n    - 'look'\n"
        "  - {title: Log out, completed: yes, depends_on: [log-in]}\n"
    ),
    "stories:\n- id: 7\n  title: 404\n  description: |\n    two\n    lines\n\n- id: 8\n  title: >-\n    folded\n    title\n  status:\n",
]
MARKDOWN = [
    "# Plan\n\n## High Priority\n- [ ] Log in\n  - [ ] has a page\n- [x] Log out\n\n## Optional\n- [ ] Dark mode\n",
    "# Shop\n\n### US-001: Log in\n**Status:** todo\n**Priority:** 1\n\n- [ ] There is a page\n\n### US-002: Log out\n**Status:** done\n",
    "# Plan\n\n## Validation Commands\n- `make test`\n\n### Task 1: Log in\n- [ ] one\n- [x] two\n\n### Task 2: Log out\n- [ ] three\n",
]
TOKENS = [
    *("{", "}", "[", "]", '"', "'", ",", ":", "\\", "\n", "\r\n", "\r", "\t", " ", "- ", "# ", "---\n", "...\n", "```\n", "<!--", "-->"),
    *("true", "false", "null", "yes", "~", "0", "-1", "1e9", "99999999999", "\\u0000", "\\ud800", "&a ", "*a", "<<: ", "!!x ", "|\n", ">-\n", "? "),
    *("- [ ] x\n", "- [x] y\n", "### US-001: T\n", "### Task 1: T\n", "**Status:** done\n", '"passes": true,', "status: blocked\n", "\x00", "\x85", "\u2028", "\ufeff", "é", "\U0001f600"),
]  # fmt: skip
KEYS = [
    *("id", "title", "passes", "status", "completed", "tested", "priority", "steps", "tests", "dependsOn", "depends_on", "parallel_group"),
    *("blocked", "optional", "tasks", "stories", "userStories", "phases", "items", "prd", "name", "description", "branchName", "titel", "qualityGates", ""),
]  # fmt: skip
VALUES: list[object] = [
    *(None, True, False, 0, 1, -5, 1.5, 10**30, "", " ", "done", "open", "blocked", "high", "P1", "US-001", "a\nb", "\u2028", "x" * 200, "\ud83d"),
    *([], {}, [[]], [{}], ["a", 1, None], {"text": "a"}, [{"text": "a"}], {"id": "X", "title": "T"}, [{"id": "X", "title": "T"}]),
]  # fmt: skip


def seeds() -> dict[str, list[bytes]]:
    found = {
        "prd.json": [json.dumps(value, indent=indent).encode() for value in JSON for indent in (None, 2)],
        "tasks.yaml": [text.encode() for text in YAML],
        "plan.md": [text.encode() for text in MARKDOWN],
    }
    for path in sorted(SHARED.glob("json/*.json")):
        found["prd.json"].append(path.read_bytes())
        found["tasks.yaml"].append(yaml.safe_dump(json.loads(path.read_bytes()), sort_keys=False).encode())
    found["plan.md"] += [path.read_bytes() for path in sorted(SHARED.glob("markdown/*.md"))]
    return {name: [data for data in each if len(data) <= MAX_BYTES] for name, each in found.items()}


SEEDS = seeds()


def bytes_changed(chance: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """A few small accidents."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        data = chance.choice([removed, doubled, inserted, flipped, spliced, relined])(chance, data, others)
    return data


def a_stretch(chance: random.Random, data: bytes) -> tuple[int, int]:
    at = chance.randrange(len(data) + 1)
    return at, min(len(data), at + chance.choice((0, 1, 3, 40, 10_000)))


def removed(chance: random.Random, data: bytes, _others: list[bytes]) -> bytes:
    at, to = a_stretch(chance, data)
    return data[:at] + data[to:]


def doubled(chance: random.Random, data: bytes, _others: list[bytes]) -> bytes:
    at, to = a_stretch(chance, data)
    return data[:to] + data[at:]


def inserted(chance: random.Random, data: bytes, _others: list[bytes]) -> bytes:
    at, to = a_stretch(chance, data)
    return data[:at] + chance.choice(TOKENS).encode() + data[chance.choice((at, to)) :]


def flipped(chance: random.Random, data: bytes, _others: list[bytes]) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]


def spliced(chance: random.Random, data: bytes, others: list[bytes]) -> bytes:
    return data[: a_stretch(chance, data)[0]] + chance.choice(others)[a_stretch(chance, data)[0] :]


def relined(chance: random.Random, data: bytes, _others: list[bytes]) -> bytes:
    start = chance.choice((b"", b"\xef\xbb\xbf"))
    return start + data.rstrip().replace(b"\n", chance.choice((b"\r\n", b"\r", b"\n\n")))


def structure_changed(chance: random.Random, value: object) -> object:
    """Now and then another key, another value, one more or one less."""
    if chance.random() < 0.04:
        return chance.choice(VALUES)
    if isinstance(value, dict):
        return dict(changed_members(chance, value))
    if isinstance(value, list):
        kept = [structure_changed(chance, item) for item in value if chance.random() > 0.05]
        return kept + [item for item in value if chance.random() < 0.05]
    return value


def changed_members(chance: random.Random, value: dict[str, object]) -> Iterator[tuple[str, object]]:
    for key, inner in value.items():
        if chance.random() > 0.04:
            yield (chance.choice(KEYS) if chance.random() < 0.06 else key), structure_changed(chance, inner)
    if chance.random() < 0.2:
        yield chance.choice(KEYS), chance.choice(VALUES)


def a_case(chance: random.Random, name: str) -> bytes:
    data = chance.choice(SEEDS[name])
    if name != "plan.md" and chance.random() < 0.5:
        changed = structure_changed(chance, yaml.safe_load(data) if name == "tasks.yaml" else json.loads(data))
        if name == "tasks.yaml":
            return str(yaml.safe_dump(changed, sort_keys=False, default_flow_style=chance.choice((None, False, True)))).encode(errors="replace")  # fmt: skip
        return json.dumps(changed, indent=chance.choice((None, 1, "\t"))).encode()
    return bytes_changed(chance, data, SEEDS[name])


def use(data: bytes, name: str) -> str:
    """Everything that is done with a PRD; gives how far it came."""
    refused = refusal(lambda: parse_prd(data, name))
    if refused is not None:
        assert refused.startswith(f"{name}:")
        mark_what_is_there(data, name)
        return "refused"
    prd = parse_prd(data, name)
    assert len({story.id for story in prd.stories}) == len(prd.stories) > 0
    summary_line(prd, name)
    check_mark(data, name, prd, chance_story(prd))
    try:
        after = parse_prd(append_story(data, Story(id="NEW-1", title="One more"), name=name), name)
    except PrdError:
        return "read"
    assert len(after.stories) == len(prd.stories) + 1
    return "added"


def refusal(act: Callable[[], object]) -> str | None:
    try:
        act()
    except PrdError as refused:
        return str(refused)
    return None


def chance_story(prd: Prd) -> Story:
    return prd.stories[len(prd.description) % len(prd.stories)]


def mark_what_is_there(data: bytes, name: str) -> None:
    """A story may be marked although another one is wrong."""
    try:
        _, document = read_document(data, name)
        for story_id in list(document.places)[:2]:
            mark(data, story_id, passes=True, name=name)
    except PrdError:
        return


def check_mark(data: bytes, name: str, prd: Prd, story: Story) -> None:
    try:
        after = mark(data, story.id, passes=not story.passes, name=name)
    except PrdError:
        return
    wanted = [not s.passes if s.id == story.id else s.passes for s in prd.stories]
    assert [s.passes for s in parse_prd(after, name).stories] == wanted
    assert mark(after, story.id, passes=not story.passes, name=name) == after


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SEEDS)
def test_nothing_but_a_prd_error_comes_out_of_a_broken_prd(name: str) -> None:
    ends = set()
    for number in range(SEED, SEED + CASES // len(SEEDS)):
        data = a_case(random.Random(f"{name} {number}"), name)
        try:
            ends.add(use(data, name))
        except Exception as error:
            error.add_note(f"RALPH_FUZZ_SEED={number} RALPH_FUZZ=3, {name}: {data!r}")
            raise
    assert CASES < 300 or {"refused", "added"} <= ends
