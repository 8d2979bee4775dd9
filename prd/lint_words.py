"""The words by which a story gives itself away as vague, uncheckable or too big. Knows nothing of stories.

What stands in quotes or backticks is a name and is not read.
"""

import re
from collections.abc import Iterator

_NAMES = re.compile(r"`[^`\n]*`|\"[^\"\n]*\"|“[^”\n]*”")

VAGUE = re.compile(
    r"\b(?:"
    r"(?:works?|working|behaves?|functions?|performs?|looks?|feels?|runs?|reads?)\s+(?:as\s+(?:expected|intended)|"
    r"correctly|properly|well|fine|good|great|nice(?:ly)?|right|smooth(?:ly)?|fast)"
    r"|as\s+(?:expected|intended|appropriate|needed|required|necessary)|(?:if|when|where)\s+(?:needed|necessary|appropriate)"
    r"|(?:in)?correctly|properly|appropriate(?:ly)?|suitabl[ey]|gracefully|seamless(?:ly)?|smoothly|nicely|elegant(?:ly)?"
    r"|user[- ]friendly|intuitive(?:ly)?|easy\s+to\s+(?:use|read|understand|maintain)|well[- ](?:structured|designed|organi[sz]ed|written)"
    r"|fully\s+functional|best\s+practices?|high[- ]quality|good\s+(?:ux|ui|performance|quality)|production[- ](?:ready|grade|quality)"
    r"|performant|optimi[sz]ed|scalable|robust(?:ly)?|maintainable|modern|polished"
    r"|reasonabl[ey]|sensibl[ey]|adequate(?:ly)?|sufficient(?:ly)?|etc\b\.?|and\s+so\s+on|and/or|various|some\s+kind\s+of"
    r")(?!\w)",
    re.IGNORECASE,
)
"""Each means something else to everybody who reads it."""

OPEN = re.compile(
    r"\bTBD\b|^\W*TODO\b|\bTODO:|\bto be (?:decided|defined|determined|discussed)\b|\?\s*$", re.IGNORECASE
)
"""Not decided yet."""

NO_OUTCOME = re.compile(
    r"^(?:consider|think about|investigate|research|explore|look into|understand|discuss|decide|try to|attempt to|ideally|maybe)\b",
    re.IGNORECASE,
)
"""Begins with something to do that leaves nothing to look at."""

BY_EYE = re.compile(
    r"\b(?:(?:verif(?:y|ied)|check(?:ed)?|test(?:ed)?|confirm(?:ed)?|visible|look)\b.*\b(?:in|with)\s+(?:the\s+|a\s+)?browser"
    r"|manual(?:ly)?\s+(?:test|verif|check|confirm|QA)\w*|(?:test|verif|check|confirm)\w*\s+(?:\w+\s+)?(?:manually|by hand|visually|by eye))",
    re.IGNORECASE,
)
"""Needs eyes."""

WHOLE = re.compile(
    r"\b(?:entire|whole|complete|full|all of the)\s+(?:\w+\s+)?(?:app(?:lication)?|system|platform|site|website|dashboard|"
    r"back-?end|front-?end|api|module|feature|ui|codebase|project|rewrite|refactor\w*|migration|crud)\b"
    r"|\b(?:everything|end[- ]to[- ]end (?:feature|flow|system)|from scratch)\b",
    re.IGNORECASE,
)
"""A whole of something in a title is more than a session's work."""

LAYERS = {
    "the database": re.compile(r"\b(?:database|db|schema|migrations?|tables?|sql)\b", re.IGNORECASE),
    "the server": re.compile(r"\b(?:back-?end|api|endpoints?|server|routes?|graphql)\b", re.IGNORECASE),
    "the user interface": re.compile(
        r"\b(?:front-?end|ui|pages?|screens?|components?|forms?|dashboard|modal)\b", re.IGNORECASE
    ),
    "the deployment": re.compile(r"\b(?:deploy\w*|docker\w*|kubernetes|ci|pipelines?|terraform)\b", re.IGNORECASE),
}

_CHECKED = re.compile(
    r"^\W*(?:(?:npm|pnpm|yarn|bun|run|make|the|all|unit|integration)\s+)*"
    r"(type\s?-?check(?:s|ing|er)?|types?|lint(?:s|ing|er)?|tests?|build|format(?:ting)?)\b"
    r"(?:\s+(?:suite|check|command|script)s?)?\W+(?:pass(?:es)?|succeeds?|(?:is|are)\s+(?:green|clean))\W*$",
    re.IGNORECASE,
)
_KINDS = {
    "type": ("type", "tsc", "mypy", "pyright", "cargo check", "go vet", "flow"),
    "lint": (
        "lint",
        "ruff",
        "clippy",
        "vet",
        "flake8",
        "rubocop",
        "biome",
        "checkstyle",
        "phpcs",
        "pre-commit",
        "credo",
    ),
    "test": ("test", "jest", "vitest", "spec", "tox", "nox", "phpunit", "mocha", "verify", "check"),
    "buil": ("build", "compile", "tsc", "vet", "verify", "assemble", "cargo", "check"),
    "form": ("format", "fmt", "prettier", "black", "biome", "pre-commit"),
}


def without_names(text: str) -> str:
    return _NAMES.sub("…", text)


def first_match(pattern: re.Pattern[str], text: str) -> str:
    """The words that the pattern finds, on one line; "" for none."""
    found = pattern.search(without_names(text))
    return " ".join(found.group().split()) if found else ""


def layers_of(text: str) -> list[str]:
    plain = without_names(text)
    return [name for name, pattern in LAYERS.items() if pattern.search(plain)]


def and_count(text: str) -> int:
    """How many things are strung together, less one."""
    return len(re.findall(r"\band\b|&|;|\bas well as\b|\bplus\b", without_names(text), re.IGNORECASE))


def check_asked_for(criterion: str) -> Iterator[str]:
    """The words by which a check is known that would show a criterion such as "Typecheck passes"; none for other criteria."""
    if found := _CHECKED.match(criterion):
        yield from _KINDS[found.group(1).lower()[:4]]
