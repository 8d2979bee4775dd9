import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ralph.checks.baseline import Baseline, BaselineCache, BaseResult, baseline_key, compare
from ralph.checks.check import Check, CheckResult
from ralph.checks.runner import feedback, run_check, run_checks
from ralph.sandbox.base import NoSandbox

HOUR_NS = 3600 * 10**9


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    return tree


def run(tree: Path, command: str, **settings: object) -> CheckResult:
    check = Check.model_validate({"name": "a check", "command": command, **settings})
    return run_check(check, tree, sandbox=NoSandbox(), scratch=tree.parent / "scratch")


def result(
    name: str = "c", *, passed: bool = False, exit_code: int = 1, failing: str = "", failures: int | None = None
) -> CheckResult:
    names = tuple(failing.split())
    count = len(names) if names and failures is None else failures
    return CheckResult(name, name, passed, exit_code, False, 0.1, "out", Path("out"), count, names)


def test_a_check_passes_by_exit_code_zero_and_its_output_is_kept(tree: Path) -> None:
    done = run(tree, 'echo "$WORD in $(basename "$PWD")"', cwd="sub", env={"WORD": "hello"})
    assert (done.passed, done.exit_code, done.excerpt.strip()) == (True, 0, "hello in sub")
    assert done.output.read_text() == "hello in sub\n"
    assert run(tree, "true").output != done.output


def test_a_failure_at_the_head_of_a_pipe_fails_the_check(tree: Path) -> None:
    done = run(tree, "(echo '1 failed in 0.1s'; exit 3) | cat")
    assert (done.passed, done.exit_code, done.failures) == (False, 3, 1)


def test_a_check_over_its_time_fails_as_timed_out(tree: Path) -> None:
    done = run(tree, "sleep 60", timeout_s=0.2)
    assert (done.passed, done.timed_out) == (False, True)
    assert "was stopped after 0 s" in feedback([done])


def test_the_runs_own_time_caps_a_check(tree: Path) -> None:
    done = run_checks(
        [Check(name="c", command="sleep 60")], tree, sandbox=NoSandbox(), scratch=tree.parent, left_s=lambda: 0.1
    )
    assert done[0].timed_out


def test_a_check_in_a_folder_that_is_not_there_fails_and_says_so(tree: Path) -> None:
    (tree / "out").symlink_to("/tmp")
    assert run(tree, "true", cwd="none").excerpt == 'there is no folder "none" to run it in'
    assert not run(tree, "true", cwd="out").passed


def test_checks_get_a_home_of_their_own_and_no_secret(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    monkeypatch.setenv("MY_TOKEN", "sk-secret")
    done = run(tree, "env")
    assert "sk-secret" not in done.excerpt
    assert f"HOME={tree.parent / 'scratch' / 'home'}" in done.excerpt


def test_a_setup_that_fails_is_the_only_result_and_one_that_passes_is_none(tree: Path) -> None:
    checks = [Check(name="one", command="test -e made"), Check(name="two", command="true")]

    def names(setup: str) -> list[tuple[str, bool]]:
        done = run_checks(
            checks, tree, setup=Check(name="setup", command=setup), sandbox=NoSandbox(), scratch=tree.parent / "s"
        )
        return [(each.name, each.passed) for each in done]

    assert names("exit 1") == [("setup", False)]
    assert names("touch made") == [("one", True), ("two", True)]


def test_nothing_runs_after_a_check_that_was_cancelled(tree: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    checks = [Check(name="one", command="sleep 60"), Check(name="two", command="touch two")]
    done = run_checks(checks, tree, sandbox=NoSandbox(), scratch=tree.parent / "s", cancel=cancel)
    assert [(each.name, each.cancelled, each.passed) for each in done] == [("one", True, False)]
    assert not (tree / "two").exists()


def test_the_feedback_has_command_ending_and_output(tree: Path) -> None:
    assert feedback([run(tree, "echo boom; exit 2")]) == (
        'The check "a check" failed with exit code 2.\n$ echo boom; exit 2\nboom'
    )


@pytest.mark.parametrize(
    ("before", "after", "is_blamed"),
    [
        pytest.param(result(passed=True, exit_code=0), result(), True, id="green-before"),
        pytest.param(result("other"), result(), True, id="unknown-before"),
        pytest.param(result(), result(passed=True, exit_code=0), False, id="mended"),
        pytest.param(result(), result(), False, id="as-red-as-before"),
        pytest.param(result(), result(exit_code=2), True, id="another-exit-code"),
        pytest.param(result(failures=2), result(failures=2), False, id="as-many-failures"),
        pytest.param(result(failures=2), result(failures=3), True, id="more-failures"),
        pytest.param(result(failures=2), result(), True, id="crashed-before-counting"),
        pytest.param(result(failing="a b"), result(failing="a"), False, id="one-mended"),
        pytest.param(result(failing="a b"), result(failing="a c"), True, id="as-many-but-another"),
    ],
)
def test_a_red_base_is_not_blamed_on_the_story_and_may_not_get_worse(
    before: CheckResult, after: CheckResult, is_blamed: bool
) -> None:
    comparison = compare(Baseline(results=(BaseResult.of(before),)), [after])
    assert comparison.passed is not is_blamed
    assert len(comparison.tolerated) == (not is_blamed and not after.passed)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[tuple[BaselineCache, list[int]]]:
    now_ns = [0]
    cache = BaselineCache.open(tmp_path / "ledger.db", clock_ns=lambda: now_ns[0])
    yield cache, now_ns
    cache.close()


def test_a_green_baseline_is_kept_and_a_red_one_for_an_hour(cache: tuple[BaselineCache, list[int]]) -> None:
    baselines, now_ns = cache
    green, red = [result(passed=True, exit_code=0)], [result(failing="a")]
    assert baselines.get_or_run("green", lambda: green)[1] is False
    assert baselines.get_or_run("red", lambda: red)[0].red == ("c",)
    assert [baselines.get_or_run(key, list)[1] for key in ("green", "red")] == [True, True]
    assert baselines.get_or_run("red", list)[0] == Baseline(results=(BaseResult.of(red[0]),))
    now_ns[0] = HOUR_NS + 1
    assert [baselines.get_or_run(key, list)[1] for key in ("green", "red")] == [True, False]


def test_the_key_changes_with_tree_commands_setup_sandbox_and_what_lies_beside_the_tree() -> None:
    one, two = Check(name="a", command="x"), Check(name="a", command="y")
    keys = {
        baseline_key("t1", [one], None, "none"),
        baseline_key("t2", [one], None, "none"),
        baseline_key("t1", [two], None, "none"),
        baseline_key("t1", [one], two, "none"),
        baseline_key("t1", [one, two], None, "none"),
        baseline_key("t1", [one], None, "bwrap"),
        baseline_key("t1", [one], None, "none", "other files"),
    }
    assert len(keys) == 7
    assert baseline_key("t1", [one], None, "none") in keys
