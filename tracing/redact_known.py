"""Values that are known to be secret: which of an environment's, and every way in which one may be written."""

import base64
import html
import json
import re
import shlex
import urllib.parse
from collections.abc import Callable, Collection, Iterator, Mapping

from tracing.redact_assigned import is_placeholder, names_a_secret
from tracing.redact_formats import KINDS
from tracing.redact_marks import mark

MIN_SECRET_CHARS = 6
"""Shorter values are not looked for: `true` or `root` as a password would blacken every second line."""

_ALL_MARKS = " ".join(mark(kind) for kind in KINDS).lower()
_NO_VALUES = frozenset(
    {"secret", "password", "example", "development", "production", "localhost", "default", "testing"}
)


class KnownSecrets:
    """Finds the given values in a text, in each of their usual encodings."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        forms = {form for secret in secrets if len(secret) >= MIN_SECRET_CHARS for form in _forms(secret)}
        usable = (form for form in forms if len(form) >= MIN_SECRET_CHARS and form.lower() not in _ALL_MARKS)
        self.forms = tuple(sorted(usable, key=lambda form: (-len(form), form)))

    def cut(self, text: str) -> str:
        for form in self.forms:
            if form in text:
                text = text.replace(form, mark("secret"))
        return text


def secret_values(environ: Mapping[str, str]) -> frozenset[str]:
    """The values of the variables that hold secrets by their names, and passwords inside of URLs."""
    found = {value for name, value in environ.items() if _holds_secret(name) and _is_no_path(value)}
    for value in environ.values():
        if "://" in value:
            found.add(_password(value))
    return frozenset(value for value in found if _may_be_secret(value))


def is_unusual(value: str) -> bool:
    """Long, with letters and digits: nothing that stands in a file by chance."""
    return len(value) >= 12 and any(map(str.isdigit, value)) and any(map(str.isalpha, value))


_SECRET_VARIABLE = re.compile(
    r"(?:^|_)(?:KEY|APIKEY|TOKEN|SECRET|PASS|PASSWD|PASSWORD|PASSPHRASE|PWD|CREDENTIALS?|PAT|AUTH|COOKIE|DSN|SECRETS|TOKENS)(?:_|\d|$)"
)
_NO_SECRET_VARIABLE = re.compile(
    r"(?:^|_)(?:TYPE|NAME|ID|IDS|URL|URI|PATH|FILE|DIR|COUNT|LIMIT|SIZE|TTL|PROVIDER|HELPER)$"
)


def _holds_secret(name: str) -> bool:
    upper = name.upper()
    if upper in {"PWD", "OLDPWD", "AWS_ACCESS_KEY_ID"} or upper.startswith("MAX_"):
        return upper == "AWS_ACCESS_KEY_ID"
    if _NO_SECRET_VARIABLE.search(upper):
        return False
    return bool(_SECRET_VARIABLE.search(upper)) or names_a_secret(upper)


def _may_be_secret(value: str) -> bool:
    """A number or a word that stands everywhere would blacken what is no secret."""
    is_common = value.lower() in _NO_VALUES or (value.isdecimal() and len(value) < 8)
    return len(value) >= MIN_SECRET_CHARS and not is_placeholder(value) and not is_common


def _is_no_path(value: str) -> bool:
    return not re.match(r"(?:/[\w.-]+){2}|~/|\./", value)


def _password(url: str) -> str:
    try:
        return urllib.parse.unquote(urllib.parse.urlsplit(url).password or "")
    except ValueError:
        return ""


def _forms(secret: str) -> Iterator[str]:
    """The secret as it may stand in a text; of a value of several lines also each long one (logs prefix them)."""
    yield from _written(secret)
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= 2 * MIN_SECRET_CHARS and not line.startswith("-----"))


def _written(secret: str) -> Iterator[str]:
    yield secret
    yield from _escaped(secret)
    raw = secret.encode("utf-8", "surrogatepass")
    for quoted in (urllib.parse.quote(raw, safe=""), urllib.parse.quote(raw), urllib.parse.quote_plus(raw)):
        yield quoted
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
    yield raw.hex()
    yield raw.hex().upper()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode().rstrip("=")
        yield from _base64_cores(raw, encode)


def _escaped(secret: str) -> Iterator[str]:
    """As JSON, JSON in JSON (letters beyond ASCII escaped or not), Python, HTML and a shell write it."""
    for once in (json.dumps(secret), json.dumps(secret, ensure_ascii=False)):
        yield once[1:-1]
        for twice in (json.dumps(once), json.dumps(once, ensure_ascii=False)):
            yield twice[3:-3]
            yield json.dumps(twice)[7:-7]
    yield repr(secret)[1:-1]
    yield html.escape(secret)
    if "'" in secret:
        yield shlex.quote(secret)[1:-1]
        yield secret.replace("'", "'\\''")
    yield re.sub(r"([^\w@%+=:,./\n-])", r"\\\1", secret)


def _base64_cores(raw: bytes, encode: Callable[[bytes], bytes]) -> Iterator[str]:
    """The characters that depend on the secret alone, for each place it may have among other bytes."""
    for before in range(3):
        encoded = encode(b"\0" * before + raw).decode()
        whole_chars = (before + len(raw)) // 3 * 4
        yield encoded[(0, 2, 3)[before] if before else 0 : whole_chars]
