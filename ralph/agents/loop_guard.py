"""Notices an agent that gets nowhere: nothing new for many turns, one malformed call after another.

Knows nothing about models or tools: it is told what came back, and says what to do about it. Calls that are repeated are
the detectors' business (`tracing.failures`).
"""

import hashlib
import re
from dataclasses import dataclass, field

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
    """What the session has seen so far."""

    _seen_results: set[str] = field(default_factory=set)
    _idle_turns: int = 0
    _format_errors: int = 0
    _progressed: bool = False

    def saw(self, result: str, *, changed: bool) -> None:
        """Note a finished call: a change of the working tree is progress, and so is a result that was not seen before."""
        outcome = _digest(_NOISE.sub("#", result))
        self._progressed |= changed or outcome not in self._seen_results
        self._seen_results.add(outcome)

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
