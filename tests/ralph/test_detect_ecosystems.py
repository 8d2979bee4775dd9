"""What is proposed for the files of each ecosystem, as a person would read it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ralph.detect import NeedKind, Proposal, detect, detect_checks

Files = dict[str, str]
VENV = "python -m venv .venv && echo '*' > .venv/.gitignore && .venv/bin/python -m pip install -q "
NPM_SETUP = "npm ci --no-audit --no-fund || npm install --no-audit --no-fund"
CONFIGURED = "[tool.pytest.ini_options]\n[tool.ruff.lint]\n[tool.ruff.format]\n[tool.mypy]\nstrict = true\n"


def everything_is_installed(tool: str) -> str:
    return f"/usr/bin/{tool}"


def only(*tools: str) -> Callable[[str], str | None]:
    return lambda tool: tool if tool in tools else None


def proposed(root: Path, files: Files, which: Callable[[str], str | None] = everything_is_installed) -> Proposal:
    write(root, files)
    return detect(root, which=which)


def write(root: Path, files: Files) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def package(**content: object) -> str:
    return json.dumps(content)


def commands(proposal: Proposal) -> list[str]:
    return [check.command for check in proposal.checks]


def setup_of(proposal: Proposal) -> str:
    return proposal.setup.command if proposal.setup else ""


@pytest.mark.parametrize(
    ("files", "checks", "setup"),
    [
        pytest.param({"test_a.py": ""}, ["python -m pytest -q"], "", id="nothing-declared-runs-on-path"),
        pytest.param(
            {
                "pyproject.toml": "[project]\ndependencies = []\n[dependency-groups]\ndev = ['pytest>=8']",
                "test_a.py": "",
            },
            ["python -m pytest -q"],
            "",
            id="only-a-tool-that-is-on-path",
        ),
        pytest.param(
            {
                "pyproject.toml": "[project]\ndependencies = ['requests']\n[project.optional-dependencies]\n"
                "dev = ['pytest']\ndocs = ['sphinx']\n" + CONFIGURED
            },
            [
                ".venv/bin/python -m pytest -q",
                ".venv/bin/ruff check .",
                ".venv/bin/ruff format --check .",
                ".venv/bin/mypy .",
            ],
            VENV + "-e '.[dev]' mypy ruff",
            id="dependencies-get-an-environment",
        ),
        pytest.param(
            {
                "requirements.txt": "flask\n",
                "requirements-dev.txt": "pytest\n",
                "docs/requirements.txt": "x",
                "test_a.py": "",
            },
            [".venv/bin/python -m pytest -q"],
            VENV + "-r requirements.txt -r requirements-dev.txt",
            id="requirement-files",
        ),
        pytest.param(
            {
                "pyproject.toml": "[project]\nname = 'x'\n[dependency-groups]\ntest = ['pytest-cov']",
                "test/test_a.py": "",
            },
            [".venv/bin/python -m pytest -q"],
            VENV + "'pip>=25.1' && .venv/bin/python -m pip install -q -e . --group test pytest",
            id="dependency-group",
        ),
        pytest.param(
            {"setup.py": "setup(install_requires=['six'])", "pkg/tests/test_a.py": ""},
            [".venv/bin/python -m pytest -q"],
            VENV + "-e . pytest",
            id="setup-py",
        ),
        pytest.param(
            {
                "pyproject.toml": "[project]\ndependencies = ['x']\n[tool.pytest.ini_options]\n",
                ".gitignore": ".venv/\n",
            },
            [".venv/bin/python -m pytest -q"],
            VENV + "-e . pytest",
            id="without-git-nothing-is-ignored",
        ),
        pytest.param(
            {
                "pyproject.toml": "[project.optional-dependencies]\ntest = ['pytest']\n[tool.ruff]\n",
                "uv.lock": "",
                "test_a.py": "",
            },
            ["uv run --no-sync pytest -q"],
            "uv sync --extra test",
            id="uv",
        ),
        pytest.param(
            {
                "pyproject.toml": "[tool.poetry.group.dev.dependencies]\npytest = '*'\nmypy = '*'\n[tool.mypy]\nfiles = 'src'",
                "poetry.lock": "",
                "tests/test_a.py": "",
            },
            ["poetry run pytest -q", "poetry run mypy"],
            "poetry install --no-interaction",
            id="poetry",
        ),
        pytest.param(
            {"pyproject.toml": "[tool.poetry]\nname = 'x'", "tests/test_a.py": ""},
            ["poetry run pytest -q"],
            "poetry install --no-interaction",
            id="poetry-without-a-lock-file-where-poetry-is-here",
        ),
        pytest.param({"pdm.lock": "", "test_a.py": ""}, ["pdm run pytest -q"], "pdm install", id="pdm"),
        pytest.param(
            {"Pipfile": "[packages]\nx = '*'", "Pipfile.lock": "", "test_a.py": ""},
            ["pipenv run pytest -q"],
            "pipenv install --dev",
            id="pipenv",
        ),
        pytest.param(
            {"pyproject.toml": "[tool.hatch.envs.default]\ndependencies = ['pytest']", "tests/test_a.py": ""},
            ["hatch run pytest -q"],
            "hatch env create",
            id="hatch",
        ),
        pytest.param({"tox.ini": "[tox]\n"}, ["tox -q"], "", id="tox-alone"),
        pytest.param({"noxfile.py": ""}, ["nox"], "", id="nox-alone"),
        pytest.param({"tox.ini": "[tox]\n[pytest]\n"}, ["python -m pytest -q"], "", id="tox-beside-pytest"),
        pytest.param(
            {"manage.py": "", "requirements.txt": "django\n", "app/tests.py": ""},
            [".venv/bin/python manage.py test"],
            VENV + "-r requirements.txt",
            id="django",
        ),
        pytest.param({"requirements.txt": "x\n"}, [], "", id="no-check-no-setup"),
        pytest.param({"setup.cfg": "[flake8]\n[mypy]\n"}, ["flake8", "mypy ."], "", id="setup-cfg"),
        pytest.param({"pyrightconfig.json": "", "setup.py": ""}, ["pyright"], "", id="pyright"),
    ],
)
def test_python(tmp_path: Path, files: Files, checks: list[str], setup: str) -> None:
    proposal = proposed(tmp_path, files)
    assert (commands(proposal), setup_of(proposal)) == (checks, setup)


def test_unittest_is_run_by_python_itself_where_there_is_no_pytest(tmp_path: Path) -> None:
    files = {"tests/test_a.py": "import unittest\n"}
    assert commands(proposed(tmp_path, files, only("python3"))) == ["python3 -m unittest discover -s tests"]
    write(tmp_path, {"tests/__init__.py": ""})
    assert commands(detect(tmp_path, which=only("python"))) == ["python -m unittest"]


def test_a_src_layout_without_an_environment_tests_the_worktree_and_not_an_editable_install(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, {"src/app/__init__.py": "", "tests/test_a.py": ""})
    assert [check.env for check in proposal.checks] == [{"PYTHONPATH": "src"}]


def test_poetrys_environment_is_kept_in_the_worktree_for_setup_and_checks_alike(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, {"poetry.lock": "", "test_a.py": ""})
    assert proposal.setup
    assert proposal.setup.env == {"POETRY_VIRTUALENVS_IN_PROJECT": "true"} == proposal.checks[0].env


def test_a_linter_that_is_configured_but_not_here_is_a_need_and_not_a_check(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, {"pyproject.toml": CONFIGURED}, only("python", "pytest", "mypy"))
    assert commands(proposal) == ["python -m pytest -q", "mypy ."]
    assert [(need.kind, need.name) for need in proposal.needs] == [(NeedKind.TOOL, "ruff")]


def test_without_setup_the_checks_take_what_is_on_path(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "flask\n", "test_a.py": ""})
    found = detect_checks(tmp_path, which=everything_is_installed)
    assert [check.command for check in found] == ["python -m pytest -q"]


@pytest.mark.parametrize(
    ("files", "checks", "setup"),
    [
        pytest.param({"package.json": package(scripts={"test": "node t.js"})}, ["npm run test"], "", id="no-dependencies"),
        pytest.param(
            {"package.json": package(scripts={"test": "jest"}, devDependencies={"jest": "1"}), "package-lock.json": ""},
            ["npm run test"],
            NPM_SETUP,
            id="npm",
        ),
        pytest.param(
            {"package.json": package(dependencies={"x": "1"}, scripts={"lint": "x"})},
            ["npm run lint"],
            "npm install --no-package-lock --no-audit --no-fund",
            id="npm-unlocked",
        ),
        pytest.param(
            {"package.json": package(packageManager="pnpm@9.1.0", dependencies={"x": "1"}, scripts={"test": "x"})},
            ["pnpm run test"],
            "pnpm install --no-frozen-lockfile --prefer-frozen-lockfile",
            id="package-manager-field",
        ),
        pytest.param(
            {"package.json": package(dependencies={"x": "1"}, scripts={"test": "x"}), "yarn.lock": "# yarn lockfile v1"},
            ["yarn run test"],
            "yarn install --non-interactive",
            id="yarn-1",
        ),
        pytest.param(
            {"package.json": package(dependencies={"x": "1"}, scripts={"test": "x"}), "yarn.lock": "__metadata:\n"},
            ["yarn run test"],
            "yarn install --no-immutable",
            id="yarn-berry",
        ),
        pytest.param(
            {"package.json": package(dependencies={"x": "1"}, scripts={"test": "x"}), "bun.lock": ""},
            ["bun run test"],
            "bun install",
            id="bun",
        ),
        pytest.param({"package.json": package(scripts={"test": "vitest"})}, ["npx --no-install vitest run"], "", id="vitest"),
        pytest.param(
            {"package.json": package(scripts={"test": "vitest", "test:run": "vitest run"})},
            ["npm run test:run"],
            "",
            id="a-script-that-ends-is-preferred",
        ),
        pytest.param(
            {"package.json": package(scripts={"test": "jest --watch --coverage"})},
            ["npx --no-install jest --coverage"],
            "",
            id="jest-watch",
        ),
        pytest.param(
            {"package.json": package(scripts={"test": "node --test --watch"})}, ["node --test"], "", id="node-watch"
        ),
        pytest.param(
            {"package.json": package(scripts={"lint": "eslint . --fix", "types": "tsc --noEmit -w"})},
            ["npx --no-install eslint .", "npx --no-install tsc --noEmit"],
            "",
            id="no-fix-no-watch",
        ),
        pytest.param(
            {"package.json": package(devDependencies={"jest": "1", "typescript": "5", "eslint": "9"}), "jest.config.js": "",
             "tsconfig.json": "{}", "eslint.config.mjs": ""},
            ["npx --no-install jest", "npx --no-install eslint .", "npx --no-install tsc --noEmit"],
            "npm install --no-package-lock --no-audit --no-fund",
            id="configured-without-scripts",
        ),
        pytest.param(
            {"package.json": package(devDependencies={"vitest": "1"}), "pnpm-lock.yaml": ""},
            ["pnpm exec vitest run"],
            "pnpm install --no-frozen-lockfile --prefer-frozen-lockfile",
            id="vitest-without-a-script",
        ),
        pytest.param({"package.json": "{}", "lib/a.test.mjs": ""}, ["node --test"], "", id="node-test"),
        pytest.param({"package.json": package(scripts={"build": "docker build ."})}, [], "", id="a-build-with-side-effects"),
    ],
)  # fmt: skip
def test_node(tmp_path: Path, files: Files, checks: list[str], setup: str) -> None:
    proposal = proposed(tmp_path, files)
    assert (commands(proposal), setup_of(proposal)) == (checks, setup)


def test_a_script_that_never_ends_is_left_out_with_a_hint(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, {"package.json": package(scripts={"test": "nodemon --exec jest"})})
    assert not proposal.checks
    hint = (
        'package.json: the script "test" (nodemon --exec jest) does not end by itself or rewrites files. '
        "Add one that does not, and name it as a check."
    )
    assert proposal.hints == (hint,)


@pytest.mark.parametrize(
    ("files", "checks", "setup"),
    [
        pytest.param({"go.mod": "module x\n"}, ["go vet ./...", "go test ./..."], "", id="go"),
        pytest.param(
            {"go.mod": "module x\nrequire y v1\n", "go.sum": ""},
            ["go vet ./...", "go test ./..."],
            "go mod download && { go list -deps -test ./... >/dev/null || go mod tidy; }",
            id="go-with-dependencies",
        ),
        pytest.param(
            {"go.mod": "module x\nrequire y v1\n", "vendor/modules.txt": "# y v1"},
            ["go vet ./...", "go test ./..."],
            "",
            id="go-vendored",
        ),
        pytest.param({"Cargo.toml": "[package]"}, ["cargo test --quiet"], "", id="rust"),
        pytest.param(
            {"Cargo.toml": "[dependencies]\nserde = '1'\nlocal = { path = 'x' }\n[lints.clippy]\nall = 'warn'"},
            ["cargo test --quiet", "cargo clippy --all-targets --quiet"],
            "cargo fetch",
            id="rust-with-dependencies",
        ),
        pytest.param(
            {"Cargo.toml": "[dependencies]\nlocal = { path = 'x' }"}, ["cargo test --quiet"], "", id="rust-local"
        ),
        pytest.param({"pom.xml": ""}, ["mvn -q -B test"], "mvn -q -B dependency:go-offline", id="maven"),
        pytest.param(
            {"pom.xml": "", "mvnw": ""}, ["./mvnw -q -B test"], "./mvnw -q -B dependency:go-offline", id="maven-wrapper"
        ),
        pytest.param(
            {"build.gradle.kts": "", "gradlew": ""},
            ["./gradlew --no-daemon --quiet test"],
            "./gradlew --no-daemon --quiet testClasses",
            id="gradle",
        ),
        pytest.param(
            {"Gemfile": 'gem "rspec"\ngem "rubocop"', "spec/a_spec.rb": "", ".rubocop.yml": ""},
            ["bundle exec rspec", "bundle exec rubocop"],
            "bundle install --quiet",
            id="ruby",
        ),
        pytest.param({"Rakefile": "Rake::TestTask.new"}, ["rake test"], "", id="rake-without-gems"),
        pytest.param(
            {"test/a_test.rb": ""},
            ["""ruby -Ilib -Itest -e 'Dir["test/**/*_test.rb"].each { |file| require "./#{file}" }'"""],
            "",
            id="minitest",
        ),
        pytest.param(
            {"composer.json": '{"require-dev": {"phpunit/phpunit": "^11"}}', "phpstan.neon": ""},
            ["vendor/bin/phpunit", "vendor/bin/phpstan analyse --no-progress"],
            "composer install --no-interaction --no-progress || composer update --no-interaction --no-progress",
            id="php",
        ),
        pytest.param({"composer.json": '{"scripts": {"test": "x"}}'}, ["composer test"], "", id="composer-script"),
        pytest.param(
            {"App.sln": "", "App/App.csproj": "", "App.Tests/App.Tests.csproj": ""},
            ["dotnet test --no-restore"],
            "dotnet restore",
            id="dotnet",
        ),
        pytest.param({"App.csproj": ""}, ["dotnet build --no-restore"], "dotnet restore", id="dotnet-without-tests"),
        pytest.param({"justfile": "test:\n  x\nlint:\n  y\n"}, ["just test", "just lint"], "", id="just"),
        pytest.param({"Taskfile.yml": "tasks:\n  test:\n    cmds: [x]\n"}, ["task test"], "", id="task"),
        pytest.param(
            {"Makefile": "test:\nlint:\ntypecheck:\n", "pyproject.toml": CONFIGURED},
            ["python -m pytest -q", "ruff check .", "ruff format --check .", "mypy ."],
            "",
            id="make-does-nothing-twice",
        ),
    ],
)
def test_the_others(tmp_path: Path, files: Files, checks: list[str], setup: str) -> None:
    proposal = proposed(tmp_path, files)
    assert (commands(proposal), setup_of(proposal)) == (checks, setup)


@pytest.mark.parametrize("files", [{"Cargo.toml": ""}, {"pom.xml": ""}, {"build.gradle": ""}, {"a.csproj": ""}])
def test_compilers_get_half_an_hour(tmp_path: Path, files: Files) -> None:
    assert {check.timeout_s for check in proposed(tmp_path, files).checks} == {1800}


@pytest.mark.parametrize(
    ("files", "manifests", "locks"),
    [
        pytest.param(
            {"uv.lock": "", "pyproject.toml": "", "test_a.py": ""}, ("pyproject.toml",), ("uv.lock",), id="uv"
        ),
        pytest.param(
            {"package.json": '{"workspaces": ["packages/*"]}', "package-lock.json": ""},
            ("package.json", "packages/*/package.json"),
            ("package-lock.json",),
            id="npm",
        ),
        pytest.param({"go.mod": "", "go.sum": ""}, ("go.mod",), ("go.sum",), id="go"),
        pytest.param({"a/Cargo.toml": "", "a/Cargo.lock": ""}, ("a/Cargo.toml",), ("a/Cargo.lock",), id="below"),
    ],
)
def test_manifests_and_lock_files_are_named_from_the_root(
    tmp_path: Path, files: Files, manifests: tuple[str, ...], locks: tuple[str, ...]
) -> None:
    proposal = proposed(tmp_path, files)
    assert (proposal.manifests, proposal.lock_files) == (manifests, locks)


def test_a_missing_tool_is_named_with_its_remedy(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, {"package.json": package(scripts={"test": "x"}), "pnpm-lock.yaml": ""}, only("npm"))
    assert commands(proposal) == ["pnpm run test"]
    assert [(need.kind, need.name, need.where, need.remedy) for need in proposal.needs] == [
        (NeedKind.TOOL, "pnpm", "package.json", "corepack enable pnpm")
    ]


def test_setup_says_that_it_needs_the_network(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, {"Cargo.toml": "[dependencies]\nx = '1'"})
    assert proposal.setup
    assert proposal.setup.network
    assert [(need.kind, need.name, need.where) for need in proposal.needs] == [
        (NeedKind.NETWORK, "setup", "Cargo.toml")
    ]
