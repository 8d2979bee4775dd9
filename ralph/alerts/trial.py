"""One message to one channel, now and past the outbox, to see whether it arrives."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from ralph.alerts.desk import SHORT
from ralph.errors import ExitCode
from tracing.alerts.attempt import Attempt, SendError, UnusableError
from tracing.alerts.channels import Channel
from tracing.alerts.courier import sender
from tracing.alerts.message import Fact, Kind, Link, Message
from tracing.alerts.secrets import SecretError, Secrets
from tracing.finding import Severity
from tracing.store import TraceFilter, TraceStore
from tracing.words import plain


@dataclass(frozen=True)
class Trial:
    """`said` is what became of it, in words."""

    exit_code: ExitCode
    said: str


def trial_message(channel: Channel, store: TraceStore, public_url: str, now_ns: int) -> Message:
    """Of the newest trace, if there is one, so that the link in it can be tried too."""
    newest = next(iter(store.traces(TraceFilter(limit=1, own=True))), None)
    trace_id = newest.trace_id if newest else ""
    page = f"{public_url}/traces/{trace_id}" if public_url and trace_id else ""
    return Message(
        id=str(uuid4()),
        kind=Kind.TEST,
        at_ns=now_ns,
        title="A test of Ralph's alerts: nothing is wrong",
        text=f'Somebody ran "ralph alerts test {channel.name}". Alerts of this channel will arrive where you read this.',
        severity=Severity.NOTE,
        rule="test",
        dedup_key=f"ralph/test/{channel.name}",
        facts=(Fact("Channel", f"{channel.name} ({channel.kind})"),),
        links=(Link("Trace", f"ralph trace {trace_id[:SHORT]}", page),) if trace_id else (),
        data={"rule": "test", "severity": "note"},
    )


def try_channel(channel: Channel, message: Message, environment: Mapping[str, str] | None = None) -> Trial:
    """Exit code 0 when the receiver took it, 2 when the channel or a secret of it is not usable, 4 when the receiver refused or was not there."""
    secrets = Secrets(os.environ if environment is None else environment)
    attempt = Attempt(message, channel, secrets, time.time_ns())
    try:
        note = sender(channel.kind)(attempt)
    except SecretError as error:
        return Trial(ExitCode.USAGE, str(error))
    except UnusableError as error:
        return Trial(ExitCode.USAGE, plain(secrets.scrub(str(error.args[0]))))
    except SendError as error:
        return Trial(ExitCode.SERVICE, plain(secrets.scrub(str(error.args[0]))))
    except Exception as error:  # noqa: BLE001  the boundary to libraries, as in the courier
        return Trial(ExitCode.SERVICE, plain(secrets.scrub(f"{type(error).__name__}: {error}")))
    return Trial(ExitCode.ALL_DONE, plain(secrets.scrub(note)))
