"""Finds a repo's quality checks from the files that its tools read. Runs nothing."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from ralph.checks.check import Check

PYTEST_CONFIGS = (
    ("pytest.ini", ""),
    ("pyproject.toml", "[tool.pytest"),
    ("setup.cfg", "[tool:pytest]"),
    ("tox.ini", "[pytest]"),
)
TEST_FILES = ("test_*.py", "*_test.py", "tests/**/test_*.py", "test/**/test_*.py", "tests/**/*_test.py")
PYTHON_RUNNERS = (("uv.lock", "uv run pytest -q"), ("poetry.lock", "poetry run pytest -q"))
NODE_MANAGERS = (
    ("pnpm-lock.yaml", "pnpm"),
    ("yarn.lock", "yarn"),
    ("bun.lock", "bun"),
    ("bun.lockb", "bun"),
)
NODE_SCRIPTS = (
    ("test", "test"),
    ("lint", "lint"),
    ("typecheck", "typecheck"),
    ("type-check", "typecheck"),
    ("build", "build"),
)
NPM_PLACEHOLDER = "no test specified"
MAKEFILES = ("GNUmakefile", "makefile", "Makefile")


def detect_checks(repo: Path) -> list[Check]:
    """The checks of the repo's root, tests first; empty when none is found.

    `make test` and `make check` are taken only when nothing else was found, since they mostly run the same tests.
    """
    found = [*_pytest(repo), *_node(repo), *_cargo(repo), *_go(repo)]
    targets = _make_targets(repo)
    wanted = ("lint",) if found else ("test", "check", "lint")
    names = {check.name for check in found}
    return [*found, *(Check(name=name, command=f"make {name}") for name in wanted if name in targets - names)]


def _pytest(repo: Path) -> Iterator[Check]:
    configured = any(mark in _text(repo / name) for name, mark in PYTEST_CONFIGS if (repo / name).is_file())
    if configured or any(next(repo.glob(pattern), None) for pattern in TEST_FILES):
        yield Check(name="pytest", command=_pytest_command(repo))


def _pytest_command(repo: Path) -> str:
    for lockfile, command in PYTHON_RUNNERS:
        if (repo / lockfile).is_file():
            return command
    return f"{'python' if shutil.which('python') else 'python3'} -m pytest -q"


def _node(repo: Path) -> Iterator[Check]:
    scripts = _scripts(repo / "package.json")
    manager = next((name for lockfile, name in NODE_MANAGERS if (repo / lockfile).is_file()), "npm")
    taken = set()
    for script, name in NODE_SCRIPTS:
        if script in scripts and name not in taken and NPM_PLACEHOLDER not in scripts[script]:
            taken.add(name)
            yield Check(name=name, command=f"{manager} run {script}")


def _scripts(package: Path) -> dict[str, str]:
    try:
        parsed = json.loads(_text(package) or "{}")
    except json.JSONDecodeError:
        return {}
    scripts = parsed.get("scripts") if isinstance(parsed, dict) else None
    return {str(name): str(command) for name, command in scripts.items()} if isinstance(scripts, dict) else {}


def _cargo(repo: Path) -> Iterator[Check]:
    if (repo / "Cargo.toml").is_file():
        yield Check(name="cargo test", command="cargo test --quiet", timeout_s=1800)


def _go(repo: Path) -> Iterator[Check]:
    if (repo / "go.mod").is_file():
        yield Check(name="go vet", command="go vet ./...")
        yield Check(name="go test", command="go test ./...")


def _make_targets(repo: Path) -> set[str]:
    makefile = next((repo / name for name in MAKEFILES if (repo / name).is_file()), None)
    rules = re.findall(r"^([A-Za-z][\w .-]*?)\s*::?(?!=)", _text(makefile), re.MULTILINE) if makefile else []
    return {target for rule in rules for target in rule.split()}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
