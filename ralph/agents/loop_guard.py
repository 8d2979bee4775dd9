"""Notices an agent that goes in circles: the same call again, nothing new for many turns, one malformed call after another.

Knows nothing about models or tools: it is told what was called and what came back, and says what to do about it.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

WARN_AT_IDENTICAL_CALLS = 4
STOP_AT_IDENTICAL_CALLS = 6
NUDGE_AT_IDLE_TURNS = 15
STOP_AT_FORMAT_ERRORS = 3

# what differs between two runs of one command though nothing happened: times, dates, addresses
_NOISE = re.compile(
    r"\b\d+(\.\d+)?\s?(ms|s|sec|seconds)\b|\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?\b|\b0x[0-9a-f]{6,}\b"
)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass
class LoopGuard:
    """What the session has seen so far. A change of the working tree makes every call worth repeating."""

    _repeats: dict[str, int] = field(default_factory=dict)  # digest of call and result -> times since the last change
    _seen_results: set[str] = field(default_factory=set)
    _idle_turns: int = 0
    _format_errors: int = 0
    _progressed: bool = False

    def saw(self, name: str, arguments: Mapping[str, object], result: str, *, changed: bool) -> int:
        """Note a finished call; returns how often this call has brought this result since the tree last changed [1..]."""
        outcome = _digest(_NOISE.sub("#", result))
        call = _digest(json.dumps([name, arguments, outcome], sort_keys=True, default=str))
        if changed:
            self._repeats.clear()
        self._progressed |= changed or outcome not in self._seen_results
        self._seen_results.add(outcome)
        self._repeats[call] = self._repeats.get(call, 0) + 1
        return self._repeats[call]

    def turn_idled(self) -> bool:
        """Close a turn; True when so many turns brought nothing new that the agent should be told (then counts afresh)."""
        self._idle_turns = 0 if self._progressed else self._idle_turns + 1
        self._progressed = False
        if self._idle_turns < NUDGE_AT_IDLE_TURNS:
            return False
        self._idle_turns = 0
        return True

    def too_many_format_errors(self, *, malformed: bool) -> bool:
        """Note whether a turn had no well-formed call; True at the third such turn in a row."""
        self._format_errors = self._format_errors + 1 if malformed else 0
        return self._format_errors >= STOP_AT_FORMAT_ERRORS

    @property
    def one_more_format_error_ends_it(self) -> bool:
        return self._format_errors == STOP_AT_FORMAT_ERRORS - 1
