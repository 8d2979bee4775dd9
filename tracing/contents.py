"""From any Python value to what may be stored: plain JSON, redacted, cut to the content setting, named by its hash."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tracing.gist import gist
from tracing.jsonlike import clean, json_like, leaf_text, to_bytes
from tracing.redact import Redactor
from tracing.span import AttributeValue, JsonValue
from tracing.store.payloads import compress
from tracing.store.writes import PutPayload

SEARCHED_CHARS = 4_096
PREVIEW_CHARS = 500
LOG_PREVIEW_CHARS = 200


class Content(StrEnum):
    """How much of inputs and outputs is kept: all, the beginning, only hash and size, or no trace of them."""

    FULL = "full"
    PREVIEW = "preview"
    HASH = "hash"
    NONE = "none"


@dataclass(frozen=True)
class Kept:
    """What became of a value: the write (None where nothing is kept), whether a secret was cut, a line for the log.

    `gist` is the value in a few words, for a list; `text` what a search finds it by; `shown` what detectors see: what is
    kept, or its hash where only that is. None: nothing is kept.
    """

    payload: PutPayload | None
    redacted: bool
    preview: str
    gist: str = ""
    text: str = ""
    shown: JsonValue = None


@dataclass(frozen=True)
class Contents:
    redactor: Redactor
    content: Content

    def keep(self, value: object) -> Kept:
        """The value as a payload to write. The hash is that of the whole redacted value, whatever is kept of it."""
        plain, redacted = self.redactor.value(json_like(value))
        if self.content is Content.NONE:
            return Kept(None, redacted, "")
        data = to_bytes(plain)
        name = hashlib.sha256(data).hexdigest()
        if self.content is Content.HASH:
            return Kept(PutPayload(name, len(data), compressed=False, data=None), redacted, "", shown={"sha256": name})
        if self.content is Content.PREVIEW:
            plain, name = self._preview(plain, len(data), name)
        packed, compressed = compress(to_bytes(plain))
        text = leaf_text(plain, SEARCHED_CHARS)
        payload = PutPayload(name, len(data), compressed=compressed, data=packed)
        return Kept(payload, redacted, text[:LOG_PREVIEW_CHARS], gist(plain), text, "" if plain is None else plain)

    @staticmethod
    def _preview(plain: JsonValue, size_bytes: int, name: str) -> tuple[JsonValue, str]:
        """Stored under a name of its own, so that a whole payload of another trace is not taken for a preview."""
        shown: JsonValue = {"preview": leaf_text(plain, PREVIEW_CHARS), "bytes": size_bytes, "sha256": name}
        return shown, hashlib.sha256(to_bytes(shown)).hexdigest()

    def text(self, value: object) -> str:
        """A name, an error, a note."""
        return clean(self.redactor.text(str(value)))

    def attributes(self, given: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
        """Attributes as stored; what is no attribute value becomes text."""
        plain, _ = self.redactor.value(json_like(given))
        assert isinstance(plain, dict)
        return {name: _attribute(value) for name, value in plain.items() if value is not None}

    def metadata(self, given: Mapping[str, object]) -> dict[str, JsonValue]:
        plain, _ = self.redactor.value(json_like(given))
        assert isinstance(plain, dict)
        return plain


def _attribute(value: JsonValue) -> AttributeValue:
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [str(item) for item in value]
    if isinstance(value, list) and all(isinstance(item, int | float) for item in value):
        return [item for item in value if isinstance(item, int | float)]
    return to_bytes(value).decode("utf-8", "replace")
