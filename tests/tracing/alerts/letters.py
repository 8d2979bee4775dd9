"""An SMTP server on loopback that keeps what it takes, and refuses what it is told to."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER, PASSWORD = "ralph", "mail-pass-9931"


@dataclass
class Office:
    """`judge` answers to each recipient, `judge_data` to the mail; "" is yes."""

    port: int = 0
    got: list[tuple[list[str], EmailMessage, bytes]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    judge: Callable[[str], str] = lambda _: ""
    judge_data: Callable[[EmailMessage], str] = lambda _: ""
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's)
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if said := self.judge(address):
            return said
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's)
        letter = message_from_bytes(envelope.content, policy=default)
        assert isinstance(letter, EmailMessage)
        if said := self.judge_data(letter):
            return said
        self.encrypted.append(session.ssl is not None)
        self.got.append((envelope.rcpt_tos, letter, envelope.content))
        return "250 taken"


@contextmanager
def mail_receiver(
    *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None, login: bool = False
) -> Iterator[Office]:
    office = Office()

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        office.logins.append(data.login.decode())
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)

    def protocol() -> SMTP:
        return SMTP(
            office,
            hostname="mail.test",
            tls_context=starttls,
            require_starttls=starttls is not None,
            auth_required=login,
            auth_require_tls=starttls is not None,
            authenticator=authenticate,
            enable_SMTPUTF8=True,
            loop=loop,
        )

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(protocol, "127.0.0.1", 0, ssl=tls))
    office.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield office
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
