"""Reads what the settings only name: `env:NAME` or `file:PATH`. Remembers what it read, so that no error can repeat it."""

import base64
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote

from tracing.alerts.channels import Channel
from tracing.redact_known import is_unusual

HIDDEN = "[secret]"
MOST_BYTES = 65_536
SHORTEST = 4  # a value below this is part of too many words to be looked for
SHORTEST_PIECE = 9  # of an address: tokens are longer, words such as "services" not
WEB = {"http", "https"}


class SecretError(Exception):
    """A secret cannot be read; the message names its place, never its content."""


class Secrets:
    """The secrets of one attempt."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._forms: set[str] = set()
        self._values: set[str] = set()

    @property
    def values(self) -> frozenset[str]:
        """What was read, and the tokens within."""
        return frozenset(self._values)

    def read(self, place: str) -> str:
        """Raises: SecretError: there is none, or others can read it."""
        kind, _, where = place.partition(":")
        value = self._variable(where) if kind == "env" else _file(Path(where).expanduser())
        if not value:
            raise SecretError(f"{place}: is empty. Put the secret there, on one line.")
        self._remember(value)
        return value

    def scrub(self, text: str) -> str:
        """Without any secret that was read, in the forms in which errors show them."""
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, HIDDEN)
        return text

    def _variable(self, name: str) -> str:
        value = self._environment.get(name.strip())
        if value is None:
            raise SecretError(
                f"env:{name}: the variable is not set where this process runs. Export {name} there, or keep the secret in a "
                'file and name it "file:PATH".'
            )
        return value.strip()

    def _remember(self, value: str) -> None:
        for part in (value, *value.split()):
            self._values.update((part, *filter(is_unusual, pieces(part))))
            encoded = base64.b64encode(part.encode()).decode()
            _, scheme, rest = part.partition("://")
            path = rest.partition("/")[2].partition("?")[0] if scheme else ""
            forms = (part, rest, path, quote(part), quote(part, safe=""), encoded, repr(part)[1:-1], *pieces(part))
            self._forms.update(form for form in forms if len(form) >= SHORTEST)


def pieces(address: str) -> Iterator[str]:
    """What may be a token within an address: user, password, each step of the path, each value; the host too where it is not
    a website's, since Apprise's addresses have keys there. As they stand and decoded. Of what is no address: nothing.
    """
    scheme, mark, rest = address.partition("://")
    login, _at, where = rest.rpartition("@")
    host, _, path = where.partition("/")
    found = re.split(r"[:/?&=#@,]", f"{login}/{path}/{'' if scheme.lower() in WEB else host}") if mark else []
    for piece in found:
        yield from (form for form in {piece, unquote(piece)} if len(form) >= SHORTEST_PIECE)


def values_of(channels: Iterable[Channel], environment: Mapping[str, str]) -> frozenset[str]:
    """The secrets of channels and the tokens in them, as far as they can be read now."""
    secrets = Secrets(environment)
    for channel in channels:
        for place in (channel.password, channel.url, channel.key):
            if place:
                with suppress(SecretError):
                    secrets.read(place)
    return secrets.values


def _file(path: Path) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise SecretError(f"file:{path}: cannot be read: {error.strerror}.") from error
    try:
        _check(path, os.fstat(fd))
        return _text(path, os.read(fd, MOST_BYTES))
    finally:
        os.close(fd)


def _check(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise SecretError(f"file:{path}: is not a regular file.")
    if found.st_uid != os.geteuid():
        raise SecretError(f"file:{path}: belongs to another user. Make one of your own.")
    if others := stat.S_IMODE(found.st_mode) & 0o177:
        readable = "may be run" if others == 0o100 else "can be read or changed by others"
        raise SecretError(
            f"file:{path}: has mode {stat.S_IMODE(found.st_mode):04o}: it {readable}. Run: chmod 600 {path}"
        )


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise SecretError(f"file:{path}: is not text (UTF-8).") from None
