"""A tool's output changes shape against its own history in this trace: fields gone or retyped, a list that became an object, an
error page where JSON was.

Every tool has a schema of its own, learned from its results as they come, for each kind of call apart (`action=list` and
`action=get` answer differently). Errors are not shapes, and tools that return whatever they are pointed at (a shell, a file, a
query language) have none, but for what a query language's answers come in: rows, or one text, or an object that holds the rows.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tracing.failures.calls import CALLS, reads_like_nothing
from tracing.failures.detector import Detector
from tracing.failures.error_text import error_in
from tracing.failures.json_shape import FEW, MANY, LearnedShape, Shape, kind_of, shape_of
from tracing.failures.observed import Observed, Subject
from tracing.failures.result_text import asked, brought, brought_text, is_shell, looks_like_json, text_of
from tracing.finding import Finding, Severity, Verdict
from tracing.span import JsonValue

_KINDS_OF_CALL = frozenset(
    {"action", "operation", "op", "method", "mode", "kind", "type", "format", "view", "resource", "endpoint"}
)
_POINTED_AT = frozenset(
    {
        "command",
        "cmd",
        "code",
        "script",
        "path",
        "file",
        "file_path",
        "filename",
        "file_name",
        "filepath",
    }
)
_QUERIES = ("sql", "query", "statement", "expression")
_QUERY_LANGUAGE = re.compile(r"\s*(?:select|with|insert|update|match|query|mutation|\{)\b", re.IGNORECASE)
_HTML = re.compile(r"\s*(?:<!doctype html|<html\b)", re.IGNORECASE)
_FEW_EMPTY = 5  # results with something in them before an empty one is worth a word
_SCALAR_CHARS = 20  # of a query's answer that is one value and no table; nothing at all is short too
_MOST_TOOLS = 500
_MOST_ENVELOPES = 20
_ADDRESS_CHARS = 400
_MOST_RESULTS = 2_000  # told apart per tool
_REMEDY = (
    "Compare the two results in the trace. If the tool or the service behind it changed, mend the tool (check its answer against "
    "a schema and fail loudly) and do not trust what the agent concluded from the results that differ."
)


@dataclass
class _Results:
    """What one kind of call has returned."""

    json: LearnedShape = field(default_factory=LearnedShape)
    envelopes: dict[frozenset[str], LearnedShape] = field(default_factory=dict)  # of a query's rows, by their keys
    texts: int = 0
    pages: int = 0
    empties: int = 0
    longest_json: int = 0
    seen: set[int] = field(default_factory=set)
    example: str = ""

    @property
    def total(self) -> int:
        return self.json.seen + self.texts + self.pages + self.empties


class ToolSchema(Detector):
    name = "tool_schema"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._results: dict[tuple[str, ...], _Results] = {}
        self._found: dict[tuple[str, ...], Finding] = {}

    def ended(self, span: Observed) -> Iterable[Finding]:
        if span.kind not in CALLS or not _has_a_shape(span) or error_in(span):
            return ()
        call = _kind_of_call(span)
        if call not in self._results and len(self._results) >= _MOST_TOOLS:
            return ()
        results = self._results.setdefault(call, _Results())
        said = hash((text_of(span.input), brought_text(span)))
        if said in results.seen or len(results.seen) >= _MOST_RESULTS:
            return ()
        results.seen.add(said)
        differences = _compare(results, span)
        if not differences:
            results.example = results.example or span.span_id
            return ()
        self._found[call] = self._finding(call, span, differences)
        return (self._found[call],)

    def _finding(self, call: tuple[str, ...], span: Observed, differences: tuple[str, ...]) -> Finding:
        earlier = self._found.get(call)
        if earlier is not None:
            more = (*earlier.span_ids, span.span_id)[:50]
            evidence = f"{earlier.evidence.partition(chr(10))[0]}\nIt differed in {len(more) - 1} results."
            return replace(earlier, span_ids=more, evidence=evidence)
        results = self._results[call]
        return Finding(
            self.name,
            Severity.WARNING,
            f"The output of `{span.name}` changed its shape",
            f"{results.total} results of `{span.name}` in this trace had one shape, this one has another: {'; '.join(differences)}.",
            _REMEDY,
            (span.span_id, results.example),
            verdict=Verdict.NOTE,
        )


def _has_a_shape(span: Observed) -> bool:
    if is_shell(span.name):
        return False
    arguments = asked(span)
    if not isinstance(arguments, Mapping):
        return True
    return _POINTED_AT.isdisjoint(arguments)


def _statement(span: Observed) -> str:
    """The first word of a query in a language: what it selects says which fields come, and only what they come in is the tool's."""
    arguments = asked(span)
    given = arguments if isinstance(arguments, Mapping) else {}
    texts = [
        (key, value.split(None, 1)[0].lower())
        for key in _QUERIES
        if isinstance(value := given.get(key), str) and value.strip()
    ]
    return next((word for key, word in texts if key != "query" or _QUERY_LANGUAGE.match(str(given[key]))), "")


def _kind_of_call(span: Observed) -> tuple[str, ...]:
    arguments = asked(span)
    if not isinstance(arguments, Mapping):
        return (span.name,)
    statement = _statement(span)
    chosen = [f"{key}={text_of(arguments[key])[:80]}" for key in sorted(_KINDS_OF_CALL & arguments.keys())]
    return (span.name, *([statement] if statement else []), *chosen, *_place(arguments))


def _place(arguments: Mapping[str, JsonValue]) -> list[str]:
    """Of an address, what stays the same from one record to the next."""
    addresses = [value for key in ("url", "uri") if isinstance(value := arguments.get(key), str)]
    parts = [address[:_ADDRESS_CHARS].partition("?")[0].split("/") for address in addresses]
    return ["/".join("*" if re.search(r"\d", part) else part for part in one) for one in parts]


def _compare(results: _Results, span: Observed) -> tuple[str, ...]:
    """What is different about a result; what is not different is learned."""
    data, text, is_query = brought(span), brought_text(span), bool(_statement(span))
    if not isinstance(data, str) and data is not None:
        differences = _compare_envelope(results, data) if is_query else ()
        shape = {"": frozenset({kind_of(data)})} if is_query else shape_of(data)
        return differences or _compare_json(results, shape, len(text))
    if reads_like_nothing(text) or (is_query and len(text) <= _SCALAR_CHARS):
        return ()
    if not text.strip():
        return _compare_other(results, "empties", "empty")
    if looks_like_json(data):
        return _compare_broken(results, text)
    if _HTML.match(text):
        return _compare_other(results, "pages", "an HTML page")
    return _compare_other(results, "texts", "plain text")


def _compare_envelope(results: _Results, data: JsonValue) -> tuple[str, ...]:
    """Of an object around a query's rows the same keys hold the same types, whatever was selected."""
    if not isinstance(data, Mapping):
        return ()
    keys = frozenset(data)
    if keys not in results.envelopes:
        if len(results.envelopes) >= _MOST_ENVELOPES or not any(isinstance(value, list) for value in data.values()):
            return ()
        results.envelopes[keys] = LearnedShape()
    shape = {"": frozenset({kind_of(data)})} | {key: frozenset({kind_of(value)}) for key, value in data.items()}
    differences = results.envelopes[keys].differences(shape)
    if not differences:
        results.envelopes[keys].learn(shape)
    return differences


def _compare_json(results: _Results, shape: Shape, chars: int) -> tuple[str, ...]:
    differences = results.json.differences(shape) if results.total == results.json.seen else ()
    if shape and not differences:
        results.json.learn(shape)
        results.longest_json = max(results.longest_json, chars)
    return differences


def _compare_other(results: _Results, which: str, words: str) -> tuple[str, ...]:
    """JSON that became something else, a text that became a page, and what was never empty."""
    enough = FEW if which != "empties" else MANY if results.texts else _FEW_EMPTY
    always_json = results.json.seen >= enough and results.total == results.json.seen
    always_text = results.texts >= enough and results.total == results.texts and which != "texts"
    if always_json or always_text:
        return (f"it was {'JSON' if always_json else 'text'} in {results.total} results, now {words}",)
    setattr(results, which, getattr(results, which) + 1)
    return ()


def _compare_broken(results: _Results, text: str) -> tuple[str, ...]:
    """A text cut by whoever recorded it is longer than what was recorded whole."""
    if results.json.seen >= FEW and results.total == results.json.seen and len(text) < results.longest_json:
        return (
            f"it was JSON in {results.total} results, now it begins like JSON and is not (it breaks off or is malformed)",
        )
    return ()
