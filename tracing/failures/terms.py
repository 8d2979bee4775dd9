"""The words by which one thing is known again in another text: identifiers, paths, ids, quoted names. Common words are none."""

import re
from collections.abc import Iterator, Mapping

from tracing.span import JsonValue

_CHARS = 2_000  # of one text
_LEAVES = 100  # of one value
_MOST = 80  # terms of one call
_TOKEN = re.compile(r"[\w$@~./:-]{3,120}")
_SPECIFIC = re.compile(r"\d|[_/@.:]|[a-z][A-Z]|^[A-Z]{3,}$")
_QUOTED = re.compile(r"[`'\"]([\w$@~./: -]{3,60})[`'\"]")
_NUMBER = re.compile(r"[\d.:-]{1,4}")
_MAKES = re.compile(
    r"^[ \t]*(?:export |const |let |var )?([A-Za-z_]\w{0,60})[ \t]{0,20}=[^=]|\b(?:def|class|function|import|as) ([A-Za-z_]\w{0,60})",
    re.MULTILINE,
)
_NO_NAMES = frozenset(
    {"true", "false", "none", "null", "json", "text", "http:", "https:", "/dev/null", "utf-8", "2>&1", "error:"}
)


def leaves(value: JsonValue) -> Iterator[str]:
    """The texts and numbers in a value, without the keys; the first hundred."""
    waiting = [value]
    for _ in range(4 * _LEAVES):
        if not waiting:
            return
        at = waiting.pop()
        if isinstance(at, Mapping):
            waiting.extend(reversed(list(at.values())[:_LEAVES]))
        elif isinstance(at, list):
            waiting.extend(reversed(at[:_LEAVES]))
        elif at is not None and not isinstance(at, bool):
            yield str(at)


def specific(text: str) -> frozenset[str]:
    """What looks like a name for one thing, in lower case."""
    tokens = [token.strip("./:-") for token in _TOKEN.findall(text[:_CHARS])]
    named = [token for token in tokens if _SPECIFIC.search(token)] + _QUOTED.findall(text[:_CHARS])
    return frozenset([term for name in named if _is_term(term := name.lower().strip())][:_MOST])


def of_call(data: JsonValue) -> frozenset[str]:
    """What a call is about: names in its arguments, and short arguments as a whole."""
    found: set[str] = set()
    for leaf in leaves(data):
        short = leaf.strip().lower()
        if len(short) <= 60 and "\n" not in short and _is_term(short):
            found.add(short)
        found |= specific(leaf)
        if len(found) >= _MOST:
            break
    return frozenset(found)


def made_by(code: JsonValue) -> frozenset[str]:
    """The names that a piece of code gives to something: without it they mean nothing."""
    found = (name for leaf in leaves(code) for names in _MAKES.findall(leaf[:_CHARS]) for name in names)
    return frozenset([name.lower() for name in found if name][:_MOST])


def _is_term(term: str) -> bool:
    return len(term) >= 3 and term not in _NO_NAMES and not _NUMBER.fullmatch(term)
