"""The tests of a JavaScript or TypeScript file: `it`, `test` and `describe` of jest, vitest, mocha and node --test."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ralph.integrity.scan.model import TestCase
from ralph.integrity.scan.script_asserts import ASSERT, EXPECT, script_asserts, split_arguments
from ralph.integrity.scan.text import Language, closing, line_number, without_comments, without_strings

CALL = re.compile(
    r"(?<![\w.$])(?P<word>x?it|x?test|f?it|x?describe|fdescribe|specify|xspecify|context|suite|Deno\.test|bench)"
    r"(?P<modifiers>(?:\.\w+(?:\([^()\n]*\))?)*)\s*(?=[(`])"
)
CHOSEN = re.compile(
    r"(?:\b(?:const|let|var)\s+(?P<name>\w+)\s*=|(?P<inline>\())\s*(?P<when>[^?;\n]{1,160}?)\s*\?\s*(?P<yes>(?:test|it|describe|suite)(?:\.\w+)?)"
    r"\s*:\s*(?P<no>(?:test|it|describe|suite)(?:\.\w+)?)(?(inline)\s*\)(?=\())"
)
"""`const e2e = process.env.E2E ? test : test.skip`, and the same in the place of a call."""
SUITES = {"describe", "xdescribe", "fdescribe", "context", "suite"}
SKIPS = {"skip", "todo", "fails", "failing", "skipIf", "runIf", "fixme"}
BODY_SKIP = re.compile(
    r"\b(?:this|t|ctx|context|test|it|pending)\.skip\s*\(|\bpending\s*\(|(?<=[{,])\s*(?:skip|todo)\s*:\s*(?!false)\S"
)


@dataclass(frozen=True)
class _Block:
    name: str
    start: int  # of the word
    opening: int  # of the bracket
    end: int
    suite: bool
    skip: str
    condition: str
    focus: str


def script_tests(text: str) -> tuple[TestCase, ...]:
    code, plain = without_comments(text, Language.SCRIPT), without_strings(text, Language.SCRIPT)
    blocks = sorted([*_blocks(code, plain), *_chosen(code, plain)], key=lambda block: block.start)
    found = []
    around: list[_Block] = []
    for block in blocks:
        around = [outer for outer in around if outer.end > block.start]
        if block.suite:
            around.append(block)
        else:
            found.append(_case(block, around, text, code, plain))
    return tuple(found)


HELPER = re.compile(
    r"\bfunction\s+(?P<name>\w+)\s*\([^)]*\)[^{;\n]*\{|\b(?:const|let|var)\s+(?P<arrow>\w+)\s*=\s*(?:async\s*)?\([^)]*\)[^{;\n]*=>\s*\{"
)


def script_helpers(text: str) -> tuple[TestCase, ...]:
    """The named functions of the file, with what they assert."""
    code, plain = without_comments(text, Language.SCRIPT), without_strings(text, Language.SCRIPT)
    found = []
    for head in HELPER.finditer(plain):
        end = closing(plain, head.end() - 1)
        asserts = tuple(script_asserts(code, plain, head.end(), end))
        name = head["name"] or head["arrow"]
        found.append(TestCase(name, line_number(text, head.start()), text[head.start() : end + 1], asserts))
    return tuple(found)


def _blocks(code: str, plain: str) -> Iterator[_Block]:
    for call in CALL.finditer(plain):
        opening = call.end()
        if plain[opening] == "`" or call["modifiers"].endswith((".each", ".for")):
            opening = _after_table(plain, opening)
        if opening >= len(plain) or plain[opening] != "(":
            continue
        named = re.match(
            r"\(\s*(?P<quote>['\"`])(?P<name>.*?)(?<!\\)(?P=quote)", code[opening : opening + 500], re.DOTALL
        )
        if not named and not re.match(r"\(\s*(?:async|function|\(|\w+[.,])", code[opening : opening + 60]):
            continue
        word, modifiers = call["word"], [item.split("(")[0] for item in call["modifiers"].split(".") if item]
        skipped = word.startswith("x") or bool(SKIPS & set(modifiers))
        gate = re.search(r"\.(?:skipIf|runIf)\(([^()\n]*(?:\([^()\n]*\))?[^()\n]*)\)", code[call.start() : opening])
        words = code[call.start() : opening].strip()
        yield _Block(
            name=(named["name"] if named else "") or "(no name)",
            start=call.start(),
            opening=opening,
            end=closing(plain, opening),
            suite=word in SUITES or "describe" in modifiers,
            skip=words if skipped else "",
            condition=gate[1] if gate else "",
            focus=words if word in {"fit", "fdescribe"} or "only" in modifiers else "",
        )


def _chosen(code: str, plain: str) -> Iterator[_Block]:
    """Tests that a condition runs or skips, by the way in which they are called."""
    if not re.search(r"[?:]\s*(?:test|it|describe|suite)\.", code):
        return
    for choice in CHOSEN.finditer(code):
        yes, no = (choice[side].rpartition(".")[2] in SKIPS for side in ("yes", "no"))
        if yes == no:
            continue
        when = choice["when"].strip()
        condition = when if yes else f"not {when}"
        called = re.compile(rf"(?<![\w.$]){choice['name']}\s*(?=\()") if choice["name"] else None
        places = [found.end() for found in called.finditer(plain)] if called else [choice.end()]
        for opening in places:
            named = re.match(r"\(\s*(['\"`])(?P<name>.*?)(?<!\\)\1", code[opening : opening + 500], re.DOTALL)
            suite = choice["yes"].split(".")[0] in SUITES
            name = named["name"] if named else "(no name)"
            yield _Block(name, opening, opening, closing(plain, opening), suite, choice[0].strip("( )"), condition, "")


def _after_table(plain: str, opening: int) -> int:
    """Where the call opens that follows the table of an `each`."""
    end = plain.find("`", opening + 1) if plain[opening] == "`" else closing(plain, opening)
    after = re.compile(r"\s*\(").match(plain, end + 1) if end >= 0 else None
    return after.end() - 1 if after else len(plain)


def _case(block: _Block, around: list[_Block], text: str, code: str, plain: str) -> TestCase:
    chain = [*around, block]
    skipped = next((item for item in reversed(chain) if item.skip), None)
    inside = BODY_SKIP.search(plain, block.opening, block.end)
    skip = skipped.skip if skipped else inside[0].strip(" {,") if inside else ""
    condition = skipped.condition if skipped else _when(code, plain, block, inside) if inside else ""
    body = plain.find("{", block.opening, block.end)
    header = text[block.start : block.opening]
    return TestCase(
        name=" > ".join(item.name for item in chain),
        line=line_number(text, block.start),
        source=text[block.start : block.end + 1],
        asserts=tuple(script_asserts(code, plain, block.opening + 1, block.end)),
        skip=skip,
        condition=condition,
        focus=next((item.focus for item in chain if item.focus), ""),
        leaves=_leaves(code, plain, body, block.end) if body >= 0 else "",
        cases=_rows(header),
    )


def _rows(header: str) -> int:
    if ".each" not in header:
        return 0
    plain = without_strings(header, Language.SCRIPT)
    start = plain.find("[")
    if start < 0:
        return max(0, header.count("\n") - 1)
    inner = plain[start + 1 : closing(plain, start)]
    return len([part for part in split_arguments(inner) if part.strip()])


def _when(code: str, plain: str, block: _Block, inside: re.Match[str]) -> str:
    """The condition of a skip in the body, or in the options: `{ skip: process.platform === "win32" }`."""
    option = re.compile(r"\s*(?:skip|todo)\s*:\s*([^,}\n]+)").match(code, inside.start())
    if not option:
        return _guard(code, plain, block, inside.start())
    return "" if re.match(r"true|['\"`]", option[1]) else option[1].strip()


def _guard(code: str, plain: str, block: _Block, place: int) -> str:
    """The condition of the `if` that stands last before the place, on its line or around it."""
    found = ""
    for guard in re.finditer(r"\bif\s*\(", plain[block.opening : place]):
        opening = block.opening + guard.end() - 1
        end = closing(plain, opening)
        following = plain[end + 1 : place]
        if following.count("{") > following.count("}") or not following.strip():
            found = code[opening + 1 : end]
    return found


def _leaves(code: str, plain: str, body: int, end: int) -> str:
    first = EXPECT.search(plain, body, end) or ASSERT.search(plain, body, end)
    stop = first.start() if first else end
    for leaving in re.finditer(r"(?<![\w$.])return\b\s*(?=[;}\n])", plain[body:stop]):
        place = body + leaving.start()
        depth = plain.count("{", body, place) - plain.count("}", body, place)
        line = code.rfind("\n", 0, place) + 1
        guarded = re.search(r"\bif\s*\(", plain[max(line, place - 300) : place]) or depth == 2
        if depth == 1 or guarded:
            before = code[max(body + 1, place - 160) : place + 6]
            return " ".join(before[before.rfind("if") if "if" in before else -6 :].split())
    return ""
