"""Tests that were there before: what the scan says when they are skipped, emptied, weakened or hidden, and when they only moved."""

import pytest

from ralph.integrity.change import Change, FileChange
from ralph.integrity.finding import HARD
from ralph.integrity.permit import Permit
from ralph.integrity.scan import scan

PYTHON = """import sys
import pytest
from cart import total

def test_total():
    c = total([1, 2])
    assert c == 17
    assert total([]) == 4
"""
SCRIPT = """describe('cart', () => {
  it('adds up', () => {
    expect(total([1])).toEqual(17);
    expect(name).toBe('x');
  });
  it.each([[1, 2], [3, 4], [5, 6]])('doubles %i', (a, b) => {
    expect(f(a)).toBe(b);
  });
});
"""
GO = 'package cart\n\nimport "testing"\n\nfunc TestTotal(t *testing.T) {\n\tgot := Total(1)\n\tif got != 17 {\n\t\tt.Errorf("got %d", got)\n\t}\n}\n'
RUST = "pub fn f() {}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() {\n        assert_eq!(total(1), 17);\n    }\n}\n"
PATHS = {PYTHON: "tests/test_cart.py", SCRIPT: "src/cart.test.js", GO: "cart_test.go", RUST: "src/lib.rs"}


def one_file(path: str, old: str | None, new: str | None, old_path: str = "") -> Change:
    sides = [text.encode() if text is not None else None for text in (old, new)]
    return Change((FileChange(path, sides[0], sides[1], old_path or (path if old is not None else "")),))


def weight_of(old: str, new: str, story: str = "Carts have totals") -> int:
    return sum(item.weight for item in scan(one_file(PATHS[old], old, new), Permit(story)))


CHEATS = [
    pytest.param(PYTHON, "def test", "@pytest.mark.skip\ndef test", id="python-skipped"),
    pytest.param(PYTHON, "def test", "@pytest.mark.skipif(True, reason='')\ndef test", id="python-skipped-if-true"),
    pytest.param(PYTHON, "def test", "@pytest.mark.xfail\ndef test", id="python-expected-to-fail"),
    pytest.param(PYTHON, "c == 17", "c is not None", id="python-presence-only"),
    pytest.param(PYTHON, "c == 17", "c == c", id="python-compared-with-itself"),
    pytest.param(PYTHON, "c == 17", "c == total([1, 2])", id="python-compared-with-the-call"),
    pytest.param(PYTHON, "c == 17", "c == 17 or True", id="python-or-true"),
    pytest.param(PYTHON, "def test_total", "def _test_total", id="python-hidden"),
    pytest.param(PYTHON, "    c =", "    return\n    c =", id="python-returns-first"),
    pytest.param(PYTHON, PYTHON[PYTHON.index("def") :], "", id="python-deleted"),
    pytest.param(
        PYTHON,
        "    assert c == 17",
        "    try:\n        assert c == 17\n    except Exception:\n        pass",
        id="python-caught",
    ),
    pytest.param(SCRIPT, "it('adds", "it.skip('adds", id="script-skipped"),
    pytest.param(SCRIPT, "it('adds", "xit('adds", id="script-x"),
    pytest.param(SCRIPT, "describe(", "describe.only(", id="script-only"),
    pytest.param(SCRIPT, "toEqual(17)", "toBeDefined()", id="script-presence-only"),
    pytest.param(SCRIPT, "expect(total([1])).toEqual(17)", "expect(true).toBe(true)", id="script-literal"),
    pytest.param(SCRIPT, "    expect(t", "    if (process.env.CI) return;\n    expect(t", id="script-returns-in-ci"),
    pytest.param(SCRIPT, ", [3, 4], [5, 6]", "", id="script-rows-gone"),
    pytest.param(GO, "\tgot :=", '\tt.Skip("later")\n\tgot :=', id="go-skipped"),
    pytest.param(GO, "t.Errorf", "t.Logf", id="go-logs-only"),
    pytest.param(GO, "package", "//go:build ignore\n\npackage", id="go-build-tag"),
    pytest.param(GO, "TestTotal", "testTotal", id="go-hidden"),
    pytest.param(RUST, "#[test]", "#[test]\n    #[ignore]", id="rust-ignored"),
    pytest.param(RUST, "#[test]", "#[test]\n    #[should_panic]", id="rust-inverted"),
    pytest.param(RUST, "assert_eq!(total(1), 17)", "assert!(true)", id="rust-literal"),
    pytest.param(RUST, "    #[test]\n", "", id="rust-no-longer-a-test"),
]


@pytest.mark.parametrize(("text", "old", "new"), CHEATS)
def test_a_test_that_can_no_longer_fail_is_refused(text: str, old: str, new: str) -> None:
    assert weight_of(text, text.replace(old, new, 1)) >= HARD


HONEST = [
    pytest.param(PYTHON, "test_total", "test_sum_of_all", id="python-renamed"),
    pytest.param(
        PYTHON,
        "def test",
        "@pytest.mark.skipif(sys.platform == 'win32', reason='posix')\ndef test",
        id="python-platform",
    ),
    pytest.param(PYTHON, "    assert c == 17", "    assert c == 17\n    assert c > 3", id="python-one-more"),
    pytest.param(PYTHON, "assert c == 17", "assert total([1, 2]) == 17", id="python-inlined"),
    pytest.param(SCRIPT, "it('adds up'", "it('adds everything up'", id="script-renamed"),
    pytest.param(SCRIPT, "toEqual(17)", "toStrictEqual(17)", id="script-stricter"),
    pytest.param(GO, "TestTotal", "TestSum", id="go-renamed"),
    pytest.param(GO, "t.Errorf", "t.Fatalf", id="go-stops-there"),
    pytest.param(RUST, "fn adds", "fn adds_up", id="rust-renamed"),
]


@pytest.mark.parametrize(("text", "old", "new"), HONEST)
def test_a_test_that_still_says_the_same_is_let_pass(text: str, old: str, new: str) -> None:
    assert weight_of(text, text.replace(old, new, 1)) < HARD


def test_a_test_that_moved_to_another_file_is_not_called_deleted() -> None:
    files = (
        FileChange("tests/test_cart.py", PYTHON.encode(), b"import pytest\n", "tests/test_cart.py"),
        FileChange("tests/unit/test_totals.py", None, PYTHON.encode()),
    )
    assert scan(Change(files), Permit("Carts")) == ()


def test_a_story_that_removes_the_subject_lets_its_test_go() -> None:
    product = FileChange("cart.py", b"def total(items):\n    return 17\n", b"", "cart.py")
    test = FileChange("tests/test_cart.py", PYTHON.encode(), b"import pytest\n", "tests/test_cart.py")
    gone = Change((product, test))
    assert sum(item.weight for item in scan(gone, Permit("Remove the total of carts"))) < HARD
    assert weight_of(PYTHON, "import pytest\n", "Carts show their total; tests/test_cart.py passes") >= HARD


@pytest.mark.parametrize(
    "story",
    [
        "Add remove() to the cart\nThe total of the cart follows",
        "Customers can remove an article from the total",
        "Cart.remove(sku) takes an article out of the total",
        "Removing what is not in the total raises KeyError",
        "Remove the total of carts",
    ],
)
def test_a_word_of_removal_lets_no_test_go_while_the_product_keeps_what_it_is_about(story: str) -> None:
    assert weight_of(PYTHON, "import pytest\n", story) >= HARD


def test_a_test_file_that_gets_a_name_that_is_no_tests_is_refused() -> None:
    found = scan(one_file("tests/cart_checks.py", PYTHON, PYTHON, "tests/test_cart.py"), Permit("Carts"))
    assert [item.rule for item in found] == ["test-hidden"]


def test_a_finding_says_what_was_seen_and_where() -> None:
    change = one_file(PATHS[PYTHON], PYTHON, PYTHON.replace("def test", "@pytest.mark.skip\ndef test"))
    [found] = scan(change, Permit("Carts"))
    assert (found.text, found.place) == ("the test test_total was skipped: it ran before", "tests/test_cart.py:6")
    assert found.evidence == "pytest.mark.skip"
