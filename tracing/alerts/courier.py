"""Carries what waits in the outbox to the channels: one courier at a time on a machine, a thread for each channel.

Nothing is lost on kill -9: what was being sent is sent again under the same id. Webhooks (webhook-id), PagerDuty (dedup_key) and
mail (Message-ID) let a receiver see one; Slack, desktops and Apprise have no such key, so there the second says that it is one.
Never run where an agent waits: a receiver may take its ten seconds, and a name server longer.
"""

import fcntl
import logging
import os
import queue
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tracing.alerts.attempt import TIMEOUT_S, Attempt, RefusedError, Sender, SendError, UnansweredError
from tracing.alerts.channels import Channel, ChannelKind
from tracing.alerts.outbox import Outbox, State
from tracing.alerts.queue import Claim, Queue
from tracing.alerts.secrets import SecretError, Secrets
from tracing.failpoint import effect
from tracing.words import cut, plain

log = logging.getLogger(__name__)
PACE_S: Mapping[ChannelKind, float] = {"slack": 1.0}  # what the service takes: one a second
FOLDS: set[ChannelKind] = {"email", "slack", "desktop", "apprise"}  # read by people; machines get each message
ROUND_S = 20.0  # no new message is begun after so long; the next `deliver` goes on
NOTE = 500  # characters


@dataclass(frozen=True)
class Delivered:
    sent: int = 0
    failed: int = 0  # given up for good
    left: int = 0  # still waiting


@dataclass
class _Round:
    """One `deliver`, as its threads see it."""

    until: float  # by the monotonic clock
    running: dict[str, threading.Thread] = field(default_factory=dict)
    ended: "queue.Queue[tuple[str, list[State]]]" = field(default_factory=queue.Queue)
    broken: set[str] = field(default_factory=set)

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.until


class Courier:
    def __init__(
        self,
        outbox: Outbox,
        channels: Sequence[Channel],
        *,
        environment: Mapping[str, str] | None = None,
        pause: Callable[[float], object] = time.sleep,
        spread: Callable[[], float] = random.random,
        timeout_s: float = TIMEOUT_S,
        round_s: float = ROUND_S,
    ) -> None:
        self._outbox = outbox
        self._channels = {channel.name: channel for channel in channels}
        self._environment = environment
        self._pause = pause
        self._queue = Queue(outbox, spread)
        self._timeout_s = timeout_s
        self._round_s = round_s

    def deliver(self) -> Delivered:
        """Send what is due; returns at once, with nothing sent, while another process or thread delivers."""
        failed, ends = 0, list[State]()
        with self._alone() as alone:
            if alone and (waiting := self._queue.left()):
                self._queue.recover()
                if waiting.keys() - self._channels.keys():
                    failed = self._queue.abandon(list(self._channels))
                ends = [end for ends in self._rounds() for end in ends]
        failed += sum(state is State.FAILED for state in ends)
        return Delivered(sum(state is State.SENT for state in ends), failed, self._queue.left().total())

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether this courier is the only one on the machine; the system frees the lock of a dead one."""
        fd = os.open(self._outbox.path.with_name("outbox.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield True
        except BlockingIOError:
            yield False
        finally:
            os.close(fd)

    def _rounds(self) -> Iterator[list[State]]:
        """What each channel's thread did. A channel that is done is looked at again while others take their time."""
        this = _Round(time.monotonic() + self._round_s)
        try:
            while self._begin(this):
                with suppress(queue.Empty):
                    name, states = this.ended.get(timeout=1.0)
                    this.running.pop(name).join()
                    yield states
        finally:
            for thread in this.running.values():  # the lock is held until nobody sends any more
                thread.join()

    def _begin(self, this: "_Round") -> bool:
        """Start a thread for each channel with something due; whether any runs."""
        for name in self._channels:
            if name not in this.running and name not in this.broken and not this.is_over and self._queue.is_due(name):
                # a daemon thread: the end of the process need not wait, what is being sent is sent again
                thread = threading.Thread(
                    target=self._channel, args=(self._channels[name], this), name=f"alerts to {name}", daemon=True
                )
                this.running[name] = thread
                thread.start()
        return bool(this.running)

    def _channel(self, channel: Channel, this: "_Round") -> None:
        """Send what is due on one channel, until it is empty, fails or the round is over."""
        states: list[State] = []
        try:
            while not this.is_over and State.WAITING not in states:
                claim = self._queue.claim(channel.name, folded=channel.kind in FOLDS)
                if claim is None:
                    break
                if states and channel.kind in PACE_S:
                    self._pause(PACE_S[channel.kind])
                states.append(self._carry(claim, channel))
        except (
            Exception
        ) as error:  # the one boundary of this thread: the disk, most likely. The next courier finds the row.
            log.warning(
                "alerts to %s: the outbox cannot be written: %s",
                channel.name,
                error,
                exc_info=not isinstance(error, (OSError, sqlite3.Error)),
            )
            this.broken.add(channel.name)
        finally:
            this.ended.put((channel.name, states))

    def _carry(self, claim: Claim, channel: Channel) -> State:
        """One attempt and what became of it: SENT, FAILED, DROPPED, or WAITING for another one."""
        secrets = Secrets(self._environment)
        now_ns = self._outbox.clock()
        attempt = Attempt(claim.message, channel, secrets, now_ns, claim.again, claim.reached, self._timeout_s)
        try:
            with effect("outbox send"):
                note = sender(channel.kind)(attempt)
        except SecretError as error:
            return self._later(claim, UnansweredError(str(error)), secrets)
        except UnansweredError as error:
            return self._later(claim, error, secrets)
        except SendError as error:
            state = State.FAILED if isinstance(error, RefusedError) else State.DROPPED
            self._queue.ended(claim, state, _said(error, secrets))
            return state
        except Exception as error:  # noqa: BLE001 - the boundary to libraries: an alert is not lost over their bugs
            return self._later(claim, UnansweredError(f"{type(error).__name__}: {error}", maybe=True), secrets)
        self._queue.sent(claim, cut(plain(secrets.scrub(note)), NOTE))
        return State.SENT

    def _later(self, claim: Claim, error: UnansweredError, secrets: Secrets) -> State:
        note = _said(error, secrets)
        log.info("alert %s is not sent yet: %s", claim.message.id, note)
        return State.WAITING if self._queue.later(claim, error, note) else State.FAILED


def _said(error: SendError, secrets: Secrets) -> str:
    return cut(plain(secrets.scrub(str(error.args[0]))), NOTE)


def sender(kind: ChannelKind) -> Sender:
    """Loaded when the first message of its kind is sent."""
    from importlib import import_module  # noqa: PLC0415

    send: Sender = import_module(f"tracing.alerts.senders.{kind}").send
    return send
