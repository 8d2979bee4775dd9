"""Everything else (Discord, Teams, ntfy, Telegram, ...) through Apprise, which is an optional extra.

Apprise makes its own connections: the guard of `tracing/alerts/addresses.py` does not see them. Its address is the user's own.
"""

from tracing.alerts.attempt import Attempt, RefusedError, UnansweredError
from tracing.alerts.message import Kind, Message
from tracing.alerts.senders.wording import headline, short
from tracing.finding import Severity

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
        raise RefusedError(INSTALL) from None
    sender = apprise.Apprise()
    if not sender.add(url):
        raise RefusedError("Apprise does not know such an address: see https://github.com/caronc/apprise/wiki")
    with apprise.LogCapture(level=apprise.logging.WARNING) as said:
        taken = sender.notify(
            title=headline(attempt.message), body=_body(attempt.message), notify_type=_type(attempt.message)
        )
        words = short(attempt.secrets.scrub(said.getvalue()), 300)
    if not taken:
        raise UnansweredError(f"Apprise could not send it: {words or 'it does not say why'}", maybe=True)
    return ""


def _body(message: Message) -> str:
    facts = [f"{fact.label}: {fact.value}" for fact in message.facts]
    links = [f"{link.label}: {link.url or link.command}" for link in message.links]
    return "\n\n".join(part for part in (message.text, "\n".join(facts), "\n".join(links)) if part)


def _type(message: Message) -> str:
    """One of Apprise's NotifyType."""
    if message.kind is Kind.RESOLVED:
        return "success"
    return {Severity.NOTE: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}[message.severity]
