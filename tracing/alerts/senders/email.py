"""Mail over SMTP: text and HTML, one thread per dedup key, the same Message-ID on every attempt.

Certificates are always checked. A name and password go over TLS only, and mail without TLS only to `private` hosts.
"""

import hashlib
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from tracing.alerts.addresses import connect, cut_off, tls_context
from tracing.alerts.attempt import Attempt, RefusedError, SendError, UnansweredError
from tracing.alerts.channels import Channel
from tracing.alerts.message import Message
from tracing.alerts.senders.email_page import as_html, as_text
from tracing.alerts.senders.wording import headline, short
from tracing.words import plain

PORTS = {"starttls": 587, "tls": 465, "none": 25}
SUBJECT = 200
STEPS = 3  # a mail is some ten questions and answers: it may take so many times what one of them may
Refusals = dict[str, tuple[int, bytes]]


def send(attempt: Attempt) -> str:
    channel = attempt.channel
    _plain_text_stays_at_home(channel)
    password = attempt.secrets.read(channel.password) if channel.password else None
    left = [address for address in _recipients(channel) if address not in attempt.reached]
    try:
        letter = compose(attempt.message, channel, again=attempt.again)
    except (MessageError, ValueError) as error:
        raise RefusedError(f"the mail cannot be written: {error}. Look at `sender` and `to` of this channel.") from None
    with _session(attempt) as server:
        if password is not None:
            _log_in(server, channel.username or _bare(channel.sender or ""), password)
        refused = _hand_over(server, channel, letter, left)
    return _judged(attempt, left, refused)


def _plain_text_stays_at_home(channel: Channel) -> None:
    if channel.security == "none" and not channel.private:
        raise RefusedError(
            f'{channel.host}: mail is not sent without encryption. Set security = "starttls" or "tls"; or, for a host of '
            "your own network, private = true."
        )


def _judged(attempt: Attempt, left: list[str], refused: Refusals) -> str:
    """What became of the recipients: a remark about those who will never have it, an error while some may have it later."""
    later = any(400 <= code < 500 for code, _ in refused.values())
    said = "; ".join(f"{address}: {_words(attempt, *reply)}" for address, reply in refused.items())
    reached = (*attempt.reached, *(address for address in left if address not in refused))
    if later:
        raise UnansweredError(f"not taken yet for {said}", reached=reached)
    if refused and len(refused) == len(_recipients(attempt.channel)):
        raise RefusedError(f"no recipient was taken: {said}")
    return f"not taken for {said}" if refused else ""


class _Line(smtplib.SMTP):
    """An SMTP session over a connection to an address that was judged; the certificate is that of the name."""

    def __init__(self, line: socket.socket, host: str, timeout_s: float) -> None:
        super().__init__(local_hostname=_own_name(), timeout=timeout_s)
        self._host = host  # what `starttls` checks the certificate against
        self.sock = line
        self.file = None
        self.handed_over = False  # from then on nobody knows whether it arrived
        code, text = self.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)


@contextmanager
def _session(attempt: Attempt) -> Iterator[_Line]:
    """Connected and encrypted as the settings say; its errors become those of a sender."""
    channel = attempt.channel
    host, port = channel.host or "", channel.port or PORTS[channel.security]
    ends = time.monotonic() + STEPS * attempt.timeout_s
    line = connect(host, port, private=channel.private, timeout_s=attempt.timeout_s)
    server: _Line | None = None
    try:
        with cut_off(line, max(ends - time.monotonic(), 0.1)):
            if channel.security == "tls":
                line = tls_context().wrap_socket(line, server_hostname=host)
            server = _Line(line, host, attempt.timeout_s)
            if channel.security == "starttls":
                server.starttls(context=tls_context())
            server.ehlo_or_helo_if_needed()
            yield server
            _quit(server)
    except (OSError, smtplib.SMTPException) as error:
        late = time.monotonic() >= ends or TimeoutError in {type(error), type(error.__context__)}
        maybe = server is not None and server.handed_over
        raise _as_ours(error, attempt, late=late, maybe=maybe) from None
    finally:
        line.close()
        if server is not None:
            server.close()


def _quit(server: smtplib.SMTP) -> None:
    """The mail is taken by now: however the farewell ends, it is not sent again."""
    try:
        server.quit()
    except (OSError, smtplib.SMTPException):
        return


def _as_ours(error: Exception, attempt: Attempt, *, late: bool, maybe: bool) -> SendError:
    host = attempt.channel.host
    if isinstance(error, smtplib.SMTPResponseException):
        why = f"{host} answered {_words(attempt, error.smtp_code, error.smtp_error)}"
        return RefusedError(why) if error.smtp_code >= 500 else UnansweredError(why)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return RefusedError(f"{host} cannot do what the settings of this channel ask for: {error}")
    if isinstance(error, ssl.SSLCertVerificationError):
        return UnansweredError(f"{host}: its certificate is not accepted: {error.verify_message}")
    why = f"no answer within {attempt.timeout_s:g} s" if late else f"{type(error).__name__}: {error}"
    return UnansweredError(f"{host}: {why}", maybe=maybe)


def _log_in(server: smtplib.SMTP, username: str, password: str) -> None:
    try:
        server.login(username, password)
    except UnicodeEncodeError:
        raise RefusedError("the SMTP server takes only ASCII in a name and password.") from None


def _hand_over(server: _Line, channel: Channel, letter: EmailMessage, left: list[str]) -> Refusals:
    server.handed_over = True
    try:
        return dict(server.send_message(letter, from_addr=_bare(channel.sender or ""), to_addrs=left))
    except smtplib.SMTPRecipientsRefused as error:
        return dict(error.recipients)


def compose(message: Message, channel: Channel, *, again: bool = False) -> EmailMessage:
    """The same on every attempt but for the remark that it may be a second one.

    Raises:
        MessageError, ValueError: an address of the settings is not valid.
    """
    domain = _bare(channel.sender or "").rpartition("@")[2]
    letter = EmailMessage(policy=SMTP)
    letter["Subject"] = short(headline(message), SUBJECT)
    letter["From"] = _address(channel.sender or "")
    letter["To"] = [_address(text) for text in channel.to]
    letter["Date"] = format_datetime(datetime.fromtimestamp(message.at_ns / 1e9, UTC))
    letter["Message-ID"] = f"<{_digest(message.id, channel.name)}@{domain}>"
    if message.dedup_key:
        thread = f"<{_digest(message.dedup_key, channel.name)}.thread@{domain}>"
        letter["In-Reply-To"] = thread
        letter["References"] = thread
    letter["Auto-Submitted"] = "auto-generated"
    letter["X-Auto-Response-Suppress"] = "All"
    letter.set_content(as_text(message, again=again), cte="quoted-printable")
    letter.add_alternative(message.html or as_html(message, again=again), subtype="html", cte="quoted-printable")
    return letter


def _recipients(channel: Channel) -> list[str]:
    return list(dict.fromkeys(_bare(text) for text in channel.to))


def _address(text: str) -> Address:
    name, bare = parseaddr(plain(text))
    return Address(display_name=name, addr_spec=_in_ascii(bare))


def _bare(text: str) -> str:
    return _in_ascii(parseaddr(plain(text))[1])


def _in_ascii(bare: str) -> str:
    """With the domain as the name service knows it; a letter box beyond ASCII needs a server with SMTPUTF8."""
    box, at, domain = bare.rpartition("@")
    try:
        return box + at + domain.encode("idna").decode()
    except UnicodeError:
        return bare


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _own_name() -> str:
    """For the greeting. `socket.getfqdn`, which smtplib would ask, may wait long for a name server."""
    name = socket.gethostname()
    return name if name and all(part.replace("-", "").isalnum() for part in name.split(".")) else "localhost"


def _words(attempt: Attempt, code: int, text: bytes | str) -> str:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {short(attempt.secrets.scrub(said), 200)}"
