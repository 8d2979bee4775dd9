"""How much of the limits is spent, in words for the user and, once, for the agent. Reads the ledger; reserves nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ralph.prompts import prompt
from tracing.budget import CALL, NO_LIMIT_MICROS, LedgerLike, Limit

WRAP_UP_AT = 0.85


@dataclass
class Spending:
    """The limits of one session that add up: story, run, day."""

    ledger: LedgerLike
    limits: Callable[[], Sequence[Limit]]  # as they are now: a session may outlast the day it began on
    _warned: bool = field(default=False)

    def warning(self) -> str:
        """What to tell the agent when a limit is nearly used up; "" before that, and after it was told once."""
        share = max((self._spent(limit) / limit.micros for limit in self._adding_up() if limit.micros), default=0.0)
        if self._warned or share < WRAP_UP_AT:
            return ""
        self._warned = True
        return prompt("wrap_up")

    def text(self) -> str:
        """For example "$0.12 of $5.00"; the run's limit where there is one."""
        shown = self._shown()
        return f"${self._spent(shown) / 1e6:.2f} of ${shown.micros / 1e6:.2f}" if shown else "no limit"

    def fields(self) -> dict[str, float]:
        shown = self._shown()
        return {"spent_usd": self._spent(shown) / 1e6, "limit_usd": shown.micros / 1e6} if shown else {}

    def _shown(self) -> Limit | None:
        found = self._adding_up()
        return next((limit for limit in found if limit.scope.startswith("run:")), found[0] if found else None)

    def _adding_up(self) -> list[Limit]:
        return [limit for limit in self.limits() if limit.scope != CALL and limit.micros < NO_LIMIT_MICROS]

    def _spent(self, limit: Limit) -> int:
        return self.ledger.spent(limit.scope).total_micros
