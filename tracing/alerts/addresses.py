"""Where a message may go: a guard against addresses that lead into this machine or its network (SSRF).

A name is resolved once, every address it stands for is judged, and the connection is made to an address that was judged: a
second look-up cannot lead elsewhere (DNS rebinding). A channel with `private = true` may go to private networks, though never
to link-local or metadata addresses. Proxies of the environment are not used: what a proxy connects to cannot be judged here.
"""

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from tracing.alerts.attempt import UnansweredError, UnusableError

Ip = IPv4Address | IPv6Address
INWARD = tuple(  # not global, whatever this version of Python thinks of them
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "240.0.0.0/4",
        "::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)
NEVER = tuple(  # of no use for a message even on a private network: link-local, metadata of clouds, multicast
    ip_network(text)
    for text in (
        "169.254.0.0/16",
        "fe80::/10",
        "fd00:ec2::/32",
        "fd20:ce::/32",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "224.0.0.0/4",
        "ff00::/8",
    )
)
TRANSLATING = (ip_network("64:ff9b::/96"), ip_network("::ffff:0:0:0/96"))  # NAT64 and SIIT
TRANSLATED = 4  # the last bytes of such an address are the IPv4 address


@dataclass(frozen=True)
class Target:
    """An address of the web, taken apart."""

    host: str
    port: int
    path: str
    tls: bool
    host_header: str


def parse(url: str, *, private: bool) -> Target:
    """Raises: UnusableError: it is none that a message may be sent to. The message does not repeat it: it may be a secret."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UnusableError("the address is not valid: it must look like https://host/path.") from None
    if parts.scheme not in {"https", "http"} or not host:
        raise UnusableError("the address is not valid: it must look like https://host/path.")
    if parts.scheme == "http" and not private:
        raise UnusableError(
            f"{host}: the address must begin with https://. For a host of your own network, set private = true."
        )
    if parts.username is not None or parts.password is not None:
        raise UnusableError(
            f"{host}: a name or password in the address is not accepted. Use a key of the channel instead."
        )
    if not url.isascii() or any(char <= " " or char == "\x7f" for char in url.strip()):
        raise UnusableError(f"{ascii(host)[1:-1]}: the address has blanks or letters that an address cannot have.")
    tls = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(host, port or (443 if tls else 80), path, tls, parts.netloc)


def why_not(address: Ip, *, private: bool) -> str:
    """Why nothing is sent there; "" where it may be."""
    inner = _embedded(address)
    if inner is not None:
        return why_not(inner, private=private)
    if any(address in network for network in NEVER if network.version == address.version):
        return "a link-local, metadata or multicast address"
    if private:
        return ""
    if not address.is_global or any(address in network for network in INWARD if network.version == address.version):
        return "an address of this machine or of a private network"
    return ""


def _embedded(address: Ip) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to."""
    if isinstance(address, IPv4Address):
        return None
    if any(address in network for network in TRANSLATING):
        return IPv4Address(address.packed[-TRANSLATED:])
    return address.ipv4_mapped or address.sixtofour


def resolve(host: str, port: int, *, private: bool) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    """The addresses of a host that a message may be sent to.

    Raises:
        UnansweredError: the name is not known now, or leads only where nothing is sent (a portal of a hotel does that too).
        UnusableError: it is itself such an address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnansweredError(f"{host}: the name is not known: {getattr(error, 'strerror', None) or error}.") from None
    refused = ""
    allowed: list[tuple[socket.AddressFamily, tuple[str, int]]] = []
    for family, _, _, _, where in found:
        text = str(where[0])
        reason = why_not(ip_address(text.partition("%")[0]), private=private)
        refused = refused or (reason and f"{'it' if text == host else text} is {reason}")
        if not reason and (family, (text, port)) not in allowed:
            allowed.append((family, (text, port)))
    if allowed:
        return allowed
    hint = "" if private else " If that is meant, set private = true for this channel."
    error_type = UnusableError if _is_literal(host) else UnansweredError
    raise error_type(f"{host}: not sent, {refused}.{hint}")


def _is_literal(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def connect(host: str, port: int, *, private: bool, timeout_s: float) -> socket.socket:
    """A connection to an address of the host that was judged; the first that answers.

    Raises:
        SendError: as `resolve`, or none answers.
    """
    why = ""
    addresses = resolve(host, port, private=private)[:3]
    for family, where in addresses:
        line = socket.socket(family, socket.SOCK_STREAM)
        line.settimeout(timeout_s / len(addresses))
        try:
            line.connect(where)
        except OSError as error:
            line.close()
            why = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
            continue
        line.settimeout(timeout_s)
        return line
    raise UnansweredError(f"{host}:{port}: cannot be reached: {why}.")


def tls_context() -> ssl.SSLContext:
    """Certificates are always checked, by the authorities that this machine trusts and those of the file SSL_CERT_FILE."""
    import truststore  # noqa: PLC0415  # only who sends needs it

    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if further := os.environ.get("SSL_CERT_FILE"):
        context.load_verify_locations(further)
    return context


@contextmanager
def cut_off(line: socket.socket, after_s: float) -> Iterator[None]:
    """End the connection after so long in all: a timeout alone is begun anew with every byte of a receiver that drips."""
    twin = line.dup()
    timer = threading.Timer(after_s, _end, [twin])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        twin.close()


def _end(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has ended already
