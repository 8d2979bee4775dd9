"""Product code that asks for the very values that tests use as data, and that nothing else knows of.

A value counts when it stood in the tests before, and neither in the story nor in the product's code: a new mode or format is
named by the story, a word of the domain by code that is there.
"""

import re
from collections.abc import Iterator

from ralph.integrity.finding import HARD, Finding
from ralph.integrity.scan.facts import Facts, finding
from ralph.integrity.scan.lines import added_product_code

FIRST_WEIGHT = 45
STEP = 15
COMPARED = re.compile(
    r"(?:[=!]==?|\bcase)\s*(['\"])(?P<right>[^'\"\n]{2,60})\1|(['\"])(?P<left>[^'\"\n]{2,60})\3\s*(?:[=!]==?|=>)"
)
WORN = re.compile(
    r"^(?:\W+|__main__|utf-?8|ascii|json|ya?ml|csv|xml|html|text|string|number|object|function|undefined|boolean|GET|POST|PUT|DELETE|true|false|none|null|nan|error|default|win32|linux|darwin|production|development|test)$",
    re.IGNORECASE,
)


def special_cases(facts: Facts) -> Iterator[Finding]:
    count = 0
    for file in facts.change.files:
        for line in added_product_code(file) if file.new else ():
            for found in COMPARED.finditer(line.code):
                value = found["right"] or found["left"]
                if WORN.match(value) or facts.permit.says(value) or not _only_in_tests(value, facts):
                    continue
                text = f"product code asks for {value!r}, which is known as data of the tests only"
                weight = min(HARD, FIRST_WEIGHT + STEP * count)
                count += 1
                yield finding("asks-for-test-data", weight, text, file.path, line.number, line.text)


def _only_in_tests(value: str, facts: Facts) -> bool:
    quoted = re.compile(rf"['\"`]{re.escape(value)}['\"`]")
    if not any(quoted.search(text) for text in facts.old_test_texts):
        return False
    return not any(quoted.search(text) for text in facts.old_product_texts)
