"""One attempt to send a message, and the three ways in which it fails. What a sender and the courier have in common."""

from dataclasses import dataclass
from typing import Protocol

from tracing.alerts.channels import Channel
from tracing.alerts.message import Message
from tracing.alerts.secrets import Secrets

TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Attempt:
    message: Message
    channel: Channel
    secrets: Secrets
    now_ns: int
    again: bool = False  # nobody knows whether an earlier attempt arrived
    reached: tuple[str, ...] = ()  # the recipients that have it already, where a channel has several
    timeout_s: float = TIMEOUT_S


class Sender(Protocol):
    def __call__(self, attempt: Attempt) -> str:
        """Send it; returns what is worth a remark, mostly "".

        Raises:
            SendError: it was not taken; one of the three below.
        """
        ...


class SendError(Exception):
    """The message was not taken. The text is for people; the courier removes secrets from it."""


class UnansweredError(SendError):
    """Not now: it is worth another attempt later."""

    def __init__(
        self, why: str, *, retry_after_s: float = 0.0, maybe: bool = False, reached: tuple[str, ...] = ()
    ) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s
        self.maybe = maybe  # the message went out, and no answer came back
        self.reached = reached


class RefusedError(SendError):
    """Not like this: another attempt would end the same way."""


class UnusableError(RefusedError):
    """Nothing was sent: first the channel itself, or this machine, has to be mended."""


class NotMeantError(SendError):
    """Such a message does not go to such a channel."""
