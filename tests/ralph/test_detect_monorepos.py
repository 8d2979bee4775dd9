"""Repos of several packages: one command at the root where it covers all, else one check for each package."""

import json
import subprocess
from pathlib import Path

import pytest

from ralph.detect import Proposal, detect

Files = dict[str, str]


def proposed(root: Path, files: Files) -> Proposal:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return detect(root, which=lambda tool: tool)


def package(**content: object) -> str:
    return json.dumps(content)


TESTED = package(scripts={"test": "node --test"})
NEEDY = package(scripts={"test": "jest"}, devDependencies={"jest": "1"})
WORKSPACES = package(workspaces=["packages/*"])
BACKEND_AND_WEB = (
    "(cd backend && python -m venv .venv && echo '*' > .venv/.gitignore && "
    ".venv/bin/python -m pip install -q -e . pytest) && "
    "(cd web && { npm ci --no-audit --no-fund || npm install --no-audit --no-fund; })"
)
PYTHON = "[project]\nname = 'x'\ndependencies = ['requests']\n[tool.pytest.ini_options]\n"
CRATE = "[dependencies]\nserde = '1'"


@pytest.mark.parametrize(
    ("files", "checks", "setup"),
    [
        pytest.param(
            {"package.json": package(workspaces=["packages/*"], scripts={"test": "turbo run test"}), "packages/a/package.json": NEEDY},
            [("test", "npm run test", ".")],
            ("npm install --no-package-lock --no-audit --no-fund", "."),
            id="the-roots-script-wins",
        ),
        pytest.param(
            {"package.json": WORKSPACES, "packages/a/package.json": NEEDY, "packages/b/package.json": TESTED},
            [("test", "npm run test --workspaces --if-present", ".")],
            ("npm install --no-package-lock --no-audit --no-fund", "."),
            id="npm-workspaces",
        ),
        pytest.param(
            {"package.json": "{}", "pnpm-workspace.yaml": "packages:\n  - 'packages/*'\nonlyBuiltDependencies:\n  - x\n",
             "pnpm-lock.yaml": "", "packages/a/package.json": TESTED},
            [("test", "pnpm -r --if-present run test", ".")],
            None,
            id="pnpm-workspaces",
        ),
        pytest.param(
            {"package.json": TESTED, "pnpm-workspace.yaml": "packages: ['play/**']", "play/package.json": TESTED,
             "play/a/package.json": TESTED},
            [("test", "npm run test", ".")],
            None,
            id="two-stars-mean-the-folder-itself-too",
        ),
        pytest.param(
            {"package.json": WORKSPACES, "yarn.lock": "", "packages/a/package.json": NEEDY, "packages/b/package.json": TESTED},
            [("a: test", "npm run test", "packages/a"), ("b: test", "npm run test", "packages/b")],
            ("yarn install --non-interactive", "."),
            id="yarn-1-has-no-such-command",
        ),
        pytest.param(
            {"package.json": WORKSPACES, "packages/a/package.json": package(scripts={"test": "vitest"})},
            [("a: test", "npx --no-install vitest run", "packages/a")],
            None,
            id="a-member-that-watches",
        ),
        pytest.param(
            {"Cargo.toml": "[workspace]\nmembers = ['crates/*']", "crates/a/Cargo.toml": CRATE, "crates/b/Cargo.toml": ""},
            [("cargo test", "cargo test --workspace --quiet", ".")],
            ("cargo fetch", "."),
            id="cargo-workspace",
        ),
        pytest.param(
            {"go.work": "go 1.22\nuse (\n  ./a // first\n  ./b\n)\n", "a/go.mod": "", "b/go.mod": "", "c/go.mod": ""},
            [("go vet", "go vet ./a/... ./b/...", "."), ("go test", "go test ./a/... ./b/...", "."),
             ("c: go vet", "go vet ./...", "c"), ("c: go test", "go test ./...", "c")],
            None,
            id="go-work-and-a-module-outside-of-it",
        ),
        pytest.param(
            {"pom.xml": "<modules><module>a</module></modules>", "a/pom.xml": ""},
            [("mvn test", "mvn -q -B test", ".")],
            ("mvn -q -B dependency:go-offline", "."),
            id="maven-modules",
        ),
        pytest.param(
            {"backend/pyproject.toml": PYTHON, "web/package.json": NEEDY, "web/package-lock.json": "{}"},
            [("backend: pytest", ".venv/bin/python -m pytest -q", "backend"), ("web: test", "npm run test", "web")],
            (BACKEND_AND_WEB, "."),
            id="two-languages",
        ),
        pytest.param(
            {"apps/api/package.json": TESTED, "libs/api/package.json": TESTED},
            [("api: test", "npm run test", "apps/api"), ("libs/api: test", "npm run test", "libs/api")],
            None,
            id="names-stay-unique",
        ),
        pytest.param(
            {"pyproject.toml": "[tool.pytest.ini_options]", "tests/test_a.py": "", "packages/a/pyproject.toml": "",
             "packages/a/tests/test_b.py": ""},
            [("pytest", "python -m pytest -q", ".")],
            None,
            id="one-pytest-collects-all",
        ),
        pytest.param(
            {"pyproject.toml": "[tool.ruff]", "packages/a/pyproject.toml": PYTHON},
            [("ruff", "ruff check .", "."), ("a: pytest", ".venv/bin/python -m pytest -q", "packages/a")],
            ("python -m venv .venv && echo '*' > .venv/.gitignore && .venv/bin/python -m pip install -q -e . pytest",
             "packages/a"),
            id="a-package-with-dependencies-stands-alone",
        ),
        pytest.param(
            {"pyproject.toml": "[tool.uv.workspace]\nmembers = ['packages/*']\n[tool.pytest.ini_options]", "uv.lock": "",
             "packages/a/pyproject.toml": PYTHON},
            [("pytest", "uv run --no-sync pytest -q", ".")],
            ("uv sync --all-packages", "."),
            id="uv-workspace",
        ),
        pytest.param(
            {"pyproject.toml": "[tool.uv.workspace]\nmembers = ['backend']", "uv.lock": "", "backend/pyproject.toml": PYTHON},
            [("backend: pytest", "uv run --no-sync pytest -q", "backend")],
            ("uv sync --all-packages", "."),
            id="tests-in-a-member-of-a-uv-workspace",
        ),
        pytest.param(
            {"package.json": TESTED, "examples/x/package.json": NEEDY, "node_modules/y/package.json": NEEDY,
             ".hidden/package.json": NEEDY, "a/b/c/d/package.json": NEEDY, "own/.git": "gitdir: x", "own/go.mod": ""},
            [("test", "npm run test", ".")],
            None,
            id="what-is-passed-over",
        ),
    ],
)  # fmt: skip
def test_packages(
    tmp_path: Path, files: Files, checks: list[tuple[str, str, str]], setup: tuple[str, str] | None
) -> None:
    proposal = proposed(tmp_path, files)
    assert [(check.name, check.command, check.cwd) for check in proposal.checks] == checks
    assert (proposal.setup and (proposal.setup.command, proposal.setup.cwd)) == setup


def test_folders_that_git_ignores_are_no_packages(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    proposal = proposed(tmp_path, {".gitignore": "/scratch/\n.venv\n", "scratch/go.mod": "", "kept/go.mod": ""})
    assert [check.cwd for check in proposal.checks] == ["kept", "kept"]


def test_an_environment_that_git_ignores_needs_no_ignore_file_of_its_own(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    proposal = proposed(tmp_path, {".gitignore": ".venv/\n", "pyproject.toml": PYTHON})
    assert proposal.setup
    assert proposal.setup.command == "python -m venv .venv && .venv/bin/python -m pip install -q -e . pytest"


def test_what_setup_fills_is_ignored_or_a_person_is_told(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    hint = (
        "web/node_modules is not ignored by git: add `node_modules/` to .gitignore, so that what is built there stays"
    )
    assert proposed(tmp_path, {"web/package.json": NEEDY}).hints == (f"{hint} out of commits.",)
    assert not proposed(tmp_path, {".gitignore": "node_modules\n"}).hints


def test_a_folder_without_checks_adds_no_manifests(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, {"go.mod": "module x", "docs/requirements.txt": "sphinx"})
    assert (proposal.manifests, proposal.setup) == (("go.mod",), None)


def test_more_packages_than_a_person_reads_are_cut_with_a_hint(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, {f"m{number:02}/go.mod": "" for number in range(60)})
    assert len(proposal.checks) == 40
    assert proposal.hints == ("20 more checks of further folders were left out.",)


def test_a_package_without_a_check_is_named(tmp_path: Path) -> None:
    files = {"api/pyproject.toml": "[tool.pytest.ini_options]\n", "web/package.json": '{"name": "web"}'}
    assert "web: no check found there, so nothing vouches for changes in it" in proposed(tmp_path, files).hints
