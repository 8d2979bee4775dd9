"""The first cause of a chain of failures is told, and what it cost; everyday failures are not."""

import pytest

from tracing.failures.error_text import error_in, is_unmarked
from tracing.failures.failure_cascade import FailureCascade
from tracing.failures.observed import Observed, Subject
from tracing.finding import Finding, Severity, Verdict, Waste
from tracing.span import JsonValue, SpanKind


def call(
    number: int, tool: str, given: JsonValue, output: JsonValue, *, is_error: bool = False, exit_code: int | None = None
) -> Observed:
    return Observed(
        f"t{number}",
        "root",
        SpanKind.TOOL,
        tool,
        0,
        2_000,
        input=given,
        output=output,
        is_error=is_error,
        exit_code=exit_code,
    )


def turn(number: int) -> Observed:
    return Observed(
        f"m{number}", "root", SpanKind.LLM, "model", 0, 1_000, input_tokens=900, output_tokens=100, cost_micros=500
    )


def found_in(*calls: Observed) -> list[Finding]:
    detector = FailureCascade(Subject())
    found: dict[tuple[str, str], Finding] = {}
    for number, span in enumerate(calls):
        for told in (*detector.ended(turn(number)), *detector.ended(span)):
            found[told.key] = told
    return list(found.values())


def test_a_chain_names_its_first_cause_though_other_calls_worked_in_between() -> None:
    (finding,) = found_in(
        call(0, "get_user", {"id": "u7"}, {"name": "Ana"}),
        call(1, "create_cart", {"cart": "cart-81"}, {"error": {"message": "out of stock"}}),
        call(2, "get_user", {"id": "u8"}, {"name": "Ben"}),
        call(3, "add_item", {"cart": "cart-81", "item": "tea"}, {"error": "no such cart"}),
        call(4, "get_user", {"id": "u9"}, {"name": "Eva"}),
        call(5, "check_out", {"cart": "cart-81"}, {"error": "no such cart"}),
    )[:1]
    assert finding.span_ids == ("t1", "t3", "t5")
    assert finding.title == "One failure of `create_cart` was followed by 2 that go back to it"
    assert "failed (it was marked as a success): out of stock" in finding.evidence
    assert "- `check_out`: no such cart" in finding.evidence
    assert finding.waste == Waste(tokens=2_000, cost_micros=1_000, duration_ns=6_000)
    assert (finding.severity, finding.verdict) == (Severity.WARNING, Verdict.NOTE)


def test_failures_in_a_row_are_a_chain_and_a_long_one_is_told_to_the_agent() -> None:
    failures = [call(i, f"tool_{i}", {"n": i}, "Connection refused", is_error=True) for i in range(5)]
    (finding,) = found_in(*failures)
    assert finding.verdict is Verdict.NUDGE
    assert "4 failed calls go back to an earlier failure of tool_0: Connection refused" in finding.nudge


def test_a_missing_module_breaks_later_commands() -> None:
    def red(number: int, command: str) -> Observed:
        return call(
            number,
            "bash",
            {"command": command},
            "ModuleNotFoundError: No module named 'asgiref'",
            exit_code=1,
            is_error=True,
        )

    (finding,) = found_in(
        red(0, "pytest a"), call(1, "bash", {"command": "ls"}, "x", exit_code=0), red(2, "pytest b"), red(3, "tox")
    )
    assert finding.span_id == "t0"


@pytest.mark.parametrize(
    "calls",
    [
        pytest.param(
            [call(i, "bash", {"command": f"pytest {i}"}, "1 failed", exit_code=1, is_error=True) for i in range(6)],
            id="red-tests",
        ),
        pytest.param(
            [call(i, "grep", {"pattern": f"p{i}"}, "", exit_code=1, is_error=True) for i in range(6)], id="no-match"
        ),
        pytest.param([call(i, "book", {"seat": 1}, "full", is_error=True) for i in range(6)], id="the-same-call-again"),
        pytest.param(
            [
                call(0, "open", {"file": "a.py"}, "missing", is_error=True),
                call(1, "create", {"file": "a.py"}, "done"),
                call(2, "edit", {"file": "a.py"}, "text not found", is_error=True),
                call(3, "open", {"file": "a.py"}, "..."),
                call(4, "lint", {"file": "a.py"}, "unused name", is_error=True),
            ],
            id="mended-in-between",
        ),
    ],
)
def test_everyday_failures_are_no_cascade(calls: list[Observed]) -> None:
    assert found_in(*calls) == []


def test_an_error_marked_as_a_success_is_told_with_how_often() -> None:
    (finding,) = found_in(
        call(0, "search", {"q": "tea"}, "Error: rate limit exceeded"),
        call(1, "open_page", {"n": 1}, "Tea is a drink.\n" * 90),
        call(2, "search", {"q": "milk"}, "HTTP 503 Service Unavailable"),
    )
    assert finding.title == "`search` answered with an error 2 times, marked as a success"
    assert finding.span_ids == ("t0", "t2")
    assert finding.severity is Severity.NOTE


ERRORS = [
    pytest.param("visit_page", "Error: page crashed", id="error"),
    pytest.param("visit_page", "## Error 404 Not Found", id="heading"),
    pytest.param("visit_page", "<html><head><title>502 Bad Gateway</title></head></html>", id="html"),
    pytest.param("visit_page", "net::ERR_NAME_NOT_RESOLVED at https://example.com", id="browser"),
    pytest.param("click", "Timeout 30000ms exceeded.\nwaiting for locator", id="playwright"),
    pytest.param(
        "python_interpreter", "Code execution failed at line 'x' due to: InterpreterError: no", id="smolagents"
    ),
    pytest.param(
        "python_interpreter", "Traceback (most recent call last):\n  File \"a.py\"\nKeyError: 'a'", id="traceback"
    ),
    pytest.param("run", "exitcode: 1 (execution failed)\nCode output: boom", id="autogen"),
    pytest.param("bash", "bash: foo: command not found", id="command-not-found"),
    pytest.param("search", "Error in code parsing:\nYour code snippet is invalid", id="parsing"),
    pytest.param("search", "Exception: No results found! Try a less restrictive query.", id="exception"),
    pytest.param("search", "You exceeded your quota: rate limit reached.", id="rate-limit"),
    pytest.param("api", {"error": {"message": "bad key", "code": 401}}, id="json-error"),
    pytest.param("api", {"success": False, "message": "no"}, id="json-success-false"),
    pytest.param("api", {"status": 503, "message": "later"}, id="json-status"),
    pytest.param("api", '{"errors": [{"message": "no such field"}]}', id="graphql"),
    pytest.param("api", [{"type": "text", "text": "An unexpected error occurred: no disk"}], id="content-blocks"),
    pytest.param(
        "visit_page", "Error fetching the webpage: 403 Client Error: Forbidden for url: https://a.org", id="page"
    ),
    pytest.param("visit_page", "Just a moment...\nVerifying you are human. Ray ID 8\n" + "a.org " * 90, id="wall"),
    pytest.param("read", "[Errno 2] No such file or directory: 'a.txt'", id="errno"),
]

HIDDEN = [
    pytest.param("python manage.py migrate || true", "Traceback (most recent call last):\n  x\ndb.OperationalError: no such table", id="masked"),
    pytest.param("npm run build 2>&1 | tail -5", "npm ERR! code ELIFECYCLE\nnpm ERR! errno 2", id="npm"),
    pytest.param("make all; true", "cc -o a a.c\nmake: *** [Makefile:3: all] Error 1", id="make"),
    pytest.param("load('a.csv')", "ERROR:loader:FileNotFoundError: [Errno 2] No such file: 'a.csv'\n0", id="logged"),
]  # fmt: skip

SEEN = [
    pytest.param("python -m pytest | tail -3", "Traceback (most recent call last):\n  x\nValueError: 3", id="a-test"),
    pytest.param("cat build.log | tail -3", "npm ERR! code ELIFECYCLE", id="a-log-that-is-read"),
    pytest.param("python a.py", "Traceback (most recent call last):\n  x\nValueError: 3", id="shown-and-caught"),
    pytest.param("make all", "cc -o error error.c\ndone", id="fine"),
]

NO_ERRORS = [
    pytest.param("read_file", "class ParseError(Exception):\n    pass\n", id="source"),
    pytest.param("read_file", "import os\n\nraise ValueError('no')\n" * 40, id="source-that-raises"),
    pytest.param("read_log", "2026-01-01 INFO start\n2026-01-01 ERROR Traceback (most recent call last):\n", id="log"),
    pytest.param(
        "search", "How to fix 'Permission denied' in SSH\nhttps://example.com\n" * 30, id="a-page-about-errors"
    ),
    pytest.param("search", "Error handling in Go, a tutorial", id="a-title-about-errors"),
    pytest.param("api", {"error": None, "data": [1]}, id="no-error"),
    pytest.param("train", {"error": 0.05, "epoch": 3}, id="a-metric"),
    pytest.param("api", {"status": "ok", "code": 200}, id="ok"),
    pytest.param("api", {"errors": [], "data": {}}, id="no-errors"),
    pytest.param("list", [{"error": "old"}], id="rows-that-have-errors"),
    pytest.param("bash", "<returncode>0</returncode>\n<output>\nError: expected\n</output>", id="exit-code-0"),
    pytest.param("bash", "ERROR foo.py:3 unused\n" * 40 + "done", id="a-linter"),
    pytest.param("search", "", id="empty"),
    pytest.param("run_tests", "2 tests failed: test_a, test_b", id="red-tests"),
    pytest.param("api", {"message": "Your booking is confirmed."}, id="a-message"),
    pytest.param("get_note", {"detail": "Failed to sleep", "id": 3, "day": "Monday"}, id="a-record-with-a-detail"),
    pytest.param("search", None, id="nothing"),
    pytest.param("search", "No results found.", id="no-results"),
]


@pytest.mark.parametrize(("tool", "output"), ERRORS)
def test_an_error_is_known_whoever_marked_it(tool: str, output: JsonValue) -> None:
    assert error_in(call(0, tool, {}, output))


@pytest.mark.parametrize(("tool", "output"), NO_ERRORS)
def test_content_that_mentions_errors_is_none(tool: str, output: JsonValue) -> None:
    assert error_in(call(0, tool, {}, output)) == ""


@pytest.mark.parametrize(("command", "output"), HIDDEN)
@pytest.mark.parametrize("exit_code", [0, None])
def test_a_command_that_hid_its_failure_is_told_as_an_error_marked_as_a_success(
    command: str, output: str, exit_code: int | None
) -> None:
    (finding,) = found_in(call(0, "bash", {"command": command}, output, exit_code=exit_code))
    assert finding.title == "`bash` answered with an error once, marked as a success"


@pytest.mark.parametrize(("command", "output"), SEEN)
def test_what_a_command_is_there_to_show_hides_nothing(command: str, output: str) -> None:
    assert found_in(call(0, "bash", {"command": command}, output, exit_code=0)) == []


def test_a_name_that_a_failed_call_should_have_made_goes_back_to_it() -> None:
    finding = found_in(
        call(0, "python", {"code": "sales = load('/data/sales.csv')"}, "FileNotFoundError: '/data/sales.csv'", is_error=True),
        call(1, "python", {"code": "print(1)"}, "1"),
        call(2, "python", {"code": "sales.head()"}, "NameError: name 'sales' is not defined", is_error=True),
        call(3, "python", {"code": "sales.mean()"}, "NameError: name 'sales' is not defined", is_error=True),
    )[-1]  # fmt: skip
    assert finding.span_ids == ("t0", "t2", "t3")


def test_programs_that_fail_one_after_the_other_go_back_to_the_first() -> None:
    commands = ("sed -i s/a/b/ a.py && python a.py", "pytest -q", "mypy a.py", "python -m report", "make docs")
    (finding,) = found_in(
        *(call(i, "bash", {"command": c}, f"it broke, {i}", exit_code=1) for i, c in enumerate(commands))
    )
    assert finding.span_ids == ("t0", "t1", "t2", "t3", "t4")


def test_what_an_exit_code_says_is_marked() -> None:
    assert not is_unmarked(call(0, "bash", {}, "boom", exit_code=2))
    assert error_in(call(0, "bash", {}, "", exit_code=2)) == "exit code 2"


@pytest.mark.parametrize(
    "word", [" running", " in", " 404", "Error", "a.", " 'x'", "an ", "\n", " ", "#", "[", "exit code "]
)
def test_a_hostile_text_takes_no_longer_than_another(word: str) -> None:
    error_in(call(0, "visit_page", {}, f"error{word * 5_000}"))
    error_in(call(0, "bash", {"command": word * 5_000}, word * 5_000))
