"""Secrets that only their name gives away: `DB_PASSWORD=...`, `"api_key": "..."`, `--token ...`, a row of a table.

What is assigned in code is mostly no secret: names, calls, references, placeholders and prose stay.
"""

import re
from collections.abc import Iterator

from tracing.redact_marks import MARK, mark

KEY_WORDS = (
    "password", "passwd", "passphrase", "pwd", "secret", "token", "api_key", "api-key", "apikey", "access_key", "access-key",
    "accesskey", "private_key", "private-key", "privatekey", "credential", "auth_key", "encryption_key", "signing_key",
    "account_key", "accountkey", "master_key", "storage_key", "storagekey",
)  # fmt: skip
"""What a name contains that is assigned a secret, in lower case."""

STRONG_KEY_WORDS = ("passw", "pwd", "passphrase", "secret")
"""Under these even a plain word is taken for a secret."""

WEAK_KEY_WORDS = ("_key", "-key")
"""Under these only what cannot be anything but a key: long, mixed, and no hash."""

_STEMS = ("password", "passwd", "passphrase", "pwd", "secret", "token", "key", "credential")
"""One of them ends or begins each of the words above; found first, since a search for a text is cheaper than for a pattern."""

NOT_A_SECRET_NAME = re.compile(
    r"(?i)(?:_|-)?(?:type|name|id|ids|url|uri|path|file|field|count|counts|length|limit|limits|size|env|var|regex|pattern|re|"
    r"label|hint|policy|expiry|expires|expires_in|expiration|ttl|manager|store|provider|class|hash|hashed|budget|usage|"
    r"index|kind|format|prefix|suffix|header|input|text|title|placeholder|help|required|min|max|version|status|error|ref)$"
)
"""`token_type`, `secret_name`, `password_field`: about a secret, not one."""

_COLOUR = r"\x1b\[[0-9;]{0,12}m"
_ASSIGNED = (
    rf"(?:\s|{_COLOUR}){{0,8}}(?::\s{{0,2}}[A-Za-z_][\w.\[\]| ]{{0,30}}\s=|:=|=>|=|:|%3[dDaA])(?:\s|{_COLOUR}){{0,8}}"
)
_PAIRED = r",?\s{1,40}(?:-\s)?\\{0,7}[\"']?value\\{0,7}[\"']?\s{0,3}[:=]\s{0,3}"  # name: X, value: Y
_TABLED = r"`?\s{0,40}\|\s{0,40}|,(?![\s])"
ASSIGNMENT = re.compile(
    r"(?i)(?P<word>" + "|".join(_STEMS) + r")(?P<rest>[A-Za-z0-9_-]{0,40})(?P<close>\\{0,7}[\"']?)\]?"
    rf"(?:(?P<equals>{_ASSIGNED}|{_PAIRED})|(?P<cell>{_TABLED}))"
    r"(?:(?P<quote>\\{0,7}[\"'`]{1,3})(?P<quoted>[^\"'`\r\n\\]{1,8000})(?P=quote)|(?P<bare>[^\s\"'`,;&|<>(){}\[\]\\\x1b]{4,8000})(?P<next>[(\[{]?))"
)
FLAG = re.compile(
    r"(?<![\w-])--?(?P<name>[A-Za-z][A-Za-z0-9_-]{0,60})[ \t]{1,3}"
    r"(?:(?P<quote>\\{0,7}[\"'])(?P<quoted>[^\"'\r\n\\]{1,8000})(?P=quote)|(?P<bare>[^\s\"'`,;&|<>(){}\[\]\\-][^\s\"'`,;&|<>(){}\[\]\\]{3,8000}))"
)

PREFIX_CHARS = 12
_PREFIX = re.compile(r"[a-z0-9_-]+\Z")

_PLACEHOLDER = re.compile(
    r"(?i)^(?:\[redacted|<|\$|\{|%|\*+$|x{3,}$|\.{3}|your|my[-_]|changeme|change[-_]me|example|placeholder|dummy|fake|none$|null$"
    r"|nil$|true$|false$|undefined$|string$|str$|required$|optional$|todo|n/a|hidden|masked|redacted|process\.env|os\.|env\.|env$)"
)
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z_$]*(?:(?:\.|::|->)[A-Za-z_$][A-Za-z_0-9$]*)*[;:?!)]*")
_HAS_DIGIT_AND_LETTER = re.compile(r"(?=[^\d]*\d)(?=[^A-Za-z]*[A-Za-z])")
_HASH = re.compile(r"(?i)(?:sha\d{1,3}[:-])?[0-9a-f]{7,128}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_KEY_LETTERS = re.compile(r"[A-Za-z0-9+/_=.~-]{20,}")


def cut_assigned(text: str, lower: str) -> str:
    """The text without what is assigned to a name that names a secret. `lower` is the text in lower case, letter by letter."""
    places = sorted(_places(lower))
    if not places:
        return text
    parts, done = [], 0
    for place in places:
        match = ASSIGNMENT.match(text, place) if place >= done else None
        if match:
            name = _PREFIX.search(lower, max(0, place - PREFIX_CHARS), place)
            parts += [text[done:place], _assignment(match, name[0] if name else "")]
            done = match.end()
    text = "".join(parts) + text[done:]
    return FLAG.sub(_flag, text) if "-" in text else text


def _places(lower: str) -> Iterator[int]:
    for stem in _STEMS:
        place = lower.find(stem)
        while place != -1:
            yield place
            place = lower.find(stem, place + 1)


def is_placeholder(value: str) -> bool:
    """Words and references that stand where a secret would: `changeme`, `${TOKEN}`, `<your key>`, `os.environ`."""
    return bool(_PLACEHOLDER.match(value)) or len(set(value)) <= 2


def names_a_secret(key: str) -> bool:
    """Whether a key, as in a mapping, holds a secret by its name: `DB_PASSWORD`, `apiKey`, `client_secret`."""
    lower = key.lower()
    if NOT_A_SECRET_NAME.search(lower):
        return False
    return any(word in lower for word in KEY_WORDS) and not lower.endswith("tokens")


def is_secret_for(key: str, value: str) -> bool:
    """Whether a quoted value is a secret: neither prose, nor a placeholder, nor (under weak names) a plain word."""
    if len(value) < 4 or any(char.isspace() for char in value) or is_placeholder(value) or MARK.search(value):
        return False
    lower = value.lower()
    if any(word in lower for word in KEY_WORDS):
        return _looks_random(value) and len(value) >= 16
    return _looks_random(value) or any(word in key.lower() for word in STRONG_KEY_WORDS)


def is_key_like(value: str) -> bool:
    """What can hardly be anything but a key: 20 letters or more, small, large and digits mixed; no hash, path or name."""
    if not _KEY_LETTERS.fullmatch(value) or _HASH.fullmatch(value) or _is_code(value):
        return False
    kinds = (any(map(str.isdigit, value)), any(map(str.islower, value)), any(map(str.isupper, value)))
    return all(kinds) and len(set(value)) >= 12 and max(map(len, re.split(r"[/_.=-]", value))) >= 16


def _assignment(match: re.Match[str], before: str) -> str:
    value = match["quoted"] if match["quoted"] is not None else match["bare"]
    name = f"{before}{match['word']}{match['rest']}".lower()
    if any(word in name for word in KEY_WORDS):
        is_secret = _is_assigned_secret(match, value)
    else:
        is_weak = any(word in name for word in WEAK_KEY_WORDS) and not NOT_A_SECRET_NAME.search(match["rest"])
        is_secret = is_weak and is_key_like(value) and not match["next"]
    if not is_secret:
        return match[0]
    return _without(match, "quoted" if match["quoted"] is not None else "bare")


def _flag(match: re.Match[str]) -> str:
    group = "quoted" if match["quoted"] is not None else "bare"
    if not names_a_secret(match["name"]) or not is_secret_for(match["name"], match[group]) or _is_code(match[group]):
        return match[0]
    return _without(match, group)


def _without(match: re.Match[str], group: str) -> str:
    start, end = (place - match.start() for place in match.span(group))
    return f"{match[0][:start]}{mark('assigned')}{match[0][end:]}"


def _is_assigned_secret(match: re.Match[str], value: str) -> bool:
    name = match["word"] + match["rest"]
    if NOT_A_SECRET_NAME.search(match["rest"]) or name.lower().endswith("tokens"):
        return False
    if match["cell"]:
        return _looks_random(value) and not is_placeholder(value) and not is_identifier(value) and not _is_code(value)
    if match["quoted"] is not None:
        return is_secret_for(name, value)
    return _is_bare_secret(match, name, value)


def _is_bare_secret(match: re.Match[str], name: str, value: str) -> bool:
    if match["next"] or is_placeholder(value):
        return False
    if name.isupper() and "=" in match["equals"] and not match["equals"].strip("="):
        return not is_identifier(value) or _is_plain_word(name, value)
    return _looks_random(value) and not is_identifier(value) and not _is_code(value)


def _looks_random(value: str) -> bool:
    """Letters and digits mixed, eight or more: no word of a language, no name of a variable."""
    return len(value) >= 8 and bool(_HAS_DIGIT_AND_LETTER.match(value))


def is_identifier(value: str) -> bool:
    """A name in code, dotted or not, without digits in its first part."""
    return bool(_IDENTIFIER.fullmatch(value))


def _is_plain_word(name: str, value: str) -> bool:
    """`DB_PASSWORD=wonderland` in a shell file, not `PASSWORD=settings.PASSWORD` in code."""
    return (
        "." not in value and value.lower() not in name.lower() and not any(word in value.lower() for word in KEY_WORDS)
    )


def _is_code(value: str) -> bool:
    """`token=tokens.next1`, `password=row.col_2`: attributes of something, not random text."""
    return bool(re.fullmatch(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+|[a-z_]+\d{0,2}|[a-z]+(?:_[a-z0-9]+)+", value))
