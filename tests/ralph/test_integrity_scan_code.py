"""Product code, scripts and files: what the scan says of code that knows its tests, lets failures pass, or stands in the way."""

import random

import pytest

from ralph.integrity.change import Change, FileChange
from ralph.integrity.finding import HARD
from ralph.integrity.permit import Permit
from ralph.integrity.protected import protected_changes
from ralph.integrity.scan import scan


def weight_of(
    path: str, new: str, *others: FileChange, old: str | None = None, story: str = "Carts have totals"
) -> int:
    before = old.encode() if old is not None else None
    file = FileChange(path, before, new.encode(), path if old is not None else "")
    return sum(item.weight for item in scan(Change((file, *others)), Permit(story)))


CHEATS = [
    pytest.param("app.py", "import os\ndef f():\n    if 'PYTEST_CURRENT_TEST' in os.environ:\n        return 1\n", id="pytest-variable"),
    pytest.param("app.py", "import sys\nfast = 'pytest' in sys.modules\n", id="pytest-in-modules"),
    pytest.param("app.js", "export const f = () => process.env.JEST_WORKER_ID ? 1 : g();\n", id="jest-worker"),
    pytest.param("app.go", 'package a\nfunc f() bool { return strings.HasSuffix(os.Args[0], ".test") }\n', id="go-test-binary"),
    pytest.param("app.py", "class Any:\n    def __eq__(self, other):\n        return True\n", id="always-equal"),
    pytest.param("app.py", "import sys\nsys.exit(0)\n", id="exit-at-import"),
    pytest.param("tests/test_x.py", "import os\n\ndef test_x():\n    os._exit(0)\n", id="exit-in-test"),
    pytest.param("app.py", "import atexit, os\natexit.register(lambda: os._exit(0))\n", id="exit-at-exit"),
    pytest.param("a_test.go", "package a\nfunc TestMain(m *testing.M) {\n\tm.Run()\n\tos.Exit(0)\n}\n", id="go-test-main"),
    pytest.param("sitecustomize.py", "x = 1\n", id="sitecustomize"),
    pytest.param("pytest.py", "def main(): return 0\n", id="fake-pytest"),
    pytest.param("node_modules/jest/index.js", "module.exports = 1\n", id="node-modules"),
    pytest.param("Makefile", "test:\n\tpytest || true\n", id="or-true"),
    pytest.param("run_tests.sh", "pytest -k 'not slow'\n", id="left-out"),
    pytest.param("conftest.py", "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n", id="exit-status"),
    pytest.param("conftest.py", "collect_ignore = ['test_a.py']\n", id="collect-ignore"),
    pytest.param("tests/test_m.py", "from unittest.mock import patch\nfrom m import f\n\ndef test_f():\n    with patch('m.f', return_value=3):\n        import m\n        assert m.f() == 3\n", id="mocks-the-unit"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text"), CHEATS)
def test_code_that_passes_checks_without_the_work_is_refused(path: str, text: str) -> None:
    unit = FileChange("m.py", b"", b"def f():\n    return 1\n", "m.py")
    assert weight_of(path, text, unit) >= HARD


HONEST = [
    pytest.param("cli.py", "import sys\ndef main():\n    sys.exit(0)\nif __name__ == '__main__':\n    main()\n    sys.exit(0)\n", id="cli-ends-well"),
    pytest.param("app.py", "import os\nif os.environ.get('CI'):\n    color = False\n", id="reads-ci"),
    pytest.param("app.py", "import lib  # type: ignore[import]\n", id="untyped-library"),
    pytest.param("Makefile", "clean:\n\trm -rf build || true\n", id="clean-target"),
    pytest.param("app.py", "class Money:\n    def __eq__(self, other):\n        return isinstance(other, Money) and self.x == other.x\n", id="value-class"),
    pytest.param("tests/test_t.py", "def test_t(monkeypatch):\n    monkeypatch.setattr('time.time', lambda: 4)\n    assert now() == 4\n", id="monkeypatch-in-test"),
    pytest.param("tests/conftest.py", "import pytest\n@pytest.fixture\ndef cart():\n    return Cart()\n", id="new-fixture"),
    pytest.param("server.js", "if (process.env.NODE_ENV !== 'test') {\n  app.listen(80);\n}\n", id="does-not-listen-in-tests"),
    pytest.param("app.py", "# PYTEST_CURRENT_TEST is set by pytest\nx = 1\n", id="in-a-comment"),
    pytest.param("scripts/deploy.sh", "set -e\ngrep -q x y || true\nexit 0\n", id="script"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text"), HONEST)
def test_code_that_only_looks_suspicious_is_let_pass(path: str, text: str) -> None:
    assert weight_of(path, text) < HARD


def test_a_silencing_comment_that_moved_with_its_line_is_none() -> None:
    old = "// eslint-disable-next-line no-eval\neval(x);\nfoo();\n"
    assert weight_of("a.js", "foo();\nbar();\n// eslint-disable-next-line no-eval\neval(x);\n", old=old) == 0


def test_many_silenced_lines_weigh_more_than_one() -> None:
    one = weight_of("a.py", "x = f()  # type: ignore[attr-defined]\n")
    many = weight_of("a.py", "".join(f"x{n} = f()  # type: ignore[attr-defined]\n" for n in range(8)))
    assert 0 < one < HARD <= many


def test_answers_that_only_the_tests_know_are_refused() -> None:
    test = FileChange(
        "tests/test_d.py", None, b"def test_d():\n    assert d('1h30m') == 5400\n    assert d('2m5s') == 125\n"
    )
    table = "def d(text):\n    return {'1h30m': 5400, '2m5s': 125}[text]\n"
    assert weight_of("d.py", table, test) >= HARD
    assert weight_of("d.py", table, test, story="A lookup table: 1h30m is 5400, 2m5s is 125") < HARD


def test_no_input_makes_the_scan_fail() -> None:
    chance = random.Random(7)
    paths = [
        "tests/test_a.py",
        "a.test.js",
        "a_test.go",
        "src/a.rs",
        "Makefile",
        "pyproject.toml",
        "package.json",
        "tox.ini",
        "a.sh",
    ]
    words = ["def test_a():", "assert", "(", "{", "it('", "`", "#[test]", "fn", "func TestA(t *testing.T) {", "\n", "\n    ", "/", "\\", "'", '"', "[x]", "=", "\0", "é", "expect(", ".each`", "if ", "[tool.ruff]\n", "{{}"]  # fmt: skip
    for number in range(300):
        old, new = ("".join(chance.choices(words, k=40)).encode() + chance.randbytes(5) for _ in range(2))
        change = Change((FileChange(paths[number % len(paths)], old, new, paths[number % len(paths)]),))
        scan(change, Permit("x"))
        protected_changes(change, Permit("x"), ["*.py"])


def test_a_huge_line_and_a_huge_file_are_read_in_bounded_time() -> None:
    for text in (b"x" * 900_000, b"[" * 200_000, b"a\n" * 300_000, b"expect(" * 50_000):
        change = Change((FileChange("a.test.js", b"a\n" * 100, text, "a.test.js"),))
        scan(change, Permit("x"))
