"""What became of the tests that were there: found under other names, told apart word by word, and put into other trees."""

import subprocess
from pathlib import Path

import pytest

from ralph.checks.report import Outcome, RunnerReport
from ralph.integrity.bodies import test_bodies as bodies_of
from ralph.integrity.change import Change, FileChange, compared, read_change
from ralph.integrity.graft import base_with_new_tests, touches_base_tests, touches_tests, work_with_base_tests
from ralph.integrity.leeway import changes_tests, excuses, mentions, pins, skips
from ralph.integrity.permit import Permit
from ralph.integrity.programs import changed_programs, programs
from ralph.integrity.rewriting import Rewriting
from ralph.integrity.tests_before import TestName, TestsBefore
from ralph.workspace.repo import Repo

RUST = "pub fn f() -> i32 {\n    1\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn one() {\n        assert_eq!(super::f(), 1);\n    }\n}\n"


@pytest.mark.parametrize(
    ("test_id", "file", "name", "case"),
    [
        ("pytest:tests/test_a.py::TestA::test_x[1-a::b]", "tests/test_a.py", "test_x", "1-a::b"),
        ("pytest:tests/test_a.py::test_x", "tests/test_a.py", "test_x", ""),
        ("node:test/a.test.js > cart > adds up", "test/a.test.js", "adds up", ""),
        ("go:example.com/shop/cart.TestTotal/empty", "", "TestTotal", "empty"),
        ("cargo:shop unittests src/lib.rs::tests::adds", "", "adds", ""),
    ],
)
def test_an_id_is_taken_apart_into_file_name_and_case(test_id: str, file: str, name: str, case: str) -> None:
    assert TestName.of(test_id) == TestName(file, name, case)


def passed(*ids: str) -> RunnerReport:
    return RunnerReport(outcomes=dict.fromkeys(ids, Outcome.PASSED), passed=len(ids))


def test_a_test_that_was_renamed_is_found_by_what_it_says() -> None:
    old = "def test_total():\n    cart = Cart()\n    cart.add('tea', 350)\n    assert cart.total() == 350\n"
    file = FileChange("t/test_a.py", old.encode(), old.replace("test_total", "test_adds_up").encode(), "t/test_a.py")
    before = TestsBefore(
        Change((file,)), passed("pytest:t/test_a.py::test_total"), passed("pytest:t/test_a.py::test_adds_up")
    )
    assert before.heir(TestName("t/test_a.py", "test_total")) == TestName("t/test_a.py", "test_adds_up")
    assert before.new() == frozenset()


def test_a_case_that_runs_no_more_is_gone_though_its_function_runs() -> None:
    base = passed(*(f"pytest:t/test_a.py::test_x[{case}]" for case in "abc"))
    work = passed(*(f"pytest:t/test_a.py::test_x[{case}]" for case in "ab"))
    assert TestsBefore(Change(()), base, work).gone() == ["pytest:t/test_a.py::test_x[c]"]


def test_bodies_are_found_in_four_languages() -> None:
    assert bodies_of("a_test.go", 'func TestA(t *testing.T) {\n\tx := "}"\n}\n\nvar y = 1\n') == {
        "TestA": 'func TestA(t *testing.T) {\n\tx := "}"\n}'
    }
    assert "a" in bodies_of("a.test.js", "it('a', () => {\n  x();\n});\n")
    rust = '#[test]\n#[cfg_attr(windows, ignore = "CRLF")]\nfn a() {\n    assert!(true);\n}\n'
    assert bodies_of("tests/a.rs", rust)["a"].endswith("assert!(true);\n}")
    assert bodies_of("test_a.py", "def test_a(:\n") == {}


def test_a_rewritten_line_says_what_it_got_and_lost() -> None:
    rewriting = Rewriting.of("assert total(cart) == 7\n", "assert total(cart) == 8.33\n")
    assert (rewriting.got, rewriting.lost) == (frozenset({"8.33"}), frozenset({"7"}))
    assert [line.changes_expected for line in rewriting.lines] == [True]
    assert Rewriting.of("cart = make_cart(1)\n", "cart = make_cart(1, tax=0)\n").expectations == ()


def test_large_and_repetitive_texts_are_compared_in_bounded_time() -> None:
    old = ["{", "}"] * 20_000
    added, removed = compared(old, ["x", *old[:100], "y", *old, "z"])
    assert {line.text for line in added} >= {"x", "y", "z"}
    assert removed == ()
    text = "\n".join(f"assert f({number}) == {number}" for number in range(3_000))
    assert len(Rewriting.of(text, text.replace("==", ">=")).lines) == 3_000


@pytest.mark.parametrize(
    ("story", "pinned"),
    [
        ("Pin down the rounding of money", True),
        ("Refactor the cart without changing its behaviour", True),
        ("Add tests for coupons", True),
        ("Coupons expire", False),
    ],
)
def test_new_tests_may_pass_at_once_where_the_story_is_about_what_is_there(story: str, pinned: bool) -> None:
    assert pins(Permit(story)) is pinned


def test_a_change_of_a_test_is_excused_by_what_is_new_in_it_or_by_what_the_story_takes_away() -> None:
    story = Permit("Totals have a tax_rate of 19 %\nThe old discount code is removed")
    assert excuses(story, {"tax_rate"}, set())
    assert excuses(story, set(), {"discount"})
    assert not excuses(story, {"None"}, {"7"})
    assert mentions(Permit("the tax rate of a cart"), "taxRate")
    assert changes_tests(Permit("Adapt the existing tests to the new layout"))
    assert not changes_tests(Permit("Add tests for the layout"))
    assert skips(Permit("Skip the flaky test on Windows"))
    assert not skips(Permit("Skip blank lines"))


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("node scripts/lint.js src test", {"scripts/lint.js"}),
        ("CI=1 ./tools/check.sh && python -m pytest tests/test_a.py", {"tools/check.sh"}),
        ("ruff check src/app.py", set()),
        ("go test ./...", set()),
    ],
)
def test_the_scripts_that_a_check_runs_are_known_by_where_they_stand_in_its_command(
    command: str, found: set[str]
) -> None:
    assert programs([command]) == found


def test_a_script_of_the_checks_that_changed_unasked_is_refused() -> None:
    change = Change(
        (FileChange("scripts/lint.js", b"const BANNED = [1, 2];\n", b"const BANNED = [1];\n", "scripts/lint.js"),)
    )
    run = ["scripts/lint.js"]
    assert [one.weight for one in changed_programs(change, Permit("Books can be removed"), run)] == [100]
    assert [one.weight for one in changed_programs(change, Permit("scripts/lint.js lets 2 be"), run)] == [5]
    assert list(changed_programs(change, Permit("Books"), [])) == []


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "Start"], cwd=tmp_path, check=True)
    return Repo.open(tmp_path)


def tree(repo: Repo, files: dict[str, str]) -> str:
    for path in repo.root.iterdir():
        if path.name != ".git":
            subprocess.run(["rm", "-rf", str(path)], check=True)
    for name, text in files.items():
        (repo.root / name).parent.mkdir(parents=True, exist_ok=True)
        (repo.root / name).write_text(text)
    subprocess.run(["git", "add", "-A"], cwd=repo.root, check=True)
    done = subprocess.run(["git", "write-tree"], cwd=repo.root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def shown(repo: Repo, treeish: str) -> dict[str, str]:
    paths = repo.store.names("ls-tree", "-r", "-z", "--name-only", treeish)
    return {path: repo.store.text("cat-file", "blob", f"{treeish}:{path}") for path in paths}


def test_the_work_gets_the_tests_of_the_base_and_the_base_those_of_the_work(repo: Repo) -> None:
    base = tree(repo, {"cart.py": "old", "tests/test_a.py": "old a", "tests/test_b.py": "b"})
    work = tree(repo, {"cart.py": "new", "tests/test_a.py": "new a", "tests/test_c.py": "c"})
    change = read_change(repo, base, work)
    assert (touches_base_tests(change), touches_tests(change)) == (True, True)
    assert shown(repo, work_with_base_tests(repo, change, work)) == {
        "cart.py": "new",
        "tests/test_a.py": "old a",
        "tests/test_b.py": "b",
    }
    assert "tests/test_b.py" not in shown(repo, work_with_base_tests(repo, change, work, ["tests/test_b.py"]))
    assert shown(repo, base_with_new_tests(repo, change, base)) == {
        "cart.py": "old",
        "tests/test_a.py": "new a",
        "tests/test_c.py": "c",
    }


def test_the_tests_inside_of_a_rust_file_are_exchanged_and_its_code_stays(repo: Repo) -> None:
    base = tree(repo, {"src/lib.rs": RUST})
    work = tree(repo, {"src/lib.rs": RUST.replace("    1\n}", "    2\n}").replace("f(), 1", "f(), 2")})
    change = read_change(repo, base, work)
    old_tests = shown(repo, work_with_base_tests(repo, change, work))["src/lib.rs"]
    assert "    2\n}" in old_tests
    assert "f(), 1" in old_tests
    new_tests = shown(repo, base_with_new_tests(repo, change, base))["src/lib.rs"]
    assert "    1\n}" in new_tests
    assert "f(), 2" in new_tests
