"""When two calls are one call, and two outcomes one outcome."""

import pytest

from tracing.failures.calls import arguments, call_of, text_of, without_noise
from tracing.failures.observed import Observed
from tracing.span import JsonValue, SpanKind


@pytest.mark.parametrize(
    "nothing", [None, "", {}, {"": ""}, {"path": None}, "{}", '{"": ""}', "\n", [], {"a": {"b": ""}}]
)
def test_no_arguments_are_written_in_many_ways(nothing: JsonValue) -> None:
    assert arguments(nothing) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": "x"}, {"b": "x\n", "a": 1}),
        ('{"a": 1}', {"a": 1}),
        ("ls -la\n", "  ls  -la"),
        ({"a": [1, {"c": None}]}, {"a": [1, None]}),
        ({"url": "https://a.org/b#part-2"}, {"url": "https://a.org/b"}),
    ],
)
def test_order_space_and_empty_arguments_do_not_matter(one: JsonValue, other: JsonValue) -> None:
    assert arguments(one) == arguments(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [({"a": 0}, {"a": False}), ({"offset": 0}, {"offset": 100}), ("grep 'a'", 'grep "a"'), ({"a": "0"}, {}), ({"a": False}, {})],
)  # fmt: skip
def test_what_may_matter_does(one: JsonValue, other: JsonValue) -> None:
    span = Observed("a", None, SpanKind.TOOL, "tool", input=one)

    assert call_of(span).call != call_of(Observed("a", None, SpanKind.TOOL, "tool", input=other)).call


@pytest.mark.parametrize(
    "text",
    [
        "ran in {}.31s", "took {} ms", "at 2026-11-0{}", "2026-11-0{}T10:00:0{}.5Z", "0x7f00{}aa", "pid {}", "PID: {}{}", "12:0{} PM",
        "/tmp/tmpab{}/x", "/tmp/pytest-of-me/pytest-{}", "req_0{}abcdefg", "00000000-0000-0000-0000-00000000000{}", "attempt {} of 9",
        "173000000{}", "5{}.2 kB/s",
    ],
)  # fmt: skip
def test_times_ids_and_counters_are_noise(text: str) -> None:
    assert without_noise(text.replace("{}", "1")) == without_noise(text.replace("{}", "2"))


@pytest.mark.parametrize(
    "text", ["{} failed", "line {}", "expected {} but got 9", "page {} of 4", "price: {}", "src/a{}.py", "v1.{}"]
)
def test_other_numbers_are_not(text: str) -> None:
    assert without_noise(text.replace("{}", "1")) != without_noise(text.replace("{}", "2"))


def test_a_change_in_the_middle_of_a_long_text_counts_and_noise_at_its_ends_does_not() -> None:
    middle = "x" * 50_000
    text = f"began 10:00:01 {middle}A{middle} took 3 s"

    assert without_noise(text) == without_noise(text.replace("10:00:01", "11:00:02").replace("3 s", "4 s"))
    assert without_noise(text) != without_noise(text.replace("A", "B"))


def test_content_blocks_are_read_as_their_text() -> None:
    assert text_of([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]) == "a\nb"


@pytest.mark.parametrize(
    ("output", "failed"),
    [
        ("Error: no such order", True),
        ("Traceback (most recent call last):\n...", True),
        ("requests.exceptions.ConnectionError: refused", True),
        ("[ERROR] it broke", True),
        ("The file says: Error: no such order", False),
        ("def error(): pass", False),
    ],
)
def test_an_error_without_a_status_is_seen_where_the_text_begins_as_errors_do(output: str, failed: bool) -> None:
    assert call_of(Observed("a", None, SpanKind.TOOL, "tool", output=output)).failed is failed
