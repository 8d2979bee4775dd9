"""A tool's output is held to what it was before, and to nothing else."""

import json

import pytest

from tracing.failures.observed import Observed, Subject
from tracing.failures.tool_schema import ToolSchema
from tracing.finding import Finding
from tracing.span import JsonValue, SpanKind


def results(*outputs: JsonValue, tool: str = "search_flights", is_error: bool = False) -> list[Observed]:
    return [
        Observed(f"s{i}", "root", SpanKind.TOOL, tool, input={"to": f"city {i}"}, output=output, is_error=is_error)
        for i, output in enumerate(outputs)
    ]


def found_in(spans: list[Observed]) -> list[Finding]:
    detector = ToolSchema(Subject())
    return list({finding.key: finding for span in spans for finding in detector.ended(span)}.values())


def flight(number: int, **other: JsonValue) -> dict[str, JsonValue]:
    return {"number": number, "price": 90 + number, "carrier": {"name": f"Air {number}"}, **other}


def page(number: int, *flights: JsonValue, **other: JsonValue) -> dict[str, JsonValue]:
    return {"items": list(flights), "page": number, **other}


ROWS: list[JsonValue] = [page(i, flight(i), flight(i + 1)) for i in range(6)]

CHANGES = [
    pytest.param(
        {"items": [{**flight(9), "price": "ninety"}], "page": 9},
        "`items[].price` was a number in 6 results, now text",
        id="retyped",
    ),
    pytest.param(
        {"results": [flight(9)], "page": 9},
        "`items` is gone after 6 results that had it (`results` is new)",
        id="renamed",
    ),
    pytest.param([flight(9)], "the result was an object in 6 results, now a list", id="object-to-list"),
    pytest.param({"items": {"a": 1}, "page": 9}, "`items` was a list in 6 results, now an object", id="list-to-object"),
    pytest.param(
        "We are closed for maintenance until Monday, see the notes.",
        "it was JSON in 6 results, now plain text",
        id="text",
    ),
    pytest.param(
        "<!DOCTYPE html><html><body>Sign in</body></html>", "it was JSON in 6 results, now an HTML page", id="html"
    ),
    pytest.param("", "it was JSON in 6 results, now empty", id="empty"),
    pytest.param(None, "it was JSON in 6 results, now empty", id="nothing"),
    pytest.param('{"items": [{"num', "it was JSON in 6 results, now it begins like JSON and is not", id="breaks-off"),
]


@pytest.mark.parametrize(("changed", "words"), CHANGES)
@pytest.mark.parametrize("as_text", [True, False], ids=["as-text", "as-json"])
def test_a_result_that_changed_its_shape_is_told_with_the_difference(
    changed: JsonValue, words: str, as_text: bool
) -> None:
    def wire(value: JsonValue) -> JsonValue:
        return json.dumps(value) if as_text and isinstance(value, dict | list) else value

    (finding,) = found_in(results(*map(wire, ROWS), wire(changed)))
    assert words in finding.evidence
    assert finding.span_ids == ("s6", "s0")
    assert "`search_flights`" in finding.title


def test_content_blocks_are_looked_into() -> None:
    blocks: list[JsonValue] = [[{"type": "text", "text": json.dumps(row)}] for row in ROWS]
    (finding,) = found_in(results(*blocks, [{"type": "text", "text": "[]"}]))
    assert "now a list" in finding.evidence


def test_results_that_stay_different_are_one_finding_that_names_them_all() -> None:
    (finding,) = found_in(results(*ROWS, "no", "still no", "never"))
    assert finding.span_ids == ("s6", "s0", "s7", "s8")
    assert "It differed in 3 results" in finding.evidence


@pytest.mark.parametrize(
    "outputs",
    [
        pytest.param([*ROWS[:2], []], id="too-few-seen"),
        pytest.param([*ROWS, page(7)], id="no-rows"),
        pytest.param([*ROWS, page(7, flight(1, seat="4A"), next="x")], id="more-fields"),
        pytest.param([*ROWS[:5], {"items": [flight(1)]}, {"page": 3}], id="one-optional-field-after-few"),
        pytest.param([*ROWS, page(7, flight(1) | {"price": 9.5})], id="whole-and-broken-numbers"),
        pytest.param([*ROWS, page(7, flight(1) | {"price": None}, flight(2))], id="null-in-one-row"),
        pytest.param([*ROWS, {"error": "no such city"}], id="an-error-is-no-shape"),
        pytest.param([*ROWS, "Error: no such city"], id="an-error-in-text"),
        pytest.param(["a", "b", {"a": 1}, "c", "", ROWS[0]], id="free-form"),
        pytest.param([{f"user_{i}{i}{i}": {"age": i}} for i in range(9)], id="keys-that-are-data"),
        pytest.param([{"id": i if i % 2 else str(i)} for i in range(9)], id="two-types-from-the-beginning"),
    ],
)
def test_variation_and_errors_are_not_changes_of_shape(outputs: list[JsonValue]) -> None:
    assert found_in(results(*outputs)) == []


@pytest.mark.parametrize("tool", ["bash", "python_interpreter", "run_command"])
def test_a_shell_has_no_shape(tool: str) -> None:
    assert found_in(results(*ROWS, "text", tool=tool)) == []


def queried(*outputs: JsonValue, sql: str = "select sku, price from sales") -> list[Observed]:
    return [
        Observed(f"s{i}", None, SpanKind.TOOL, "query_db", input={"sql": f"{sql} -- {i}"}, output=output)
        for i, output in enumerate(outputs)
    ]


def test_of_a_query_only_what_the_rows_come_in_is_the_tools() -> None:
    rows: list[JsonValue] = [[{"sku": "a", "price": 1}], [{"day": 3}], [{"n": "x"}, {"n": "y"}], []]
    assert found_in(queried(*rows, "42", "No rows found.")) == []
    (finding,) = found_in(queried(*rows, "sku,price\nA80,10.5\nA81,11.5"))
    assert "it was JSON in 4 results, now plain text" in finding.evidence
    assert found_in([*queried(*rows), *queried("12 rows were written to the table", sql="insert into sales")]) == []


def test_each_kind_of_call_has_a_shape_of_its_own() -> None:
    spans = [
        Observed(
            f"s{i}",
            None,
            SpanKind.TOOL,
            "crm",
            input={"action": "get" if i % 2 else "list", "id": i},
            output=[i] if i % 2 else {"id": i},
        )
        for i in range(20)
    ]
    assert found_in(spans) == []
