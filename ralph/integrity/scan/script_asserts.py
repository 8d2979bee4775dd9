"""What a test in JavaScript or TypeScript asserts, and how strictly: `expect` of jest and vitest, `assert` of node, chai and ava.

Also whether a failure is swallowed, or never comes. Knows nothing of where tests begin and end.
"""

import re
from collections.abc import Iterator

from ralph.integrity.scan.model import Assertion, Strength
from ralph.integrity.scan.text import closing, line_number

EXPECT = re.compile(r"(?<![\w$.])expect(?:\.soft|\.poll)?\s*\(")
MATCHER = re.compile(
    r"\s*\.\s*(?P<words>(?:(?:not|resolves|rejects|to|be|have|deep|and|an?|been|is|that|eventually)\s*\.\s*)*\w+)\s*(?P<call>\()?"
)
ASSERT = re.compile(
    r"(?<![\w$.])(?P<name>(?:assert|t|assert[A-Z]\w*|should|chai\.assert)(?:\.strict)?(?:\.\w+)?)\s*(?=\()"
)
WEAK = {
    "tobetruthy", "tobefalsy", "tobedefined", "tobeundefined", "tobeok", "ok", "true", "exist", "isok", "isdefined", "exists",
    "tobeinstanceof", "truthy", "notequal", "isnotnull", "isnull", "not.tobenull", "not.tobeundefined", "not.tobenil", "tobenull",
}  # fmt: skip
PARTIAL = {
    "tocontain", "tomatch", "tobegreaterthan", "tobelessthan", "tobegreaterthanorequal", "tobelessthanorequal",
    "tohavelength", "tohaveproperty", "tocontainequal", "match", "include", "above", "below", "throws", "tothrow",
    "toThrowError", "tohavebeencalled", "tomatchobject", "rejects",
}  # fmt: skip
ANY_VALUE = re.compile(r"expect\s*\.\s*(?:anything|any)\s*\(|(?:true|false)$")
LITERAL = re.compile(r"true|false|-?\d+(?:\.\d+)?|'[^']*'|\"[^\"]*\"|null|\[\]|\{\}")


def script_asserts(code: str, plain: str, start: int, end: int) -> Iterator[Assertion]:
    lost = list(_lost(plain, start, end))
    for call in EXPECT.finditer(plain, start, end):
        found = _expectation(code, plain, call)
        if found is not None:
            yield _placed(found, plain, call.start(), lost)
    for call in ASSERT.finditer(plain, start, end):
        found = _assertion(code, plain, call)
        if found is not None:
            yield _placed(found, plain, call.start(), lost)


def _placed(found: Assertion, plain: str, place: int, lost: list[tuple[int, int]]) -> Assertion:
    swallowed = any(left <= place < right for left, right in lost)
    return Assertion(
        found.text, found.strength, found.subject, line_number(plain, place), found.tolerance, swallowed, found.expected
    )


def _lost(plain: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The stretches whose failures are caught and end there, or that never run."""
    for word in re.finditer(r"\btry\s*\{", plain[start:end]):
        opening = start + word.end() - 1
        stop = closing(plain, opening)
        catch = re.compile(r"\s*catch\s*(?:\([^)]*\))?\s*\{").match(plain, stop + 1)
        if catch:
            handler = plain[catch.end() : closing(plain, catch.end() - 1)]
            if not re.search(r"\b(?:throw|expect|assert|fail|reject|done)\b", handler):
                yield opening, stop
    body = plain[start:end]
    if not re.search(r"\b(?:done|resolve|Promise|await new|useFakeTimers|mock\.timers|runAllTimers|tick)\b", body):
        for word in re.finditer(
            r"(?:\b(?:setTimeout|setImmediate|queueMicrotask|nextTick)|(?P<then>\.then))\s*\(", body
        ):
            begin = max(
                body.rfind(";", 0, word.start()), body.rfind("{", 0, word.start()), body.rfind("=>", 0, word.start())
            )
            if not word["then"] or not re.search(r"\b(?:await|return)\b|=>", body[max(begin, 0) : word.start()]):
                yield start + word.end(), closing(plain, start + word.end() - 1)
    for word in re.finditer(r"\bif\s*\(\s*(?:false|0|!1)\s*\)\s*\{", plain[start:end]):
        yield start + word.end(), closing(plain, start + word.end() - 1)
    for word in re.finditer(
        r"\.catch\s*\(\s*(?:\(\s*\w*\s*\)|\w+)\s*=>\s*(?:\{\s*\}|null|undefined)\s*\)", plain[start:end]
    ):
        line = plain.rfind(";", 0, start + word.start())
        yield max(start, line), start + word.end()


def _expectation(code: str, plain: str, call: re.Match[str]) -> Assertion | None:
    opening = call.end() - 1
    end = closing(plain, opening)
    subject = code[opening + 1 : end].strip()
    matcher = MATCHER.match(plain, end + 1)
    if not matcher:
        return None
    stop = closing(plain, matcher.end() - 1) if matcher["call"] else matcher.end()
    expected = code[matcher.end() : stop].strip() if matcher["call"] else ""
    words = re.sub(r"\s", "", matcher["words"])
    text = " ".join(code[call.start() : stop + 1].split())
    return Assertion(
        text, _strength(words, subject, expected), subject, expected=expected, tolerance=_digits(words, expected)
    )


def _digits(words: str, expected: str) -> float:
    if not words.lower().endswith(("tobecloseto", "closeto")):
        return 0.0
    parts = split_arguments(expected)
    number = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*", parts[1]) if len(parts) > 1 else None
    if words.lower().endswith("tobecloseto"):
        return float(10.0 ** -(float(number[1]) if number and len(number[1]) < 4 else 2.0))
    return float(number[1]) if number else 0.0


def _strength(words: str, subject: str, expected: str) -> Strength:
    name = words.lower()
    negated, last = "not." in name, name.rsplit(".", 1)[-1]
    if (subject == expected and subject and not negated) or LITERAL.fullmatch(subject):
        return Strength.NOTHING
    if last == "tobegreaterthanorequal" and expected == "0":
        return Strength.NOTHING if subject.endswith(".length") else Strength.PRESENCE
    if last in WEAK or name in WEAK or (negated and expected in {"null", "undefined", ""}) or ANY_VALUE.match(expected):
        return Strength.PRESENCE
    return Strength.PART if negated or (last in PARTIAL and not (last == "tothrow" and expected)) else Strength.EXACT


def _assertion(code: str, plain: str, call: re.Match[str]) -> Assertion | None:
    name = call["name"].lower()
    if name in {"t", "should"} or (
        name.startswith("t.") and name[2:] not in {"is", "deepequal", "true", "truthy", "equal", "ok", "throws"}
    ):
        return None
    opening = call.end()
    end = closing(plain, opening)
    parts = [part.strip() for part in split_arguments(code[opening + 1 : end])]
    text = " ".join(code[call.start() : end + 1].split())
    last = name.rsplit(".", 1)[-1]
    subject = parts[0] if parts else ""
    expected = parts[1] if len(parts) > 1 else ""
    if last in {"assert", "ok", "strict", "truthy", "true"}:
        return Assertion(text, _truth(subject), re.split(r"\s*(?:===?|!==?|[<>]=?)\s*", subject)[0], expected=expected)
    return Assertion(text, _strength(last, subject, expected), subject, expected=expected)


def _truth(condition: str) -> Strength:
    if LITERAL.fullmatch(condition) or "|| true" in condition:
        return Strength.NOTHING
    sides = re.split(r"===?", condition)
    if len(sides) == 2:
        return Strength.NOTHING if sides[0].strip() == sides[1].strip() else Strength.EXACT
    return Strength.PART if re.search(r"!==?|[<>]", condition) else Strength.PRESENCE


def split_arguments(arguments: str) -> list[str]:
    """The arguments of a call, by its commas that no bracket or quote holds."""
    parts, depth, quote, start = [], 0, "", 0
    for place, char in enumerate(arguments):
        if quote:
            quote = "" if char == quote and arguments[place - 1] != "\\" else quote
        elif char in "'\"`":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(arguments[start:place])
            start = place + 1
    return [*parts, arguments[start:]]
