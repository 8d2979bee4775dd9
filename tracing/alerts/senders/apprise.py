"""Everything else (Discord, Teams, ntfy, Telegram, ...) through Apprise, which is an optional extra.

Apprise makes its own connections: the guard of `tracing/alerts/addresses.py` does not see them. Its address is the user's own.
"""

import queue
import threading
from collections.abc import Callable

from tracing.alerts.attempt import Attempt, UnansweredError, UnusableError
from tracing.alerts.message import Kind, Message
from tracing.alerts.senders.wording import calling_nobody, headline, short
from tracing.finding import Severity

STEPS = 3  # connections and answers that one message may take
INSTALL = (
    "Apprise is not installed where Ralph runs: pip install 'ralph-runner[apprise]', then: ralph alerts retry --all"
)


def send(attempt: Attempt) -> str:
    place = attempt.channel.url
    assert place is not None  # of every channel of this kind
    url = attempt.secrets.read(place)
    try:
        import apprise  # noqa: PLC0415  # an optional extra, and 0.2 s
    except ImportError:
        raise UnusableError(INSTALL) from None
    sender = apprise.Apprise()
    if not sender.add(url):
        raise UnusableError("Apprise does not know such an address: see https://github.com/caronc/apprise/wiki")

    def notify() -> None:
        with apprise.LogCapture(level=apprise.logging.WARNING) as said:
            taken = sender.notify(
                title=calling_nobody(headline(attempt.message)),
                body=calling_nobody(_body(attempt.message)),
                notify_type=_type(attempt.message),
            )
            words = short(attempt.secrets.scrub(said.getvalue()), 300)
        if not taken:
            raise UnansweredError(f"Apprise could not send it: {words or 'it does not say why'}", maybe=True)

    _within(STEPS * attempt.timeout_s, notify)
    return ""


def _within(seconds: float, work: Callable[[], None]) -> None:
    """Apprise has no time limit in all: a receiver that answers byte by byte would hold up every other channel."""
    ended: queue.Queue[Exception | None] = queue.Queue()

    def guarded() -> None:
        try:
            work()
            ended.put(None)
        except Exception as error:  # noqa: BLE001  raised below, where somebody waits for it
            ended.put(error)

    threading.Thread(target=guarded, name="apprise", daemon=True).start()
    try:
        error = ended.get(timeout=seconds)
    except queue.Empty:
        raise UnansweredError(f"Apprise: no answer within {seconds:g} s", maybe=True) from None
    if error is not None:
        raise error


def _body(message: Message) -> str:
    facts = [f"{fact.label}: {fact.value}" for fact in message.facts]
    links = [f"{link.label}: {link.url or link.command}" for link in message.links]
    return "\n\n".join(part for part in (message.text, "\n".join(facts), "\n".join(links)) if part)


def _type(message: Message) -> str:
    """One of Apprise's NotifyType."""
    if message.kind is Kind.RESOLVED:
        return "success"
    return {Severity.NOTE: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}[message.severity]
