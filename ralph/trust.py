"""Which `ralph.toml` files the user has vouched for: path, sha256 and text in `RALPH_HOME/trust.json`.

The sha256 decides; the text is kept so that it can be said what changed. A file that changed by one byte is no longer trusted. Knows nothing about what the settings in the file mean.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ralph.errors import RalphError
from ralph.files import write_private
from ralph.home import Home


class TrustState(StrEnum):
    TRUSTED = "trusted"
    CHANGED = "changed"  # it was trusted, but has other bytes now
    UNKNOWN = "unknown"


class Pin(BaseModel):
    """One trusted file as it was when the user trusted it."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    trusted_at: str  # UTC, ISO 8601
    text: str | None = None  # None: pinned by a Ralph that did not keep it


class _TrustFile(BaseModel):
    model_config = ConfigDict(frozen=True)

    files: dict[str, Pin] = {}


@dataclass(frozen=True)
class Verdict:
    """Whether these bytes of this file are trusted; `pin` is what was trusted before, if anything."""

    state: TrustState
    pin: Pin | None = None


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def verdict(home: Home, file: Path, data: bytes) -> Verdict:
    """Is `file`, with exactly these bytes, trusted by this user?

    Raises:
        RalphError: trust.json cannot be read.
    """
    pin = _read(home).files.get(_key(file))
    if pin is None:
        return Verdict(TrustState.UNKNOWN)
    return Verdict(TrustState.TRUSTED if pin.sha256 == sha256_of(data) else TrustState.CHANGED, pin)


def trust_file(home: Home, file: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Pin:
    """Trust `file` as it is at this moment and return what was pinned.

    Raises:
        RalphError: there is no such file, or trust.json cannot be read.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise RalphError(
            f"{file}: cannot be read ({error.strerror}). Run `ralph trust` in a repo with a ralph.toml."
        ) from error
    return trust_bytes(home, file, data, now=now)


def trust_bytes(home: Home, file: Path, data: bytes, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Pin:
    """Trust exactly these bytes as the content of `file`, so that what was shown is what is trusted."""
    text = data.decode("utf-8", errors="replace")
    pin = Pin(sha256=sha256_of(data), trusted_at=now().strftime("%Y-%m-%dT%H:%M:%SZ"), text=text)
    _write(home, _TrustFile(files={**_read(home).files, _key(file): pin}))
    return pin


def forget_file(home: Home, file: Path) -> bool:
    """Stop trusting `file`; False when it was not trusted."""
    files = dict(_read(home).files)
    known = files.pop(_key(file), None) is not None
    if known:
        _write(home, _TrustFile(files=files))
    return known


def _key(file: Path) -> str:
    return str(file.parent.resolve() / file.name)


def _read(home: Home) -> _TrustFile:
    try:
        return _TrustFile.model_validate_json(home.trust.read_bytes())
    except FileNotFoundError:
        return _TrustFile()
    except (ValidationError, OSError) as error:
        raise RalphError(
            f"{home.trust}: cannot be read as Ralph's list of trusted files. Delete it and run `ralph trust` again."
        ) from error


def _write(home: Home, content: _TrustFile) -> None:
    """Replace the file in one step, readable by its owner only from the start."""
    home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(home.trust, f"{content.model_dump_json(indent=2)}\n".encode(), "trust")
