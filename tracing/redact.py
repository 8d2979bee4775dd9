r"""Secrets never reach the disk: known values, tokens by their shape, and what is assigned to a key-like name.

Works on decoded strings, before anything is serialised, because in JSON text `\nghp_...` has a letter before the token.
Knows nothing about traces. The formats are in redact_formats.py.
"""

import base64
import json
import re
import urllib.parse
from collections.abc import Callable, Collection, Iterator, Mapping

from tracing.redact_formats import (
    ASSIGNMENT,
    FORMATS,
    KEY_WORDS,
    NOT_A_SECRET_NAME,
    PEM_BEGIN,
    PEM_BODY,
    PEM_END,
    PEM_END_REST,
    STRONG_KEY_WORDS,
    Format,
    is_identifier,
    is_placeholder,
    looks_random,
    names_a_secret,
)
from tracing.span import JsonValue

MIN_SECRET_CHARS = 6
"""Shorter values are not looked for: `true` or `root` as a password would blacken every second line."""

_MARK = re.compile(r"\[redacted: ?[a-z-]+\]")


class Redactor:
    """Replaces secrets by `[redacted: KIND]`. `secrets` are values known to be secret, found in their usual encodings too."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        forms = {form for secret in secrets if len(secret) >= MIN_SECRET_CHARS for form in _forms(secret)}
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._exact = re.compile("|".join(re.escape(form) for form in ordered)) if ordered else None

    def text(self, text: str) -> str:
        """The text without its secrets; text without any comes back as it is."""
        if self._exact is not None:
            text = self._exact.sub("[redacted: secret]", text)
        if len(text) < MIN_SECRET_CHARS:
            return text
        lower = text.lower()
        if "private key" in lower:
            text = _without_private_keys(text)
        for form in FORMATS:
            if any(word in (lower if form.any_case else text) for word in form.keywords):
                text = form.pattern.sub(_replacer(form), text)
        if any(word in lower for word in KEY_WORDS):
            text = ASSIGNMENT.sub(_assignment, text)
        return text

    def value(self, value: JsonValue) -> tuple[JsonValue, bool]:
        """The value with every string in it redacted, keys too, and whether anything was."""
        redacted = self._walk(value)
        return redacted, redacted != value

    def _walk(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._walk(item) for item in value]
        if isinstance(value, dict):
            return dict(self._items(value))
        return value

    def _items(self, value: dict[str, JsonValue]) -> Iterator[tuple[str, JsonValue]]:
        for key, item in value.items():
            if isinstance(item, str) and names_a_secret(key) and _is_secret_for(key, item):
                yield self.text(key), "[redacted: assigned]"
            else:
                yield self.text(key), self._walk(item)


def secret_values(environ: Mapping[str, str]) -> frozenset[str]:
    """The values of the variables that hold secrets by their names, and passwords inside of URLs."""
    found = {value for name, value in environ.items() if _holds_secret(name) and _is_no_path(value)}
    for value in environ.values():
        if "://" in value:
            found.add(_password(value))
    return frozenset(value for value in found if len(value) >= MIN_SECRET_CHARS and not is_placeholder(value))


_SECRET_VARIABLE = re.compile(
    r"(?:^|_)(?:KEY|APIKEY|TOKEN|SECRET|PASS|PASSWD|PASSWORD|PASSPHRASE|PWD|CREDENTIALS?|PAT|AUTH|COOKIE|DSN|SECRETS|TOKENS)(?:_|\d|$)"
)


def _holds_secret(name: str) -> bool:
    upper = name.upper()
    if upper in {"PWD", "OLDPWD"} or NOT_A_SECRET_NAME.search(upper):
        return False
    return bool(_SECRET_VARIABLE.search(upper)) or names_a_secret(upper)


def _is_no_path(value: str) -> bool:
    return not value.startswith(("/", "~", "./"))


def _password(url: str) -> str:
    try:
        return urllib.parse.unquote(urllib.parse.urlsplit(url).password or "")
    except ValueError:
        return ""


def _forms(secret: str) -> Iterator[str]:
    """The secret as it may stand in a text: plain, JSON-escaped, URL-encoded, in Base64 at any of three alignments."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield json.dumps(json.dumps(secret))[3:-3]
    yield repr(secret)[1:-1]
    raw = secret.encode("utf-8", "surrogatepass")
    for quoted in (urllib.parse.quote(raw, safe=""), urllib.parse.quote(raw), urllib.parse.quote_plus(raw)):
        yield quoted
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
    yield raw.hex()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode().rstrip("=")
        yield from (core for core in _base64_cores(raw, encode) if len(core) >= MIN_SECRET_CHARS)


def _base64_cores(raw: bytes, encode: Callable[[bytes], bytes]) -> Iterator[str]:
    """The characters that depend on the secret alone, for each place it may have among other bytes."""
    for before in range(3):
        encoded = encode(b"\0" * before + raw).decode()
        whole_chars = (before + len(raw)) // 3 * 4
        yield encoded[(0, 2, 3)[before] if before else 0 : whole_chars]


def _replacer(form: Format) -> Callable[[re.Match[str]], str]:
    def replace(match: re.Match[str]) -> str:
        secret = match["secret"]
        if _MARK.match(secret) or is_placeholder(secret):
            return match[0]
        start = match.start("secret") - match.start()
        return f"{match[0][:start]}[redacted: {form.name}]{match[0][start + len(secret) :]}"

    return replace


def _without_private_keys(text: str) -> str:
    """Each private key from BEGIN to END; one whose end was cut off, as far as its letters go."""
    parts: list[str] = []
    done = 0
    while begin := PEM_BEGIN.search(text, done):
        body = PEM_BODY.match(text, begin.end())
        assert body is not None
        end = _pem_end(text, begin.end(), body.end())
        parts += [text[done : begin.start()], "[redacted: private-key]"]
        done = end
    return "".join(parts) + text[done:]


def _pem_end(text: str, start: int, body_end: int) -> int:
    """After the END line if one comes before another BEGIN (headers may stand between), else where the body ends."""
    end = text.find(PEM_END, start, start + 20_000)
    following = text.find("-----BEGIN", start, start + 20_000)
    if end == -1 or -1 < following < end:
        return body_end
    rest = PEM_END_REST.match(text, end)
    return rest.end() if rest else end


def _assignment(match: re.Match[str]) -> str:
    value = match["quoted"] if match["quoted"] is not None else match["bare"]
    if not _is_assigned_secret(match, value):
        return match[0]
    group = "quoted" if match["quoted"] is not None else "bare"
    start = match.start(group) - match.start()
    return f"{match[0][:start]}[redacted: assigned]{match[0][start + len(value) :]}"


def _is_assigned_secret(match: re.Match[str], value: str) -> bool:
    name = match["word"] + match["rest"]
    if NOT_A_SECRET_NAME.search(match["rest"]) or name.lower().endswith("tokens"):
        return False
    if match["quoted"] is not None:
        return _is_secret_for(name, value)
    if match["next"] or is_placeholder(value):
        return False
    if name.isupper() and "=" in match["equals"] and not match["equals"].strip("="):
        return not is_identifier(value) or _is_plain_word(name, value)
    return looks_random(value) and not is_identifier(value) and not _is_code(value)


def _is_secret_for(key: str, value: str) -> bool:
    """Whether a quoted value is a secret: neither prose, nor a placeholder, nor (under weak names) a plain word."""
    if len(value) < 4 or any(char.isspace() for char in value) or is_placeholder(value) or _MARK.search(value):
        return False
    lower = value.lower()
    if any(word in lower for word in KEY_WORDS):
        return looks_random(value) and len(value) >= 16
    return looks_random(value) or any(word in key.lower() for word in STRONG_KEY_WORDS)


def _is_plain_word(name: str, value: str) -> bool:
    """`DB_PASSWORD=wonderland` in a shell file, not `PASSWORD=settings.PASSWORD` in code."""
    return (
        "." not in value and value.lower() not in name.lower() and not any(word in value.lower() for word in KEY_WORDS)
    )


def _is_code(value: str) -> bool:
    """`token=tokens.next1`, `password=row.col_2`: attributes of something, not random text."""
    return bool(re.fullmatch(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+|[a-z_]+\d{0,2}|[a-z]+(?:_[a-z0-9]+)+", value))
