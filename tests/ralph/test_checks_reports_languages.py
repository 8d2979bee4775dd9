"""Real runners of other languages, where they are installed."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from ralph.checks.check import Check, CheckResult
from ralph.checks.report import Outcome, RunnerReport
from ralph.checks.runner import run_check
from ralph.sandbox.base import NoSandbox

NODE_TEST = """
const { test, describe, it } = require('node:test');
test('ok', () => {}); test('ok', () => {});
test('parent', async (t) => { await t.test('kid', () => { throw new Error('x') }) });
describe('suite', () => {
  it('in', () => {}); it.skip('sk', () => {}); it.todo('td'); it('tdf', { todo: true }, () => { throw 1 });
});
test('env', () => {
  if (process.env.RUNNER_REPORTS || /node_preload/.test(process.env.NODE_OPTIONS || '')) throw 1;
});
"""
JS_TEST = """
describe('sum', () => {
  test('adds', () => expect(1 + 1).toBe(2));
  test.skip('sk', () => {});
  test.todo('later');
  test('bad', () => expect(1).toBe(2));
  test.each([1, 1])('same', () => {});
});
"""
GO_TEST = """package shop
import "testing"
func TestAdds(t *testing.T) { t.Run("one", func(t *testing.T) {}) }
func TestBad(t *testing.T) { t.Fatal("no") }
func TestSkipped(t *testing.T) { t.Skip() }
"""
RUST = """
pub fn add(a: u64, b: u64) -> u64 { a + b }
#[cfg(test)] mod tests {
    #[test] fn adds() { assert_eq!(super::add(2, 2), 4); }
    #[test] #[ignore] fn slow() {}
    #[test] fn leaves() { if std::env::var("LEAVE").is_ok() { std::process::exit(0) } }
}
"""


def run(tmp_path: Path, files: Mapping[str, str], command: str, **settings: object) -> CheckResult:
    tree = tmp_path / "tree"
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    check = Check.model_validate({"name": "tests", "command": command, **settings})
    return run_check(check, tree, sandbox=NoSandbox(), scratch=tmp_path / "scratch")


def heard(result: CheckResult) -> RunnerReport:
    assert result.report is not None, result.excerpt
    return result.report


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program}")


def package(name: str) -> Path:
    """A folder of the tester's own with the package installed, named by NODE_MODULES_FOR_TESTS."""
    modules = Path(os.environ.get("NODE_MODULES_FOR_TESTS", "/nowhere"))
    if not (modules / ".bin" / name).exists():
        pytest.skip(f"needs {name} below the folder that NODE_MODULES_FOR_TESTS names")
    return modules


@needs("node")
def test_node_tells_every_test_by_file_and_name_and_prints_what_it_always_prints(tmp_path: Path) -> None:
    files = {"a.test.js": NODE_TEST, "b.test.js": "throw 1"}
    result = run(tmp_path, files, "node --test --test-reporter=tap")
    if result.report is None:
        pytest.skip("needs node 18 or newer")
    assert result.report == RunnerReport(
        outcomes={
            "node:a.test.js > env": Outcome.PASSED,
            "node:a.test.js > ok": Outcome.PASSED,
            "node:a.test.js > ok (2)": Outcome.PASSED,
            "node:a.test.js > parent": Outcome.FAILED,
            "node:a.test.js > parent > kid": Outcome.FAILED,
            "node:a.test.js > suite > in": Outcome.PASSED,
            "node:a.test.js > suite > sk": Outcome.SKIPPED,
            "node:a.test.js > suite > td": Outcome.SKIPPED,
            "node:a.test.js > suite > tdf": Outcome.XFAILED,
            "node:b.test.js": Outcome.FAILED,
        },
        passed=4,
        failed=3,
        skipped=2,
        xfailed=1,
    )
    assert result.output.read_text().startswith("TAP version 13\n")


@pytest.mark.slow
@needs("node")
def test_a_test_of_node_that_leaves_takes_its_file_out_of_the_report(tmp_path: Path) -> None:
    leave = "require('node:test').test('one', () => {});\nrequire('node:test').test('x', () => process.exit(0));\n"
    assert "node:a.test.js > x" not in heard(run(tmp_path, {"a.test.js": leave}, "node --test")).outcomes
    report = heard(run(tmp_path, {"a.test.js": leave}, "node a.test.js"))
    assert not report.complete or report.failed


@pytest.mark.slow
@needs("node")
@pytest.mark.parametrize("runner", ["jest", "vitest --run --globals"])
def test_jest_and_vitest_get_one_more_reporter(tmp_path: Path, runner: str) -> None:
    name = runner.split(maxsplit=1)[0]
    modules = package(name)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/node_modules").symlink_to(modules)
    files = {"package.json": "{}", "sum.test.js": JS_TEST, "broken.test.js": "require('./none')"}
    report = heard(run(tmp_path, files, f"node_modules/.bin/{runner}"))
    assert report == RunnerReport(
        outcomes={
            f"{name}:sum.test.js > sum > adds": Outcome.PASSED,
            f"{name}:sum.test.js > sum > bad": Outcome.FAILED,
            f"{name}:sum.test.js > sum > later": Outcome.SKIPPED,
            f"{name}:sum.test.js > sum > same": Outcome.PASSED,
            f"{name}:sum.test.js > sum > same (2)": Outcome.PASSED,
            f"{name}:sum.test.js > sum > sk": Outcome.SKIPPED,
        },
        passed=3,
        failed=1,
        skipped=2,
        uncollected=("broken.test.js",),
    )


@pytest.mark.slow
@needs("go")
def test_go_tells_every_test_and_its_other_commands_stay_quiet(tmp_path: Path) -> None:
    files = {"go.mod": "module example.com/shop\n\ngo 1.16\n", "a_test.go": GO_TEST, "a.go": "package shop\n"}
    result = run(tmp_path, files, "go vet ./... && go build ./... && go list ./... && go test ./...")
    assert result.output.read_text().startswith("example.com/shop\n=== RUN")
    assert heard(result) == RunnerReport(
        outcomes={
            "go:example.com/shop.TestAdds": Outcome.PASSED,
            "go:example.com/shop.TestAdds/one": Outcome.PASSED,
            "go:example.com/shop.TestBad": Outcome.FAILED,
            "go:example.com/shop.TestSkipped": Outcome.SKIPPED,
        },
        passed=2,
        failed=1,
        skipped=1,
    )


@pytest.mark.slow
@needs("cargo")
def test_cargo_tells_every_test_and_one_that_leaves_is_seen(tmp_path: Path) -> None:
    files = {"Cargo.toml": '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2021"\n', "src/lib.rs": RUST}
    report = heard(run(tmp_path, files, "cargo test --offline -- --test-threads 1"))
    assert report.complete
    assert report.outcomes == {
        "cargo:shop unittests src/lib.rs::tests::adds": Outcome.PASSED,
        "cargo:shop unittests src/lib.rs::tests::leaves": Outcome.PASSED,
        "cargo:shop unittests src/lib.rs::tests::slow": Outcome.SKIPPED,
    }
    left = run(tmp_path, files, "cargo test --offline --lib -- --test-threads 1", env={"LEAVE": "1"})
    assert left.passed
    assert not heard(left).complete
