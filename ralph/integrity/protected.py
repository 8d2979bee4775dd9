"""Files that decide how work is judged, and which changes of them the story did not ask for.

By the parts that matter: a dependency or a version in `pyproject.toml` is nobody's concern here, a threshold is. What asks
for more than before is no more than a note; what asks for less is a hard stop unless the story speaks of it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch

from ralph.integrity.change import Change, FileChange
from ralph.integrity.config_parts import (
    Parts,
    Value,
    cargo_parts,
    ini_parts,
    json_parts,
    line_parts,
    make_parts,
    package_parts,
    pyproject_parts,
    taken_apart,
    toml_parts,
    whole_ini_parts,
)
from ralph.integrity.finding import HARD, Finding
from ralph.integrity.permit import Permit
from ralph.integrity.scan.text import evidence
from ralph.integrity.strictness import Turn, forgives, looser

NEW_WEIGHT = 15
OTHER_WEIGHT = 35
TIGHTER_WEIGHT = 5
PERMITTED_LOOSER_WEIGHT = 20
PERMITTED_WEIGHT = 3
NOTE_WEIGHT = 5


@dataclass(frozen=True)
class Kind:
    """One kind of protected file: how it is told, read, and asked for."""

    name: str  # as a person calls it
    paths: re.Pattern[str]
    topics: tuple[str, ...] = ()  # words of a story that ask for a change of it
    parts: Callable[[str], Parts] | None = None  # None: any change of it counts
    unasked: int = HARD  # of a change that is not asked for, where the file has no parts
    created: int = HARD  # of a new file of the kind


def _kind(name: str, paths: str, topics: str, parts: Callable[[str], Parts] | None = None, **weights: int) -> Kind:
    return Kind(name, re.compile(rf"(?:^|/)(?:{paths})$"), tuple(topics.split("|")) if topics else (), parts, **weights)


CI = "ci|ci/cd|continuous integration|github action|github actions|workflow|workflows|pipeline|pipelines|gitlab|jenkins|circleci|dependabot"
LINT = "lint|linter|linters|linting|lint rule|lint rules|ruff|flake8|pylint|eslint|biome|style|formatter|prettier|golangci-lint|clippy"
TYPES = "mypy|pyright|type check|type checks|type checker|type checking|type-checking|typecheck|typescript|tsconfig|strict mode|typed"
TESTS = "pytest|pytest config|tox|nox|test runner|test configuration|test config|test setup|test marker|marker|markers|jest|vitest|mocha|playwright|karma|coverage|test suite|test script|integration tests|end-to-end tests|e2e"
MAKE = "makefile|make target|make targets|make|justfile|taskfile|target"
SCRIPTS = "npm script|npm scripts|package.json|npm run|script|scripts|build|lint|jest|vitest|test runner|mocha|eslint|typescript|coverage"

KINDS: tuple[Kind, ...] = (
    _kind(
        "the CI configuration",
        r"\.github/(?:workflows|actions)/.*|\.gitlab-ci.*\.ya?ml|Jenkinsfile|\.circleci/.*|azure-pipelines.*\.ya?ml|\.travis\.yml"
        r"|bitbucket-pipelines\.yml|\.drone\.ya?ml|appveyor\.yml|\.buildkite/.*|\.woodpecker.*|cloudbuild\.ya?ml|\.github/dependabot\.yml",
        CI, line_parts, created=30,
    ),
    _kind("the settings of the checks", r"pyproject\.toml", f"{TESTS}|{LINT}|{TYPES}", pyproject_parts, created=NEW_WEIGHT),
    _kind("the test configuration", r"pytest\.ini|tox\.ini|\.coveragerc|\.pytest\.ini", f"{TESTS}|{LINT}", whole_ini_parts, created=40),
    _kind("the settings of the checks", r"setup\.cfg", f"{TESTS}|{LINT}|{TYPES}", ini_parts, created=NEW_WEIGHT),
    _kind("the linter's or type checker's configuration", r"\.?mypy\.ini|\.flake8|\.pylintrc|pylintrc|\.isort\.cfg|\.bandit|\.importlinter", f"{LINT}|{TYPES}", whole_ini_parts, created=40),
    _kind("the linter's or type checker's configuration", r"\.?ruff\.toml|clippy\.toml|\.clippy\.toml|nextest\.toml|ty\.toml|selene\.toml|\.taplo\.toml|deny\.toml", f"{LINT}|{TYPES}|{TESTS}", toml_parts, created=30),
    _kind("the type checker's configuration", r"tsconfig[\w.-]*\.json|jsconfig\.json|pyrightconfig\.json", TYPES, json_parts, created=NEW_WEIGHT),
    _kind("the linter's or test runner's configuration", r"\.eslintrc(?:\.json)?|biome\.jsonc?|\.mocharc\.jsonc?|\.nycrc(?:\.json)?|jest\.config\.json|\.c8rc\.json|\.swcrc|deno\.jsonc?", f"{LINT}|{TESTS}", json_parts, created=30),
    _kind(
        "the linter's or test runner's configuration",
        r"(?:jest|vitest|eslint|playwright|karma|cypress|ava|wdio|web-test-runner)[\w.-]*\.config\.[cm]?[jt]s|karma\.conf\.js|\.eslintrc\.(?:c?js|ya?ml)"
        r"|\.mocharc\.(?:c?js|ya?ml)|vitest\.workspace\.[jt]s|\.golangci\.ya?ml|\.golangci\.toml|noxfile\.py|codecov\.ya?ml|\.codecov\.ya?ml|sonar-project\.properties"
        r"|\.eslintignore|\.prettierignore|staticcheck\.conf|\.pre-commit-config\.ya?ml|\.coveragerc\.toml|\.yamllint|phpunit\.xml(?:\.dist)?|jest\.setup\.[jt]s",
        f"{LINT}|{TESTS}|pre-commit|{TYPES}", line_parts, created=30,
    ),
    _kind("the scripts that checks run", r"package\.json", SCRIPTS, package_parts, created=NEW_WEIGHT),
    _kind("the targets that checks run", r"(?:GNU)?[Mm]akefile|.*\.mk|[Jj]ustfile|\.justfile", MAKE, make_parts, created=NEW_WEIGHT),
    _kind("the tasks that checks run", r"Taskfile\.ya?ml|turbo\.json|nx\.json|lerna\.json|bazel.*\.rc|\.bazelrc", f"{MAKE}|turbo|nx", line_parts, created=NEW_WEIGHT),
    _kind("the test and lint tables", r"Cargo\.toml", f"{TESTS}|{LINT}|cargo.toml", cargo_parts, created=NEW_WEIGHT),
    _kind("cargo's configuration", r"\.cargo/config(?:\.toml)?|rust-toolchain(?:\.toml)?", "cargo|toolchain|rust version|msrv", line_parts, created=60),
    _kind("the git hooks", r"\.husky/.*|\.githooks/.*|\.git-hooks/.*|hooks/pre-(?:commit|push)|lefthook\.ya?ml|\.overcommit\.yml", "hook|hooks|git hook|git hooks|husky|lefthook|pre-commit", line_parts),
    _kind("git's attributes or submodules", r"\.gitattributes|\.gitmodules", "gitattributes|line endings|submodule|submodules|lfs|linguist", line_parts, created=40),
    _kind("Ralph's settings", r"ralph\.toml|\.ralph/.*", "ralph.toml"),
    _kind("the PRD", r"(?:scripts/ralph/|\.omc/|ralph/|tasks/|prd/)?(?:prd[\w-]*\.(?:json|ya?ml)|@?fix_plan\.md|IMPLEMENTATION_PLAN\.md|PRD\.md|prd\.md)|tasks/prd-[\w-]+\.(?:md|json)|prd/stor(?:y|ies)[\w/-]*\.(?:md|ya?ml|json)", "prd"),
    _kind("an agent's settings", r"\.claude/settings.*|\.claude/(?:hooks|commands|agents|skills)/.*|\.mcp\.json|\.cursor/(?:rules/.*|mcp\.json)|\.cursorrules|\.codex/.*|\.aider.*|\.vscode/(?:mcp|tasks)\.json", "claude|mcp|cursor|agent settings|agent configuration|codex"),
    _kind("the agents' notes", r"AGENTS\.md|CLAUDE\.md|GEMINI\.md", "agents.md|claude.md|documentation|docs", unasked=NOTE_WEIGHT, created=NOTE_WEIGHT),
)  # fmt: skip
HIDES_DIFFS = re.compile(r"(?:test|spec|\.(?:py|[jt]sx?|go|rs)\b|^\*\s).*(?:\bbinary\b|-diff\b|linguist-generated)")
LOCKS = {
    "package-lock.json": "package.json", "yarn.lock": "package.json", "pnpm-lock.yaml": "package.json", "bun.lockb": "package.json",
    "Cargo.lock": "Cargo.toml", "poetry.lock": "pyproject.toml", "uv.lock": "pyproject.toml", "pdm.lock": "pyproject.toml",
    "Pipfile.lock": "Pipfile", "go.sum": "go.mod", "Gemfile.lock": "Gemfile", "composer.lock": "composer.json",
}  # fmt: skip


def protected_changes(change: Change, permit: Permit, extra: Sequence[str] = ()) -> tuple[Finding, ...]:
    """What the change does to protected files; `extra` are the user's own globs."""
    return tuple(found for file in change.files for found in _in_file(file, change, permit, extra))


def _in_file(file: FileChange, change: Change, permit: Permit, extra: Sequence[str]) -> Iterator[Finding]:
    paths = {file.path, file.old_path or file.path}
    if any(matches(path, glob) for path in paths for glob in extra):
        yield _whole(file, Kind("a file that your settings protect", re.compile("")), permit)
        return
    for kind in KINDS:
        if any(kind.paths.search(path) for path in paths):
            yield from _of_kind(file, kind, permit)
            return
    manifest = LOCKS.get(file.path.rsplit("/", 1)[-1])
    if manifest and not any(path.endswith(manifest) for path in change.by_path):
        yield Finding("lock-changed", TIGHTER_WEIGHT, f"{file.path} changed though {manifest} did not", file.path)


def matches(path: str, glob: str) -> bool:
    """Whether the path is under the glob: a folder covers all in it, a name without a slash is found in any folder."""
    plain = glob.removeprefix("./").rstrip("/")
    places = (plain, f"{plain}/*", f"*/{plain}", f"*/{plain}/*") if "/" not in plain else (plain, f"{plain}/*")
    return any(fnmatch(path, place.replace("**/", "*").replace("**", "*")) for place in places)


def _of_kind(file: FileChange, kind: Kind, permit: Permit) -> Iterator[Finding]:
    left_behind = file.moved and not kind.paths.search(file.path)
    if kind.parts is None or file.is_removed or left_behind or "120000" in {file.new_mode, file.old_mode}:
        yield _whole(file, kind, permit)
        return
    old, new = (taken_apart(kind.parts, text) for text in (file.old_text, file.new_text))
    yield from _parts(file, kind, permit, old, new)


def _whole(file: FileChange, kind: Kind, permit: Permit) -> Finding:
    did = "removed" if file.is_removed else "added" if file.is_new else "moved" if file.moved else "changed"
    weight = kind.created if file.is_new else kind.unasked
    allowed = _allowed(kind, file, permit)
    text = f"{kind.name} was {did}: {file.path}" + ("" if allowed else ", which the story does not name")
    return Finding("protected-file", min(weight, PERMITTED_WEIGHT) if allowed else weight, text, file.path)


def _allowed(kind: Kind, file: FileChange, permit: Permit) -> bool:
    return permit.speaks_of(file.path) or permit.speaks_of(file.old_path or file.path) or permit.asks(kind.topics)


def _parts(file: FileChange, kind: Kind, permit: Permit, old: Parts, new: Parts) -> Iterator[Finding]:
    allowed = _allowed(kind, file, permit)
    if set(old) | set(new) == {""} or (kind.parts is line_parts):
        yield from (_lightened(found, allowed=allowed) for found in _by_lines(file, kind, old, new))
        return
    for name, turn in looser(old, new):
        if turn is Turn.OTHER and (name not in old):
            turn_weight = min(kind.created, NEW_WEIGHT) if not old else NEW_WEIGHT
        else:
            turn_weight = {Turn.LOOSER: HARD, Turn.TIGHTER: TIGHTER_WEIGHT, Turn.OTHER: OTHER_WEIGHT}[turn]
        found = Finding(
            f"config-{turn}",
            turn_weight,
            _said(kind, name, turn, old, new),
            file.path,
            0,
            evidence(_shown(new.get(name, old.get(name)))),
        )
        yield _lightened(found, allowed=allowed or _path_asked_for(old.get(name), new.get(name), permit))


def _path_asked_for(old: Value, new: Value, permit: Permit) -> bool:
    """Whether a command got nothing but other folders, and the story has each of them."""
    if not isinstance(old, str) or not isinstance(new, str) or forgives(new) != forgives(old):
        return False
    before, after = old.split(), new.split()
    fresh = [word for word in after if word not in before]
    gone = [word for word in before if word not in after]
    return (
        bool(fresh) and all("/" in word for word in (*fresh, *gone)) and all(map(permit.speaks_of, map(_plain, fresh)))
    )


def _plain(path: str) -> str:
    return path.removeprefix("./").rstrip("/*")


def _said(kind: Kind, name: str, turn: Turn, old: Parts, new: Parts) -> str:
    did = "is new" if name not in old else "was removed" if name not in new else "changed"
    meaning = {
        Turn.LOOSER: " and asks for less than before",
        Turn.TIGHTER: " and asks for more than before",
        Turn.OTHER: "",
    }[turn]
    if name not in new:
        meaning = ""
    was = f" (it was {evidence(_shown(old[name]))})" if name in old and name in new else ""
    return f"{name} in {kind.name} {did}{meaning}{was}"


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _lightened(found: Finding, *, allowed: bool) -> Finding:
    if not allowed:
        return found
    loose = found.rule == "config-looser"
    return replace(found, weight=min(found.weight, PERMITTED_LOOSER_WEIGHT if loose else PERMITTED_WEIGHT))


def _by_lines(file: FileChange, kind: Kind, old: Parts, new: Parts) -> Iterator[Finding]:
    before, after = (tuple(map(str, part.get("", ()) or ())) for part in (old, new))  # type: ignore[arg-type]
    gone = [line for line in before if line not in after]
    fresh = [line for line in after if line not in before]
    for line in fresh:
        if forgives(line) or (file.path.endswith(".gitattributes") and HIDES_DIFFS.search(line)):
            text = f"{kind.name} now lets a failure pass, or leaves something out"
            yield Finding("config-looser", HARD, text, file.path, 0, evidence(line))
    if gone:
        text = f"{kind.name} changed: {len(gone)} of its lines are gone or other than they were"
        yield Finding("config-changed", kind.unasked, text, file.path, 0, evidence(gone[0]))
    elif fresh:
        did = "was added" if file.is_new else f"grew by {len(fresh)} lines, with nothing taken out"
        weight = min(kind.created, 30) if kind.created < 30 or not file.is_new else kind.created
        yield Finding("config-grew", weight, f"{kind.name} {did}", file.path, 0, evidence(fresh[0]))
