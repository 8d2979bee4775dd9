"""One span from somebody's JSON: OTLP (attribute lists, ids in hex, times in ns as text), the SDKs' console form, span trees
as Phoenix exports them, and our own. Their fields differ in names only, so one table of names reads all of them.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tracing import attributes as names
from tracing.failures.reading import AGENTS, TOOL_NAMES
from tracing.span import AttributeValue, JsonValue, SpanKind, SpanStatus
from tracing.usage import MODELS, Attributes, first

Json = Mapping[str, JsonValue]

SPAN_ID = ("span_id", "spanId", "context.span_id", "context.spanId")
TRACE_ID = ("trace_id", "traceId", "context.trace_id", "context.traceId")
PARENT = ("parent_span_id", "parentSpanId", "parent_id", "parentId")
NAME = ("name", "span_name", "spanName")
KIND = ("span_kind", "spanKind", "kind")
STARTED = ("started_at_ns", "startTimeUnixNano", "start_time_unix_nano", "start_time", "startTime", "timestamp")
ENDED = ("ended_at_ns", "endTimeUnixNano", "end_time_unix_nano", "end_time", "endTime")
DURATION = ("duration",)
ATTRIBUTES = ("attributes", "span_attributes", "spanAttributes")
STATUS = ("status.code", "status.status_code", "status.statusCode", "status_code", "statusCode", "status")
MESSAGE = ("error", "status.message", "status.description", "status_message", "statusMessage")
CHILDREN = ("child_spans", "childSpans", "children", "spans")
EVENTS = ("events", "span_events")

_DURATION = re.compile(r"P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?$")
_PER_PART_S = (86_400, 3_600, 60, 1)
_KINDS = {
    "chat": SpanKind.LLM,
    "text_completion": SpanKind.LLM,
    "completion": SpanKind.LLM,
    "generate_content": SpanKind.LLM,
    "generation": SpanKind.LLM,
    "llm": SpanKind.LLM,
    "execute_tool": SpanKind.TOOL,
    "tool": SpanKind.TOOL,
    "invoke_agent": SpanKind.AGENT,
    "create_agent": SpanKind.AGENT,
    "agent": SpanKind.AGENT,
    "embeddings": SpanKind.EMBEDDING,
    "retrieval": SpanKind.RETRIEVER,
    "invoke_workflow": SpanKind.CHAIN,
}
_SAID_KIND = (
    names.SPAN_KIND,
    names.OPERATION,
    "traceloop.span.kind",
    "langfuse.observation.type",
    "langsmith.span.kind",
)


@dataclass(frozen=True)
class FileSpan:
    """A span of a file, as `reading.Facts`. `given` and `result` are what the file's own fields say, if it has some."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: SpanKind
    status: SpanStatus
    error: str | None
    started_at_ns: int
    ended_at_ns: int | None
    attributes: Attributes
    given: JsonValue = None
    result: JsonValue = None
    messages: JsonValue = None


def is_span(found: Json) -> bool:
    return _field(found, SPAN_ID) is not None


def spans_of(found: Json, trace_id: str = "", parent: str | None = None) -> Iterator[FileSpan]:
    """The span, and those that are nested in it; without recursion, since a file may be deeper than Python's stack."""
    waiting: list[tuple[Json, str, str | None]] = [(found, trace_id, parent)]
    while waiting:
        one, trace, above = waiting.pop()
        if is_span(one):
            span = _span(one, trace, above)
            yield span
            trace, above = span.trace_id, span.span_id
        children = _field(one, CHILDREN)
        if isinstance(children, list):
            waiting += [(child, trace, above) for child in reversed(children) if isinstance(child, Mapping)]


def _span(found: Json, trace_id: str, parent: str | None) -> FileSpan:
    attributes = plain_attributes(_field(found, ATTRIBUTES))
    started = time_ns(_field(found, STARTED)) or 0
    error, status = _failure(found)
    return FileSpan(
        trace_id=hex_id(_field(found, TRACE_ID), 16) or trace_id,
        span_id=hex_id(_field(found, SPAN_ID), 8),
        parent_span_id=hex_id(_field(found, PARENT), 8) or parent,
        name=str(_field(found, NAME) or ""),
        kind=_kind(_field(found, KIND), attributes, str(_field(found, NAME) or "")),
        status=status,
        error=error,
        started_at_ns=started,
        ended_at_ns=_ended_ns(found, started),
        attributes=attributes,
        given=found.get("input"),
        result=found.get("output"),
        messages=found.get("messages"),
    )


def _field(found: Json, wanted: Sequence[str]) -> JsonValue:
    """The first of these fields that is there; "a.b" is b inside a."""
    for name in wanted:
        outer, _, inner = name.partition(".")
        value = found.get(outer)
        if inner:
            value = value.get(inner) if isinstance(value, Mapping) else None
        elif isinstance(value, Mapping):
            continue
        if value is not None:
            return value
    return _mapping(found, wanted)


def _mapping(found: Json, wanted: Sequence[str]) -> JsonValue:
    return next((found[name] for name in wanted if isinstance(found.get(name), Mapping)), None)


def hex_id(value: JsonValue, size_bytes: int) -> str:
    """An id of OTel's as lower-case hex, also where a writer made base64 of it; anybody else's id as it is; "" without one."""
    text = str("" if value is None else value).strip()
    digits = text.removeprefix("0x")
    if re.fullmatch(r"[0-9a-fA-F]+", digits) and len(digits) == 2 * size_bytes:
        return digits.lower() if set(digits) != {"0"} else ""
    try:
        raw = base64.b64decode(text, validate=True) if text.endswith("=") else b""
    except (binascii.Error, ValueError):
        return text
    return raw.hex() if len(raw) == size_bytes else text


def time_ns(value: JsonValue) -> int | None:
    """Nanoseconds since the epoch: as a number or its text, else a date and time in ISO 8601 (UTC if it does not say)."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _scaled_ns(value)
    if not isinstance(value, str) or not value.strip():
        return None
    text = value.strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return _scaled_ns(float(text) if "." in text else int(text))
    return _iso_ns(text)


def _scaled_ns(number: float) -> int:
    """Seconds, milliseconds and microseconds since the epoch are told by their size."""
    for below, factor in ((1e11, 1_000_000_000), (1e14, 1_000_000), (1e17, 1_000)):
        if isinstance(number, float) and number < below:
            return int(number * factor)
    return int(number)


def _iso_ns(text: str) -> int | None:
    """Python's own parser takes microseconds at most; what stands behind them is added."""
    match = re.fullmatch(r"(.+?:\d\d)(?:\.(\d+))?\s*(Z|[+-]\d\d:?\d\d)?", text)
    try:
        whole = datetime.fromisoformat(f"{match[1] if match else text}{(match[3] if match else '') or '+00:00'}")
    except ValueError:
        return None
    fraction = int((match[2] or "0").ljust(9, "0")[:9]) if match else 0
    return int(whole.timestamp()) * 1_000_000_000 + fraction


def _ended_ns(found: Json, started_ns: int) -> int | None:
    ended = time_ns(_field(found, ENDED))
    if ended:
        return ended
    duration = _field(found, DURATION)
    if isinstance(duration, str) and (match := _DURATION.match(duration.strip())):
        seconds = sum(float(part or 0) * unit for part, unit in zip(match.groups(), _PER_PART_S, strict=True))
        return started_ns + round(seconds * 1_000_000_000)
    if isinstance(duration, int | float):
        return started_ns + int(duration)
    return None


def plain_attributes(given: JsonValue) -> dict[str, AttributeValue]:
    """Dotted names to plain values, from OTLP's list of key and value, or from an object however nested."""
    if isinstance(given, str):
        given = parsed(given)
    if isinstance(given, list):
        pairs = [item for item in given if isinstance(item, Mapping)]
        given = {str(pair.get("key")): _otlp_value(pair.get("value")) for pair in pairs}
    return dict(_flat(given)) if isinstance(given, Mapping) else {}


def parsed(text: str) -> JsonValue:
    """What a text says in JSON; the text itself where it is none."""
    if text[:1] not in {"{", "[", '"'}:
        return text
    try:
        found: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found


def _otlp_value(value: JsonValue, depth: int = 0) -> JsonValue:
    """OTLP's AnyValue; a 64-bit integer comes as a number or as its text."""
    if not isinstance(value, Mapping) or depth > 30:
        return value
    for name, one in value.items():
        word = name.replace("_", "").lower()
        if word == "intvalue":
            return int(one) if isinstance(one, str | int | float) and str(one).lstrip("-").isdecimal() else None
        if word in {"arrayvalue", "kvlistvalue"}:
            return _otlp_values(one, depth + 1)
        if word in {"stringvalue", "boolvalue", "doublevalue", "bytesvalue"}:
            return one
    return None


def _otlp_values(value: JsonValue, depth: int) -> JsonValue:
    listed = value.get("values") if isinstance(value, Mapping) else None
    items = listed if isinstance(listed, list) else []
    if items and all(isinstance(item, Mapping) and "key" in item for item in items):
        return {str(item["key"]): _otlp_value(item.get("value"), depth) for item in items if isinstance(item, Mapping)}
    return [_otlp_value(item, depth) for item in items]


def _flat(given: Json) -> Iterator[tuple[str, AttributeValue]]:
    waiting: list[tuple[str, JsonValue]] = [(str(name), value) for name, value in reversed([*given.items()])]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [(f"{name}.{inner}", one) for inner, one in reversed([*value.items()])]
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            waiting += [(f"{name}.{number}", item) for number, item in reversed(list(enumerate(value)))]
        elif isinstance(value, list):
            yield name, [str(item) for item in value]
        elif value is not None:
            yield name, value


def _kind(said: JsonValue, attributes: Attributes, name: str) -> SpanKind:
    """What the span calls itself, else what its attributes tell; OTel's own kinds (CLIENT, 3) say nothing here."""
    words = [str(attributes[key]) for key in _SAID_KIND if key in attributes] + (
        [said] if isinstance(said, str) else []
    )
    for word in words:
        if word.upper() in SpanKind.__members__ and word.upper() != SpanKind.UNKNOWN:
            return SpanKind(word.upper())
        if word.lower() in _KINDS:
            return _KINDS[word.lower()]
    if first(attributes, TOOL_NAMES[:2]) is not None:
        return SpanKind.TOOL
    if first(attributes, MODELS) is not None:
        return SpanKind.LLM
    first_word = name.split(" ", maxsplit=1)[0].lower()
    if first_word in {"chat", "execute_tool", "invoke_agent"}:
        return _KINDS[first_word]
    return SpanKind.AGENT if first(attributes, AGENTS[:2]) is not None else SpanKind.CHAIN


def _failure(found: Json) -> tuple[str | None, SpanStatus]:
    """What went wrong, if the span says that something did. OTLP's code 2 is an error."""
    code = str(_field(found, STATUS) or "").upper().removeprefix("STATUS_CODE_").removeprefix("STATUSCODE.")
    said = _field(found, MESSAGE) or _exception(found)
    if code in {"2", "ERROR", "INTERNAL_ERROR"}:
        return str(said or ""), SpanStatus.ERROR
    if code == SpanStatus.INTERRUPTED.upper():
        return str(said or ""), SpanStatus.INTERRUPTED
    return None, SpanStatus.OK


def _exception(found: Json) -> str:
    """The words of its last exception event."""
    events = _field(found, EVENTS)
    listed = [event for event in events if isinstance(event, Mapping)] if isinstance(events, list) else []
    thrown = [plain_attributes(_field(event, (*ATTRIBUTES, "event_attributes"))) for event in reversed(listed)]
    messages = (first(each, (names.EXCEPTION_MESSAGE, names.EXCEPTION_TYPE)) for each in thrown)
    return next((str(message) for message in messages if message is not None), "")
