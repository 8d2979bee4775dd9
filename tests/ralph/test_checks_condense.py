"""What is left out of a test run's output, and what never is."""

from pathlib import Path

import pytest

from ralph.checks.check import Check
from ralph.checks.condense import condensed, relative_to
from ralph.checks.runner import run_check
from ralph.sandbox.base import NoSandbox

STACK = [f"    at step{number} (src/deep/inside/module.js:{number}:1)" for number in range(8)]


def tap(number: int, name: str, *, inner: bool = False) -> list[str]:
    nested = [
        "    # Subtest: inner",
        "    ok 1 - inner",
        "      ---",
        "      duration_ms: 0.1",
        "      ...",
        "    1..1",
    ]
    passed = [f"ok {number} - {name}", "  ---", f"  duration_ms: {number}", "  ..."]
    return [f"# Subtest: {name}", *(nested if inner else []), *passed]


def test_runs_of_passing_tap_tests_are_counted_and_a_failing_one_is_kept_whole() -> None:
    failing = [
        "# Subtest: parses",
        "not ok 4 - parses",
        "  ---",
        "  error: |-",
        *("    ok 1 - this stands in the expected text" for _ in range(5)),
        "  ...",
    ]
    lines = ["TAP version 13", *tap(1, "a"), *tap(2, "b", inner=True), *tap(3, "c"), *failing, *tap(5, "d"), "1..5"]
    assert condensed("\n".join(lines)).split("\n") == [
        "TAP version 13",
        "[… 4 passing tests left out]",
        *failing,
        "[… 1 passing test left out]",
        "1..5",
    ]


@pytest.mark.parametrize(
    ("line", "announcement"),
    [
        pytest.param("tests/test_a.py::test_adds[1-2] PASSED [ 12%]", "", id="pytest"),
        pytest.param("test_adds (tests.A.test_adds) ... ok", "", id="unittest"),
        pytest.param("test money::adds ... ok", "", id="cargo"),
        pytest.param("--- PASS: TestAdds (0.00s)", "=== RUN   TestAdds\n", id="go"),
        pytest.param("  ✓ adds (3 ms)", "", id="jest"),
    ],
)
def test_runs_of_passing_lines_are_counted_whatever_the_runner(line: str, announcement: str) -> None:
    text = f"{announcement}{line}\n" * 9 + "FAILED: something else"
    assert condensed(text) == "[… 9 passing tests left out]\nFAILED: something else"
    assert condensed(f"{line}\nFAILED: something else") == f"{line}\nFAILED: something else"


def test_what_passing_tests_of_go_logged_is_left_out_with_them_and_a_failing_one_is_kept_with_its_log() -> None:
    passing = [
        "=== RUN   TestA",
        "    a_test.go:3: logged",
        "--- PASS: TestA (0.00s)",
        "=== RUN   TestB",
        "=== RUN   TestB/one",
        "=== PAUSE TestB/one",
        "=== CONT  TestB/one",
        "--- PASS: TestB (0.00s)",
    ]
    failing = ["=== RUN   TestC", "    a_test.go:9: no", "--- FAIL: TestC (0.00s)"]
    assert condensed("\n".join([*passing, *failing, "FAIL"])).split("\n") == [
        "[… 2 passing tests left out]",
        *failing,
        "FAIL",
    ]


def test_rows_of_dots_are_counted_unless_one_holds_a_failure() -> None:
    dots = "." * 72
    text = "\n".join([*(f"{dots} [ {number}%]" for number in range(10, 15)), f"{dots[1:]}F [ 20%]"])
    assert condensed(text) == f"[… 360 passing tests left out]\n{dots[1:]}F [ 20%]"


def test_nothing_is_left_out_of_the_details_of_a_failure() -> None:
    text = "=== FAILURES ===\nCaptured stdout:\n" + "  ✓ printed by the code under test\n" * 3 + "  ✓ and this\nE  boom"
    assert condensed(text) == text


def test_a_stack_that_stands_above_already_is_left_out() -> None:
    text = "\n".join(["not ok 1 - one", *STACK, "not ok 2 - two", *STACK, "not ok 3 - three", *STACK[:2]])
    assert condensed(text).split("\n") == [
        "not ok 1 - one",
        *STACK,
        "not ok 2 - two",
        "[… 8 lines as above left out]",
        "not ok 3 - three",
        *STACK[:2],
    ]


def test_paths_are_those_of_the_repository() -> None:
    said = "rootdir: /x/tree\nfile:///x/tree/src/a.js:3 and /x/tree/b.py, not /x/tree2/c"
    assert relative_to(said, "/x/tree") == "rootdir: .\nsrc/a.js:3 and b.py, not /x/tree2/c"


def test_a_check_shows_its_output_so_and_keeps_the_whole_in_a_file(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    command = 'for i in 1 2 3 4 5; do echo "ok $i - t$i"; done; echo "not ok 6 - bad in $PWD/a.js"; exit 1'
    result = run_check(Check(name="tests", command=command), tree, sandbox=NoSandbox(), scratch=tmp_path / "scratch")
    assert result.excerpt == "[… 5 passing tests left out]\nnot ok 6 - bad in a.js\n"
    assert result.output.read_text().startswith("ok 1 - t1\nok 2 - t2\n")
