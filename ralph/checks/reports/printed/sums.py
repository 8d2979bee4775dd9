"""The last lines of runners that give no names, or were told to give none: how many tests passed, failed, were skipped."""

import re
from collections import Counter
from collections.abc import Iterator

from ralph.checks.report import RunnerReport

MOST_READ_CHARS = 2_000_000
_COUNT_WORD = re.compile(r"(\d+) (expected fail(?:ures?)?|unexpected success(?:es)?|[a-z]+)")
_WORD_COUNT = re.compile(r"([A-Za-z]+(?: [a-z]+)*)\s*[:=]\s*(\d+)")
_NODE_LINE = re.compile(r"[#\u2139] ([a-z]+) (\d+)")
_FLAGS = re.MULTILINE
# Runner, its line, and in `words` the part with the numbers: "3 passed, 1 failed" or "Passed: 3, Failed: 1".
SUMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("pytest", re.compile(r"^=*[ \t]*(?P<words>(?:\d+ [a-z]+(?:, )?)+) in [\d.]+ ?s.*$", _FLAGS)),
    (
        "unittest",
        re.compile(r"^(?P<words>Ran \d+ tests? in [\d.]+s\n{1,3}(?:OK|FAILED|NO TESTS RAN)(?: \(.*\))?)$", _FLAGS),
    ),
    ("jest", re.compile(r"^Tests:\s+(?P<words>.*\d+ total)$", _FLAGS)),
    ("vitest", re.compile(r"^[ \t]+Tests\s+(?P<words>\d.*) \(\d+\)$", _FLAGS)),
    ("pest", re.compile(r"^[ \t]+Tests:\s+(?P<words>.*) \(\d+ assertions?\)$", _FLAGS)),
    ("node", re.compile(r"^(?P<words>[#\u2139] tests \d+\n(?:[#\u2139] [a-z]+ \d+\n){1,9})", _FLAGS)),
    ("mocha", re.compile(r"^[ \t]+(?P<words>\d+ passing \(.*\)(?:\n[ \t]+\d+ (?:pending|failing)){0,2})$", _FLAGS)),
    ("rspec", re.compile(r"^(?P<words>\d+ examples?, \d+ failures?.*)$", _FLAGS)),
    ("minitest", re.compile(r"^(?P<words>\d+ (?:runs|tests), \d+ assertions, .*)$", _FLAGS)),
    ("bats", re.compile(r"^(?P<words>\d+ tests?, \d+ failures?(?:, \d+ \w+)*)$", _FLAGS)),
    ("phpunit", re.compile(r"^OK \((?P<words>\d+ tests?), \d+ assertions?\)", _FLAGS)),
    ("phpunit", re.compile(r"^(?P<words>Tests: \d+, Assertions: \d+.*)$", _FLAGS)),
    (
        "maven",
        re.compile(r"^(?:\[\w+\] )?(?P<words>Tests run: \d+, Failures: \d+, Errors: \d+, Skipped: \d+)$", _FLAGS),
    ),
    ("gradle", re.compile(r"^(?P<words>\d+ tests? completed(?:, \d+ \w+)*)$", _FLAGS)),
    ("dotnet", re.compile(r"^(?:Passed|Failed|Skipped)!\s+- (?P<words>Failed:.*?Total:\s+\d+)", _FLAGS)),
    ("deno", re.compile(r"^(?:ok|FAILED) \| (?P<words>\d+ passed.*) \(", _FLAGS)),
    ("bun", re.compile(r"^(?P<words>[ \t]*\d+ pass\n(?:[ \t]*\d+ \w+\n){0,4}?[ \t]*\d+ fail)$", _FLAGS)),
    ("nextest", re.compile(r"^[ \t]+Summary \[.*\]\s+(?P<words>\d+(?:/\d+)? tests? run: .*)$", _FLAGS)),
)
MEANINGS = {
    "passed": ("passed", "pass", "passing", "xpassed"),
    "failed": (
        "failed",
        "fail",
        "failing",
        "failure",
        "failures",
        "error",
        "errors",
        "cancelled",
        *(f"unexpected success{s}" for s in ("", "es")),
    ),
    "skipped": (
        "skipped",
        "skips",
        "skip",
        "pending",
        "pendings",
        "omissions",
        "todo",
        "ignored",
        "incomplete",
        "disabled",
    ),
    "xfailed": ("xfailed", "expected fail", "expected failures", "expected failure"),
    "deselected": ("deselected", "filtered"),
    "total": ("ran", "tests", "test", "example", "examples", "runs", "tests run", "total"),
}
_MEANING = {word: meaning for meaning, words in MEANINGS.items() for word in words}
_TAP_PLAN = re.compile(r"^1\.\.\d+[ \t]*$", _FLAGS)
_TAP_TEST = re.compile(r"^(not )?ok\b(?! \|)[^#\n]*(?:# ?(skip|todo)\b.*)?$", _FLAGS | re.IGNORECASE)


def read(text: str, *, heard: frozenset[str] = frozenset()) -> Iterator[RunnerReport]:
    """One report for each runner that gave its sums, less those that were `heard` elsewhere."""
    text = text[-MOST_READ_CHARS:]
    told: set[str] = set(heard)
    for runner, pattern in SUMS:
        if runner in heard:
            continue
        for line in pattern.finditer(text):
            told.add(runner)
            yield RunnerReport.model_validate(_summed(line["words"]))
    if not told & {"node", "bats"} and _TAP_PLAN.search(text):
        yield RunnerReport.model_validate(Counter(map(_tap_outcome, _TAP_TEST.finditer(text))))


def _summed(words: str) -> dict[str, int]:
    """What passed is what is left over where the runner says only how many tests there were."""
    pairs = [(word, count) for count, word in _COUNT_WORD.findall(words)]
    pairs += _WORD_COUNT.findall(_NODE_LINE.sub(r"\1=\2,", words))
    sums: Counter[str] = Counter()
    for word, count in pairs:
        meaning = _MEANING.get(word.lower(), "")
        sums[meaning] = max(sums[meaning], int(count)) if meaning == "total" else sums[meaning] + int(count)
    del sums[""]
    total = sums.pop("total", 0)
    if "passed" not in sums:
        sums["passed"] = max(0, total - sums["failed"] - sums["skipped"] - sums["xfailed"])
    return dict(sums)


def _tap_outcome(test: re.Match[str]) -> str:
    mark = (test[2] or "").lower()
    if mark == "skip":
        return "skipped"
    if mark == "todo":
        return "xfailed" if test[1] else "skipped"
    return "failed" if test[1] else "passed"
