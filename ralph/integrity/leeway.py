"""What a story's words allow the work to do to the tests: change them, skip them, drop them, or add some that pass at once.

Words decide, not understanding. A story that wants an existing test changed says so, or names what is new in it; the
guard's refusal says what to add where it does not.
"""

import re
from collections.abc import Collection
from itertools import pairwise

from ralph.integrity.permit import Permit, telling_words
from ralph.integrity.tokens import words_of

TAKES_AWAY = re.compile(
    r"\b(?:remov\w+|delet\w+|drop(?:s|ped|ping)?|retir\w+|deprecat\w+|no longer|obsolete|eliminat\w+|discontinu\w+|replac\w+"
    r"|instead of|rather than|in place of|strip(?:s|ped)?|renam\w+|mov\w+)\b"
)
CHANGES = re.compile(
    r"\b(?:now|instead|rather than|in place of|becomes?|chang\w+|no longer|only (?:when|if|for|where)|(?:is|are) (?:given|shown|written|printed"
    r"|rounded|sorted|counted|read|returned|treated|taken)|follows?|switch\w*|mov\w+|renam\w+|replac\w+|convert\w*|default\w*"
    r"|(?:should|must) (?:be|become|return|give|say|read|show)|to be|today|currently|so far|ends? with|starts? with"
    r"|(?:first|last) \w+ (?:of|in) [^.;\n]{1,40} is|the new \w+)\b"
)
STAYS = re.compile(
    r"\b(?:unchanged|untouched|as before|as they (?:are|were)|as it (?:is|was)|stays?|the same|always saw|no change"
    r"|(?:does|do|must) not change)\b"
)
THE_REST = re.compile(r"\b(?:rest|others?|else|otherwise|apart from)\b")
PINS = re.compile(
    r"\b(?:pin(?:s|ned)? (?:down|the)|characteri[sz]\w+|tests? (?:for|of|around) (?:the |its )?(?:existing|current|present|today's) behaviou?r"
    r"|untested|missing tests?|(?:test|line|branch) coverage|coverage (?:of|for|is)|refactor\w*|behaviou?r[- ]preserving"
    r"|faster|performance|optimi[sz]\w*|speed(?:s|ing)? up|same (?:results?|order|output)"
    r"|no (?:functional|behaviou?ral?) changes?|without changing (?:the |any |its )?behaviou?r|regression tests? (?:for|around)|backfill\w*"
    r"|lock(?:s|ed)? (?:in|down)|as it (?:is|works) (?:now|today)|already (?:works|does))\b"
    r"|(?:^|[.;\n]\s*)(?:the )?behaviou?r (?:must|does|should|may) not change\b"
)
ABOUT_TESTS = re.compile(
    r"^(?:add|write|extend|improve|increase|cover|test|more|reorgani[sz]e|move|split|merge|rename|clean)\b[^\n]*\b(?:tests?|coverage|specs?)\b"
    r"|^(?:cover|test)\b"
    r"|\b(?:convert|tidy|port|migrate|rewrite|clean up|restructure|reorgani[sz]e)\b[^.\n]{0,60}\b(?:tests?|unittest|pytest|jest|suite|specs?)\b"
)
TESTS = r"(?:tests?|test_\w+|fixtures?|snapshots?|golden(?: files?)?|expectations?|specs?|\S+\.snap|tests?/\S+)"
TESTS_CHANGE = re.compile(
    r"\b(?:updat\w*|chang\w+|adapt\w*|adjust\w*|correct\w*|rewrit\w+|re-?generat\w+|migrat\w+|convert\w*)\s+"
    rf"(?:(?:the|its|all|both|every|this|that|any|existing|old|current|affected|outdated|wrong|these|those)\s+(?:\S+\s+){{0,2}}{TESTS}|test_\w+|tests?/\S+)"
    rf"|\b{TESTS}(?:\s+\S+){{0,4}}\s+(?:chang\w+|updated|adapted|adjusted|corrected|rewritten|re-?generated|replaced|follows?|moves? along)\b"
)
SKIPS = re.compile(
    r"\b(?:skip\w*|xfail\w*|disabl\w+|quarantin\w+|mut(?:e|ed|ing)|ignor\w+)\b[^.\n]{0,60}\btests?\b"
    r"|\btests?\b[^.\n]{0,40}\b(?:skipped|disabled|quarantined|ignored)\b"
    r"|#\[ignore|\bimportorskip\b|\bskip(?:s|ped)? (?:where|when|if|on|unless|without)\b"
)
LINKS = frozenset(
    {
        "test",
        "the",
        "a",
        "an",
        "of",
        "in",
        "on",
        "is",
        "it",
        "to",
        "for",
        "and",
        "with",
        "when",
        "not",
        "has",
        "no",
        "as",
        "at",
        "by",
        "or",
        "be",
    }
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
    taken = [line for line in permit.text.lower().splitlines() if TAKES_AWAY.search(line)]
    return any(_names(line, token) for line in taken for token in lost)


def changes_what(permit: Permit, names: Collection[str]) -> bool:
    """Whether a sentence that wants something to be otherwise is about one of the names, and none says that it stays as it is."""
    words = {word for name in names for word in telling_words(name)}
    stays = [one for one in permit.sentences if STAYS.search(one) and not THE_REST.search(one)]
    if any(words & telling_words(one) for one in stays):
        return False
    return any(CHANGES.search(one) and any(_names(one, name) for name in names) for one in permit.sentences)


def mentions(permit: Permit, token: str) -> bool:
    """Whether the story has the token, or two words side by side that an identifier is made of: `tax_rate`, "tax rate"."""
    if token in SAYS_NOTHING or (len(token) == 1 and token.isalpha()):
        return bool(re.search(rf"[\"'`(\[=]\s?{token}[\"'`)\]]", permit.text))
    return _names(permit.text.lower(), token)


def _names(text: str, token: str) -> bool:
    if token.lower() in LINKS or (len(token) < 2 and token.isalpha()):
        return False
    words = ["version" if word == "v" else word for word in words_of(token)]
    if not words:
        return not token.isalnum() and token in text
    telling = [pair for pair in pairwise(words) if not set(pair) & LINKS]
    return _has(text, token) or any(_has(text, " ".join(pair)) for pair in telling)


def _has(text: str, words: str) -> bool:
    """Whether they stand there by themselves, also as an option (`--toc`) or in a path."""
    return bool(re.search(rf"(?<!\w){re.escape(words.lower())}(?!\w)", text))
