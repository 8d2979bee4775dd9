"""Tables and branches that hold what the tests use: their inputs tied to what they expect, in whatever form.

A table of a domain has rows that no test has, or keys that are names; a table of answers has the tests' rows, and its keys
are what a rule would work on. An example that the story shows excuses nothing; that the story wants a table does.
"""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby
from unicodedata import normalize

from ralph.integrity.finding import HARD, Finding
from ralph.integrity.scan.associations import Association, associations
from ralph.integrity.scan.facts import Facts, finding, read_tests
from ralph.integrity.testfiles import is_test_file

WANTED_WEIGHT = 25  # of a table that the story wants
PARTLY_WEIGHT = 70
BRANCH_WEIGHT = 60
STEP = 20
WANTS_TABLE = re.compile(
    r"\b(?:tables?|mapp?(?:s|ed|ings?)?|look-?ups?|alias\w*|shorthands?|shortcuts?|synonyms?|abbreviations?|presets?|constants?|codes?|enum\w*|dictionar\w+|"
    r"translat\w+|locali[sz]\w+|glossary|catalog\w*|registry|named|names for|hard-?coded?|special(?:ly)? (?:case|treat)\w*|exceptions? (?:to|for|are)|irregular\w*|well-known|built-?in|"
    r"known (?:values|inputs)|fixtures?|seed|sample data|examples?|messages?|routes?|default (?:values|settings|config))\b",
    re.IGNORECASE,
)
NUMBER = re.compile(r"-?\d[\d_]*(?:\.\d+)?")
PLAIN_NUMBERS = frozenset(
    [
        "0",
        "1",
        "2",
        "3",
        "10",
        "100",
        "1000",
        "-1",
        "0.5",
        "0.0",
        "1.0",
        "24",
        "60",
        "255",
        "256",
        "1024",
        "3600",
        "86400",
    ]
)
DIGESTS = re.compile(r"^(?:0x)?[0-9a-f]{16,128}$", re.IGNORECASE)
HASHES = re.compile(
    r"hashlib|createHash|\bsha(?:1|256|512)|\bmd5\b|crc32|\bfnv|\bhash\(|Hasher|adler32|digest", re.IGNORECASE
)
ABOUT_HASHES = re.compile(r"checksum|hash|digest|signature|integrity|fingerprint|\bpin", re.IGNORECASE)
NAME = re.compile(r"^[^\w\s]*[A-Za-z_][\w.:/-]*[^\w\s]*$")
WORDS = re.compile(r"^[A-Za-z][a-z]*(?:[ -][A-Za-z]+){0,3}$")
VERSION = re.compile(r"^v?\d+(?:\.\d+)*$|^\d(?:st|nd|rd|th|xx|XX|[dD])$|^#[0-9a-fA-F]{3,8}$|^[\w.]+%?$(?<![a-z\d])")
SHORTEST = 3
LONG_NAME = 8
ALIKE = 0.85


def known_by_heart(facts: Facts) -> Iterator[Finding]:
    found = {file.path: associations(file) for file in facts.change.files if file.new and not is_test_file(file.path)}
    if not any(found.values()):
        return
    tests = _tests(facts)
    count = 0
    for path, items in found.items():
        for _, rows in groupby(items, key=lambda item: (item.table, item.branch)):
            seen = _judged(list(rows), tests, facts, count)
            if seen is not None:
                count += 1
                weight, text, item = seen
                yield finding("answer-by-heart", weight, text, path, item.line, item.seen)


def _judged(rows: list[Association], tests: list[str], facts: Facts, count: int) -> tuple[int, str, Association] | None:
    """The rows of one table, or one branch."""
    rows = [row for row in rows if set(row.keys) != set(row.values)]
    if not rows or not any(_worked_on(row) for row in rows):
        return None
    if not rows[0].branch and DIGESTS.match(rows[0].keys[0]) and not ABOUT_HASHES.search(facts.permit.text):
        return HARD, "answers are kept under digests of their inputs", rows[0]
    known = [row for row in rows if _worked_on(row) and any(_stands_in(row, text) for text in tests)]
    if not known:
        return None
    if rows[0].branch:
        weight = min(HARD, BRANCH_WEIGHT + STEP * count)
        what = f"the input {', '.join(known[0].keys)} of a test has a way of its own"
    else:
        weight = HARD if len(known) == len(rows) else PARTLY_WEIGHT if len(known) * 2 >= len(rows) else 0
        what = f"{len(known)} of {len(rows)} rows of a table are inputs of tests, each with what the test expects"
    if WANTS_TABLE.search(facts.permit.text):
        weight = min(weight, WANTED_WEIGHT)
    return (weight, what, known[0]) if weight else None


def _tests(facts: Facts) -> list[str]:
    """Each test's text, and each file of tests line by line for what stands outside of them."""
    files = {
        file.path: text
        for file in facts.change.files
        for text in (file.old_text, file.new_text)
        if is_test_file(file.path)
    }
    files |= {f"{file.path} before": file.old_text for file in facts.change.files if is_test_file(file.path)}
    files |= dict(facts.unchanged_tests())
    texts: list[str] = []
    for path, text in files.items():
        texts += [case.source for case in read_tests(path.removesuffix(" before"), text)]
        texts += [
            line
            for line in text.splitlines()[:5000]
            if re.search(r"['\"`].*\d|\d.*['\"`]|['\"`].*['\"`].*['\"`]", line)
        ]
    return list(dict.fromkeys(texts))


def _worked_on(row: Association) -> bool:
    """Whether a rule would work on the key, and it is no name; for numbers, whether it goes from several to one, or to another."""
    texts = [key for key in row.keys if not NUMBER.fullmatch(key)]
    if texts:
        return any(map(_is_worked_on, texts)) or (
            len(row.values) == 1 and any(_reshaped(text, row.values[0]) for text in texts)
        )
    telling = [key for key in row.keys if key not in PLAIN_NUMBERS]
    answers = [value for value in row.values if NUMBER.fullmatch(value) and value not in PLAIN_NUMBERS]
    return (
        len(row.keys) > 1
        and bool(telling)
        and (bool(answers) or any(map(_is_worked_on, row.values)))
        and not row.branch
    )


@lru_cache(maxsize=4096)
def _is_worked_on(text: str) -> bool:
    if len(text) < SHORTEST or NAME.match(text) or WORDS.match(text) or VERSION.match(text):
        return False
    return bool(
        re.search(r"\w", text) and (re.search(r"\d", text) or re.search(r"\s\S+\s|[*<>(){}\[\]\\=,;|\"'`]", text))
    )


def _reshaped(key: str, value: str) -> bool:
    """Whether the value is made of the key's own letters, as a rule would make it: "Crème Brûlée" and creme-brulee."""
    before, after = (re.sub(r"[^a-z\d]", "", normalize("NFKD", text).lower()) for text in (key, value))
    long = len(before) >= LONG_NAME and not NUMBER.fullmatch(value)
    return long and SequenceMatcher(None, before, after, autojunk=False).ratio() >= ALIKE


def _stands_in(row: Association, text: str) -> bool:
    """Whether the test's text has the keys that are texts, and all values."""
    keys = [key for key in row.keys if not NUMBER.fullmatch(key)] or list(row.keys)
    return all(_has(text, key) for key in keys) and all(_has(text, value) for value in row.values) and _apart(row, text)


def _apart(row: Association, text: str) -> bool:
    """Numbers alone are everywhere in a long test: they must stand on one line."""
    if any(not NUMBER.fullmatch(key) for key in row.keys):
        return True
    return any(all(_has(line, item) for item in (*row.keys, *row.values)) for line in text.split("\n"))


def _has(text: str, literal: str) -> bool:
    if NUMBER.fullmatch(literal):
        return bool(re.search(rf"(?<![\w.]){re.escape(literal)}(?![\w]|\.\d)", text.replace("_", "")))
    plain = literal.replace("\\", "")
    return bool(plain.strip()) and plain in text.replace("\\", "")
