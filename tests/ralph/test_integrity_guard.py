"""What the guard concludes from what runners said: each of its rules where it speaks, and where it must be silent."""

from collections.abc import Collection

import pytest

from ralph.checks.report import Outcome, RunnerReport
from ralph.integrity.change import Change, FileChange
from ralph.integrity.guard import Evidence, Judgement, judge
from ralph.integrity.permit import Permit

TEST = "tests/test_cart.py"
TOTAL = "pytest:tests/test_cart.py::test_total"
EMPTY = "pytest:tests/test_cart.py::test_empty"
BODY = "from cart import total\n\n\ndef test_total():\n    assert total([3, 4]) == 7\n"
BOTH = f"{BODY}\n\ndef test_empty():\n    assert total([]) == 0\n"
PRODUCT = FileChange(
    "cart.py", b"def total(items):\n    ...\n", b"def total(items):\n    return sum(items)\n", "cart.py"
)
STORY = "Carts have a total"


def said(*passed: str, complete: bool = True, deselected: int = 0, **others: Outcome) -> RunnerReport:
    outcomes = dict.fromkeys(passed, Outcome.PASSED) | {
        {"total": TOTAL, "empty": EMPTY}[k]: v for k, v in others.items()
    }
    return RunnerReport(
        outcomes=outcomes,
        passed=sum(outcome is Outcome.PASSED for outcome in outcomes.values()),
        failed=sum(outcome is Outcome.FAILED for outcome in outcomes.values()),
        complete=complete,
        deselected=deselected,
    )


def counted(passed: int, skipped: int = 0) -> RunnerReport:
    return RunnerReport(passed=passed, skipped=skipped)


def edited(old: str, new: str, path: str = TEST) -> FileChange:
    return FileChange(path, old.encode(), new.encode(), path)


def judged(
    base: RunnerReport | None,
    work: RunnerReport | None,
    *files: FileChange,
    story: str = STORY,
    again: RunnerReport | None = None,
    on_base: RunnerReport | None = None,
) -> Judgement:
    def rerun(_: Collection[str]) -> dict[str, RunnerReport | None]:
        return {"tests": again}

    return judge(
        Evidence(
            Change((PRODUCT, *files)),
            Permit(story),
            {"tests": base},
            {"tests": work},
            rerun if again is not None else None,
            (lambda: {"tests": on_base}) if on_base is not None else None,
        )
    )


def rules(judgement: Judgement) -> list[str]:
    return [finding.rule for finding in judgement.findings]


def test_work_under_which_all_tests_pass_as_before_is_not_suspicious() -> None:
    judgement = judged(said(TOTAL, EMPTY), said(TOTAL, EMPTY))
    assert (judgement.findings, judgement.refused, judgement.text) == ((), False, "nothing suspicious")


def test_a_runner_that_fell_silent_is_refused() -> None:
    assert rules(judged(said(TOTAL), None)) == ["runner-silent"]
    assert rules(judged(None, None)) == []


def test_a_runner_that_never_came_to_its_end_is_refused() -> None:
    assert rules(judged(said(TOTAL), said(TOTAL, complete=False))) == ["runner-cut-short"]


def test_a_test_that_does_not_run_any_more_though_its_source_is_there_is_refused() -> None:
    judgement = judged(said(TOTAL, EMPTY), said(TOTAL))
    assert rules(judgement) == ["test-gone"]
    assert "tests/test_cart.py::test_empty passed before your change" in judgement.text


def test_a_test_that_runs_from_another_file_is_not_gone() -> None:
    assert not judged(said(TOTAL), said("pytest:tests/unit/test_sums.py::test_total")).refused


def test_a_test_may_go_with_what_it_was_about_when_the_story_says_so() -> None:
    product = edited(
        "def total(items):\n    return 1\n\ndef empty_cart():\n    return 0\n",
        "def total(items):\n    return 1\n",
        "shop.py",
    )
    tests = edited("def test_empty():\n    assert empty_cart() == 0\n", "X = 1\n")
    base, work = said(TOTAL, EMPTY), said(TOTAL)
    assert not judged(base, work, product, tests, story="Remove the empty cart", again=work).refused
    assert judged(base, work, product, tests, story="Add remove() to the cart", again=work).refused


def test_a_test_that_ran_and_is_skipped_now_is_refused_unless_the_story_skips_tests() -> None:
    base, work = said(TOTAL, EMPTY), said(TOTAL, empty=Outcome.SKIPPED)
    assert rules(judged(base, work)) == ["test-skipped"]
    assert not judged(base, work, story="Skip the flaky test of the empty cart").refused
    assert rules(judged(base, said(TOTAL, empty=Outcome.XFAILED))) == ["test-skipped"]


def test_a_new_test_that_is_skipped_here_is_worth_a_look_and_no_refusal() -> None:
    judgement = judged(said(TOTAL), said(TOTAL, empty=Outcome.SKIPPED))
    assert rules(judgement) == ["new-test-skipped"]
    assert not judgement.refused


def test_more_deselected_tests_than_before_are_refused() -> None:
    assert rules(judged(said(TOTAL), said(TOTAL, deselected=2))) == ["tests-deselected"]


@pytest.mark.parametrize(
    ("base", "work", "story", "rule"),
    [
        pytest.param(counted(9), counted(7), STORY, ["fewer-tests"], id="fewer"),
        pytest.param(counted(9), counted(9, 2), STORY, ["more-skipped"], id="more-skipped"),
        pytest.param(counted(9), counted(7), "Totals must not be negative", ["fewer-tests"], id="fewer-unasked"),
        pytest.param(counted(9), counted(12), STORY, [], id="more"),
    ],
)
def test_runners_that_give_numbers_only_are_judged_by_them(
    base: RunnerReport, work: RunnerReport, story: str, rule: list[str]
) -> None:
    assert rules(judged(base, work, story=story)) == rule


def test_fewer_tests_by_number_are_right_where_the_product_lost_what_the_story_takes_away() -> None:
    product = edited("def export(cart):\n    return cart\n", "", "export.py")
    assert not judged(counted(9), counted(7), product, story="The export is no longer offered").refused


def test_a_value_that_the_story_wants_does_not_excuse_that_a_test_lost_it() -> None:
    bent = edited(BODY, BODY.replace("== 7", "== 9"))
    story = "The total of 3 and 4 is 7\nThe items must not be changed"
    assert judged(said(TOTAL), said(TOTAL), bent, story=story, again=said(total=Outcome.FAILED)).refused


def test_a_test_that_fails_in_its_old_words_is_refused() -> None:
    changed = edited(BODY, BODY.replace("== 7", "== 8"))
    judgement = judged(said(TOTAL), said(TOTAL), changed, again=said(total=Outcome.FAILED))
    assert "base-test-fails" in rules(judgement)
    assert judgement.refused


def test_a_test_whose_new_expectation_is_the_story_s_may_fail_in_its_old_words() -> None:
    changed = edited(BODY, BODY.replace("== 7", "== 8.33"))
    again = said(total=Outcome.FAILED)
    assert not judged(
        said(TOTAL), said(TOTAL), changed, story="Totals have 19 % tax: 3 and 4 are 8.33", again=again
    ).refused


def test_a_red_test_that_is_mended_in_the_product_passes_in_its_old_words() -> None:
    tidied = edited(BODY, BODY.replace("def test", "# sums\ndef test"))
    assert not judged(said(total=Outcome.FAILED), said(TOTAL), tidied, again=said(TOTAL)).refused


def test_a_red_test_that_is_mended_by_editing_it_is_refused() -> None:
    bent = edited(BODY, BODY.replace("== 7", "== 0"))
    judgement = judged(said(total=Outcome.FAILED), said(TOTAL), bent, again=said(total=Outcome.FAILED))
    assert "base-test-fails" in rules(judgement)


def test_a_test_that_was_red_and_stays_so_is_nobody_s_fault() -> None:
    red = said(TOTAL, empty=Outcome.FAILED)
    assert not judged(red, red, edited(BODY, BODY + "\n# more\n"), again=red).refused


def test_old_tests_that_do_not_even_start_on_the_work_weigh_without_refusing_by_themselves() -> None:
    judgement = judged(said(TOTAL), said(TOTAL), edited("X = 1\n", "X = 2\n", "tests/data.py"), again=said())
    assert "base-tests-not-run" in rules(judgement)
    assert not judgement.refused


def test_new_tests_that_all_pass_without_the_work_are_refused() -> None:
    grown = edited(BODY, BOTH)
    judgement = judged(said(TOTAL), said(TOTAL, EMPTY), grown, on_base=said(TOTAL, EMPTY))
    assert rules(judgement) == ["new-tests-cannot-fail"]
    assert judgement.refused
    pinned = judged(
        said(TOTAL), said(TOTAL, EMPTY), grown, on_base=said(TOTAL, EMPTY), story="Pin down the total of carts"
    )
    assert not pinned.refused


def test_one_new_test_that_passes_without_the_work_beside_one_that_does_not_is_worth_a_look() -> None:
    other = "pytest:tests/test_cart.py::test_tax"
    grown = edited(BODY, f"{BOTH}\n\ndef test_tax():\n    assert total([1], tax=19) == 1.19\n")
    judgement = judged(said(TOTAL), said(TOTAL, EMPTY, other), grown, on_base=said(TOTAL, EMPTY))
    assert rules(judgement) == ["new-tests-cannot-fail"]
    assert not judgement.refused


def test_old_tests_that_fail_by_number_are_refused_unless_the_story_asks_for_what_changed() -> None:
    changed, again = edited(BODY, BODY.replace("== 7", "== 8")), RunnerReport(passed=2, failed=1)
    assert rules(judged(counted(3), counted(3), changed, again=again))[-1] == "base-test-fails"
    assert not judged(counted(3), counted(3), changed, story="The total of 3 and 4 is 8", again=again).refused


def test_new_tests_by_number_that_pass_without_the_work_are_refused() -> None:
    grown = edited(BODY, BOTH)
    assert rules(judged(counted(3), counted(5), grown, on_base=counted(5))) == ["new-tests-cannot-fail"]
    assert not judged(counted(3), counted(5), grown, on_base=counted(3)).refused


def test_a_hard_stop_in_the_text_saves_the_further_runs() -> None:
    skipped = edited(BODY, BODY.replace("def test", "@pytest.mark.skip\ndef test"))

    def must_not_run(_: Collection[str] = ()) -> dict[str, RunnerReport | None]:
        raise AssertionError("a check was run")

    reports = {"tests": said(TOTAL)}
    assert judge(Evidence(Change((skipped,)), Permit(STORY), reports, reports, must_not_run, must_not_run)).refused


def test_what_the_text_and_the_runs_say_of_one_test_is_said_once() -> None:
    new = f'{BODY}\n\n@pytest.mark.skipif(sys.platform == "win32", reason="no modes")\ndef test_empty():\n    assert total([]) == 0\n'
    judgement = judged(said(TOTAL), said(TOTAL, empty=Outcome.SKIPPED), edited(BODY, new))
    assert rules(judgement) == ["new-test-skipped"]
    assert judgement.findings[0].weight == 15
