"""What a rule is: a name, and a function from what can be seen now to what is worth an alert. Knows no channel and no state.

The engine (`tracing/alerts/engine.py`) remembers what was told: a rule says the same thing as often as it is asked.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from tracing.alerts.message import Alert
from tracing.store import TraceStore


@dataclass(frozen=True)
class View:
    """What a rule looks at. `since_ns` lies some way before the last look, so that nothing falls between two of them."""

    store: TraceStore
    now_ns: int
    since_ns: int


@dataclass(frozen=True)
class Happened:
    """An event. It is told once for each `identity` (a trace's id, "day:2026-11-22 80%"), however often it is seen.

    Within `quiet_s` of the last one told with the same rule and `alert.key`, it is counted and not told; the next one that
    is told says how many there were.
    """

    alert: Alert
    identity: str
    at_ns: int
    quiet_s: float = 0.0


@dataclass(frozen=True)
class Holds:
    """A condition that is true now: firing from the first look that yields it until the first that does not.

    The engine knows it by `alert.rule` and `alert.key`; the rest may change from look to look.
    """

    alert: Alert


Seen: TypeAlias = Happened | Holds


@dataclass(frozen=True)
class Rule:
    """`about` completes "Tells when ..." for `ralph alerts list`."""

    name: str  # snake_case; what `[alerts] off` and `ralph alerts silence` name
    about: str
    look: Callable[[View], Iterable[Seen]]
