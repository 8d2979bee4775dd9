"""Why the model service lets nothing go on: five troubles, and what each wants of whom.

Told apart because a person and a scheduler act differently: a limit ends by itself, an empty account does not.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ralph.errors import ExitCode, RalphError
from tracing.words import local_time


class Trouble(StrEnum):
    OFFLINE = "offline"  # the request never left: no name, no route, nobody listens
    RATE = "rate"  # too many calls for now, or told to wait
    SPENT = "spent"  # the money or the allowance is used up
    REFUSED = "refused"  # the key, the model or the request is not accepted
    DOWN = "down"  # overloaded, broken, or a stream that breaks off


FAILED = {
    Trouble.OFFLINE: "could not be reached",
    Trouble.RATE: "asked to wait",
    Trouble.SPENT: "refused",
    Trouble.REFUSED: "refused",
    Trouble.DOWN: "failed",
}
"""What the service did, after "The model service"."""

GOES_ON = {
    Trouble.OFFLINE: "Check this machine's connection, then `ralph run` goes on; the work is kept.",
    Trouble.RATE: "`ralph run` goes on after that; the work is kept.",
    Trouble.SPENT: "The work is kept, and `ralph run` goes on from it.",
    Trouble.REFUSED: "The work is kept, and `ralph run` goes on from it.",
    Trouble.DOWN: "Run again later; the work is kept.",
}
"""How it goes on when a person starts every run."""


@dataclass(frozen=True)
class Halt:
    """What ended the work, for whoever decides when it goes on."""

    trouble: Trouble
    again_at: datetime | None = None  # when the service takes calls again; None: it did not say
    remedy: str = ""  # what a person can do about it

    @property
    def facts(self) -> str:
        """The remedy, and where a person need not act, when it ends by itself."""
        by_itself = f"Without that the limit ends on {moment(self.again_at)}." if self.again_at and self.remedy else ""
        return " ".join(filter(None, (self.remedy, by_itself)))

    @property
    def goes_on(self) -> str:
        """How it goes on when no schedule does it."""
        nobody_said_when = self.trouble is Trouble.RATE and self.again_at is None
        return GOES_ON[Trouble.DOWN if nobody_said_when else self.trouble]


class ServiceError(RalphError):
    """The model service refused or stayed away. `facts` says so without how it goes on, which a schedule may know."""

    exit_code = ExitCode.SERVICE

    def __init__(self, what: str, halt: Halt) -> None:
        self.halt = halt
        self.facts = f"{what.rstrip('.')}. {halt.facts}".rstrip()
        super().__init__(f"{self.facts} {halt.goes_on}")


def moment(at: datetime) -> str:
    """With date and zone, since it is read hours later, perhaps elsewhere; of a begun minute the end."""
    return local_time(math.ceil(at.timestamp() / 60) * 60 * 10**9, "%Y-%m-%d %H:%M %Z")
