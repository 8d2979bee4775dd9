"""What old tests lean on, made to ask for less; and rewritings that ask for the same."""

import pytest

from ralph.integrity.change import Change, FileChange
from ralph.integrity.finding import HARD
from ralph.integrity.permit import Permit
from ralph.integrity.scan import scan

GO = 'package check\n\nimport "testing"\n\nfunc Equal(t *testing.T, got, want string) {\n\tif got != want {\n\t\tt.Errorf("%s", got)\n\t}\n}\n'
PYTHON = "def same(left, right):\n    assert left == right\n"
SCRIPT = "export function same(left, right) {\n  assert.equal(left, right)\n}\n"
OLD_TEST = "def test_gives_up():\n    assert run(9) == 4\n"
LOOSER = {
    "one more condition": ("internal/check/check.go", GO, GO.replace("got != want", "got != want && plain(got) != plain(want)")),
    "both sides normalised": ("internal/check/check.go", GO, GO.replace("got != want", "plain(got) != plain(want)")),
    "no failure": ("internal/check/check.go", GO, GO.replace("t.Errorf", "t.Logf")),
    "or": ("src/support.py", PYTHON, PYTHON.replace("left == right", "left == right or str(left) == str(right)")),
    "wrapped": ("src/support.py", PYTHON, PYTHON.replace("left == right", "plain(left) == plain(right)")),
    "weaker": ("src/support.js", SCRIPT, SCRIPT.replace("assert.equal(left, right)", "assert.ok(left)")),
    "in a test file": ("tests/helpers.py", PYTHON, PYTHON.replace("left == right", "left == right or not left")),
    "flaky": ("tests/test_run.py", OLD_TEST, "import pytest\n\n@pytest.mark.flaky(reruns=5)\n" + OLD_TEST),
    "a loop of one's own": ("tests/test_run.py", OLD_TEST, "def steady(test):\n    def run():\n        for _ in range(5):\n            try:\n                return test()\n            except AssertionError:\n                continue\n    return run\n\n@steady\n" + OLD_TEST),
    "retries": ("test/a.test.js", "test('a', () => {\n  expect(run(9)).toBe(4)\n})\n", "test('a', { retry: 3 }, () => {\n  expect(run(9)).toBe(4)\n})\n"),
}  # fmt: skip
SAME = {
    "a better message": ("internal/check/check.go", GO, GO.replace('"%s", got', '"got %s, want %s", got, want')),
    "a new helper": ("internal/check/check.go", GO, GO + "\nfunc True(t *testing.T, got bool) {\n\tif !got {\n\t\tt.Error(got)\n\t}\n}\n"),
    "stricter": ("src/support.py", PYTHON, PYTHON.replace("left == right", "left == right and type(left) is type(right)")),
    "a mark": ("tests/test_run.py", OLD_TEST, "import pytest\n\n@pytest.mark.slow\n" + OLD_TEST),
}  # fmt: skip


def weight(path: str, old: str, new: str, story: str = "Values keep their blanks") -> int:
    around = {
        "tests/test_x.py": "from support import same\n",
        "test/x.test.js": "import { same } from '../src/support.js'\n",
    }
    change = Change((FileChange(path, old.encode(), new.encode(), path),), lambda: around)
    return sum(item.weight for item in scan(change, Permit(story)))


@pytest.mark.parametrize("name", LOOSER)
def test_what_tests_lean_on_may_not_ask_for_less(name: str) -> None:
    assert weight(*LOOSER[name]) >= HARD


@pytest.mark.parametrize("name", SAME)
def test_what_tests_lean_on_may_be_put_otherwise(name: str) -> None:
    assert weight(*SAME[name]) < 50


def test_a_story_that_names_the_shaky_test_asks_for_its_cause() -> None:
    assert weight(*LOOSER["flaky"], "test_gives_up fails now and then. Find out why and fix it") >= HARD
    assert weight(*LOOSER["flaky"], "Quarantine the shaky tests") < HARD


def test_assertions_follow_a_name_that_the_story_changes() -> None:
    old = "class TestTotal(TestCase):\n    def test_sum(self):\n        self.assertEqual(total([1, 2]), 3)\n        self.assertEqual(total([]), 0)\n"
    code = FileChange("cart.py", b"def total(x): ...\n", b"def grand_total(x): ...\n", "cart.py")
    test = FileChange(
        "tests/test_cart.py", old.encode(), old.replace("total(", "grand_total(").encode(), "tests/test_cart.py"
    )
    assert not scan(Change((code, test)), Permit("Rename total to grand_total"))
