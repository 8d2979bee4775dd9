"""What a Python project declares: its dependencies, its extras and the manager that installs them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from ralph.detect.found import Host
from ralph.detect.tree import Folder, strings, table

TEST_EXTRAS = (
    "dev",
    "develop",
    "development",
    "test",
    "tests",
    "testing",
    "lint",
    "linting",
    "typing",
    "typecheck",
    "type-check",
    "types",
    "qa",
    "ci",
)
REQUIREMENTS = re.compile(
    r"(requirements([-_.][\w-]+)?|[\w-]+[-_]requirements)\.(txt|in)|requirements/(base|main|dev|test|tests|ci)\.txt"
)
NOT_FOR_CHECKS = re.compile(r"doc|prod|deploy|example")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Manager:
    """A tool that installs a project and runs commands in its environment."""

    name: str
    lock: str
    install: str
    run: str
    run_prepared: str = ""  # when setup has installed already; empty: as `run`
    env: Mapping[str, str] | None = None  # keeps the environment inside of the worktree


MANAGERS = (
    Manager("uv", "uv.lock", "uv sync{everything}{extras}", "uv run", "uv run --no-sync"),
    Manager(
        "poetry",
        "poetry.lock",
        "poetry install --no-interaction{extras}",
        "poetry run",
        env={"POETRY_VIRTUALENVS_IN_PROJECT": "true"},
    ),
    Manager("pdm", "pdm.lock", "pdm install{extras}", "pdm run"),
    Manager("pipenv", "Pipfile.lock", "pipenv install --dev", "pipenv run", env={"PIPENV_VENV_IN_PROJECT": "1"}),
    Manager("hatch", "", "hatch env create", "hatch run", env={"HATCH_ENV_TYPE_VIRTUAL_PATH": ".venv"}),
)
UV = MANAGERS[0]
EXTRA_OPTION = {"uv": " --extra {}", "poetry": " --extras {}", "pdm": " -G {}"}


@dataclass(frozen=True)
class Project:
    """The Python side of one folder."""

    pyproject: Mapping[str, object]
    installable: bool  # `pip install .` works
    requirement_files: tuple[str, ...]
    extras: tuple[str, ...]  # those whose names speak of tests and tools
    groups: tuple[str, ...]  # dependency groups (PEP 735), likewise
    declared: frozenset[str]  # normalised names of what it depends on, extras and groups included
    manager: Manager | None

    def tool(self, *path: str) -> dict[str, object]:
        return table(self.pyproject, "tool", *path)


def read_project(folder: Folder, host: Host) -> Project:
    pyproject = folder.toml("pyproject.toml")
    extras = table(pyproject, "project", "optional-dependencies")
    groups = table(pyproject, "dependency-groups")
    names = sorted(folder.listed, key=len)
    files = tuple(name for name in names if REQUIREMENTS.fullmatch(name) and not NOT_FOR_CHECKS.search(name))
    return Project(
        pyproject=pyproject,
        installable=_is_installable(folder, pyproject),
        requirement_files=_without_sources(files),
        extras=tuple(name for name in extras if name.lower() in TEST_EXTRAS),
        groups=tuple(name for name in groups if name.lower() in TEST_EXTRAS),
        declared=frozenset(_declared(folder, pyproject, files)),
        manager=_manager(folder, pyproject, host),
    )


def install_command(manager: Manager, project: Project) -> str:
    extras = "".join(EXTRA_OPTION.get(manager.name, "").format(name) for name in project.extras)
    everything = " --all-packages" if "workspace" in project.tool("uv") else ""
    return manager.install.format(extras=extras + _groups(manager, project), everything=everything)


def _groups(manager: Manager, project: Project) -> str:
    """Of the dependency groups, uv installs "dev" by itself; the others install all."""
    if manager.name != "uv" or "default-groups" in project.tool("uv"):
        return ""
    return "".join(f" --group {name}" for name in project.groups if name != "dev")


def _is_installable(folder: Folder, pyproject: Mapping[str, object]) -> bool:
    declared = table(pyproject, "project") or table(pyproject, "tool", "poetry") or table(pyproject, "build-system")
    return bool(declared) or folder.has("setup.py") or "[metadata]" in folder.text("setup.cfg")


def _without_sources(files: tuple[str, ...]) -> tuple[str, ...]:
    """Not `requirements.in` where `requirements.txt` was made from it."""
    return tuple(name for name in files if not (name.endswith(".in") and f"{name[:-3]}.txt" in files))


def _manager(folder: Folder, pyproject: Mapping[str, object], host: Host) -> Manager | None:
    """By its lock file; by its section only where it is on PATH, since pip reads most such projects as well."""
    by_lock = next((manager for manager in MANAGERS if manager.lock and folder.has(manager.lock)), None)
    if by_lock or _is_workspace_member(folder):
        return by_lock or UV
    named = {
        "uv": table(pyproject, "tool", "uv"),
        "poetry": table(pyproject, "tool", "poetry"),
        "pdm": table(pyproject, "tool", "pdm", "dev-dependencies"),
        "pipenv": {"Pipfile": 1} if folder.has("Pipfile") else {},
        "hatch": table(pyproject, "tool", "hatch", "envs"),
    }
    return next((manager for manager in MANAGERS if named[manager.name] and host.has(manager.name)), None)


def _is_workspace_member(folder: Folder) -> bool:
    """A folder above declares a uv workspace, whose one lock file and environment this package shares."""
    for above in PurePosixPath(folder.path).parents if folder.path != "." else ():
        workspace = table(folder.above(str(above)).toml("pyproject.toml"), "tool", "uv", "workspace")
        inside = str(PurePosixPath(folder.path).relative_to(above))
        if any(fnmatchcase(inside, glob.removeprefix("./").rstrip("/")) for glob in strings(workspace.get("members"))):
            return True
    return False


def _declared(folder: Folder, pyproject: Mapping[str, object], files: Iterable[str]) -> Iterator[str]:
    for requirement in _requirements(folder, pyproject, files):
        name = NAME.match(requirement.strip())
        if name:
            yield re.sub(r"[-_.]+", "-", name.group()).lower()


def _requirements(folder: Folder, pyproject: Mapping[str, object], files: Iterable[str]) -> Iterator[str]:
    project = table(pyproject, "project")
    yield from strings(project.get("dependencies"))
    for group in (*table(project, "optional-dependencies").values(), *table(pyproject, "dependency-groups").values()):
        yield from strings(group)
    yield from _poetry(pyproject)
    for name in files:
        yield from (line for line in folder.text(name).splitlines() if not line.lstrip().startswith(("#", "-")))
    yield from table(folder.toml("Pipfile"), "packages")
    yield from table(folder.toml("Pipfile"), "dev-packages")
    yield from _setuptools(folder)


def _poetry(pyproject: Mapping[str, object]) -> Iterator[str]:
    poetry = table(pyproject, "tool", "poetry")
    groups = [table(group, "dependencies") for group in table(poetry, "group").values()]
    for names in (table(poetry, "dependencies"), table(poetry, "dev-dependencies"), *groups):
        yield from (name for name in names if name != "python")


def _setuptools(folder: Folder) -> Iterator[str]:
    """What `setup.py` and `setup.cfg` name, by pattern: neither is run."""
    for listing in re.findall(r"install_requires\s*=\s*\[([^\]]{0,2000})\]", folder.text("setup.py")):
        yield from re.findall(r"""["']([^"']+)["']""", listing)
    for block in re.findall(r"^install_requires\s*=(.*(?:\n[ \t]+.*)*)", folder.text("setup.cfg"), re.MULTILINE):
        yield from block.split("\n")
