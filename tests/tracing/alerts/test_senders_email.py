"""Mail against real SMTP servers on loopback, and against some that misbehave."""

import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tracing.alerts.letters import PASSWORD, USER, mail_receiver
from tests.tracing.alerts.offices import Office, a_message, an_office
from tests.tracing.alerts.receivers import authority, raw_server, says_nothing
from tracing.alerts.channels import Channel
from tracing.alerts.courier import Delivered
from tracing.alerts.message import Fact, Kind, Link
from tracing.alerts.outbox import State

pytestmark = pytest.mark.filterwarnings(
    "ignore:Requiring AUTH while not requiring TLS"
)  # where aiosmtpd has TLS around it
LOGIN = {"username": USER, "password": "env:MAIL"}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with an_office(tmp_path) as office:
        office.environment["MAIL"] = PASSWORD
        yield office


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def trusted(authorities: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's context whose authority this process trusts, by the variable that every program knows."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities[0]))
    return authorities[1]


def mail(port: int, **settings: Any) -> Channel:
    given: dict[str, Any] = {
        "name": "mail",
        "kind": "email",
        "host": "localhost",
        "port": port,
        "security": "none",
        "sender": "Ralph <ralph@example.com>",
        "to": ("Sam <sam@example.com>",),
        "private": True,
    }
    return Channel(**given | settings)


def test_a_mail_has_text_and_html_and_what_keeps_machines_from_answering(office: Office) -> None:
    office.outbox.put(a_message("m1", Kind.FIRING, "k"), ["mail"])
    with mail_receiver() as server:
        assert office.deliver(mail(server.port)) == Delivered(sent=1)
    ((recipients, letter, _),) = server.got
    assert recipients == ["sam@example.com"]
    assert letter["Subject"] == "[critical] shop: the day's limit is at 95 %"
    assert (letter["From"], letter["To"]) == ("Ralph <ralph@example.com>", "Sam <sam@example.com>")
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Date"].datetime.timestamp() == 1_763_000_000
    text, html = [part.get_content() for part in letter.iter_parts()]
    for part in ("CRITICAL", "Raise the limit", "Spent: $9.50 of $10.00", "The trace: ralph trace 45f0 --span 9c1e"):
        assert part in text
    assert '<meta name="viewport"' in html
    assert "&lt;reserved&gt;" in html
    assert "US-001 &lt;b&gt;" in html
    assert "ralph trace 45f0 --span 9c1e</code>" in html
    assert "already" not in text + html


def test_what_belongs_together_is_one_thread_and_each_mail_has_its_own_id(office: Office) -> None:
    office.outbox.put(a_message("f", Kind.FIRING, "k"), ["mail"])
    office.outbox.put(a_message("r", Kind.RESOLVED, "k"), ["mail"])
    office.outbox.put(a_message("x", Kind.FIRING, "k2"), ["mail"])
    with mail_receiver() as server:
        office.deliver(mail(server.port))
    threads = {letter["Subject"].split("]")[0]: letter["References"] for _, letter, _ in server.got[:2]}
    assert threads["[critical"] == threads["[resolved"]
    assert len({letter["References"] for _, letter, _ in server.got}) == 2
    assert len({letter["Message-ID"] for _, letter, _ in server.got}) == 3


def test_a_report_goes_out_as_the_document_it_is(office: Office) -> None:
    page = "<!doctype html><title>r</title><p>" + "long " * 2_000 + "</p>"
    office.outbox.put(a_message("m", Kind.REPORT, title="Last night: 3 of 5", html=page), ["mail"])
    with mail_receiver() as server:
        office.deliver(mail(server.port))
    _, letter, _ = server.got[0]
    assert letter["Subject"] == "Last night: 3 of 5"
    html = letter.get_body(("html",))
    assert html is not None
    assert html.get_content().strip() == page


def test_nothing_in_a_message_can_add_a_header_and_no_line_is_too_long(office: Office) -> None:
    hostile = "Grüße\r\nBcc: victim@example.com\r\n\r\n<script>alert(1)</script>" + "ü" * 3_000 + "x" * 3_000
    links = (
        Link('"><script>', "ralph\r\nX: y", 'https://e.example/"><script>'),
        Link("js", "c", "javascript:alert(1)"),
    )
    office.outbox.put(
        a_message("a\r\nX: 1", text=hostile, title=hostile, key=hostile, facts=(Fact(hostile, hostile),), links=links),
        ["mail"],
    )
    with mail_receiver() as server:
        assert office.deliver(mail(server.port, sender="Jürgen Ünal <ralph@exämple.com>")) == Delivered(sent=1)
    ((recipients, letter, raw),) = server.got
    assert recipients == ["sam@example.com"]
    assert (letter["Bcc"], letter["X"]) == (None, None)
    assert letter["From"] == "Jürgen Ünal <ralph@xn--exmple-cua.com>"
    assert letter["Subject"].startswith("[critical] Grüße Bcc: victim@example.com <script>")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    html = letter.get_body(("html",))
    assert html is not None
    assert "<script" not in html.get_content()
    assert "javascript:" not in html.get_content()


def test_starttls_with_a_login(office: Office, trusted: ssl.SSLContext) -> None:
    office.outbox.put(a_message(), ["mail"])
    with mail_receiver(starttls=trusted, login=True) as server:
        assert office.deliver(mail(server.port, security="starttls", **LOGIN)) == Delivered(sent=1)
    assert (server.encrypted, server.logins) == ([True], [USER])


def test_tls_from_the_start_with_a_login(office: Office, trusted: ssl.SSLContext) -> None:
    office.outbox.put(a_message(), ["mail"])
    with mail_receiver(tls=trusted, login=True) as server:
        assert office.deliver(mail(server.port, security="tls", **LOGIN)) == Delivered(sent=1)
    assert server.logins == [USER]


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_certificate_that_nobody_vouches_for_is_not_accepted(
    office: Office, authorities: tuple[Path, ssl.SSLContext], security: str
) -> None:
    office.outbox.put(a_message(), ["mail"])
    kind = {"tls": authorities[1]} if security == "tls" else {"starttls": authorities[1]}
    with mail_receiver(**kind, login=True) as server:
        assert office.deliver(mail(server.port, security=security, **LOGIN)) == Delivered(left=1)
    assert office.only().note.startswith("localhost: its certificate is not accepted:")
    assert (server.got, server.logins) == ([], [])


def test_a_server_that_cannot_encrypt_gets_neither_the_password_nor_the_mail(office: Office) -> None:
    office.outbox.put(a_message(), ["mail"])
    with mail_receiver(login=True) as server:
        assert office.deliver(mail(server.port, security="starttls", **LOGIN)) == Delivered(failed=1)
    assert "STARTTLS extension not supported by server" in office.only().note
    assert (server.got, server.logins) == ([], [])


def test_mail_without_encryption_stays_in_the_own_network(office: Office) -> None:
    office.outbox.put(a_message(), ["mail"])
    assert office.deliver(mail(25, private=False)) == Delivered(failed=1)
    assert office.only().note.startswith("localhost: mail is not sent without encryption.")


def test_a_host_of_the_own_network_needs_to_be_meant(office: Office) -> None:
    office.outbox.put(a_message(), ["mail"])
    with mail_receiver() as server:
        assert office.deliver(mail(server.port, security="tls", private=False)) == Delivered(left=1)
    assert "is an address of this machine or of a private network" in office.only().note


def test_a_wrong_password_is_said_and_not_repeated(office: Office, trusted: ssl.SSLContext, tmp_path: Path) -> None:
    office.environment["MAIL"] = "wrong-secret-123"
    office.outbox.put(a_message(), ["mail"])
    with mail_receiver(tls=trusted, login=True) as server:
        assert office.deliver(mail(server.port, security="tls", **LOGIN)) == Delivered(failed=1)
    assert office.only().note == "localhost answered 535 5.7.8 Authentication credentials invalid"
    assert all(b"wrong-secret-123" not in path.read_bytes() for path in tmp_path.glob("ledger.db*"))


def test_a_recipient_that_is_refused_keeps_the_others_from_nothing(office: Office) -> None:
    office.outbox.put(a_message(), ["mail"])
    with mail_receiver() as server:
        server.judge = lambda address: "550 5.1.1 no such user" if "gone" in address else ""
        assert office.deliver(mail(server.port, to=("gone@example.com", "sam@example.com"))) == Delivered(sent=1)
    assert server.got[0][0] == ["sam@example.com"]
    assert office.only().note == "not taken for gone@example.com: 550 5.1.1 no such user"


def test_when_every_recipient_is_refused_it_is_given_up(office: Office) -> None:
    office.outbox.put(a_message(), ["mail"])
    with mail_receiver() as server:
        server.judge = lambda _: "550 no such user"
        assert office.deliver(mail(server.port)) == Delivered(failed=1)
    assert office.only().note == "no recipient was taken: sam@example.com: 550 no such user"


def test_who_is_greylisted_gets_it_later_and_who_has_it_does_not_get_it_again(office: Office) -> None:
    office.outbox.put(a_message(), ["mail"])
    with mail_receiver() as server:
        channel = mail(server.port, to=("grey@example.com", "sam@example.com"))
        server.judge = lambda address: "450 4.2.0 greylisted" if "grey" in address else ""
        assert office.deliver(channel) == Delivered(left=1)
        assert office.only().note == "not taken yet for grey@example.com: 450 4.2.0 greylisted"
        server.judge = lambda _: ""
        office.clock.advance(10)
        assert office.deliver(channel) == Delivered(sent=1)
    assert [recipients for recipients, _, _ in server.got] == [["sam@example.com"], ["grey@example.com"]]
    assert len({letter["Message-ID"] for _, letter, _ in server.got}) == 1


def test_who_is_refused_for_good_is_named_in_the_end_also_when_others_had_to_wait(office: Office) -> None:
    office.outbox.put(a_message(), ["mail"])
    says = {"gone@example.com": "550 no such user", "grey@example.com": "450 greylisted"}
    with mail_receiver() as server:
        channel = mail(server.port, to=("gone@example.com", "grey@example.com", "sam@example.com"))
        server.judge = lambda address: says.get(address, "")
        assert office.deliver(channel) == Delivered(left=1)
        del says["grey@example.com"]
        office.clock.advance(10)
        assert office.deliver(channel) == Delivered(sent=1)
    assert [recipients for recipients, _, _ in server.got] == [["sam@example.com"], ["grey@example.com"]]
    assert office.only().note == "not taken for gone@example.com: 550 no such user"


def test_a_mail_that_is_put_off_is_sent_later_under_the_same_id(office: Office) -> None:
    office.outbox.put(a_message(), ["mail"])
    seen = []
    with mail_receiver() as server:
        server.judge_data = lambda letter: seen.append(letter["Message-ID"]) or "451 4.7.1 try again later"  # type: ignore[func-returns-value]
        assert office.deliver(mail(server.port)) == Delivered(left=1)
        assert office.only().note == "localhost answered 451 4.7.1 try again later"
        server.judge_data = lambda _: ""
        office.clock.advance(10)
        assert office.deliver(mail(server.port)) == Delivered(sent=1)
    assert seen == [server.got[0][1]["Message-ID"]]


def test_a_mail_that_is_refused_as_such_is_given_up(office: Office) -> None:
    office.outbox.put(a_message(), ["mail"])
    with mail_receiver() as server:
        server.judge_data = lambda _: "554 5.7.1 looks like spam"
        assert office.deliver(mail(server.port)) == Delivered(failed=1)
    assert office.only().note == "localhost answered 554 5.7.1 looks like spam"


def conversation(*after_data: bytes) -> Callable[[socket.socket], None]:
    """A server that says yes to everything and `after_data` to the mail; nothing: it hangs up."""

    def talk(line: socket.socket) -> None:
        stream = line.makefile("rwb")
        stream.write(b"220 mail.test\r\n")
        stream.flush()
        while command := stream.readline():
            if command.upper().startswith(b"DATA"):
                stream.write(b"354 go on\r\n")
                stream.flush()
                while stream.readline() not in {b".\r\n", b""}:
                    pass
                for answer in after_data:
                    stream.write(answer)
                stream.flush()
                return
            stream.write(b"250 OK\r\n")
            stream.flush()

    return talk


def test_when_the_connection_breaks_after_the_mail_it_is_sent_again_and_says_so(office: Office) -> None:
    office.outbox.put(a_message(), ["mail"])
    with raw_server(conversation()) as port:
        assert office.deliver(mail(port)) == Delivered(left=1)
    assert office.only().note.startswith("localhost: SMTPServerDisconnected:")
    office.clock.advance(10)
    with mail_receiver() as server:
        assert office.deliver(mail(server.port)) == Delivered(sent=1)
    assert "you may have it already" in server.got[0][1].as_string()


def test_when_the_connection_breaks_after_the_answer_it_is_sent_all_the_same(office: Office) -> None:
    office.outbox.put(a_message(), ["mail"])
    with raw_server(conversation(b"250 taken\r\n")) as port:
        assert office.deliver(mail(port)) == Delivered(sent=1)


def test_a_server_that_hangs_is_left_in_time(office: Office) -> None:
    office.outbox.put(a_message(), ["mail"])
    with raw_server(says_nothing) as port:
        assert office.deliver(mail(port), timeout_s=0.2) == Delivered(left=1)
    assert office.only().note == "localhost: no answer within 0.2 s"


def test_a_server_that_is_not_there_is_tried_later(office: Office) -> None:
    office.outbox.put(a_message(), ["mail"])
    with raw_server(says_nothing) as port:
        pass
    assert office.deliver(mail(port)) == Delivered(left=1)
    assert office.only().note == f"localhost:{port}: cannot be reached: Connection refused."


def test_an_address_that_is_none_is_said(office: Office) -> None:
    office.outbox.put(a_message(), ["mail"])
    with mail_receiver() as server:
        assert office.deliver(mail(server.port, to=("nobody",))) == Delivered(failed=1)
    assert "Look at `sender` and `to` of this channel." in office.only().note
    assert office.only().state is State.FAILED
