"""Secrets never reach the disk (thin first version: exact values)."""

from collections.abc import Collection, Mapping

from tracing.span import JsonValue


class Redactor:
    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._secrets = sorted((s for s in secrets if len(s) >= 6), key=len, reverse=True)

    def text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[redacted:secret]")
        return text

    def value(self, value: JsonValue) -> tuple[JsonValue, bool]:
        redacted = self._walk(value)
        return redacted, redacted != value

    def _walk(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._walk(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self._walk(item) for key, item in value.items()}
        return value


def secret_values(environ: Mapping[str, str]) -> frozenset[str]:
    """The values of the variables that by their names hold secrets."""
    words = ("KEY", "TOKEN", "SECRET", "PASSW", "CREDENTIAL")
    return frozenset(value for name, value in environ.items() if any(word in name.upper() for word in words))
