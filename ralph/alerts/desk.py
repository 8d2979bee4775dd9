"""Engine, outbox and courier put together from the user's settings: one look and what it sends. Knows no thread.

Made anew when config.toml changes, so that a daemon need not be started again.
"""

import os
import shlex
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass

from ralph.alerts.rules import every_rule, without_secrets
from ralph.home import Home
from ralph.schedule.environment import EnvFileError, with_file
from ralph.settings.schema import Settings
from tracing.alerts.channels import Channel
from tracing.alerts.courier import Courier, Delivered
from tracing.alerts.engine import Engine
from tracing.alerts.message import Alert, Link, Message
from tracing.alerts.outbox import Outbox
from tracing.redact import Redactor
from tracing.store import TraceStore

SHORT = 8  # of an id in a command: enough for it to be found


@dataclass
class Desk:
    """Open until `close`."""

    engine: Engine
    outbox: Outbox
    courier: Courier
    opened: ExitStack

    @classmethod
    def open(
        cls,
        home: Home,
        settings: Settings,
        redact: Redactor,
        *,
        clock: Callable[[], int] = time.time_ns,
        environment: Mapping[str, str] | None = None,
    ) -> "Desk":
        """Raises: StateError: the ledger or the traces cannot be used."""
        with ExitStack() as stack:
            outbox = stack.enter_context(closing(Outbox.open(home.ledger_db, clock)))
            store = stack.enter_context(closing(TraceStore.open(home.traces_db)))
            rules = [without_secrets(rule, redact) for rule in every_rule(home, settings, clock)]
            engine = Engine(
                home.ledger_db,
                store,
                rules,
                route=lambda message: route(message, settings.channels),
                links=lambda alert: links(alert, settings.ui.public_url or ""),
                off=settings.alerts.off,
                clock=clock,
            )
            stack.enter_context(engine)
            courier = Courier(outbox, settings.channels, environment=_with_keys(home, environment))
            return cls(engine, outbox, courier, stack.pop_all())

    def evaluate(self) -> int:
        """How many messages were put into the outbox."""
        return self.engine.evaluate()

    def deliver(self) -> Delivered:
        return self.courier.deliver()

    def close(self) -> None:
        self.opened.close()


def _with_keys(home: Home, environment: Mapping[str, str] | None) -> Mapping[str, str]:
    """Of RALPH_HOME/env too: a run by hand sends what the daemon would."""
    environment = os.environ if environment is None else environment
    try:
        return with_file(home, environment)
    except EnvFileError:  # `ralph doctor`, the daemon and `alerts test` say what is wrong with it
        return environment


def route(message: Message, channels: tuple[Channel, ...]) -> list[str]:
    """The channels that want to hear of it, by name."""
    return [
        channel.name
        for channel in channels
        if message.severity >= channel.least_severity and (not channel.rules or message.rule in channel.rules)
    ]


def links(alert: Alert, public_url: str) -> tuple[Link, ...]:
    """The guilty span, else the trace: its command, and its page where people reach the viewer."""
    if not alert.trace_id:
        return ()
    page = f"{public_url}/traces/{alert.trace_id}" if public_url else ""
    command = f"ralph trace {shlex.quote(alert.trace_id[:SHORT])}"
    trace = Link("Trace", command, page)
    if not alert.span_id:
        return (trace,)
    span = Link(
        "Step", f"{command} --span {shlex.quote(alert.span_id[:SHORT])}", page and f"{page}/spans/{alert.span_id}"
    )
    return (span, trace)
