"""Where messages may go, and what secrets may be read."""

import os
import socket
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.tracing.alerts.offices import a_message, an_office, webhook
from tests.tracing.alerts.receivers import http_receiver
from tracing.alerts.addresses import parse, resolve, why_not
from tracing.alerts.attempt import RefusedError, UnansweredError
from tracing.alerts.courier import Delivered
from tracing.alerts.secrets import SecretError, Secrets

NEVER = ["169.254.169.254", "fe80::1", "fd00:ec2::254", "224.0.0.1", "ff02::1", "100.100.100.200", "168.63.129.16"]
NEVER += ["::ffff:169.254.169.254", "::ffff:0:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"]
PRIVATE = ["127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1"]
PRIVATE += ["255.255.255.255", "::1", "::", "fc00::1", "fd12:3456::1", "fec0::1", "::127.0.0.1", "2001:db8::1"]
PRIVATE += [
    "::ffff:127.0.0.1",
    "::ffff:0:7f00:1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "192.0.0.8",
]
PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("text", NEVER)
def test_some_addresses_are_never_meant(text: str) -> None:
    assert why_not(ip_address(text), private=False)
    assert why_not(ip_address(text), private=True)


@pytest.mark.parametrize("text", PRIVATE)
def test_inner_addresses_need_to_be_meant(text: str) -> None:
    assert why_not(ip_address(text), private=False)
    assert not why_not(ip_address(text), private=True)


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_fine(text: str) -> None:
    assert not why_not(ip_address(text), private=False)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f.1", "017700000001", "localhost", "[::1]", "127.1", "[::ffff:127.0.0.1]"]
)
def test_an_inner_address_is_refused_however_it_is_written(host: str) -> None:
    target = parse(f"https://{host}/x", private=False)
    with pytest.raises((RefusedError, UnansweredError), match=r"not sent, .* is an address of this machine|not known"):
        resolve(target.host, target.port, private=False)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://e.example/x", "e.example: the address must begin with https://"),
        ("https://sam:pw@e.example/x", "e.example: a name or password in the address is not accepted"),
        ("https://@e.example/x", "e.example: a name or password in the address is not accepted"),
        ("ftp://e.example", "the address is not valid"),
        ("file:///etc/passwd", "the address is not valid"),
        ("https://", "the address is not valid"),
        ("https://e.example:99999/", "the address is not valid"),
        ("https://[::1/", "the address is not valid"),
        ("https://e.example/a b", "has blanks or letters"),
        ("https://e.example/\r\nX: y", "has blanks or letters"),
        ("https://exämple.com/", "has blanks or letters"),
    ],
)
def test_an_address_that_is_none_is_refused_in_words(url: str, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        parse(url, private=False)


def test_a_name_is_asked_once_so_a_second_answer_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the address that is judged is the one that is connected to."""
    asked: list[object] = []

    def rebinding(*_: object, **__: object) -> list[Any]:
        asked.append(1)
        address = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    assert resolve("e.example", 443, private=False) == [(socket.AF_INET, ("93.184.216.34", 443))]
    with pytest.raises(UnansweredError, match=r"e\.example: not sent, 127\.0\.0\.1 is an address of this machine"):
        resolve("e.example", 443, private=False)


def test_of_several_addresses_only_those_outside_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, 443)) for text in ("10.0.0.1", "8.8.8.8")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert resolve("e.example", 443, private=False) == [(socket.AF_INET, ("8.8.8.8", 443))]


def test_a_channel_that_is_not_private_sends_nothing_to_this_machine(tmp_path: Path) -> None:
    with an_office(tmp_path) as office, http_receiver() as receiver:
        office.outbox.put(a_message(), ["hook"])
        url = receiver.url.replace("http:", "https:")
        assert office.deliver(webhook(url, private=False)) == Delivered(failed=1)
        assert office.only().note == (
            "127.0.0.1: not sent, it is an address of this machine or of a private network. If that is meant, set "
            "private = true for this channel."
        )
        assert receiver.got == []


# secrets


def kept(folder: Path, text: str = "s3cret-value\n", mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_a_secret_is_read_from_a_variable_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Secrets({"TOKEN": " abcd1234 "}).read("env:TOKEN") == "abcd1234"
    assert Secrets({}).read(f"file:{kept(tmp_path)}") == "s3cret-value"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Secrets({}).read("file:~/secret") == "s3cret-value"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o700, 0o666])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = kept(tmp_path, mode=mode)
    with pytest.raises(SecretError, match=f"has mode {mode:04o}.*Run: chmod 600 {path}"):
        Secrets({}).read(f"file:{path}")


def test_a_file_of_mode_0400_is_fine(tmp_path: Path) -> None:
    assert Secrets({}).read(f"file:{kept(tmp_path, mode=0o400)}") == "s3cret-value"


def test_what_is_no_file_of_the_users_own_is_refused_and_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, why in (("pipe", "not a regular file"), ("gone", "No such file"), (".", "not a regular file")):
        with pytest.raises(SecretError, match=why):
            Secrets({}).read(f"file:{tmp_path / name}")


def test_an_empty_secret_and_one_that_is_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="is empty"):
        Secrets({}).read(f"file:{kept(tmp_path, ' ')}")
    (tmp_path / "secret").write_bytes(b"\xff\xfe")
    with pytest.raises(SecretError, match="not text"):
        Secrets({}).read(f"file:{tmp_path / 'secret'}")
    with pytest.raises(SecretError, match="env:NOPE: the variable is not set"):
        Secrets({}).read("env:NOPE")


def test_what_was_read_is_removed_from_texts_in_every_form() -> None:
    secrets = Secrets({"URL": "https://hooks.example/services/T/B/x%y", "KEYS": "whsec_aaaa whsec_bbbb"})
    secrets.read("env:URL")
    secrets.read("env:KEYS")
    said = "at https://hooks.example/services/T/B/x%y: /services/T/B/x%y and services/T/B/x%25y, whsec_bbbb, whsec_aaaa"
    assert secrets.scrub(said) == "at [secret]: /[secret] and services/T/B/x%25y, [secret], [secret]"
