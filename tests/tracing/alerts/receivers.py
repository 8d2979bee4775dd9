"""Real receivers on loopback. Each holds its vendor's schema, so that what a vendor would refuse is refused here."""

import base64
import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Received:
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    status: int = 200
    text: str = "ok"
    headers: Mapping[str, str] = field(default_factory=dict)


Answering = Callable[[Received], Reply]


@dataclass
class Receiver:
    """An HTTP server; `answer` may be replaced at any time."""

    answer: Answering
    url: str = ""
    got: list[Received] = field(default_factory=list)


@contextmanager
def http_receiver(answer: Answering = lambda _: Reply(), tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    receiver = Receiver(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received = Received(self.path, headers, self.rfile.read(length))
            if len(received.body) < length:
                return  # the sender was killed while it spoke
            receiver.got.append(received)
            reply = receiver.answer(received)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(reply.text.encode())
            except OSError:
                return  # the sender read enough

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            return

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# Slack


def slack(received: Received) -> Reply:
    """As Slack's incoming webhooks judge a payload."""
    trouble = slack_trouble(received.json)
    return Reply(400, "invalid_payload") if trouble else Reply()


def slack_trouble(payload: Any) -> str:
    if not payload.get("text"):
        return "no_text"
    blocks = payload.get("blocks", [])
    if not 1 <= len(blocks) <= 50:
        return f"{len(blocks)} blocks"
    return next((trouble for block in blocks if (trouble := SLACK_BLOCKS[block["type"]](block))), "")


def _slack_text(text: Any, most: int, kinds: tuple[str, ...] = ("mrkdwn",)) -> str:
    if text["type"] not in kinds or not 1 <= len(text["text"]) <= most:
        return f"text of {len(text['text'])} characters, {text['type']}"
    if text["type"] == "mrkdwn" and ("<" in text["text"] or ">" in text["text"]):
        return "not escaped"
    if set(text) - {"type", "text", "emoji", "verbatim"} or ("emoji" in text) != (text["type"] == "plain_text"):
        return f"text with {sorted(text)}"
    return ""


def _slack_section(block: Any) -> str:
    fields = block.get("fields")
    if fields is None:
        return _slack_text(block["text"], 3_000)
    if not 1 <= len(fields) <= 10:
        return f"{len(fields)} fields"
    return next((trouble for text in fields if (trouble := _slack_text(text, 2_000))), "")


def _slack_actions(block: Any) -> str:
    if not 1 <= len(block["elements"]) <= 25:
        return "elements"
    for element in block["elements"]:
        if element["type"] != "button" or len(element["url"]) > 3_000:
            return "button"
        if trouble := _slack_text(element["text"], 75, ("plain_text",)):
            return trouble
    return ""


def _slack_context(block: Any) -> str:
    if not 1 <= len(block["elements"]) <= 10:
        return "elements"
    return next((trouble for text in block["elements"] if (trouble := _slack_text(text, 3_000))), "")


SLACK_BLOCKS: dict[str, Callable[[Any], str]] = {
    "header": lambda block: _slack_text(block["text"], 150, ("plain_text",)),
    "section": _slack_section,
    "actions": _slack_actions,
    "context": _slack_context,
}


# PagerDuty


@dataclass
class PagerDuty:
    """Incidents as PagerDuty would have them."""

    key: str
    open: dict[str, Any] = field(default_factory=dict)
    resolved: list[str] = field(default_factory=list)

    def __call__(self, received: Received) -> Reply:
        event = received.json
        if trouble := self.trouble(event, len(received.body)):
            return Reply(400, json.dumps({"status": "invalid event", "message": trouble, "errors": [trouble]}))
        key = event["dedup_key"]
        if event["event_action"] == "trigger":
            self.open.setdefault(key, event)
        elif self.open.pop(key, None):
            self.resolved.append(key)
        return Reply(202, json.dumps({"status": "success", "message": "Event processed", "dedup_key": key}))

    def trouble(self, event: Any, size: int) -> str:
        if size > 512 * 1024:
            return "too large"
        if event.get("routing_key") != self.key:
            return "'routing_key' is invalid"
        if event.get("event_action") not in {"trigger", "resolve"} or not 1 <= len(event.get("dedup_key", "")) <= 255:
            return "'event_action' or 'dedup_key' is invalid"
        return _payload_trouble(event) if event["event_action"] == "trigger" else ""


def _payload_trouble(event: Any) -> str:
    payload = event.get("payload", {})
    if missing := {"summary", "source", "severity"} - {name for name, value in payload.items() if value}:
        return f"missing {missing}"
    if len(payload["summary"]) > 1024 or payload["severity"] not in {"info", "warning", "error", "critical"}:
        return "'summary' or 'severity' is invalid"
    if not isinstance(payload.get("custom_details", {}), dict):
        return "custom_details"
    datetime.fromisoformat(payload["timestamp"])
    return "" if all(set(link) <= {"href", "text"} and link["href"] for link in event.get("links", [])) else "links"


# Standard Webhooks, after the text of the standard and without a line of ours


def verified(received: Received, secret: str, now_s: float | None = None) -> bool:
    stamp = int(received.headers["webhook-timestamp"])
    if now_s is not None and abs(now_s - stamp) > 300:
        return False
    signed = b".".join([received.headers["webhook-id"].encode(), str(stamp).encode(), received.body])
    expected = hmac.digest(base64.b64decode(secret.split("_", 1)[1]), signed, hashlib.sha256)
    versions = [part.split(",", 1) for part in received.headers["webhook-signature"].split(" ")]
    return any(version == "v1" and hmac.compare_digest(base64.b64decode(mac), expected) for version, mac in versions)


# certificates


def authority(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate authority's file, and a server's context with a certificate for localhost that it signed."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    ca = _signed(ca_name, ca_name, ca_key, ca_key, x509.BasicConstraints(ca=True, path_length=None))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = _signed(own, ca_name, key, ca_key, names)
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    (folder / "server.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return folder / "ca.pem", context


def _signed(name: Any, issuer: Any, key: Any, by: Any, extension: Any) -> Any:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    return builder.add_extension(extension, critical=False).sign(by, hashes.SHA256())


# what speaks no protocol


@contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port on loopback where `talk` has each connection to itself."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def one(line: socket.socket) -> None:
        with line:
            try:
                talk(line)
            except OSError:
                return

    def serve() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=one, args=(line,), daemon=True))
            threads[-1].start()

    server = threading.Thread(target=serve)
    server.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        server.join()
        for thread in threads:
            thread.join(5)


def says_nothing(line: socket.socket) -> None:
    line.recv(65_536)
    while line.recv(65_536):
        pass


def drips(line: socket.socket) -> None:
    """A byte now and then: no single read takes long."""
    line.recv(65_536)
    for letter in b"HTTP/1.1 200 OK\r\n" * 1_000:
        line.sendall(bytes([letter]))
        time.sleep(0.02)
