"""The scripted model as Bedrock and Vertex serve it: the same answers under their paths, in their framing, with their errors.

Rewrites a cloud's request into Anthropic's and Anthropic's answer into the cloud's. Knows nothing about scripts.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast
from urllib.parse import unquote

from ralph.replay.event_stream import frame
from ralph.replay.service import BadRequestError
from ralph.replay.sse import Answer, Cut, Json, Part, dumps

BEDROCK_PATH = re.compile(r"/model/(?P<model>.+)/invoke-with-response-stream$")
VERTEX_PATH = re.compile(
    r"/projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+)/publishers/anthropic/models/(?P<model>[^/]+):streamRawPredict$"
)
EVENT_STREAM = (("content-type", "application/vnd.amazon.eventstream"),)
EXCEPTIONS = {  # Anthropic's error type -> the exception of a Bedrock stream
    "overloaded_error": "serviceUnavailableException",
    "rate_limit_error": "throttlingException",
    "api_error": "internalServerException",
}
STATUSES = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}


@dataclass(frozen=True)
class Call:
    """A request in Anthropic's shape."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Dialect(Protocol):
    def read(self, headers: Mapping[str, str], body: bytes) -> Call: ...
    def write(self, answer: Answer) -> Answer: ...


def dialect_of(path: str) -> Dialect | None:
    """The cloud that is asked for under this path; None: neither."""
    if found := BEDROCK_PATH.search(path):
        return Bedrock(unquote(found["model"]))
    if found := VERTEX_PATH.search(path):
        return Vertex(unquote(found["model"]))
    return None


@dataclass(frozen=True)
class Bedrock:
    model: str

    def read(self, headers: Mapping[str, str], body: bytes) -> Call:
        return _call(headers, _fields(body) | {"model": self.model, "stream": True})

    def write(self, answer: Answer) -> Answer:
        if answer.status >= 400:
            error = _error_of(answer)
            headers = (("content-type", "application/json"), *_kept(answer), ("x-amzn-errortype", str(error["type"])))
            return replace(answer, headers=headers, parts=(dumps({"message": error["message"]}).encode(),))
        parts = tuple(part for given in answer.parts for part in _chunks(given))
        return replace(answer, headers=(*EVENT_STREAM, *_kept(answer)), parts=parts)


@dataclass(frozen=True)
class Vertex:
    model: str

    def read(self, headers: Mapping[str, str], body: bytes) -> Call:
        return _call(headers, _fields(body) | {"model": self.model})

    def write(self, answer: Answer) -> Answer:
        if answer.status not in STATUSES:
            return answer  # what the model itself refuses comes in Anthropic's words
        message = _error_of(answer)["message"]
        error = {"code": answer.status, "message": message, "status": STATUSES[answer.status]}
        headers = (("content-type", "application/json"), *_kept(answer))
        return replace(answer, headers=headers, parts=(dumps([{"error": error}]).encode(),))


def _fields(body: bytes) -> Json:
    """The body as both clouds take it: the version is in it, the model is not.

    Raises: BadRequestError for what Anthropic takes and a cloud refuses.
    """
    fields = cast("Json", json.loads(body))
    if not fields.pop("anthropic_version", "") or "model" in fields:
        raise BadRequestError("anthropic_version: Field required; model: Extra inputs are not permitted")
    if "cache_control" in fields:
        raise BadRequestError("cache_control: Extra inputs are not permitted")
    return fields


def _call(headers: Mapping[str, str], fields: Json) -> Call:
    return Call("/v1/messages", {"anthropic-version": "in-the-body", **headers}, dumps(fields).encode())


def _kept(answer: Answer) -> Sequence[tuple[str, str]]:
    return [(name, value) for name, value in answer.headers if name not in {"content-type", "cache-control"}]


def _error_of(answer: Answer) -> Json:
    (body,) = answer.parts
    assert isinstance(body, bytes)
    return cast("Json", json.loads(body)["error"])


def _chunks(part: Part) -> Iterator[Part]:
    """The frame of one part; what is no server-sent event is damage, and stays it."""
    data = None if isinstance(part, Cut) else re.search(rb"^(?:event: (\w+)\n)?data: (.*)$", part, re.MULTILINE)
    if data is None:
        yield part
    elif data[1] == b"error":
        yield _exception(json.loads(data[2])["error"])
    else:
        payload = dumps({"bytes": base64.b64encode(data[2]).decode()}).encode()
        yield frame({":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}, payload)


def _exception(error: Json) -> bytes:
    kind = EXCEPTIONS.get(str(error["type"]), "validationException")
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return frame(headers, dumps({"message": error["message"]}).encode())
