"""Ways in which a check runs code of the repository that it checks: all of them do, and none of it reaches outside.

Each is run without a sandbox first, since a trap that the tool does not spring proves nothing.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from ralph.checks.check import Check
from ralph.checks.runner import run_check, run_setup
from ralph.detect import detect_checks
from ralph.errors import RalphError
from ralph.home import Home
from ralph.sandbox.base import NoSandbox, Sandbox
from ralph.sandbox.choose import choose_sandbox
from tests.e2e.conftest import World, a_story

PYTHON = sys.executable
TRAP_PY = 'open({marker!r}, "w").close()\n'
TRAP_SH = "touch {marker}"
TEST_PY = "def test_x():\n    pass\n"
DIST_INFO = {
    "evil-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: evil\nVersion: 1\n",
    "evil-1.dist-info/entry_points.txt": "[pytest11]\nevil = evil\n",
    "evil.py": TRAP_PY,
}
GO = {"go.mod": "module evil\n\ngo 1.18\n"}
CARGO = {"Cargo.toml": '[package]\nname = "evil"\nversion = "0.1.0"\nedition = "2021"\n', "src/lib.rs": ""}
RUST_TRAP = 'std::fs::write("{marker}", "x").ok();'


@dataclass(frozen=True)
class Case:
    name: str
    command: str
    files: Mapping[str, str]
    needs: str = ""  # a program on PATH
    module: str = ""  # a module of our own Python
    slow: bool = False


CASES = (
    Case("pytest conftest", f"{PYTHON} -m pytest -q", {"conftest.py": TRAP_PY, "test_x.py": TEST_PY}),
    Case("pytest addopts -p despite --noconftest", f"{PYTHON} -m pytest -q --noconftest", {"evil.py": TRAP_PY, "test_x.py": TEST_PY, "pytest.ini": "[pytest]\naddopts = -p evil\npythonpath = .\n"}),
    Case("pytest plugin by a dist-info in the folder", f"{PYTHON} -m pytest -q", {**DIST_INFO, "test_x.py": TEST_PY}),
    Case("pytest test module", f"{PYTHON} -m pytest -q", {"test_x.py": TRAP_PY + TEST_PY}, slow=True),
    Case("python -m with a shadowed standard module", f"{PYTHON} -m unittest -q", {"argparse.py": TRAP_PY}),
    Case("python -m with a shadowed tool", f"{PYTHON} -m mypy .", {"mypy.py": TRAP_PY}),
    Case("sitecustomize by PYTHONPATH", f"PYTHONPATH=. {PYTHON} -c pass", {"sitecustomize.py": TRAP_PY}),
    Case("mypy plugin", f"{PYTHON} -m mypy x.py", {"mypy.ini": "[mypy]\nplugins = ./evil.py\n", "evil.py": TRAP_PY + "def plugin(version):\n    from mypy.plugin import Plugin\n    return Plugin\n", "x.py": "x = 1\n"}, module="mypy", slow=True),
    Case("coverage plugin", f"{PYTHON} -m coverage run x.py", {".coveragerc": "[run]\nplugins = evil\n", "evil.py": TRAP_PY + "def coverage_init(reg, options):\n    pass\n", "x.py": ""}, module="coverage"),
    Case("pylint init-hook", f"{PYTHON} -m pylint x.py", {".pylintrc": "[MAIN]\ninit-hook=open({marker!r}, 'w')\n", "x.py": ""}, module="pylint"),
    Case("flake8 local plugin", f"{PYTHON} -m flake8 x.py", {".flake8": "[flake8:local-plugins]\nextension =\n    X = evil:C\npaths = .\n", "evil.py": TRAP_PY, "x.py": ""}, module="flake8"),
    Case("setup.py", f"{PYTHON} setup.py --version", {"setup.py": TRAP_PY}),
    Case("make", "make", {"Makefile": "all:\n\t" + TRAP_SH + "\n"}, needs="make"),
    Case("make, when it reads the file", "make -n", {"Makefile": "X := $(shell " + TRAP_SH + ")\nall:\n"}, needs="make"),
    Case("npm test", "npm test", {"package.json": json.dumps({"name": "x", "version": "1.0.0", "scripts": {"test": TRAP_SH}})}, needs="npm", slow=True),
    Case("npm install script", "npm install --offline --no-audit", {"package.json": json.dumps({"name": "x", "version": "1.0.0", "scripts": {"preinstall": TRAP_SH}})}, needs="npm", slow=True),
    Case("node --test", "node --test", {"x.test.js": 'require("fs").writeFileSync("{marker}", "x");\n'}, needs="node"),
    Case("go generate", "go generate ./...", {**GO, "x.go": "package evil\n\n//go:generate touch {marker}\n"}, needs="go", slow=True),
    Case("go test", "go test ./...", {**GO, "x_test.go": 'package evil\n\nimport "os"\n\nfunc init() { os.WriteFile("{marker}", nil, 0o600) }\n'}, needs="go", slow=True),
    Case("cargo build.rs", "cargo check --offline", {**CARGO, "build.rs": "fn main() { " + RUST_TRAP + " }\n"}, needs="cargo", slow=True),
    Case("cargo test", "cargo test --offline", {**CARGO, "tests/x.rs": "#[test]\nfn x() { " + RUST_TRAP + " }\n"}, needs="cargo", slow=True),
    Case("cargo config with a wrapper", "cargo check --offline", {**CARGO, ".cargo/config.toml": '[build]\nrustc-wrapper = "./evil.sh"\n', "evil.sh": "#!/bin/sh\n" + TRAP_SH + '\nexec "$@"\n'}, needs="cargo", slow=True),
    Case("git with a config of the tree", "GIT_CONFIG_GLOBAL=$PWD/gitconfig git -c alias.x='!touch {marker}' x", {"gitconfig": ""}, needs="git"),
)  # fmt: skip


def _plant(case: Case, root: Path, marker: Path) -> str:
    for name, text in case.files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_filled(text, marker))
        file.chmod(0o755)
    return _filled(case.command, marker)


def _filled(text: str, marker: Path) -> str:
    return text.replace("{marker!r}", repr(str(marker))).replace("{marker}", str(marker))


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The best that is proved here."""
    home = Home(tmp_path_factory.mktemp("state"))
    try:
        return choose_sandbox("required", home, environ={**os.environ, "RALPH_HOME": str(home.root)})[0]
    except RalphError as error:
        pytest.skip(str(error))


def _skip_without(case: Case) -> None:
    if case.needs and not shutil.which(case.needs):
        pytest.skip(f"no {case.needs} here")
    if case.module and subprocess.run([PYTHON, "-P", "-c", f"import {case.module}"], check=False, capture_output=True).returncode:  # fmt: skip
        pytest.skip(f"no {case.module} here")


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.slow else []) for case in CASES]
)
def test_code_of_the_repository_that_a_check_runs_reaches_nothing_outside(
    case: Case, sandbox: Sandbox, tmp_path: Path
) -> None:
    _skip_without(case)
    marker = tmp_path / "outside/marker"
    marker.parent.mkdir()
    tree, scratch = tmp_path / "tree", tmp_path / "scratch"
    tree.mkdir()
    scratch.mkdir()
    check = Check(name="tests", command=_plant(case, tree, marker))
    run_check(check, tree, sandbox=NoSandbox(), scratch=scratch)
    assert marker.exists(), "the tool does not run it, so this proves nothing"
    marker.unlink()
    run_check(check, tree, sandbox=sandbox, scratch=scratch)
    assert list(marker.parent.iterdir()) == []
    run_setup(check, tree, sandbox=sandbox, scratch=scratch)
    assert list(marker.parent.iterdir()) == []


def test_what_is_proposed_for_a_repository_is_read_from_it_and_nothing_of_it_is_run(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    for case in CASES:
        _plant(case, tmp_path / "repo", marker)
    assert detect_checks(tmp_path / "repo")
    assert not marker.exists()


@pytest.mark.slow
def test_ralph_init_tries_commands_in_the_sandbox_only(world: World, sandbox: Sandbox, tmp_path: Path) -> None:
    assert sandbox.level != "none"
    marker = tmp_path / "marker"
    world.start_repo(a_story(1), checks="")
    for case in CASES[:4]:
        _plant(case, world.root, marker)
    _plant(next(case for case in CASES if case.name == "make"), world.root, marker)
    (world.root / "ralph.toml").unlink()
    world.commit()
    done = world.command("init", "--yes")
    assert "pytest: python -m pytest" in done.out, done.err
    assert not marker.exists()


HARMLESS = (
    "ralph/__init__.py",
    "ralph/cli.py",
    "tracing/__init__.py",
    "prd/__init__.py",
    "json.py",
    "click.py",
    "git.py",
)
SHADOWS = (
    *HARMLESS,
    "git/__init__.py",
    "anthropic.py",
    "sitecustomize.py",
    "usercustomize.py",
    "subprocess.py",
    "rich.py",
)


@pytest.mark.parametrize("entry", ["script", pytest.param("module", marks=pytest.mark.slow)])
def test_modules_in_the_folder_that_are_named_as_ralphs_are_not_imported(
    world: World, tmp_path: Path, entry: str
) -> None:
    marker = tmp_path / "marker"
    world.start_repo(a_story(1))
    for name in SHADOWS:
        world.write(name, TRAP_PY.format(marker=str(marker)))
    world.commit()
    script = Path(sys.prefix, "bin/ralph")
    if entry == "script" and not script.exists():
        pytest.skip("ralph is not installed as a script here")
    start = [str(script)] if entry == "script" else [PYTHON, "-P", "-m", "ralph"]
    for args in (["status"], ["run", "--dry-run"], *([["prd", "check"], ["doctor"]] if entry == "module" else [])):
        subprocess.run([*start, *args], cwd=world.root, env=world.environment(None), check=False, capture_output=True)
        assert not marker.exists(), args


def test_every_python_that_ralph_starts_itself_leaves_the_folder_out_of_its_path() -> None:
    """`-P`, `-I`, or a script by its path: `-m` and `-c` alone put the folder first."""
    package = Path(__file__).parents[2] / "ralph"
    starts = []
    for file in package.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if "sys.executable" in text and '"-m"' in text:
            starts.append(file.name)
            assert '"-P"' in text, file
    assert starts == ["execute.py"]
