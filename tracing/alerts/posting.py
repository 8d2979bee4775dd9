"""One POST to a checked address: no redirect is followed, no proxy is used, of the answer little is read."""

import http.client
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tracing.alerts.addresses import Target, connect, cut_off, parse, tls_context
from tracing.alerts.attempt import Attempt, RefusedError, UnansweredError
from tracing.words import cut, plain

MOST_BYTES = 16_384  # of an answer
AGAIN = {408, 425, 429}


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    retry_after_s: float

    @property
    def words(self) -> str:
        """What the receiver says, on one line."""
        said = cut(plain(self.text), 200)
        return f"{self.status}: {said}" if said else str(self.status)


class _Pinned(http.client.HTTPConnection):
    """Speaks over a connection that was made before."""

    def __init__(self, target: Target, line: socket.socket) -> None:
        super().__init__(target.host, target.port)
        self.sock = line


def post(attempt: Attempt, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """The answer, when it is one of success.

    Raises:
        RefusedError: a status that means "not like this"; its args[1] is the Answer.
        UnansweredError: no answer, or a status that means "later".
    """
    target = parse(url, private=attempt.channel.private)
    answer = _ask(target, body, headers, private=attempt.channel.private, timeout_s=attempt.timeout_s)
    answer = replace(answer, text=attempt.secrets.scrub(answer.text))  # whole, before it is cut
    if 200 <= answer.status < 300:
        return answer
    if answer.status in AGAIN or answer.status >= 500:
        raise UnansweredError(f"{target.host} answered {answer.words}", retry_after_s=answer.retry_after_s)
    if 300 <= answer.status < 400:
        raise RefusedError(
            f"{target.host} answered {answer.status} and sends elsewhere: give the final address.", answer
        )
    raise RefusedError(f"{target.host} answered {answer.words}", answer)


def _ask(target: Target, body: bytes, headers: Mapping[str, str], *, private: bool, timeout_s: float) -> Answer:
    ends = time.monotonic() + timeout_s
    line = connect(target.host, target.port, private=private, timeout_s=timeout_s)
    sent = False
    try:
        with cut_off(line, max(ends - time.monotonic(), 0.1)):
            if target.tls:
                line = tls_context().wrap_socket(line, server_hostname=target.host)
            sent = True
            return _exchange(_Pinned(target, line), target, body, headers)
    except (OSError, http.client.HTTPException, ValueError) as error:
        late = time.monotonic() >= ends or isinstance(error, TimeoutError)
        why = f"no answer within {timeout_s:g} s" if late else f"{type(error).__name__}: {error}"
        raise UnansweredError(f"{target.host}: {why}", maybe=sent) from None
    finally:
        line.close()


def _exchange(
    connection: http.client.HTTPConnection, target: Target, body: bytes, headers: Mapping[str, str]
) -> Answer:
    always = {
        "Host": target.host_header,
        "Content-Type": "application/json",
        "User-Agent": "ralph-alerts/1",
        "Connection": "close",
    }
    connection.request("POST", target.path, body=body, headers=always | dict(headers))
    with connection.getresponse() as response:
        text = response.read(MOST_BYTES).decode("utf-8", "replace")
        return Answer(response.status, text, retry_after_s(response.headers.get("Retry-After", "")))


def retry_after_s(text: str) -> float:
    """Of a Retry-After header, which is a number of seconds or a date; 0 where it is neither."""
    if text.strip().isdigit():
        return float(text.strip()[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max((at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)
