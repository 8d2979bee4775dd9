import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from ralph.checks.check import Check
from ralph.checks.reports.printed.failing import Tally, tally
from ralph.detect import detect_checks

NPM = json.dumps({"scripts": {"test": "jest", "lint": "eslint .", "type-check": "tsc", "build": "vite", "dev": "x"}})
PLACEHOLDER = json.dumps({"scripts": {"test": 'echo "Error: no test specified" && exit 1'}})


@pytest.mark.parametrize(
    ("files", "commands"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"test/x/test_a.py": "", "uv.lock": ""}, ["uv run pytest -q"], id="uv"),
        pytest.param(
            {"pyproject.toml": "[tool.pytest.ini_options]", "poetry.lock": ""}, ["poetry run pytest -q"], id="poetry"
        ),
        pytest.param({"pyproject.toml": "[project]"}, [], id="python-without-tests"),
        pytest.param(
            {"package.json": NPM},
            ["npm run test", "npm run lint", "npm run type-check", "npm run build"],
            id="npm",
        ),
        pytest.param({"package.json": PLACEHOLDER, "yarn.lock": ""}, [], id="npm-init-placeholder"),
        pytest.param(
            {"package.json": '{"scripts": {"test": "x"}}', "pnpm-lock.yaml": ""}, ["pnpm run test"], id="pnpm"
        ),
        pytest.param({"package.json": "{broken"}, [], id="broken-json"),
        pytest.param({"Cargo.toml": ""}, ["cargo test --quiet"], id="cargo"),
        pytest.param({"go.mod": ""}, ["go vet ./...", "go test ./..."], id="go"),
        pytest.param(
            {"Makefile": "X := 1\nlint: x\n\ttrue\ntest check:: y\n"},
            ["make test", "make check", "make lint"],
            id="make",
        ),
        pytest.param(
            {"Makefile": "test:\nlint:\n", "go.mod": ""},
            ["go vet ./...", "go test ./...", "make lint"],
            id="make-beside",
        ),
    ],
)
def test_checks_are_found_by_the_files_of_their_tools(
    tmp_path: Path, files: dict[str, str], commands: list[str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [check.command for check in detect_checks(tmp_path)] == commands


def test_pytest_without_a_lockfile_runs_by_the_python_on_the_path(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").touch()
    assert detect_checks(tmp_path)[0].command.endswith(" -m pytest -q")


@pytest.mark.parametrize("cwd", ["/etc", "../x", "a/../../b"])
def test_a_check_stays_in_the_repo(cwd: str) -> None:
    with pytest.raises(ValidationError, match="leaves the repo"):
        Check(name="x", command="x", cwd=cwd)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("3 passed in 0.1s", Tally(0), id="pytest-green"),
        pytest.param(
            "FAILED t.py::b - x\nFAILED t.py::a\n=== 2 failed, 1 passed in 1.2s ===",
            Tally(2, ("t.py::a", "t.py::b")),
            id="pytest",
        ),
        pytest.param("ERROR t.py - x\n1 error in 0.05s", Tally(1, ("t.py",)), id="pytest-error"),
        pytest.param("1 failed, 2 warnings, 1 error in 65.05s (0:01:05)", Tally(2), id="pytest-long"),
        pytest.param("test result: FAILED. 3 passed; 2 failed; 0 ignored", Tally(2), id="cargo"),
        pytest.param("Tests:       1 failed, 2 passed, 3 total", Tally(1), id="jest"),
        pytest.param("      Tests  4 failed | 2 passed (6)", Tally(4), id="vitest"),
        pytest.param("Tests:       2 passed, 2 total", Tally(0), id="jest-green"),
        pytest.param("--- FAIL: TestA (0.00s)\nFAIL", Tally(1, ("TestA",)), id="go"),
        pytest.param("error: something", Tally(), id="says-nothing"),
    ],
)
def test_failures_are_counted_where_the_runner_says_them(text: str, expected: Tally) -> None:
    assert tally(text) == expected
