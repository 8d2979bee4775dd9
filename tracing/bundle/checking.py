"""A bundle read as if an enemy had made it: every line bounded and valid, every hash true, everything named also there.

Only ids and hashes are held in memory. What is wrong is said with the line that it stands in.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from tracing.attributes import UNSEEN_MICROS, USAGE_PREFIXES
from tracing.bundle.lines import (
    LINE,
    MOST,
    VERSION,
    EndLine,
    FindingLine,
    Head,
    Line,
    NodeLine,
    PayloadLine,
    SpanLine,
    TraceLine,
)
from tracing.jsonlike import from_bytes
from tracing.span import JsonValue
from tracing.store.writes import PutNode

MOST_LINE_BYTES = 32_000_000
MOST_BYTES = 2_000_000_000
MOST_LINES = 500_000
MOST_DEPTH = 100


class BundleError(Exception):
    """The file is no trace that can be taken in; the message says what is wrong and where."""


@dataclass
class Checked:
    """What was seen so far, to hold the rest against."""

    payloads: set[str] = field(default_factory=set)
    nodes: dict[str, int] = field(default_factory=dict)
    spans: set[str] = field(default_factory=set)
    trace: TraceLine | None = None


def read(path: Path) -> Iterator[Line]:
    """The lines between head and end, each valid by itself.

    Raises:
        BundleError: it is no bundle, a newer one, cut, too large, or one of its lines is wrong.
    """
    number = 0
    try:
        with gzip.open(path) as file:
            for number, line in _numbered(path, file):
                if isinstance(line, EndLine):
                    _require(line.lines == number - 2, path, number, "it says that other lines were before it")
                    _require(not file.read(1), path, number, "there is more behind the end")
                    return
                if number == 1:
                    _require(isinstance(line, Head), path, 1, "this is no head of a trace")
                    continue
                _require(not isinstance(line, Head), path, number, "a second head")
                yield line
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BundleError(
            f"{path}: is no file that `ralph export` wrote ({error}). Name one that ends in .ralph-trace."
        ) from error
    except EOFError as error:
        raise BundleError(f"{path}: is cut behind line {number}. Have it sent once more.") from error
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror or error}.") from error
    raise BundleError(f"{path}: is cut behind line {number}. Have it sent once more.")


def check(path: Path) -> TraceLine:
    """The trace of a bundle in which everything fits.

    Raises:
        BundleError: something does not; nothing was written yet.
    """
    seen = Checked()
    for number, line in enumerate(read(path), 2):
        _fit(seen, line, path, number)
    _require(seen.trace is not None, path, 1, "there is no trace in it")
    assert seen.trace is not None
    _require(seen.trace.root_span_id in seen.spans, path, 1, "its root span is not there")
    return seen.trace


def _numbered(path: Path, file: gzip.GzipFile) -> Iterator[tuple[int, Line]]:
    size = 0
    for number in range(1, MOST_LINES + 1):
        text = file.readline(MOST_LINE_BYTES)
        if not text:
            return
        size += len(text)
        _require(text.endswith(b"\n"), path, number, f"longer than {MOST_LINE_BYTES:,} bytes, or cut")
        _require(size <= MOST_BYTES, path, number, f"more than {MOST_BYTES:,} bytes when unpacked")
        yield number, _line(path, number, text)
    raise BundleError(f"{path}: more than {MOST_LINES:,} lines.")


def _line(path: Path, number: int, text: bytes) -> Line:
    try:
        facts = json.loads(text)
        if number == 1 and isinstance(facts, dict) and facts.get("version", VERSION) != VERSION:
            raise BundleError(
                f"{path}: version {str(facts['version'])[:20]}, and this Ralph reads {VERSION}. Upgrade Ralph."
            )
        _require(_is_flat(facts), path, number, "nested too deep")
        return LINE.validate_python(facts)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:100]
        raise BundleError(f"{path}: line {number}: {where}: {first['msg'][:200]}.") from None
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: line {number}: is no JSON object: {str(error)[:100]}.") from None


def _fit(seen: Checked, line: Line, path: Path, number: int) -> None:
    if isinstance(line, PayloadLine):
        _require(_is_true(line), path, number, "the payload is not what its hash says")
        seen.payloads.add(line.hash)
    elif isinstance(line, NodeLine):
        _fit_node(seen, line, path, number)
    elif isinstance(line, TraceLine):
        _require(seen.trace is None, path, number, "a second trace")
        _require((line.ended_at_ns or MOST_BYTES**2) >= line.started_at_ns, path, number, "it ends before it begins")
        seen.trace = line
    elif isinstance(line, SpanLine):
        _fit_span(seen, line, path, number)
    elif isinstance(line, FindingLine):
        _require(seen.spans.issuperset(line.span_ids), path, number, "it names a span that is not there")


def _fit_node(seen: Checked, line: NodeLine, path: Path, number: int) -> None:
    true = PutNode(line.parent, line.message, line.length).hash == line.hash
    length = seen.nodes.get(line.parent, -1) if line.parent else 0
    _require(true, path, number, "the message is not what its hash says")
    _require(line.length == length + 1, path, number, "the message before it is not there")
    _require(line.message in seen.payloads, path, number, "its payload is not there")
    seen.nodes[line.hash] = line.length


def _fit_span(seen: Checked, line: SpanLine, path: Path, number: int) -> None:
    payloads = {one for one in (line.input, line.output, line.system, line.tools) if one}
    _require(seen.trace is not None, path, number, "a span before its trace")
    _require(line.span_id not in seen.spans, path, number, "a second span with this id")
    _require(line.parent_span_id != line.span_id, path, number, "the span is its own parent")
    _require(payloads <= seen.payloads, path, number, "a payload of it is not there")
    _require(line.conversation in {None, *seen.nodes}, path, number, "its conversation is not there")
    _require((line.ended_at_ns or MOST_BYTES**2) >= line.started_at_ns, path, number, "it ends before it begins")
    _require(all(map(_is_sane, line.attributes.items())), path, number, "an amount in it is beyond all measure")
    seen.spans.add(line.span_id)


def _is_sane(attribute: tuple[str, object]) -> bool:
    """Whether tokens and costs can be added up."""
    name, value = attribute
    counts = name.startswith((*USAGE_PREFIXES, UNSEEN_MICROS)) and isinstance(value, int | float)
    return not counts or (isinstance(value, int | float) and 0 <= value <= MOST)


def _is_true(line: PayloadLine) -> bool:
    if line.data is None:
        return True
    data = line.data.encode("utf-8", "surrogatepass")
    try:
        return hashlib.sha256(data).hexdigest() == line.hash and _is_flat(from_bytes(data))
    except (ValueError, RecursionError):
        return False


def _is_flat(value: JsonValue) -> bool:
    """Whether nothing in it is nested deeper than pages can show."""
    level: list[JsonValue] = [value]
    for _ in range(MOST_DEPTH):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _inside(outer)]
        if not level:
            return True
    return False


def _inside(value: JsonValue) -> Iterator[JsonValue]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _require(is_so: bool, path: Path, number: int, what: str) -> None:
    if not is_so:
        raise BundleError(f"{path}: line {number}: {what}.")
