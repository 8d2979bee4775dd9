"""Python: pytest, unittest, Django's tests, tox, nox; ruff, mypy, pyright, flake8, black where they are configured.

How the commands are run:
1. A lock file of a manager (uv, Poetry, PDM, Pipenv) decides, or its section in `pyproject.toml` where the manager is
   on PATH: its own runner and its own install.
2. Without one, the declared dependencies are counted. None but tools that are on PATH already: no setup, and the
   checks run by the `python` on PATH, offline.
3. Any other: setup makes `.venv` with the project, its test extras and requirement files, and checks run from there.

Where nothing runs setup (a run without settings), the third case falls back to the `python` on PATH, and managers are
left to install by themselves. Tests are always proposed, linters where they are configured and can be started.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ralph.checks.check import Check
from ralph.detect.found import Found, Host, Kind, absent_tool, check, setup, tool_needs, word
from ralph.detect.proposal import Need
from ralph.detect.python_project import Project, install_command, read_project
from ralph.detect.tree import Folder, ignored, strings, table

MARKS = ("pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "noxfile.py", "pytest.ini", "Pipfile", "manage.py")
PYTEST_CONFIGS = (
    ("pytest.ini", ""),
    (".pytest.ini", ""),
    ("pyproject.toml", "[tool.pytest"),
    ("setup.cfg", "[tool:pytest]"),
    ("tox.ini", "[pytest]"),
)
TEST_FILE = re.compile(r"(tests?/.*)?(test_[^/]*|[^/]*_test)\.py")
TEST_FILE_ANYWHERE = re.compile(r"(.*/)?(test_[^/]*|[^/]*_test)\.py")
UNITTEST = re.compile(r"^[ \t]*(?:import|from) unittest\b", re.MULTILINE)
TOOLS = {"pytest", "ruff", "mypy", "pyright", "flake8", "black", "tox", "nox", "coverage", "pre-commit"}
VENV = ".venv"
PIP = f"{VENV}/bin/python -m pip install -q"
MANIFESTS = ("pyproject.toml", "setup.py", "setup.cfg", "Pipfile")
READ_TESTS = 20


@dataclass(frozen=True)
class Runner:
    """How a Python command is started here."""

    python: str
    tool: Callable[[str], str]
    can_start: Callable[[str], bool]
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Linter:
    kind: Kind
    name: str
    command: str
    configs: tuple[tuple[str, str], ...]  # file, and a pattern in it


LINTERS = (
    Linter(
        Kind.LINT,
        "ruff",
        "ruff check .",
        (("ruff.toml", ""), (".ruff.toml", ""), ("pyproject.toml", r"^\[tool\.ruff(\.lint.*)?\]")),
    ),
    Linter(
        Kind.FORMAT,
        "ruff format",
        "ruff format --check .",
        (("ruff.toml", r"^\[format\]"), (".ruff.toml", r"^\[format\]"), ("pyproject.toml", r"^\[tool\.ruff\.format\]")),
    ),
    Linter(Kind.FORMAT, "black", "black --check -q .", (("pyproject.toml", r"^\[tool\.black\]"),)),
    Linter(
        Kind.LINT,
        "flake8",
        "flake8",
        ((".flake8", ""), ("setup.cfg", r"^\[flake8\]"), ("tox.ini", r"^\[flake8\]")),
    ),
    Linter(
        Kind.TYPES,
        "mypy",
        "mypy",
        (("mypy.ini", ""), (".mypy.ini", ""), ("pyproject.toml", r"^\[tool\.mypy\]"), ("setup.cfg", r"^\[mypy\]")),
    ),
    Linter(
        Kind.TYPES,
        "pyright",
        "pyright",
        (("pyrightconfig.json", ""), ("pyproject.toml", r"^\[tool\.pyright\]")),
    ),
)
MYPY_FILES = re.compile(r"^(files|packages|modules)\s*=", re.MULTILINE)


def find_python(folder: Folder, host: Host) -> Found | None:
    if not folder.has(*MARKS) and not _test_files(folder) and not folder.matching("requirements*.txt"):
        return None
    project = read_project(folder, host)
    preparation = _setup(folder, host, project) if host.prepared else None
    runner = _runner(folder, host, project, preparation)
    tests = list(_tests(folder, host, project, runner))
    names = {each.name for _, each in tests}
    return Found(
        ecosystem="python",
        checks=(*tests, *_lint(folder, runner)),
        setup=preparation,
        manifests=tuple(name for name in (*MANIFESTS, *project.requirement_files) if folder.has(name)),
        lock_files=(project.manager.lock,) if project.manager and folder.has(project.manager.lock) else (),
        needs=tuple(_needs(folder, host, project, preparation, names)),
        hints=tuple(_hints(folder, names)),
        covers=_covers(project) if "pytest" in names else (),
        installs=("*",) if "workspace" in project.tool("uv") else (),
    )


def _runner(folder: Folder, host: Host, project: Project, preparation: Check | None) -> Runner:
    manager = project.manager
    if manager:
        prefix = manager.run_prepared if preparation and manager.run_prepared else manager.run
        known = project.declared | {manager.name}
        return Runner(f"{prefix} python", lambda command: f"{prefix} {command}", known.__contains__, _env(manager.env))
    if preparation:
        return Runner(f"{VENV}/bin/python", lambda command: f"{VENV}/bin/{command}", lambda _: True)
    env = {"PYTHONPATH": "src"} if _needs_src(folder) else {}
    return Runner(_python(host), lambda command: command, host.has, env)


def _env(env: object) -> dict[str, str]:
    return {name: str(value) for name, value in table(env).items()}


def _python(host: Host) -> str:
    return "python" if host.has("python") else "python3"


def _needs_src(folder: Folder) -> bool:
    """A package below `src` that pytest is not told about; an editable install would point at the user's checkout."""
    told = any("pythonpath" in folder.text(name) for name, _ in PYTEST_CONFIGS)
    return bool(folder.matching("src/*.py")) and not told


def _setup(folder: Folder, host: Host, project: Project) -> Check | None:
    if project.manager:
        return setup(install_command(project.manager, project), project.manager.env)
    here = {tool for tool in TOOLS if host.has(tool)}
    if not project.declared - here:
        return None
    what = [*_installed(project), *_undeclared_tools(folder, project)]
    newer = f" && {PIP} 'pip>=25.1'" if project.groups else ""  # the first that knows --group
    hide = "" if ignored(folder.root, [folder.place(VENV) + "/"]) else f" && echo '*' > {VENV}/.gitignore"
    return setup(f"{_python(host)} -m venv {VENV}{hide}{newer} && {PIP} {' '.join(what)}")


def _installed(project: Project) -> Iterator[str]:
    for name in project.requirement_files:
        yield f"-r {word(name)}"
    if project.installable:
        yield f"-e {word('.[' + ','.join(project.extras) + ']')}" if project.extras else "-e ."
    for group in project.groups:
        yield f"--group {word(group)}"


def _undeclared_tools(folder: Folder, project: Project) -> Iterator[str]:
    """Tools that the checks call and the project does not name; in `.venv` they have to be installed as well."""
    by_pytest = _is_pytest_configured(folder) or (_test_files(folder) and not _is_unittest(folder))
    if by_pytest and "pytest" not in project.declared:
        yield "pytest"
    names = {linter.command.split()[0] for linter in LINTERS if _is_configured(folder, linter)}
    yield from sorted(names - project.declared)


def _tests(folder: Folder, host: Host, project: Project, runner: Runner) -> Iterator[tuple[Kind, Check]]:
    configured = _is_pytest_configured(folder)
    wants_pytest = configured or bool(project.declared & {"pytest", "pytest-django"})
    if folder.has("manage.py") and not wants_pytest:
        yield check(Kind.TEST, "django test", f"{runner.python} manage.py test", env=runner.env)
    elif configured or _test_files(folder):
        has_pytest = host.has("pytest") and not (project.manager or runner.python.startswith(VENV))
        if not wants_pytest and not has_pytest and _is_unittest(folder):
            yield check(Kind.TEST, "unittest", f"{runner.python} {_unittest(folder)}", env=runner.env)
        else:
            module = runner.tool("pytest -q") if project.manager else f"{runner.python} -m pytest -q"
            yield check(Kind.TEST, "pytest", module, env=runner.env)
    elif folder.has("noxfile.py"):
        yield _own_environment("nox", runner.tool("nox"))
    elif _has_tox(folder):
        yield _own_environment("tox", runner.tool("tox -q"))


def _own_environment(name: str, command: str) -> tuple[Kind, Check]:
    """Both make and fill their environments themselves."""
    return Kind.TEST, Check(name=name, command=command, timeout_s=1800, network=True)


def _unittest(folder: Folder) -> str:
    apart = bool(folder.matching("tests/test*.py")) and not folder.has("tests/__init__.py")
    return "-m unittest discover -s tests" if apart else "-m unittest"


def _test_files(folder: Folder) -> list[str]:
    """Those of packages below are theirs; deep ones count where this folder is a Python project by a file of its own."""
    pattern = TEST_FILE_ANYWHERE if folder.has(*MARKS) else TEST_FILE
    packages = {f"{PurePosixPath(name).parent}/" for name in folder.matching("*/pyproject.toml", "*/setup.py")}
    found = [name for name in folder.listed if pattern.fullmatch(name)]
    return [name for name in found if not name.startswith(tuple(packages))]


def _is_unittest(folder: Folder) -> bool:
    texts = [folder.text(name, 64_000) for name in _test_files(folder)[:READ_TESTS]]
    return any(UNITTEST.search(text) for text in texts) and not any("pytest" in text for text in texts)


def _is_pytest_configured(folder: Folder) -> bool:
    return any(folder.has(name) and mark in folder.text(name) for name, mark in PYTEST_CONFIGS)


def _has_tox(folder: Folder) -> bool:
    return "[tox]" in folder.text("tox.ini") or "[tool.tox]" in folder.text("pyproject.toml")


def _is_configured(folder: Folder, linter: Linter) -> bool:
    return any(
        folder.has(name) and (not mark or re.search(mark, folder.text(name), re.MULTILINE))
        for name, mark in linter.configs
    )


def _lint(folder: Folder, runner: Runner) -> Iterator[tuple[Kind, Check]]:
    taken = set()
    for linter in (linter for linter in LINTERS if _is_configured(folder, linter)):
        if linter.kind not in taken and runner.can_start(linter.command.split()[0]):
            taken.add(linter.kind)
            command = (
                f"{linter.command} ." if linter.name == "mypy" and not _mypy_knows_files(folder) else linter.command
            )
            yield check(linter.kind, linter.name, runner.tool(command), env=runner.env)


def _mypy_knows_files(folder: Folder) -> bool:
    if table(folder.toml("pyproject.toml"), "tool", "mypy").keys() & {"files", "packages", "modules"}:
        return True
    return any(MYPY_FILES.search(folder.text(name)) for name in ("mypy.ini", ".mypy.ini", "setup.cfg"))


def _needs(folder: Folder, host: Host, project: Project, preparation: Check | None, names: set[str]) -> Iterator[Need]:
    where = folder.place(folder.first(*MARKS) or ".")
    if project.manager:
        yield from tool_needs(host, where, **{project.manager.name: f"Install {project.manager.name}."})
        return
    for name in sorted(names & ({"tox", "nox"} if preparation else {"tox", "nox", "pytest"})):
        yield from tool_needs(host, where, **{name: f"pip install {name}"})
    if preparation:
        return
    for tool in sorted({linter.command.split()[0] for linter in LINTERS if _is_configured(folder, linter)}):
        yield from absent_tool(host, where, tool, f"pip install {tool}")


def _hints(folder: Folder, names: set[str]) -> Iterator[str]:
    if _has_tox(folder) and "tox" not in names:
        yield f"{folder.place('tox.ini')}: `tox` runs more environments; it installs them from the network."
    if folder.has("noxfile.py") and "nox" not in names:
        yield f"{folder.place('noxfile.py')}: `nox` runs more sessions; it installs them from the network."
    if folder.has(".pre-commit-config.yaml"):
        yield (
            f"{folder.place('.pre-commit-config.yaml')}: `pre-commit run --all-files` is a check as well; "
            "it downloads its hooks, so give it `network = true`."
        )


def _covers(project: Project) -> tuple[str, ...]:
    """What a pytest from this folder collects below it."""
    paths = strings(project.tool("pytest", "ini_options").get("testpaths"))
    return tuple(f"{path.rstrip('/')}*" for path in paths) or ("*",)
