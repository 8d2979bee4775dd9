"""How much of the limits is spent, in words for the user and, once, for the agent. Reads the ledger; reserves nothing.

Limits count the worst case of every call until its end is seen; to a person that is not money spent, so it is told apart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ralph.model.failures import WorstCaseError
from ralph.prompts import prompt
from tracing.budget import CALL, MICROS_PER_USD, NO_LIMIT_MICROS, Ledger, LedgerLike, Limit, Spend

WRAP_UP_AT = 0.85


def require_reconciled(ledger: Ledger) -> None:
    """See that no call has cost more than its worst case without anybody looking at it since.

    Raises:
        WorstCaseError: one has; the message says what to do.
    """
    if broken := ledger.unaccepted():
        raise WorstCaseError(broken)


def apart(spend: Spend, *, going: bool) -> str:
    """What counts against the limits and is not known to be spent, as in ", + up to $1.31 for the call under way"; or ""."""
    under_way_micros = spend.held_micros if going else 0
    return under_way_words(under_way_micros) + unseen_words(spend.total_micros - spend.known_micros - under_way_micros)


def unseen_words(micros: int) -> str:
    """As in ", + $1.31 reserved by a call whose end was never seen"; or ""."""
    return f", + {_usd(micros)} reserved by a call whose end was never seen" if micros else ""


def under_way_words(micros: int) -> str:
    """As in ", + up to $1.31 for the call under way"; or ""."""
    return f", + up to {_usd(micros)} for the call under way" if micros else ""


def _usd(micros: int) -> str:
    return f"${micros / MICROS_PER_USD:.2f}" if micros >= MICROS_PER_USD / 100 else f"${micros / MICROS_PER_USD:.4f}"


@dataclass
class Spending:
    """The limits of one session that add up: story, run, day."""

    ledger: LedgerLike
    limits: Callable[[], Sequence[Limit]]  # as they are now: a session may outlast the day it began on
    _warned: bool = field(default=False)

    def warning(self) -> str:
        """What to tell the agent when a limit is nearly used up; "" before that, and after it was told once."""
        counted = (
            (self.ledger.spent(limit.scope).total_micros, limit.micros) for limit in self._adding_up() if limit.micros
        )
        share = max((micros / limit_micros for micros, limit_micros in counted), default=0.0)
        if self._warned or share < WRAP_UP_AT:
            return ""
        self._warned = True
        return prompt("wrap_up")

    def text(self) -> str:
        """For example "$0.12 of $5.00"; the run's limit where there is one."""
        shown = self._shown()
        if shown is None:
            return "no limit"
        spend = self.ledger.spent(shown.scope)
        known_usd, limit_usd = spend.known_micros / MICROS_PER_USD, shown.micros / MICROS_PER_USD
        return f"${known_usd:.2f} of ${limit_usd:.2f}{apart(spend, going=True)}"

    def fields(self) -> dict[str, float]:
        """`held_usd` counts against the limit too: for calls under way, or whose end was never seen."""
        shown = self._shown()
        if shown is None:
            return {}
        spend = self.ledger.spent(shown.scope)
        held_micros = spend.total_micros - spend.known_micros
        micros = {"spent_usd": spend.known_micros, "held_usd": held_micros, "limit_usd": shown.micros}
        return {name: value / MICROS_PER_USD for name, value in micros.items()}

    def _shown(self) -> Limit | None:
        found = self._adding_up()
        return next((limit for limit in found if limit.scope.startswith("run:")), found[0] if found else None)

    def _adding_up(self) -> list[Limit]:
        return [limit for limit in self.limits() if limit.scope != CALL and limit.micros < NO_LIMIT_MICROS]
