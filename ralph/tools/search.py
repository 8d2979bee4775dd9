"""The `grep` and `glob` tools: bounded, sorted, and blind to what git ignores.

A regular expression can take for ever, so the search runs as a process of its own that is killed when its time is up.
"""

import json
import os
import re
import shutil
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict

from ralph.excerpts import LIMIT_CHARS, clean_text
from ralph.process import Completed, clean_env, run_process
from ralph.sandbox.base import Sandbox
from ralph.tools.listing import glob_pattern, list_files
from ralph.tools.places import Place, Places
from ralph.tools.result import ToolRefusedError, ToolResult

GREP_TIMEOUT_S = 20.0
MAX_PATHS = 200
RIPGREP = shutil.which("rg") or ""
PYTHON = os.path.realpath(sys.executable)
WORKER = Path(__file__).resolve().with_name("grep_worker.py")


class GrepInput(BaseModel):
    model_config = ConfigDict(frozen=True)
    pattern: str
    path: str = "."
    glob: str = ""
    ignore_case: bool = False
    context: int = 0
    limit: int = 100


class GlobInput(BaseModel):
    model_config = ConfigDict(frozen=True)
    pattern: str
    path: str = "."


def find_files(places: Places, given: GlobInput, began_ns: int) -> ToolResult:
    """Carry out `glob`. Files untouched since `began_ns` count as equally old: a checkout's times mean nothing.

    Raises:
        ToolRefusedError: the folder is not there, or the pattern is broken.

    """
    place = places.find(given.path)
    if not place.path.is_dir():
        raise ToolRefusedError(f"{place.name} is not a folder.")
    pattern = _glob(given.pattern)
    names = [name for name in _below(place) if pattern.match(name)]
    aged = sorted((-_age(place.path / name, began_ns), name) for name in names if (place.path / name).is_file())
    if not aged:
        return ToolResult(f"no file matches {given.pattern}")
    shown = [_named(place, name) for _, name in aged[:MAX_PATHS]]
    more = [f"[{len(aged) - MAX_PATHS} more; narrow the pattern]"] if len(aged) > MAX_PATHS else []
    return ToolResult(clean_text("\n".join([*shown, *more])), truncated=bool(more))


def grep(
    places: Places, sandbox: Sandbox, given: GrepInput, timeout_cap_s: float, cancel: threading.Event | None
) -> ToolResult:
    """Carry out `grep`. The search runs in the sandbox: a file swapped for a link meanwhile leads nowhere.

    Raises:
        ToolRefusedError: the pattern is broken, the path is not there, or the search took too long.

    """
    place = places.find(given.path)
    files = _files(place, given)
    request = {
        "base": str(place.base),
        "files": files,
        "pattern": given.pattern,
        "ignore_case": given.ignore_case,
        "context": given.context,
        "limit": given.limit,
        "ripgrep": RIPGREP,
    }
    with TemporaryDirectory(dir=places.scratch, prefix="grep-") as folder:
        argv = sandbox.wrap(
            [PYTHON, "-I", "-S", str(WORKER), f"{folder}/order.json"],
            cwd=Path(folder),
            writable=[Path(folder)],
            read_only=[places.root, places.scratch, WORKER],
        )
        done, lines = _search(argv, request, Path(folder), min(GREP_TIMEOUT_S, timeout_cap_s), cancel)
    if done.timed_out or done.cancelled:
        raise ToolRefusedError("grep: stopped, the search took too long. Use a simpler pattern, a path or a glob.")
    if done.exit_code == 3:
        raise ToolRefusedError(f"grep: {' '.join(lines)} Escape special characters with a backslash.")
    if done.exit_code:
        raise ToolRefusedError(f"grep: the search failed: {' '.join(lines)[-300:]}")
    return _result(lines, given)


def _result(lines: list[str], given: GrepInput) -> ToolResult:
    if not lines:
        return ToolResult(f"no match for {given.pattern}")
    has_more = lines[-1] == "more"
    shown = lines[: -1 if has_more else None]
    text = "\n".join(shown)
    if len(text) > LIMIT_CHARS:
        text, has_more = text[:LIMIT_CHARS].rpartition("\n")[0], True
    note = "\n[more matched; narrow the pattern, or raise limit]" if has_more else ""
    return ToolResult(text + note, truncated=has_more)


def _search(
    argv: list[str], request: dict[str, object], folder: Path, timeout_s: float, cancel: threading.Event | None
) -> tuple[Completed, list[str]]:
    output = folder / "found.txt"
    (folder / "order.json").write_text(json.dumps(request), encoding="utf-8")
    done = run_process(argv, cwd=folder, env=clean_env(), timeout_s=timeout_s, output=output, cancel=cancel)
    text = clean_text(output.read_bytes().decode("utf-8", "replace"))
    return done, text.split("\n")[:-1] if text.endswith("\n") else text.split("\n") if text else []


def _files(place: Place, given: GrepInput) -> list[str]:
    """Paths relative to the place's base."""
    if place.path.is_file():
        return ["/".join(place.parts)]
    if not place.path.is_dir():
        raise ToolRefusedError(f"{place.name}: no such file or folder.")
    pattern = _glob(given.glob) if given.glob else None
    names = (name for name in _below(place) if pattern is None or pattern.match(name))
    return ["/".join((*place.parts, name)) for name in names]


def _below(place: Place) -> list[str]:
    """Files below a folder, relative to it; what is ignored is known only at the worktree's root."""
    start = "".join(f"{part}/" for part in place.parts)
    return [name.removeprefix(start) for name in list_files(place.base) if name.startswith(start)]


def _glob(glob: str) -> re.Pattern[str]:
    try:
        return glob_pattern(glob)
    except re.error as error:
        raise ToolRefusedError(f"glob {glob}: {error}.") from error


def _named(place: Place, name: str) -> str:
    return name if place.name == "." else f"{place.name}/{name}"


def _age(path: Path, began_ns: int) -> int:
    changed_ns = path.stat().st_mtime_ns
    return changed_ns if changed_ns > began_ns else 0
