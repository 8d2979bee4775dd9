"""CI files as hints: what they run that looks like a check, and the services that they start. Nothing of it is run."""

import re
from collections.abc import Iterator, Sequence

from ralph.detect.proposal import Need
from ralph.detect.services import service_need
from ralph.detect.tree import Folder, one_line, strings, table
from ralph.detect.yaml_file import read_yaml

GITHUB = ".github/workflows"
OTHERS = (".gitlab-ci.yml", ".circleci/config.yml")
NO_WORKFLOW = re.compile(r"release|publish|deploy|bump|stale|label|docs?\b")
MAX_WORKFLOWS = 20
MAX_LINES = 12
MAX_NODES = 2000
CHECK = re.compile(
    r"\b(tests?|pytest|tox|nox|lint|check|ruff|mypy|pyright|flake8|tsc|typecheck|eslint|jest|vitest|vet|clippy|fmt|"
    r"verify|rspec|rubocop|phpunit|pest|phpstan|golangci-lint|pre-commit|build)\b"
)
NO_CHECK = re.compile(
    r"\b(install|npm ci|sync|add|deploy|publish|upload|push|login|docker|curl|wget|echo|gh|export|cd|mkdir|cp|git|apt-get|brew|"
    r"codecov|checkout|download|pull|tag)\b"
)


def ci_files(root: Folder) -> list[str]:
    """The CI files of the repo, in hidden folders that the walk leaves out."""
    try:
        with_names = sorted(entry.name for entry in (root.root / GITHUB).iterdir())
    except OSError:
        with_names = []
    wanted = [name for name in with_names if name.endswith((".yml", ".yaml")) and not NO_WORKFLOW.search(name)]
    workflows = [f"{GITHUB}/{name}" for name in wanted if name.isprintable()]
    return [*workflows[:MAX_WORKFLOWS], *(name for name in OTHERS if root.text(name, 1))]


def read_ci(root: Folder, known: Sequence[str]) -> tuple[list[Need], list[str]]:
    """Service needs and hints; commands that are among the `known` are not repeated."""
    needs: list[Need] = []
    hints: list[str] = []
    for name in ci_files(root):
        content = read_yaml(root, name)
        if not isinstance(content, dict):
            hints.append(f"{name} was passed over: it is no YAML that can be read.")
            continue
        jobs = list(_jobs(content))
        needs += [need for job in jobs for image in _images(job) if (need := _need(image, name))]
        lines = [line for job in jobs for line in _lines(job)]
        wanted = [line for line in dict.fromkeys(lines) if _looks_like_a_check(line) and line not in known]
        hints += [f"{name} runs: {one_line(line)}" for line in wanted]
    return needs, list(dict.fromkeys(hints))[:MAX_LINES]


def _need(image: str, where: str) -> Need | None:
    return service_need(image, where, f"{where} starts it beside the checks")


def _jobs(content: dict[str, object]) -> Iterator[dict[str, object]]:
    """GitHub and CircleCI have `jobs`; in GitLab every mapping at the top is one, and the top itself may have services."""
    jobs = table(content, "jobs") or {**content, "": content}
    yield from [table(job) for job in jobs.values()][:MAX_NODES]


def _images(job: dict[str, object]) -> Iterator[str]:
    services = job.get("services")
    if isinstance(services, dict):
        yield from (str(table(service).get("image", name)) for name, service in list(services.items())[:MAX_LINES])
    for service in _items(services) + _items(job.get("docker"))[1:]:
        yield (
            service if isinstance(service, str) else str(table(service).get("name") or table(service).get("image", ""))
        )


def _lines(job: dict[str, object]) -> Iterator[str]:
    for step in _items(job.get("steps")):
        run = table(step).get("run")
        yield from _split(run if isinstance(run, str) else table(run).get("command"))
    for line in strings(job.get("script")):
        yield from _split(line)


def _items(value: object) -> list[object]:
    return value[:MAX_NODES] if isinstance(value, list) else []


def _split(command: object) -> list[str]:
    joined = command.replace("\\\n", " ") if isinstance(command, str) else ""
    return [line.strip() for line in joined.splitlines() if line.strip()]


def _looks_like_a_check(line: str) -> bool:
    """A command as it stands: not a comment, an assignment or one with an expression that only CI fills in."""
    is_command = not re.match(r"#|\w+=", line) and "${{" not in line
    return is_command and bool(CHECK.search(line)) and not NO_CHECK.search(line)
