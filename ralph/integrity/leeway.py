"""What a story's words allow the work to do to the tests: change them, skip them, drop them, or add some that pass at once.

Words decide, not understanding. A story that wants an existing test changed says so, or names what is new in it; the
guard's refusal says what to add where it does not.
"""

import re
from collections.abc import Collection
from itertools import pairwise

from ralph.integrity.permit import Permit
from ralph.integrity.tokens import words_of

TAKES_AWAY = re.compile(
    r"\b(?:remov\w+|delet\w+|drop(?:s|ped|ping)?|retir\w+|deprecat\w+|no longer|obsolete|eliminat\w+|discontinu\w+|replac\w+"
    r"|instead of|rather than|strip(?:s|ped)?|without|stops?|must not|does not|do not|renam\w+|mov\w+)\b"
)
PINS = re.compile(
    r"\b(?:pin(?:s|ned)? (?:down|the)|characteri[sz]\w+|(?:existing|current|present|today's) behaviou?r|untested|missing tests?"
    r"|(?:test|line|branch) coverage|coverage (?:of|for|is)|refactor\w*|behaviou?r[- ]preserving|no (?:functional|behaviou?ral?) changes?"
    r"|behaviou?r (?:stays|is unchanged|does not change|must not change|remains)|without changing (?:the |any |its )?behaviou?r"
    r"|regression tests? (?:for|around)|backfill\w*|lock(?:s|ed)? (?:in|down)|as it (?:is|works) (?:now|today)|already (?:works|does))\b"
)
ABOUT_TESTS = re.compile(
    r"^(?:add|write|extend|improve|increase|cover|test|more|reorgani[sz]e|move|split|merge|rename|clean)\b[^\n]*\b(?:tests?|coverage|specs?)\b"
    r"|^(?:cover|test)\b"
    r"|\b(?:convert|tidy|port|migrate|rewrite|clean up|restructure|reorgani[sz]e)\b[^.\n]{0,60}\b(?:tests?|unittest|pytest|jest|suite|specs?)\b"
)
OLD = r"(?:existing|old|current|affected|outdated|wrong|these|those|its)"
TESTS = r"(?:tests?|fixtures?|snapshots?|golden files?|expectations?|specs?)"
TESTS_CHANGE = re.compile(
    rf"\b{OLD}\s+(?:\w+\s+)?{TESTS}\b[^.\n]{{0,40}}\b(?:chang\w+|updat\w+|adapt\w+|adjust\w+|correct\w+|rewrit\w+|regenerat\w+|follow\w*)"
    rf"|\b(?:updat\w+|adapt\w*|adjust\w*|correct\w*|rewrit\w+|regenerat\w+|migrat\w+)\s+(?:\w+\s+){{0,2}}{OLD}\s+(?:\w+\s+)?{TESTS}\b"
    r"|\bregenerat\w+\s+(?:\w+\s+){0,2}(?:snapshots?|fixtures?|golden)\b"
    r"|\b(?:snapshots?|fixtures?|golden(?: \w+)?)\s+(?:is|are|gets?|must be)\s+(?:re-?generated|re-?written|updated|adapted|replaced)\b"
)
SKIPS = re.compile(
    r"\b(?:skip\w*|xfail\w*|disabl\w+|quarantin\w+|mut(?:e|ed|ing)|ignor\w+)\b[^.\n]{0,60}\btests?\b"
    r"|\btests?\b[^.\n]{0,40}\b(?:skipped|disabled|quarantined|ignored)\b"
)
LINKS = frozenset(
    {"test", "the", "a", "an", "of", "in", "on", "is", "it", "to", "for", "and", "with", "when", "not", "has", "no"}
)
SAYS_NOTHING = frozenset({"0", "1"})


def pins(permit: Permit) -> bool:
    """Whether new tests may pass before the work: the story pins down behaviour, refactors, or is about the tests themselves."""
    text = permit.text.lower()
    return bool(PINS.search(text) or ABOUT_TESTS.search(text))


def skips(permit: Permit) -> bool:
    """Whether the story speaks of tests that are to be skipped."""
    return bool(SKIPS.search(permit.text.lower()))


def changes_tests(permit: Permit) -> bool:
    """Whether the story says in so many words that tests or fixtures that exist are to change."""
    return bool(TESTS_CHANGE.search(permit.text.lower()))


def excuses(permit: Permit, got: Collection[str], lost: Collection[str]) -> bool:
    """Whether a test that got tokens and lost others was changed as the story asks."""
    if changes_tests(permit) or any(mentions(permit, token) for token in got):
        return True
    taken = [Permit(line) for line in permit.text.splitlines() if TAKES_AWAY.search(line.lower())]
    return any(mentions(line, token) for line in taken for token in lost)


def mentions(permit: Permit, token: str) -> bool:
    """Whether the story has the token, or two words side by side that an identifier is made of: `tax_rate`, "tax rate"."""
    if token in SAYS_NOTHING:
        return bool(re.search(rf"[\"'`(\[=]\s?{token}[\"'`)\]]", permit.text))
    if len(token) < 2 and token.isalpha():
        return False
    words = ["version" if word == "v" else word for word in words_of(token)]
    if not words:
        return not token.isalnum() and token in permit.text
    telling = [pair for pair in pairwise(words) if not set(pair) & LINKS]
    return _says(permit, token) or any(_says(permit, " ".join(pair)) for pair in telling)


def _says(permit: Permit, words: str) -> bool:
    """Whether they stand in the story by themselves, also as an option (`--toc`) or in a path."""
    return bool(re.search(rf"(?<!\w){re.escape(words.lower())}(?!\w)", permit.text.lower()))
