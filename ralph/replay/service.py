"""The parts of the service around the model: who may ask, what a request must look like, which models there are.

Knows nothing about scripts.
"""

import json
from collections.abc import Mapping
from typing import cast

from ralph.replay.sse import Answer, Json, dumps, error_answer
from ralph.replay.turn import ERROR_TYPES, Failure
from ralph.replay.validate import MAX_OUTPUT_TOKENS, problem

MAX_REQUEST_BYTES = 32_000_000
MODELS: Mapping[str, str] = {
    "claude-opus-5-5": "Claude Opus 5.5",
    "claude-sonnet-5-5": "Claude Sonnet 5.5",
    "claude-haiku-5-5": "Claude Haiku 5.5",
}


class BadRequestError(Exception):
    """The request is refused with HTTP 400 and this text."""


def failure(status: int, message: str = "") -> Failure:
    usual_type, usual_message = ERROR_TYPES[status]
    return Failure(status, usual_type, message or usual_message)


def refused(headers: Mapping[str, str], size_bytes: int) -> Failure | None:
    """What is wrong before the body is read; None: nothing."""
    if "x-api-key" not in headers and "authorization" not in headers:
        return failure(401, "x-api-key header is required")
    if "anthropic-version" not in headers:
        return failure(400, "anthropic-version: header is required")
    if size_bytes > MAX_REQUEST_BYTES:
        return failure(413, "Request exceeds the maximum size")
    return None


def parsed(raw: bytes, *, count_only: bool = False) -> Json:
    """The request body.

    Raises: BadRequestError in the service's words.
    """
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise BadRequestError(f"The request body is not valid JSON: {error}") from error
    text = problem(body | {"max_tokens": 1} if count_only else body)
    if text is not None:
        raise BadRequestError(text)
    return cast("Json", body)


def json_answer(body: Json, request_id: str) -> Answer:
    return Answer(200, (("content-type", "application/json"), ("request-id", request_id)), (dumps(body).encode(),))


def models_answer(path: str) -> Answer:
    """`GET /v1/models` and `GET /v1/models/ID`."""
    name = path.rpartition("/v1/models")[2].strip("/")
    if "/v1/models" not in path or (name and name not in MODELS):
        return error_answer(failure(404, f"model: {name}" if name else f"No route for GET {path}"), "req_script_lost")
    if name:
        return json_answer(_model(name), "req_script_model")
    page: Json = {"data": [_model(each) for each in MODELS], "has_more": False}
    return json_answer(page | {"first_id": next(iter(MODELS)), "last_id": list(MODELS)[-1]}, "req_script_models")


def _model(name: str) -> Json:
    return {
        "type": "model",
        "id": name,
        "display_name": MODELS[name],
        "created_at": "2026-06-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 1_000_000,
        "max_tokens": MAX_OUTPUT_TOKENS,
    }
