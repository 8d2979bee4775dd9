"""Which day's report was sent last, so that a chore that looks every few seconds need not gather one to know. Advice only: that
a report is sent once a day is the outbox's doing.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ralph.files import write_private
from ralph.home import Home


@dataclass(frozen=True)
class Sent:
    day: str  # on this machine's clock: 2026-11-22
    at_ns: int


def last_sent(home: Home) -> Sent | None:
    """None: none was, or nobody knows any more."""
    try:
        facts = json.loads(_path(home).read_bytes())
        return Sent(str(facts["day"]), int(facts["at_ns"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note_sent(home: Home, sent: Sent) -> None:
    write_private(_path(home), json.dumps(asdict(sent)).encode(), "report mark")


def _path(home: Home) -> Path:
    return home.root / "report-sent.json"
