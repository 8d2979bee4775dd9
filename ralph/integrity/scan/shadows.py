"""Files that stand in the way of others: modules named like the runner, start-up hooks of Python, programs put before the real ones."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from ralph.integrity.finding import HARD, Finding
from ralph.integrity.scan.facts import Facts, finding, judged
from ralph.integrity.scan.text import added_lines

RUNNERS = {
    "pytest",
    "_pytest",
    "unittest",
    "nose",
    "coverage",
    "mypy",
    "ruff",
    "hypothesis",
    "pluggy",
    "xdist",
    "pytest_cov",
    "tox",
    "flake8",
    "doctest",
}
LIBRARY = {
    "sys",
    "os",
    "json",
    "re",
    "time",
    "random",
    "math",
    "datetime",
    "builtins",
    "subprocess",
    "collections",
    "decimal",
    "typing",
    "inspect",
    "asyncio",
    "io",
    "functools",
    "itertools",
    "dataclasses",
    "pathlib",
    "logging",
    "warnings",
    "importlib",
    "site",
    "ast",
    "contextlib",
    "copy",
    "socket",
    "threading",
    "hashlib",
    "string",
    "operator",
    "tempfile",
    "shutil",
    "traceback",
}
STARTUP = {"sitecustomize.py", "usercustomize.py"}
PROGRAMS = {
    "pytest",
    "python",
    "python3",
    "node",
    "npm",
    "npx",
    "go",
    "cargo",
    "make",
    "ruff",
    "mypy",
    "eslint",
    "jest",
    "vitest",
    "tsc",
    "git",
    "sh",
    "bash",
    "tox",
    "rustc",
    "uv",
    "poetry",
    "pnpm",
    "yarn",
}
FOLDERS = re.compile(r"(?:^|/)(?:node_modules|site-packages|\.venv|venv|target/debug)/")
WRAPPER = re.compile(r"#!|@echo|exec |import ")


def shadowing_files(facts: Facts) -> Iterator[Finding]:
    for file in facts.change.files:
        if file.is_removed or not (file.is_new or file.moved):
            continue
        found = _named(file.path, file.new_text)
        if found is not None:
            yield judged(found, permitted=facts.permit.names(file.path))
    yield from _search_paths(facts)


def _named(path: str, text: str) -> Finding | None:
    parts = PurePosixPath(path)
    top = _importable_root(parts)
    if parts.name in STARTUP or (parts.suffix == ".pth" and re.search(r"^import\b", text, re.MULTILINE)):
        return finding("startup-hook", HARD, f"{parts.name} runs by itself whenever Python starts", path)
    if FOLDERS.search(path):
        folder = re.search(r"node_modules|site-packages|venv|target", path)
        return finding(
            "installed-code",
            HARD,
            f"code was put into {folder[0] if folder else path}, where installed packages stand",
            path,
        )
    if top in RUNNERS and parts.suffix in {".py", ""}:
        return finding("runner-shadowed", HARD, f"{path} stands in the way of the real {top}", path)
    if len(parts.parts) == 1 and parts.stem in LIBRARY and parts.suffix == ".py":
        return finding("library-shadowed", 70, f"{path} stands in the way of Python's own {parts.stem}", path)
    if parts.stem in PROGRAMS and parts.suffix in {"", ".cmd", ".bat"} and WRAPPER.search(text[:2000]):
        return finding("program-shadowed", 80, f"{path} has the name of a program that checks run", path)
    return None


def _importable_root(parts: PurePosixPath) -> str:
    """The name that an import finds the file under where the repo's root, `src` or `tests` is searched."""
    inner = (
        parts.parts[1:] if parts.parts[0] in {"src", "lib", "tests", "test"} and len(parts.parts) > 1 else parts.parts
    )
    return inner[0].removesuffix(".py") if len(inner) == 1 or (len(inner) <= 2 and inner[-1].endswith(".py")) else ""


def _search_paths(facts: Facts) -> Iterator[Finding]:
    """A search path of programs or modules that is changed inside files that checks read."""
    for file in facts.change.files:
        if file.new and re.search(r"(?:^|/)(?:[Mm]akefile|.*\.(?:sh|mk|ya?ml|toml|ini|cfg)|package\.json)$", file.path):
            for line in added_lines(file):
                if re.search(
                    r"\b(?:export\s+)?(?:PATH|PYTHONSTARTUP|NODE_OPTIONS|GOFLAGS|RUSTC_WRAPPER|PYTEST_ADDOPTS|PYTEST_PLUGINS|LD_PRELOAD)\s*[:?]?=",
                    line.text,
                ):
                    text = "what programs or options the checks run with was changed"
                    yield finding("search-path", 40, text, file.path, line.number, line.text)
