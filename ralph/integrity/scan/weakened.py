"""Assertions of tests that existed: taken out, made weaker, made true whatever happens, or caught when they fail."""

import re
from collections.abc import Iterator, Sequence

from ralph.integrity.finding import HARD, Finding
from ralph.integrity.scan.facts import Facts, Pair, finding, judged
from ralph.integrity.scan.model import Assertion, Strength, TestCase
from ralph.integrity.testfiles import is_product_code

WEAKER_WEIGHT = 35  # exact to a part of it
REMOVED_WEIGHT = 80
TOLERANCE_FACTOR = 50.0
TOLERANCE_WEIGHT = 70
SMOKE_WEIGHT = 60  # true literals: at least the lines before them ran
NO_ASSERT_WEIGHT = 15


def weakened_tests(facts: Facts) -> Iterator[Finding]:
    for pair in facts.pairs:
        if pair.new is not None and pair.old.asserts != pair.new.asserts:
            permitted = facts.allows_test(pair.old)
            yield from (judged(item, permitted=permitted) for item in compared_tests(pair, pair.new, facts))
    for case in facts.born:
        yield from _new(case)


def compared_tests(pair: Pair, new: TestCase, facts: Facts) -> Iterator[Finding]:
    """What became of the assertions of one test."""
    old = pair.old
    if old.live and not new.live:
        yield _emptied(old, new)
        return
    lost, fresh = _differences(old.asserts, new.asserts)
    for item in lost:
        twin = next((other for other in fresh if _renamed(item, other, facts)), None)
        if twin is not None:
            fresh.remove(twin)
            continue
        heir = _heir(item, fresh)
        if heir is not None:
            fresh.remove(heir)
            yield from _compared(item, heir, new)
        elif not _preserved(item, new, facts) and item.strength > Strength.NOTHING and not item.swallowed:
            yield _removed(item, new, facts)


def _emptied(old: TestCase, new: TestCase) -> Finding:
    caught = any(item.swallowed for item in new.asserts)
    why = (
        "their failure is caught, or they are never reached"
        if caught
        else "they are gone, or true whatever the code does"
    )
    text = f"no assertion of the test {new.short} can fail any more: {why}"
    seen = new.asserts[0].text if new.asserts else old.live[0].text
    return finding("test-emptied", HARD, text, new.path, new.line, seen)


def _removed(item: Assertion, new: TestCase, facts: Facts) -> Finding:
    text = f"an assertion was taken out of the test {new.short}, with nothing in its place"
    asked = bool(facts.lost & set(re.findall(r"\w+", item.text))) and facts.permit.removes(item.text)
    return judged(finding("assertion-removed", REMOVED_WEIGHT, text, new.path, new.line, item.text), permitted=asked)


def _compared(old: Assertion, new: Assertion, case: TestCase) -> Iterator[Finding]:
    if new.swallowed and not old.swallowed:
        text = f"a failing assertion of the test {case.short} is now caught, or never reached"
        yield finding("assertion-swallowed", HARD, text, case.path, new.line, new.text)
    elif _own_result(new, case) and not _own_result(old, case):
        text = f"the test {case.short} now compares what the code returns with itself"
        yield finding("expected-from-code", HARD, text, case.path, new.line, new.text)
    elif new.strength < old.strength:
        far = new.strength < Strength.PART or (new.strength is Strength.PRESENCE and old.strength is Strength.EXACT)
        text = f"an assertion of the test {case.short} was made weaker: {_short(old.text)} stood there before"
        yield finding("assertion-weakened", HARD if far else WEAKER_WEIGHT, text, case.path, new.line, new.text)
    elif old.tolerance and new.tolerance >= old.tolerance * TOLERANCE_FACTOR:
        text = (
            f"the tolerance of an assertion in the test {case.short} grew from {old.tolerance:g} to {new.tolerance:g}"
        )
        yield finding("tolerance-widened", TOLERANCE_WEIGHT, text, case.path, new.line, new.text)


def _new(case: TestCase) -> Iterator[Finding]:
    if case.skip:
        return
    if case.asserts and not case.live:
        text = f"no assertion of the new test {case.short} can fail"
        smoke = all(
            re.search(r"^(?:\w+[.!]*)*\W*(?:true|True)\b", item.text) and not item.swallowed for item in case.asserts
        )
        yield finding(
            "test-cannot-fail", SMOKE_WEIGHT if smoke else HARD, text, case.path, case.line, case.asserts[0].text
        )
    for item in case.asserts:
        if case.live and (item.strength is Strength.NOTHING or _own_result(item, case)):
            text = f"an assertion of the new test {case.short} is true whatever the code does"
            yield finding("assertion-empty", NO_ASSERT_WEIGHT, text, case.path, item.line, item.text)


def _differences(old: Sequence[Assertion], new: Sequence[Assertion]) -> tuple[list[Assertion], list[Assertion]]:
    """The assertions without a twin on the other side; one that is swallowed now is no twin of one that was not."""
    fresh = list(new)
    lost = []
    for item in old:
        twin = next((other for other in fresh if (other.text, other.swallowed) == (item.text, item.swallowed)), None)
        if twin is None:
            lost.append(item)
        else:
            fresh.remove(twin)
    return lost, fresh


def _renamed(old: Assertion, new: Assertion, facts: Facts) -> bool:
    """Whether the two are the same but for names that the story gave others; what decides, literals and signs, is the same."""
    before, after = (re.findall(r"\w+|[^\w\s]", item.text) for item in (old, new))
    if len(before) != len(after) or old.swallowed != new.swallowed:
        return False
    pairs = {(one, other) for one, other in zip(before, after, strict=True) if one != other}
    names = all(re.fullmatch(r"[A-Za-z_]\w{2,}", name) for pair in pairs for name in pair)
    return names and all(any(map(facts.permit.says, pair)) and _is_products(pair[1], facts) for pair in pairs)


def _is_products(name: str, facts: Facts) -> bool:
    word = re.compile(rf"\b{re.escape(name)}\b")
    return any(word.search(file.new_text) for file in facts.change.files if is_product_code(file.path))


def _heir(item: Assertion, fresh: Sequence[Assertion]) -> Assertion | None:
    """The assertion that took the item's place: the same words, the same subject, else one about the same names."""
    for found in (
        [other for other in fresh if other.text == item.text],
        [other for other in fresh if other.subject == item.subject],
    ):
        if found:
            return max(found, key=lambda other: (not other.swallowed, other.strength))
    wanted = _names(item.subject) or _names(item.text)
    found = [other for other in fresh if wanted & _names(other.text)]
    if found:
        return max(found, key=lambda other: (len(wanted & _names(other.text)), other.strength))
    return next((other for other in fresh if other.strength is Strength.NOTHING), None)


def _preserved(item: Assertion, new: TestCase, facts: Facts) -> bool:
    """Whether what was expected still stands in the test, in a row of a table or a helper: the check was rewritten."""
    if item.text in facts.new_source and item.text not in new.source:
        return True
    values = _values(item.expected or item.text)
    return bool(values) and all(value in new.source for value in values)


def _values(text: str) -> list[str]:
    return re.findall(r"'[^']+'|\"[^\"]+\"|(?<![\w.])\d{2,}(?:\.\d+)?|(?<![\w.])\d\.\d+", text)


def _own_result(item: Assertion, case: TestCase) -> bool:
    """Whether what is expected comes from the very call that is looked at, or is a value that any would equal."""
    if re.search(r"mock\.ANY|==\s*ANY\b|expect\.anything\(\)", item.text):
        return True
    return bool(_source_of(item.expected, case) & _source_of(item.subject, case))


def _source_of(expression: str, case: TestCase) -> set[str]:
    """The calls, whole, that the expression is, or that its variable was given."""
    plain = expression.strip()
    if re.fullmatch(r"\w+", plain):
        given = re.findall(
            rf"(?m)^\s*(?:(?:const|let|var|let mut)\s+)?{plain}\s*:?=\s*(?:await\s+)?(\S.*?);?\s*$", case.source
        )
        return {re.sub(r"\s", "", value) for value in given if "(" in value}
    return {re.sub(r"\s", "", plain)} if re.fullmatch(r"[\w.:]+\(.*\)", plain, re.DOTALL) else set()


def _names(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z_]\w{2,}", text)) - {
        "assert",
        "expect",
        "self",
        "len",
        "assertEqual",
        "assertTrue",
        "not",
        "assert_eq",
    }


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"
