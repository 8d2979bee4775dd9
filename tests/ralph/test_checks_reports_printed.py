"""What is read from the output of runners: recorded samples of each format."""

import json
import time
from pathlib import Path

import pytest

from ralph.checks.report import Outcome, RunnerReport
from ralph.checks.reports.printed import cargo, go, printed, sums
from ralph.checks.reports.printed.failing import read_tally

GO = """=== RUN   TestOk
    a_test.go:3: hello
--- PASS: TestOk (0.00s)
=== RUN   TestPrint
no newline--- PASS: TestPrint (0.00s)
=== RUN   TestSub
=== RUN   TestSub/a_b
=== PAUSE TestSub/a_b
=== CONT  TestSub/a_b
--- PASS: TestSub (0.00s)
    --- SKIP: TestSub/a_b (0.00s)
PASS
ok  \texample.com/shop\t(cached)
=== RUN   TestP
--- FAIL: TestP (0.00s)
panic: p [recovered]
FAIL\texample.com/shop/sub\t0.009s
FAIL\texample.com/shop/broken [build failed]
?   \texample.com/shop/none\t[no test files]
FAIL
"""
CARGO = """   Compiling shop v0.1.0 (/x/shop)
     Running unittests src/lib.rs (target/debug/deps/shop-f73a538893013b88)

running 4 tests
test tests::adds ... ok
test tests::slow ... ignored, takes an hour
test tests::panics - should panic ... ok
test tests::bad ... FAILED

failures:

---- tests::bad stdout ----
test tests::gone ... ok
test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.17s

     Running tests/it.rs (target/debug/deps/it-c402cc767e4d8483)

running 1 test
test works ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s

   Doc-tests shop

running 2 tests
test src/lib.rs - add (line 1) ... ok
test src/lib.rs - add (line 9) ... ok

test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
"""


def test_go_is_read_by_package_and_name() -> None:
    assert go.read(GO) == RunnerReport(
        outcomes={
            "go:example.com/shop.TestOk": Outcome.PASSED,
            "go:example.com/shop.TestPrint": Outcome.PASSED,
            "go:example.com/shop.TestSub": Outcome.PASSED,
            "go:example.com/shop.TestSub/a_b": Outcome.SKIPPED,
            "go:example.com/shop/sub.TestP": Outcome.FAILED,
        },
        passed=3,
        failed=1,
        skipped=1,
        uncollected=("example.com/shop/broken",),
    )


def test_events_of_go_are_read_like_its_lines() -> None:
    packages = GO.split("ok  ", maxsplit=1)[0] + "ok  \texample.com/shop\t0.1s\n"
    events = [
        {"Action": "output", "Package": "example.com/shop", "Output": f"{line}\n"} for line in packages.split("\n")
    ]
    events.append({"Action": "pass", "Package": "example.com/shop"})
    read = go.read("\n".join(map(json.dumps, events)) + '\n{"Action": nonsense\n')
    assert read is not None
    assert (read.passed, read.skipped, read.complete) == (3, 1, True)


@pytest.mark.parametrize(
    ("text", "failed", "complete"),
    [
        pytest.param("=== RUN   TestA\nok  \tx.y/z\t0.1s\n", 0, False, id="began-and-never-ended"),
        pytest.param("=== RUN   TestA\n", 0, False, id="package-never-ended"),
        pytest.param("--- PASS: TestA (0.00s)\nok  \tx.y/z\t0.1s\n", 0, True, id="never-began"),
        pytest.param("=== RUN   TestA\npanic: timed out\nFAIL\tx.y/z\t9.1s\n", 1, True, id="under-way-at-a-panic"),
        pytest.param(
            "=== RUN   TestA\n--- PASS: TestA (0.00s)\n--- FAIL: TestA (0.00s)\nFAIL\tx.y/z\t1s\n", 1, True, id="a-lie"
        ),
    ],
)
def test_lines_of_go_that_do_not_fit_together_are_not_believed(text: str, failed: int, complete: bool) -> None:
    read = go.read(text)
    assert read is not None
    assert (read.passed, read.failed, read.complete) == (0, failed, complete)


def test_cargo_is_read_by_crate_and_name() -> None:
    assert cargo.read(CARGO.replace("test tests::gone ... ok\n", "")) == RunnerReport(
        outcomes={
            "cargo:Doc-tests shop::src/lib.rs - add": Outcome.PASSED,
            "cargo:Doc-tests shop::src/lib.rs - add (2)": Outcome.PASSED,
            "cargo:it tests/it.rs::works": Outcome.PASSED,
            "cargo:shop unittests src/lib.rs::tests::adds": Outcome.PASSED,
            "cargo:shop unittests src/lib.rs::tests::bad": Outcome.FAILED,
            "cargo:shop unittests src/lib.rs::tests::panics": Outcome.PASSED,
            "cargo:shop unittests src/lib.rs::tests::slow": Outcome.SKIPPED,
        },
        passed=5,
        failed=1,
        skipped=1,
        deselected=3,
    )


def test_names_that_do_not_add_up_to_the_sums_of_cargo_are_dropped() -> None:
    read = cargo.read(CARGO)
    assert read is not None
    assert (read.passed, read.failed, read.skipped) == (5, 1, 1)
    assert not [name for name in read.outcomes if "unittests" in name]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("running 2 tests\ntest a ... ok\n", RunnerReport(complete=False), id="left-in-the-middle"),
        pytest.param(
            "error: could not compile `shop` (lib test) due to 1 previous error",
            RunnerReport(uncollected=("shop lib test",)),
            id="does-not-compile",
        ),
        pytest.param(
            "running 2 tests\n..\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; x",
            RunnerReport(passed=2),
            id="quiet",
        ),
    ],
)
def test_cargo_without_names(text: str, expected: RunnerReport) -> None:
    assert cargo.read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "=== 1 failed, 2 passed, 3 skipped, 4 deselected, 1 xfailed, 1 xpassed, 9 warnings, 1 error in 1.23s ===",
            RunnerReport(passed=3, failed=2, skipped=3, xfailed=1, deselected=4),
            id="pytest",
        ),
        pytest.param(
            "Ran 9 tests in 0.001s\n\nFAILED (failures=1, errors=1, skipped=1, expected failures=1, "
            "unexpected successes=1)",
            RunnerReport(passed=4, failed=3, skipped=1, xfailed=1),
            id="unittest",
        ),
        pytest.param("== 2 failed, 1 passed in 0.14 seconds ==", RunnerReport(passed=1, failed=2), id="pytest-4"),
        pytest.param("Ran 1 test in 0.001s\n\nOK", RunnerReport(passed=1), id="unittest-green"),
        pytest.param(
            "Tests:       1 failed, 1 skipped, 1 todo, 3 passed, 6 total",
            RunnerReport(passed=3, failed=1, skipped=2),
            id="jest",
        ),
        pytest.param(
            "      Tests  1 failed | 1 passed | 1 expected fail | 1 skipped | 1 todo (5)",
            RunnerReport(passed=1, failed=1, skipped=2, xfailed=1),
            id="vitest",
        ),
        pytest.param(
            "\u2139 tests 6\n\u2139 suites 2\n\u2139 pass 2\n\u2139 fail 1\n\u2139 cancelled 1\n"
            "\u2139 skipped 1\n\u2139 todo 1\n",
            RunnerReport(passed=2, failed=2, skipped=2),
            id="node",
        ),
        pytest.param(
            "  3 passing (4ms)\n  1 pending\n  2 failing\n", RunnerReport(passed=3, failed=2, skipped=1), id="mocha"
        ),
        pytest.param("5 examples, 1 failure, 1 pending", RunnerReport(passed=3, failed=1, skipped=1), id="rspec"),
        pytest.param(
            "5 runs, 7 assertions, 1 failures, 1 errors, 1 skips",
            RunnerReport(passed=2, failed=2, skipped=1),
            id="minitest",
        ),
        pytest.param("5 tests, 1 failure, 1 skipped", RunnerReport(passed=3, failed=1, skipped=1), id="bats"),
        pytest.param("OK (5 tests, 9 assertions)", RunnerReport(passed=5), id="phpunit-green"),
        pytest.param(
            "Tests: 5, Assertions: 9, Errors: 1, Failures: 1, Skipped: 1.",
            RunnerReport(passed=2, failed=2, skipped=1),
            id="phpunit",
        ),
        pytest.param("  Tests:    2 failed, 3 passed (5 assertions)", RunnerReport(passed=3, failed=2), id="pest"),
        pytest.param(
            "[INFO] Tests run: 2, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.1 s - in ATest\n"
            "[ERROR] Tests run: 5, Failures: 1, Errors: 1, Skipped: 1",
            RunnerReport(passed=2, failed=2, skipped=1),
            id="maven",
        ),
        pytest.param(
            "5 tests completed, 1 failed, 1 skipped", RunnerReport(passed=3, failed=1, skipped=1), id="gradle"
        ),
        pytest.param(
            "Failed!  - Failed:     1, Passed:     5, Skipped:     2, Total:     8, Duration: 2 ms - A.dll (net8.0)",
            RunnerReport(passed=5, failed=1, skipped=2),
            id="dotnet",
        ),
        pytest.param("ok | 5 passed | 0 failed (10ms)", RunnerReport(passed=5), id="deno"),
        pytest.param(" 3 pass\n 1 skip\n 2 fail\n", RunnerReport(passed=3, failed=2, skipped=1), id="bun"),
        pytest.param(
            "     Summary [   0.1s] 3 tests run: 2 passed (1 slow), 1 failed, 1 skipped",
            RunnerReport(passed=2, failed=1, skipped=1),
            id="nextest",
        ),
        pytest.param(
            "TAP version 13\n1..5\nok 1 - a\nnot ok 2 - b\nok 3 # skip later\nnot ok 4 - d # TODO x\nok 5\n",
            RunnerReport(passed=2, failed=1, skipped=1, xfailed=1),
            id="tap",
        ),
    ],
)
def test_sums_are_read_where_a_runner_gives_no_names(text: str, expected: RunnerReport) -> None:
    assert list(sums.read(text)) == [expected]


def test_a_runner_that_was_heard_elsewhere_is_not_counted_twice(tmp_path: Path) -> None:
    output = tmp_path / "output"
    output.write_text("3 passed in 0.1s\nTests:       2 passed, 2 total\n")
    assert list(printed(output, frozenset({"pytest"}))) == [RunnerReport(passed=2)]
    output.write_text("all is well\n1 thing passed by\nok\n")
    assert list(printed(output)) == []


@pytest.mark.parametrize(
    "filling", ["\n", " ", "=", "1 a, ", "ok 1\n", "1..2\n", "Tests: 1, ", "3 passing (1)\n", "1 pass\n"]
)
def test_output_of_any_shape_is_read_in_little_time(tmp_path: Path, filling: str) -> None:
    output = tmp_path / "output"
    output.write_text(filling * (300_000 // len(filling)))
    started = time.process_time()
    list(printed(output))
    read_tally(output)
    assert time.process_time() - started < 5
