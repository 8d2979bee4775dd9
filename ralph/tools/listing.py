"""Which files of a worktree count: those that git tracks or would track, or all of them where there is no git."""

import os
import re
import subprocess
from pathlib import Path

from ralph.process import clean_env

GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.untrackedCache=false")
GIT_TIMEOUT_S = 30
MAX_FILES = 50_000
SKIPPED = {".git", "node_modules", "__pycache__", ".venv", ".tox", ".mypy_cache", ".pytest_cache"}


def list_files(root: Path) -> list[str]:
    """Paths relative to `root`, sorted, at most 50,000. Links are not followed."""
    return (_by_git(root) if (root / ".git").exists() else None) or _by_walk(root)


def _by_git(root: Path) -> list[str] | None:
    found = git_names(root, "ls-files", "-coz", "--exclude-standard")
    return None if found is None else found[:MAX_FILES]


def git_names(root: Path, *args: str) -> list[str] | None:
    """The paths of one of git's `-z` listings, sorted, each once; None where git does not give one."""
    try:
        done = subprocess.run(
            [*GIT, *args],
            cwd=root,
            env=clean_env(
                {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"}
            ),  # a partial clone fetches as it likes
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return sorted({os.fsdecode(name) for name in done.stdout.split(b"\0") if name}) if done.returncode == 0 else None


def _by_walk(root: Path) -> list[str]:
    found: list[str] = []
    for folder, below, names in os.walk(root):
        below[:] = sorted(set(below) - SKIPPED)
        found += [str(Path(folder, name).relative_to(root)) for name in names]
        if len(found) > MAX_FILES:
            break
    return sorted(found)[:MAX_FILES]


def glob_pattern(glob: str) -> re.Pattern[str]:
    """A glob as a regular expression over whole relative paths: `*` stays in a folder, `**` does not, `{a,b}` chooses.
    Without a slash it matches the name in any folder.
    """
    anchored = glob.removeprefix("./")
    start = "(?:.*/)?" if "/" not in anchored else ""
    return re.compile(start + _translate(anchored.lstrip("/")) + r"\Z", re.DOTALL)


_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[[!^]?\]?[^\]]*\]|\{[^{}]*\}|.", re.DOTALL)
_WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _translate(glob: str) -> str:
    return "".join(_token(token) for token in _TOKEN.findall(glob))


def _token(token: str) -> str:
    if token in _WILD:
        return _WILD[token]
    if token.startswith("{") and len(token) > 1:
        return "(?:" + "|".join(_translate(part) for part in token[1:-1].split(",")) + ")"
    if token.startswith("[") and len(token) > 2:
        inner = token[1:-1].replace("\\", "\\\\")
        return "[" + ("^" + inner[1:] if inner[0] in "!^" else inner) + "]"
    return re.escape(token)
