"""What can be written: each write is a value that applies itself, may be repeated, and may wait in memory first."""

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Protocol

from tracing import attributes as names
from tracing.finding import Finding
from tracing.jsonlike import clean, json_like
from tracing.span import AttributeValue, JsonValue, SpanKind, SpanState, SpanStatus, TraceState
from tracing.store.search import note_texts
from tracing.usage import MODELS, first, number, usage_of


class Write(Protocol):
    """One idempotent write; it runs inside a transaction."""

    def apply(self, connection: sqlite3.Connection) -> None: ...


@dataclass(frozen=True)
class PutPayload:
    """A redacted payload under the hash of its bytes; `data` None keeps only the hash and the size, until somebody has the data."""

    hash: str
    size_bytes: int
    compressed: bool
    data: bytes | None

    def apply(self, connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO payload(hash, size_bytes, compressed, data) VALUES (?, ?, ?, ?) ON CONFLICT(hash) DO UPDATE SET "
            "size_bytes = excluded.size_bytes, compressed = excluded.compressed, data = excluded.data "
            "WHERE payload.data IS NULL AND excluded.data IS NOT NULL",
            (self.hash, self.size_bytes, self.compressed, self.data),
        )


@dataclass(frozen=True)
class PutNode:
    """One message at the end of a conversation: a node of a linked list that many spans share."""

    parent_hash: str | None
    message_hash: str
    length: int

    @property
    def hash(self) -> str:
        return hashlib.sha256(f"{self.parent_hash or ''}:{self.message_hash}".encode()).hexdigest()

    def apply(self, connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO conversation(hash, parent_hash, message_hash, length) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (self.hash, self.parent_hash, self.message_hash, self.length),
        )


@dataclass(frozen=True)
class PutTrace:
    state: TraceState
    at_ns: int

    def apply(self, connection: sqlite3.Connection) -> None:
        state = self.state
        connection.execute(
            _PUT_TRACE,
            {
                "trace_id": state.trace_id,
                "root_span_id": state.root_span_id,
                "name": state.name,
                "agent_id": state.agent_id,
                "session_id": state.session_id,
                "status": state.status.value,
                "error": state.error,
                "started_at_ns": state.started_at_ns,
                "ended_at_ns": state.ended_at_ns,
                "updated_at_ns": self.at_ns,
                "metadata": _json(state.metadata),
                "story": _label(state.metadata, names.STORY_ID, "story"),
                "repo": _label(state.metadata, names.REPO, "repo"),
                "owner_pid": state.owner.pid,
                "owner_started": state.owner.started,
                "owner_boot": state.owner.boot_id,
            },
        )


@dataclass(frozen=True)
class PutSpan:
    """A span as it is now; the trace's totals move by what changed since the last time. `texts` become findable."""

    state: SpanState
    at_ns: int
    texts: tuple[str, ...] = ()

    def apply(self, connection: sqlite3.Connection) -> None:
        state = self.state
        before = connection.execute(
            f"SELECT id, {', '.join(_COUNTED)} FROM span WHERE trace_id = ? AND span_id = ?",  # noqa: S608  constants
            (state.trace_id, state.span_id),
        ).fetchone()
        counted = _counted(state)
        put = connection.execute(_PUT_SPAN, _span_row(state) | counted)
        row_id = before["id"] if before else put.lastrowid
        assert row_id is not None
        note_texts(connection, row_id, self.texts)
        changes = {name: counted[name] - (before[name] if before else 0) for name in _COUNTED}
        connection.execute(
            _ADD_TO_TRACE,
            changes | {"spans": 0 if before else 1, "at_ns": self.at_ns, "trace_id": state.trace_id},
        )


@dataclass(frozen=True)
class PutFindings:
    """All that detectors found in a trace, in place of what was known. `version` is that of the detectors; 0: not finished."""

    trace_id: str
    findings: tuple[Finding, ...]
    version: int
    at_ns: int

    def apply(self, connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM finding WHERE trace_id = ?", (self.trace_id,))
        connection.executemany(_PUT_FINDING, [_finding_row(self, one) for one in self.findings])
        worst = max((one.severity for one in self.findings), default=0)
        connection.execute(
            "UPDATE trace SET findings = ?, worst = ?, analysed = ?, updated_at_ns = max(updated_at_ns, ?) WHERE trace_id = ?",
            (len(self.findings), int(worst), self.version, self.at_ns, self.trace_id),
        )


_COUNTED = (
    "errors",
    "turns",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "cost_micros",
    "unseen_micros",
    "simulated_micros",
)

_PUT_TRACE = """
INSERT INTO trace(trace_id, root_span_id, name, agent_id, session_id, status, error, started_at_ns, ended_at_ns,
  updated_at_ns, metadata, story, repo, owner_pid, owner_started, owner_boot)
VALUES (:trace_id, :root_span_id, :name, :agent_id, :session_id, :status, :error, :started_at_ns, :ended_at_ns,
  :updated_at_ns, :metadata, :story, :repo, :owner_pid, :owner_started, :owner_boot)
ON CONFLICT(trace_id) DO UPDATE SET status = excluded.status, error = excluded.error, metadata = excluded.metadata,
  story = excluded.story, repo = excluded.repo, ended_at_ns = excluded.ended_at_ns,
  updated_at_ns = excluded.updated_at_ns
"""

_PUT_FINDING = """
INSERT INTO finding(trace_id, detector, severity, verdict, title, evidence, remedy, nudge, span_id, span_ids,
  tokens, cost_micros, duration_ns, at_ns)
VALUES (:trace_id, :detector, :severity, :verdict, :title, :evidence, :remedy, :nudge, :span_id, :span_ids,
  :tokens, :cost_micros, :duration_ns, :at_ns)
"""

_SPAN_COLUMNS = (
    "trace_id", "span_id", "parent_span_id", "name", "kind", "status", "error", "started_at_ns", "ended_at_ns",
    "attributes", "events", "input_hash", "output_hash", "system_hash", "tools_hash", "conversation_hash", "model", "gist",
    *_COUNTED,
)  # fmt: skip

_PUT_SPAN = (
    f"INSERT INTO span({', '.join(_SPAN_COLUMNS)}) VALUES ({', '.join(':' + name for name in _SPAN_COLUMNS)}) "  # noqa: S608
    f"ON CONFLICT(trace_id, span_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _SPAN_COLUMNS[3:])}"
)

_ADD_TO_TRACE = (
    f"UPDATE trace SET spans = spans + :spans, {', '.join(f'{name} = {name} + :{name}' for name in _COUNTED)}, "  # noqa: S608
    "updated_at_ns = max(updated_at_ns, :at_ns) WHERE trace_id = :trace_id"
)


def _span_row(state: SpanState) -> dict[str, str | int | None]:
    return {
        "trace_id": state.trace_id,
        "span_id": state.span_id,
        "parent_span_id": state.parent_span_id,
        "name": state.name,
        "kind": state.kind.value,
        "status": state.status.value,
        "error": state.error,
        "started_at_ns": state.started_at_ns,
        "ended_at_ns": state.ended_at_ns,
        "attributes": _json(dict(state.attributes)),
        "events": _json([asdict(event) for event in state.events]),
        "input_hash": state.refs.input,
        "output_hash": state.refs.output,
        "system_hash": state.refs.system,
        "tools_hash": state.refs.tools,
        "conversation_hash": state.refs.conversation,
        "gist": state.gist,
        "model": _model(state.attributes),
    }


def _finding_row(put: PutFindings, finding: Finding) -> dict[str, str | int]:
    return {
        "trace_id": put.trace_id,
        "detector": clean(finding.detector),
        "severity": int(finding.severity),
        "verdict": finding.verdict.value,
        "title": clean(finding.title),
        "evidence": clean(finding.evidence),
        "remedy": clean(finding.remedy),
        "nudge": clean(finding.nudge),
        "span_id": finding.span_id,
        "span_ids": json.dumps(finding.span_ids),
        "tokens": finding.waste.tokens,
        "cost_micros": finding.waste.cost_micros,
        "duration_ns": finding.waste.duration_ns,
        "at_ns": put.at_ns,
    }


def _counted(state: SpanState) -> dict[str, int]:
    """What the span adds to its trace's totals; tokens and cost only from model calls, as each backend sums them."""
    is_call = state.kind is SpanKind.LLM
    read = state.attributes if is_call else {}
    used = usage_of(read)
    return {
        "errors": int(state.status is SpanStatus.ERROR),
        "turns": int(is_call and read.get(names.CALL_ATTEMPTS) != 0),  # 0: refused before it was sent
        "input_tokens": used.input_tokens,
        "cache_read_tokens": used.cache_read_tokens,
        "cache_write_tokens": used.cache_write_tokens,
        "output_tokens": used.output_tokens,
        "cost_micros": used.cost_micros,
        "unseen_micros": number(read, (names.UNSEEN_MICROS,)),
        "simulated_micros": used.cost_micros if read.get(names.COST_SIMULATED) else 0,
    }


def _model(attributes: Mapping[str, AttributeValue]) -> str | None:
    value = first(attributes, MODELS)
    return clean(value) if isinstance(value, str) else None


def _json(value: object) -> str:
    """Without lone surrogates: SQLite's own JSON functions would make bytes of them that nobody can read back."""
    try:
        return clean(json.dumps(value, ensure_ascii=False, allow_nan=False))
    except (ValueError, RecursionError):  # no finite number, or too deep: SQLite could not read any span of the trace
        return clean(json.dumps(json_like(value), ensure_ascii=False))


def _label(metadata: Mapping[str, JsonValue], *keys: str) -> str:
    """The first of `keys` that the metadata has as text; "" without one."""
    return next((clean(value) for key in keys if isinstance(value := metadata.get(key), str)), "")
