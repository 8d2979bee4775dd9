"""What a second set of blind traces taught: errors that only words tell, deeds that were not done, and trouble that is none."""

import pytest

from tracing.failures.error_text import error_in
from tracing.failures.failure_cascade import FailureCascade
from tracing.failures.observed import Observed, Subject
from tracing.failures.own_evidence import OwnEvidence
from tracing.failures.provider_retries import ProviderRetries
from tracing.failures.sub_agents import SubAgents
from tracing.failures.tool_schema import ToolSchema
from tracing.span import JsonValue, SpanKind

SECOND_NS = 1_000_000_000


def call(number: int, tool: str, given: JsonValue, output: JsonValue, *, is_error: bool = False) -> Observed:
    return Observed(
        f"t{number}", "root", SpanKind.TOOL, tool, number, number, input=given, output=output, is_error=is_error
    )


@pytest.mark.parametrize(
    ("tool", "output", "words"),
    [
        ("find_hotels", {"status": "ok", "hotels": [], "message": "Error: monthly limit used up"}, "Error: monthly limit used up"),
        ("find_hotels", {"status": "ok", "hotels": [{"id": 1}], "message": "Error: page 2 was cut off"}, ""),
        ("find_hotels", {"status": "ok", "hotels": [], "message": "No errors, and no hotels either"}, ""),
        ("put", {"content": [{"type": "text", "text": "Error: EROFS: read-only"}], "isError": False}, "Error: EROFS: read-only"),
        ("put", {"content": [{"type": "text", "text": "Saved notes on error handling"}], "isError": False}, ""),
        ("put", {"content": [{"type": "text", "text": '{"error": "no such folder"}'}]}, "no such folder"),
        ("open_page", "You have been blocked. Contact the owner of the site.", "You have been blocked"),
        ("open_page", 'Guide for readers. Some browsers show "verify you are human" when many pages are opened.', ""),
    ],
)  # fmt: skip
def test_an_error_is_known_by_its_words_where_nothing_else_is_there(tool: str, output: JsonValue, words: str) -> None:
    assert error_in(call(0, tool, {}, output)) == words


def test_an_exception_that_a_command_hides_is_seen_whatever_its_package_calls_it() -> None:
    output = 'Traceback (most recent call last):\n  File "send.py", line 3\nboto.errors.Denied: no right to write'
    assert error_in(call(0, "bash", {"command": "python send.py || true"}, output)) == "boto.errors.Denied: no right to write"  # fmt: skip


def against(tool: str, result: str, said: JsonValue) -> str:
    evidence = OwnEvidence()
    evidence.ended(call(0, "get_case", {"id": 7}, "case 7 is open"))
    evidence.ended(call(1, tool, {"id": 7}, result, is_error=True))
    evidence.ended(Observed("m", "root", SpanKind.LLM, "model", output=said))
    return evidence.against.title if evidence.against else ""


def test_a_deed_that_its_own_result_calls_undone_is_held_against_who_says_it_is_done() -> None:
    assert against("file_drop", "HTTP 507; nothing was stored", "Your file has been uploaded.")
    assert not against("file_drop", "HTTP 507; nothing was stored", "Unfortunately your file was not uploaded.")
    assert not against("find_file", "timeout after 3 s", "Your file has been uploaded.")


def test_what_is_told_by_a_call_is_said_too() -> None:
    told: JsonValue = [{"type": "tool_use", "name": "respond", "input": {"content": "Your seats have been moved."}}]
    assert against("exchange_seats", "Error: card declined", told) == "Says that it is done, but exchange_seats failed"


def test_a_suite_that_broke_off_before_it_ran_is_not_green() -> None:
    assert against("run_tests", "ERROR collecting\nno tests ran in 0.2s", "Every test of the suite ran and is green.")


def cascade(*calls: Observed) -> list[str]:
    detector = FailureCascade(Subject())
    return [finding.title for span in calls for finding in detector.ended(span)]


def visit(number: int, host: str, error: str) -> Observed:
    return call(number, "visit", {"url": f"https://{host}/a{number}"}, error, is_error=True)


def test_what_three_hosts_do_not_have_is_no_cascade_but_three_that_cannot_be_reached_are() -> None:
    hosts = ("one.example", "two.example", "three.example")
    assert not cascade(*(visit(n, host, "Error: 404 Not Found") for n, host in enumerate(hosts)))
    assert cascade(*(visit(n, host, "Error: connection refused") for n, host in enumerate(hosts)))
    assert cascade(*(visit(n, "one.example", "Error: 404 Not Found") for n in range(3)))


def test_who_waits_and_is_told_not_yet_has_not_been_answered_with_an_error() -> None:
    waits: JsonValue = {"command": "kubectl wait --for=condition=Ready pod/web"}
    assert not cascade(*(call(n, "kubectl", waits, "timed out waiting for the condition on pod/web") for n in range(4)))


def retried(times: int, length_s: int) -> int:
    detector, found = ProviderRetries(Subject()), 0
    for number in range(times + 1):
        failed = number < times
        span = Observed(
            f"m{number}", "root", SpanKind.LLM, "model", 0, length_s * SECOND_NS, input="what next?", is_error=failed,
            error="429" if failed else "", output=None if failed else "done",
        )  # fmt: skip
        found += len(list(detector.ended(span)))
    return found


def test_two_short_waits_for_the_provider_are_everyday_and_three_or_long_ones_are_news() -> None:
    assert not retried(2, 2)
    assert retried(3, 2)
    assert retried(2, 90)


def runs(tasks: list[str], name: str = "searcher") -> int:
    detector = SubAgents(Subject())
    spans = [Observed("root", None, SpanKind.AGENT, "manager", 0, None)]
    for number, task in enumerate(tasks):
        at_ns = (number + 1) * SECOND_NS
        spans.append(Observed(f"m{number}", "root", SpanKind.LLM, "model", at_ns, at_ns))
        spans.append(Observed(f"a{number}", "root", SpanKind.AGENT, name, at_ns + 1, at_ns + 2, input=task))
    findings = 0
    for span in spans:
        findings += len(list(detector.began(span)))
        findings += len(list(detector.ended(span))) if span.parent_span_id else 0
    return findings


def test_the_same_task_given_out_thirty_times_is_told_and_thirty_tasks_are_not() -> None:
    assert runs([f"Find the oldest map of the harbour, look in source {n}" for n in range(30)])
    words = [f"{a}{b}" for a in ("map", "port", "light", "ship", "rope", "tide") for b in ("a", "b", "c", "d", "e")]
    assert not runs([f"{word} history: {word}-founder {word}-year {word}-place" for word in words])


def test_the_object_around_a_querys_rows_keeps_its_types_whatever_was_selected() -> None:
    detector = ToolSchema(Subject())
    rows: list[JsonValue] = [[[1, 2]], [["a"]], [[3.5]], []]
    usual: list[JsonValue] = [{"rows": row, "columns": ["x"], "ms": n} for n, row in enumerate(rows)]
    odd: JsonValue = {"rows": "3 EUR", "columns": "x", "ms": 4}
    found = [list(detector.ended(call(n, "sql", {"sql": f"select {n}"}, out))) for n, out in enumerate([*usual, odd])]
    assert [len(told) for told in found] == [0, 0, 0, 0, 1]
    assert "`rows` was a list in 4 results, now text" in found[-1][0].evidence
