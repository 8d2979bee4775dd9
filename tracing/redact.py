r"""Secrets never reach the disk: known values, tokens by their shape, what is assigned to a key-like name, in any wrapping.

Works on decoded strings, before anything is serialised, because in JSON text `\nghp_...` has a letter before the token.
Knows nothing about traces. What leaves here is stable: redacting it again changes nothing.
"""

import re
from collections.abc import Callable, Collection, Iterator
from functools import cached_property

from tracing.redact_assigned import cut_assigned, is_placeholder, is_secret_for, names_a_secret
from tracing.redact_formats import FORMATS, PEM_BEGIN, PEM_BODY, PEM_END, PEM_END_REST, Format
from tracing.redact_known import MIN_SECRET_CHARS, KnownSecrets, is_unusual, secret_values
from tracing.redact_layers import cut_base64, cut_percent
from tracing.redact_marks import MARK, mark
from tracing.span import JsonValue

__all__ = ["Redactor", "secret_values"]

MOST_ROUNDS = 4
MOST_LAYERS = 2
_NAMES, _VALUES = ("name", "key", "Name", "Key"), ("value", "Value")
_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


class Redactor:
    """Replaces secrets by `[redacted: KIND]`. `secrets` are values known to be secret, found in their usual encodings too."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._secrets = tuple(secrets)
        self._known = KnownSecrets(secrets)

    @cached_property
    def of_keys(self) -> "Redactor":
        """One that knows only those values that are no words: `postgres` as a password stands in many an honest file."""
        return Redactor([secret for secret in self._secrets if is_unusual(secret)])

    def text(self, text: str) -> str:
        """The text without its secrets; text without any comes back as it is."""
        for _ in range(MOST_ROUNDS):
            before, text = text, self._once(text, MOST_LAYERS)
            if text == before:
                break
        return text

    def value(self, value: JsonValue) -> tuple[JsonValue, bool]:
        """The value with every string in it redacted, keys too, and whether anything was."""
        redacted = self._walk(value)
        return redacted, redacted != value

    def _once(self, text: str, layers: int) -> str:
        text = self._known.cut(text)
        if len(text) < MIN_SECRET_CHARS:
            return text
        if not layers:
            return _plain(text)
        text = _plain(cut_percent(text, lambda inner: self._once(inner, layers - 1)))
        return cut_base64(text, lambda inner: self._once(inner, layers - 1))

    def _walk(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._walk(item) for item in value]
        if isinstance(value, dict):
            return dict(self._items(value))
        return value

    def _items(self, value: dict[str, JsonValue]) -> Iterator[tuple[str, JsonValue]]:
        named = next((name for key in _NAMES if isinstance(name := value.get(key), str)), "")
        for key, item in value.items():
            name = named if key in _VALUES else key
            yield self.text(key), self._named(name, item) if isinstance(item, str) else self._walk(item)

    def _named(self, name: str, value: str) -> str:
        """A string whose name is known, as in a mapping."""
        if names_a_secret(name) and is_secret_for(name, value):
            return mark("assigned")
        if name.lower() in _HEADERS:
            return self.text(f"{name}: {value}").removeprefix(f"{name}: ")
        return self.text(value)


def _plain(text: str) -> str:
    """Without what can be seen in the text as it stands."""
    if "PRIVATE" in text:
        text = _without_private_keys(text)
    lower = text.lower()
    for form in FORMATS:
        searched = lower if form.any_case else text
        for word in form.keywords:  # any() would cost more than what it asks
            if word in searched:
                text = form.pattern.sub(_replacer(form), text)
                break
    lower = text.lower()
    if len(lower) != len(text):  # a few letters become two
        lower = "".join(one if len(one.lower()) != 1 else one.lower() for one in text)
    return cut_assigned(text, lower)


def _replacer(form: Format) -> Callable[[re.Match[str]], str]:
    def replace(match: re.Match[str]) -> str:
        secret = match["secret"]
        if MARK.match(secret) or is_placeholder(secret):
            return match[0]
        start = match.start("secret") - match.start()
        return f"{match[0][:start]}{mark(form.name)}{match[0][start + len(secret) :]}"

    return replace


def _without_private_keys(text: str) -> str:
    """Each private key from BEGIN to END; one whose end was cut off, as far as its letters go."""
    parts: list[str] = []
    done = 0
    while begin := PEM_BEGIN.search(text, done):
        body = PEM_BODY.match(text, begin.end())
        assert body is not None
        end = _pem_end(text, begin.end(), body.end())
        parts += [text[done : begin.start()], mark("private-key")]
        done = end
    return "".join(parts) + text[done:]


def _pem_end(text: str, start: int, body_end: int) -> int:
    """After the END line if one comes before another BEGIN (headers may stand between), else where the body ends."""
    following = text.find("-----BEGIN", start, start + 20_000)
    end = text.find(PEM_END, start, following if following != -1 else start + 20_000)
    if end == -1:
        return body_end
    rest = PEM_END_REST.match(text, end)
    return rest.end() if rest else end
