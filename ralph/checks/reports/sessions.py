"""What was said on the channel, taken apart into sessions of runners and held against forgery.

A line is `session number mac {json}`. The first one brings the session's key; each mac is over all that the session
said before, so that a line which is missing, changed, repeated or put in by somebody else is noticed. A process that
finds the channel can still open a session of its own; it cannot speak in that of another.
"""

import hmac
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from ralph.checks.report import Outcome

MAC_BYTES = 12


class Begin(BaseModel):
    """How a session opens."""

    model_config = ConfigDict(extra="ignore")

    begin: str  # the runner: "pytest"
    key: str
    root: str = ""  # the folder that its files are relative to


class Event(BaseModel):
    """What is said afterwards; each line says one or two of these."""

    model_config = ConfigDict(extra="ignore")

    id: str = ""
    outcome: Outcome | None = None
    uncollected: str = ""
    deselected: int = 0
    root: str = ""  # known later than the beginning
    end: bool = False
    whole: bool = True
    """At the end: whether all that the runner set out to run has ended."""


@dataclass
class Session:
    """One run of one runner."""

    runner: str
    root: str
    key: bytes
    number: int = 0
    mac: bytes = b""
    events: list[Event] = field(default_factory=list)
    is_broken: bool = False

    @property
    def complete(self) -> bool:
        return not self.is_broken and bool(self.events) and self.events[-1].end and self.events[-1].whole

    def hear(self, number: int, mac: bytes, payload: bytes) -> None:
        expected = chained(self.key, self.mac, payload)
        is_next = number == self.number and hmac.compare_digest(expected, mac)
        if not is_next or (self.events and self.events[-1].end):
            self.is_broken = True
            return
        self.number, self.mac = number + 1, mac
        if number:
            event = Event.model_validate_json(payload)
            self.root = event.root or self.root
            self.events.append(event)


def chained(key: bytes, last: bytes, payload: bytes) -> bytes:
    return hmac.new(key, last + payload, "sha256").digest()[:MAC_BYTES]


@dataclass(frozen=True)
class Heard:
    sessions: tuple[Session, ...] = ()
    garbled: bool = False
    """Something was said that belongs to no session."""

    @property
    def runners(self) -> frozenset[str]:
        return frozenset(session.runner for session in self.sessions)


def hear(data: bytes) -> Heard:
    """The sessions in the order in which they began."""
    sessions: dict[bytes, Session] = {}
    garbled = False
    for line in data.split(b"\n"):
        if not line:
            continue
        try:
            _hear_line(sessions, line)
        except (ValueError, LookupError):
            garbled = True
    return Heard(tuple(sessions.values()), garbled)


def _hear_line(sessions: dict[bytes, Session], line: bytes) -> None:
    name, number, mac, payload = line.split(b" ", 3)
    if int(number) == 0 and name not in sessions:
        begin = Begin.model_validate_json(payload)
        sessions[name] = Session(begin.begin, begin.root, bytes.fromhex(begin.key))
    session = sessions[name]
    try:
        session.hear(int(number), bytes.fromhex(mac.decode("ascii")), payload)
    except ValueError:
        session.is_broken = True
