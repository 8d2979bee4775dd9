"""The tests of Go and Rust files, by their functions' heads and braces."""

import re
from collections.abc import Callable, Iterator

from ralph.integrity.scan.model import Assertion, Strength, TestCase
from ralph.integrity.scan.text import Language, closing, line_number, without_comments, without_strings

GO_TEST = re.compile(r"^func (?P<name>(?:Test|Fuzz|Example)\w*)\s*\((?P<t>\w*)[^)]*\)\s*\{", re.MULTILINE)
GO_HELPER = re.compile(
    r"^func (?P<name>\w+)\s*\([^)]*\b(?:testing\.(?:T|TB|B|F)|\w*[tT]esting\w*)\b[^)]*\)[^{\n]*\{", re.MULTILINE
)
RUST_HELPER = re.compile(r"\bfn\s+(?P<name>\w+)[^{;]*\{")
GO_SKIP = re.compile(r"\b\w+\.Skip(?:f|Now)?\(")
GO_FAIL = re.compile(r"\b(?:t|tb|b|c|s|tt)\.(?:Errorf?|Fatalf?|Fail|FailNow)\(")
GO_ASSERT = re.compile(r"\b(?P<kind>assert|require|is|qt|cmp)\.(?P<name>[A-Z]\w*)\(")
GO_WEAK = {"NotNil", "True", "NotEmpty", "Nil", "False", "NotZero", "Empty", "Zero"}
GO_PARTIAL = {
    "Contains",
    "Len",
    "Greater",
    "Less",
    "GreaterOrEqual",
    "LessOrEqual",
    "NoError",
    "Error",
    "NotEqual",
    "InDelta",
}
GO_CONSTRAINT = re.compile(r"^//\s*(?:go:build|\+build)\s+(.+)$", re.MULTILINE)
RUST_TEST = re.compile(
    r"(?P<marks>(?:#\[[^\n]*\]\s*)*#\[(?:\w+::)*(?:test|rstest|test_case|proptest)\b[^\n]*\]\s*(?:#\[[^\n]*\]\s*)*)"
    r"(?:pub(?:\([^)]*\))?\s+)?(?:async\s+)?fn\s+(?P<name>\w+)[^{;]*\{"
)
RUST_ASSERT = re.compile(r"\b(?P<name>(?:debug_)?assert(?:_\w+)?|panic|prop_assert\w*)!\s*[(\[{]")
RUST_CAUGHT = re.compile(r"(?:\blet\s+_\w*\s*=|(?<=[;{}]))\s*(?:std::)?(?:panic::)?catch_unwind\s*\(")
RUST_COMPARISON = re.compile(r"(?<![=!<>])(==)(?!=)|(!=|<=|>=|(?<!-)>|<(?![\w:]+>))")


def go_tests(text: str) -> tuple[TestCase, ...]:
    code, plain = without_comments(text, Language.GO), without_strings(text, Language.GO)
    constraint = GO_CONSTRAINT.search(text[: text.find("\npackage ") + 1 or 2000])
    return tuple(
        _go_case(found, text, code, plain, constraint[1] if constraint else "") for found in GO_TEST.finditer(plain)
    )


def _go_case(found: re.Match[str], text: str, code: str, plain: str, constraint: str) -> TestCase:
    opening = found.end() - 1
    end = closing(plain, opening)
    body, bare = code[opening : end + 1], plain[opening : end + 1]
    skip = GO_SKIP.search(bare)
    asserts = tuple(_go_asserts(body, bare, line_number(text, opening)))
    return TestCase(
        name=found["name"],
        line=line_number(text, found.start()),
        source=text[found.start() : end + 1],
        asserts=asserts,
        skip=_line_at(body, skip.start()) if skip else f"//go:build {constraint}" if constraint else "",
        condition=_go_guard(body, bare, skip.start()) if skip else constraint,
        leaves=_go_leaves(body, bare),
        cases=len(re.findall(r"^\s*(?:\"\s*\":\s*)?\{.*\},?\s*$", bare, re.MULTILINE))
        + len(re.findall(r"^\s*\{\s*$|:\s*\{\s*$", bare, re.MULTILINE)),
    )


def _go_guard(body: str, bare: str, place: int) -> str:
    """The condition of the innermost `if` around the place; empty where none is."""
    found = ""
    for guard in re.finditer(r"\bif\s+([^{\n]*)\{", bare[:place]):
        if closing(bare, guard.end() - 1) > place:
            found = body[guard.start(1) : guard.end(1)].strip()
    return found


def _go_leaves(body: str, bare: str) -> str:
    first = GO_FAIL.search(bare) or GO_ASSERT.search(bare)
    stop = first.start() if first else len(bare)
    for leaving in re.finditer(r"(?<=[{;\n])\s*return\b\s*(?=[;}\n])", bare[:stop]):
        place = leaving.start() + len(leaving[0].rstrip())
        depth = bare.count("{", 0, place) - bare.count("}", 0, place)
        if depth <= 2:
            guard = _go_guard(body, bare, place)
            return f"if {guard} return" if guard else "return" if depth == 1 else ""
    return ""


def _go_asserts(body: str, bare: str, first_line: int) -> Iterator[Assertion]:
    for found in GO_FAIL.finditer(bare):
        condition = _go_guard(body, bare, found.start())
        line = first_line + bare.count("\n", 0, found.start())
        sides = re.split(r"\s*(?:!=|==|<=?|>=?)\s*", condition.rsplit(";", 1)[-1])
        yield Assertion(
            f"if {condition} " + _line_at(body, found.start()) if condition else _line_at(body, found.start()),
            _go_strength(condition),
            sides[0].strip(" !"),
            line,
            expected=sides[1].strip() if len(sides) == 2 else "",
        )
    for found in GO_ASSERT.finditer(bare):
        end = closing(bare, found.end() - 1)
        parts = [part.strip() for part in body[found.end() : end].split(",")]
        name, arguments = found["name"], [part for part in parts if part != "t"]
        same = len(arguments) > 1 and arguments[0] == arguments[1]
        constant = bool(arguments) and arguments[0] in {"true", "false", "nil", "1"} and len(arguments) == 1
        strength = Strength.PRESENCE if name in GO_WEAK else Strength.PART if name in GO_PARTIAL else Strength.EXACT
        line = first_line + bare.count("\n", 0, found.start())
        subject = arguments[-1] if arguments else ""
        yield Assertion(
            body[found.start() : end + 1], Strength.NOTHING if same or constant else strength, subject, line
        )


def _go_strength(condition: str) -> Strength:
    last = condition.rsplit(";", 1)[-1].strip()
    sides = re.split(r"!=", last)
    if last in {"false", "!true"} or (len(sides) == 2 and sides[0].strip() == sides[1].strip()):
        return Strength.NOTHING
    if re.fullmatch(r"\w+ [!=]= nil", last):
        return Strength.PRESENCE if "err" not in last else Strength.PART
    if re.search(r"&&\s*false\b", last):
        return Strength.NOTHING
    if "!=" in last or "DeepEqual" in last or "Equal(" in last:
        return Strength.EXACT
    return Strength.PART


def rust_tests(text: str) -> tuple[TestCase, ...]:
    if "test" not in text:
        return ()
    code, plain = without_comments(text, Language.RUST), without_strings(text, Language.RUST)
    return tuple(_rust_case(found, text, code, plain) for found in RUST_TEST.finditer(plain))


def _rust_case(found: re.Match[str], text: str, code: str, plain: str) -> TestCase:
    opening = found.end() - 1
    end = closing(plain, opening)
    marks = code[found.start("marks") : found.end("marks")]
    ignored = re.search(
        r"#\[\s*ignore[^\n]*?\]|#\[cfg_attr\((?P<when>.*),\s*ignore[^\n]*\]|#\[cfg\((?P<only>.*)\)\]", marks
    )
    condition = (ignored["when"] or (f"not {ignored['only']}" if ignored["only"] else "")) if ignored else ""
    body, bare = code[opening : end + 1], plain[opening : end + 1]
    return TestCase(
        name=found["name"],
        line=line_number(text, found.end()),
        source=text[found.start() : end + 1],
        asserts=tuple(_rust_asserts(body, bare, marks, line_number(text, opening))),
        skip=ignored[0] if ignored else "",
        condition=condition,
        leaves=_rust_leaves(body, bare),
        cases=len(re.findall(r"#\[(?:case|test_case)\b", marks)),
    )


def _rust_leaves(body: str, bare: str) -> str:
    first = RUST_ASSERT.search(bare)
    stop = first.start() if first else len(bare)
    leaving = re.search(r"(?:\bif\s+(?P<guard>[^{\n]*)\{\s*)?\breturn(?:\s+Ok\(\(\)\))?\s*;", bare[:stop])
    return body[leaving.start() : leaving.end()] if leaving else ""


def _rust_asserts(body: str, bare: str, marks: str, first_line: int) -> Iterator[Assertion]:
    if "should_panic" in marks:
        exact = Strength.EXACT if "expected" in marks else Strength.PART
        yield Assertion("#[should_panic]", exact, "should_panic", first_line)
    caught = [(word.start(), closing(bare, word.end() - 1)) for word in RUST_CAUGHT.finditer(bare)]
    for found in RUST_ASSERT.finditer(bare):
        opening = found.end() - 1
        end = closing(bare, opening)
        parts = [part.strip() for part in _arguments(body[opening + 1 : end])]
        line = first_line + bare.count("\n", 0, found.start())
        subject = re.split(r"\s*(?:==|!=|<=|>=)\s*", parts[0])[0] if parts else ""
        expected = parts[1] if len(parts) > 1 else ""
        lost = any(left < found.start() < right for left, right in caught)
        yield Assertion(
            body[found.start() : end + 1],
            _rust_strength(found["name"], parts),
            subject,
            line,
            swallowed=lost,
            expected=expected,
        )


def _rust_strength(name: str, parts: list[str]) -> Strength:
    if name.endswith("assert_eq") or name in {"panic", "prop_assert_eq"}:
        return Strength.NOTHING if len(parts) > 1 and parts[0] == parts[1] else Strength.EXACT
    if name.endswith("_ne"):
        return Strength.PART
    condition = parts[0] if parts else ""
    if condition in {"true", "!false"} or "|| true" in condition:
        return Strength.NOTHING
    sides = condition.split("==")
    if len(sides) == 2:
        return Strength.NOTHING if sides[0].strip() == sides[1].strip() else Strength.EXACT
    if re.fullmatch(r".*\.(?:is_some|is_ok|is_err|is_none)\(\)", condition):
        return Strength.PRESENCE
    return Strength.PART if RUST_COMPARISON.search(condition) or "matches!" in condition else Strength.PRESENCE


def _arguments(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    plain = without_strings(text, Language.RUST)
    for place, char in enumerate(plain):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def go_helpers(text: str) -> tuple[TestCase, ...]:
    """The functions that are no tests and get the test's `t`, or say yes or no, with what they assert."""
    code, plain = without_comments(text, Language.GO), without_strings(text, Language.GO)
    heads = [found for found in GO_HELPER.finditer(plain) if not GO_TEST.match(plain, found.start())]
    return tuple(_helper(found, text, code, plain, _go_asserts) for found in heads)


def rust_helpers(text: str) -> tuple[TestCase, ...]:
    """The functions with assertions that are no tests."""
    if "test" not in text and "assert" not in text:
        return ()
    code, plain = without_comments(text, Language.RUST), without_strings(text, Language.RUST)
    tests = {found["name"] for found in RUST_TEST.finditer(plain)}
    heads = [found for found in RUST_HELPER.finditer(plain) if found["name"] not in tests]
    return tuple(_helper(found, text, code, plain, _rust_helper_asserts) for found in heads)


def _rust_helper_asserts(body: str, bare: str, first_line: int) -> Iterator[Assertion]:
    return _rust_asserts(body, bare, "", first_line)


def _helper(
    found: re.Match[str], text: str, code: str, plain: str, reader: Callable[[str, str, int], Iterator[Assertion]]
) -> TestCase:
    opening = found.end() - 1
    end = closing(plain, opening)
    line = line_number(text, found.start())
    asserts = tuple(reader(code[opening : end + 1], plain[opening : end + 1], line))
    return TestCase(found["name"], line, text[found.start() : end + 1], asserts)


def _line_at(text: str, place: int) -> str:
    start = text.rfind("\n", 0, place) + 1
    end = text.find("\n", place)
    return text[start : end if end >= 0 else len(text)].strip()
