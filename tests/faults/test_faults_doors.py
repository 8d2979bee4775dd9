"""No lasting effect bypasses the failpoints, and no file is rewritten in place: the source of all three packages says so."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ralph", "prd", "tracing")
WRITES_IN = ("w", "a", "x", "+")

# whoever may act on the disk or start a process itself, and why; FILE or FILE::FUNCTION
DOORS = {
    "tracing/failpoint.py": "the failpoints themselves",
    "tracing/sqlite.py::_connect": "makes an empty database; the migration behind it has failpoints",
    "tracing/sqlite.py::transaction": "the door for both databases",
    "ralph/files.py": "the door for files",
    "tracing/vacuum.py::_anew": "writes a whole file anew, with failpoints around it",
    "ralph/workspace/folders.py": "the door for trees",
    "ralph/process.py::run_process": "the door for commands, and the file for their output",
    "ralph/process.py::_cap": "cuts the output of a command that has ended",
    "ralph/workspace/lock.py": "the door for locks; what a lock file says is advice, so it may be rewritten",
    "ralph/history/event_log.py::__init__": "opens the log to append; lines go through the door",
}
NOT_OF_A_RUN = {
    "ralph/cli/page.py": "writes this project's own docs",
    "ralph/live/screenshots.py": "draws this project's own pictures",
    "ralph/demo/make.py": "makes the sample repository, anew each time",
    "ralph/demo/play.py": "asks git and pytest for a version",
    "ralph/replay/by_hand.py": "a person plays the model, over files",
    "ralph/replay/recording.py": "keeps what a person played, by rename",
    "ralph/init/write.py": "`ralph init` writes ralph.toml and keeps the old one beside it, both by rename or anew",
    "ralph/schedule/install/machine.py": "asks and tells the system's service manager; doing it again is harmless",
    "ralph/schedule/keeper.py": "a process of its own without imports of ours: output appended, exit code by rename",
    "ralph/tools/grep_worker.py": "a process of its own in the sandbox, which only reads",
}
NO_LASTING_EFFECT = {
    "tracing/bundle/writing.py": "reads a trace as it is at one moment",
    "tracing/owner.py": "asks ps when a process began",
    "ralph/environment.py": "asks go where its modules are",
    "ralph/doctor/machine.py": "asks programs for their version",
    "ralph/github/issues.py": "asks gh for issues",
    "ralph/tools/listing.py": "asks git for names",
    "ralph/schedule/execute.py::run_in_subprocess": "starts the keeper, between two transactions that have failpoints",
    "ralph/schedule/serving.py::serving_alone": "a lock file's owner is advice",
    "ralph/prepare/services.py::_in_use": "a lock file without content",
    "ralph/workspace/worktree.py::_alone": "a lock file without content",
    "tracing/alerts/courier.py::_alone": "a lock file without content",
    "tracing/alerts/senders/desktop.py::send": "shows a notification, between two points of the courier",
    "ralph/drafting/desk.py": "removes its own scratch folder",
}
SCRATCH = {
    "ralph/checks/home.py::check_home": "a copy within the run's private folder; a kill throws both away",
    "ralph/checks/runner.py::_missing_folder": "the output of a check that could not be run, in a file of its own",
    "ralph/checks/reports/asking.py": "what a check's runner is asked with, in a folder made for the check",
    "ralph/checks/reports/channel.py::close": "a pipe that one check speaks into",
    "ralph/tools/search.py::_search": "an order for a worker, in a folder that was made for it",
    "ralph/tools/shell.py::argv": "a command that is too long for an argument, in a file of its own",
    "ralph/tools/places.py": "the agent's own edits in its worktree, by rename; a kill throws the worktree's copy away",
    "ralph/prepare/copies.py::_copy": "into a worktree that a kill throws away",
    "ralph/prepare/preparation.py::_restore": "in a worktree that a kill throws away",
}
ALLOWED = DOORS | NOT_OF_A_RUN | NO_LASTING_EFFECT | SCRATCH
FOLDERS = {
    "ralph/sandbox/": "probes and launchers: throw-away files, and processes that end with the probe",
    "ralph/demo/sample/": "not ours: the sample project",
    "ralph/checks/reports/instruments/": "runs within the checks' own processes, in the sandbox",
}

METHODS = {"rename", "unlink", "rmdir", "write_text", "write_bytes", "touch", "symlink_to", "hardlink_to"}
OF_OS = {"replace", "rename", "renames", "unlink", "remove", "rmdir", "removedirs", "link", "symlink", "truncate"}
OF_OS |= {
    "ftruncate",
    "write",
    "pwrite",
    "fork",
    "forkpty",
    "posix_spawn",
    "system",
    "popen",
    "execv",
    "execve",
    "execvp",
}
OF_SHUTIL = {"rmtree", "move", "copy", "copy2", "copyfile", "copyfileobj", "copytree"}
OF_SUBPROCESS = {"run", "Popen", "call", "check_call", "check_output"}
OF_TEMPFILE = {"mkstemp", "NamedTemporaryFile"}
MODULES = {"os": OF_OS, "shutil": OF_SHUTIL, "subprocess": OF_SUBPROCESS, "tempfile": OF_TEMPFILE}


def is_named(node: ast.AST) -> bool:
    """Whether it is one of those functions, called or handed on."""
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.attr in MODULES.get(node.value.id, ())
    )


def imports_durable(node: ast.ImportFrom) -> bool:
    return any(alias.name in MODULES.get(node.module or "", ()) for alias in node.names)


def durable(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id == "open" and _writes(call, 1)
    if not isinstance(function, ast.Attribute):
        return False
    owner, name = function.value, function.attr
    module = owner.id if isinstance(owner, ast.Name) else ""
    if module in MODULES:
        return (name == "open" and "O_CREAT" in ast.dump(call)) or (name == "fdopen" and _writes(call, 1))
    if name == "replace":  # a string's takes two, a date's none without a name
        return len(call.args) == 1 and not call.keywords
    return (
        name in METHODS
        or (name == "open" and _writes(call, 0))
        or (name in {"execute", "executescript"} and _begins_or_commits(call))
        or (name == "commit" and not call.args)
    )


def _writes(call: ast.Call, position: int) -> bool:
    modes = [*call.args[position : position + 1], *(word.value for word in call.keywords if word.arg == "mode")]
    texts = [mode.value for mode in modes if isinstance(mode, ast.Constant) and isinstance(mode.value, str)]
    return any(letter in text for text in texts for letter in WRITES_IN)


def _begins_or_commits(call: ast.Call) -> bool:
    first = call.args[0] if call.args else None
    words = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
    return words.upper().startswith(("BEGIN", "COMMIT", "SAVEPOINT", "VACUUM"))


@cache
def durable_calls(path: Path) -> tuple[tuple[str, int, str], ...]:
    return tuple(calls_in(path.read_text(encoding="utf-8")))


def calls_in(source: str) -> Iterator[tuple[str, int, str]]:
    """Function (the innermost one), line and text of each durable call."""

    def visit(node: ast.AST, function: str) -> Iterator[tuple[str, int, str]]:
        for child in ast.iter_child_nodes(node):
            named = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
            if isinstance(child, ast.ImportFrom) and imports_durable(child):
                yield named, child.lineno, ast.unparse(child)
            if isinstance(child, ast.expr) and (is_named(child) or (isinstance(child, ast.Call) and durable(child))):
                yield named, child.lineno, ast.unparse(child)
            yield from visit(child, named)

    return visit(ast.parse(source), "")


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def test_every_durable_call_goes_through_a_door_with_a_failpoint_or_says_why_not() -> None:
    strays = []
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        if name in ALLOWED or name.startswith(tuple(FOLDERS)):
            continue
        strays += [
            f"{name}:{line} in {function}: {text}"
            for function, line, text in durable_calls(path)
            if f"{name}::{function}" not in ALLOWED
        ]
    assert not strays, "use ralph.files, remove_tree, run_process, Git or transaction:\n" + "\n".join(strays)


def test_no_exception_to_the_doors_is_left_over() -> None:
    parts = {name: name.partition("::") for name in ALLOWED}
    idle = [
        name
        for name, (file, _, function) in parts.items()
        if not any(function in {"", found} for found, _, _ in durable_calls(ROOT / file))
    ]
    assert not idle, f"nothing durable is done there any more: {idle}"


def test_git_is_called_in_one_place() -> None:
    importers = {
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if "git" in (source := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "git")
        or (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "git" for alias in node.names))
    }
    assert importers == {"ralph/workspace/git.py"}


@pytest.mark.parametrize(
    "line",
    [
        'open("f", "w")',
        'open("f", mode="a")',
        'path.open("r+b")',
        "os.replace(a, b)",
        "path.replace(other)",
        "path.unlink(missing_ok=True)",
        'path.write_text("x")',
        "os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)",
        'os.fdopen(fd, "wb")',
        "shutil.copy2(a, b)",
        "stack.callback(shutil.rmtree, folder)",
        "subprocess.Popen(argv)",
        "os.fork()",
        "from shutil import rmtree",
        'connection.execute("BEGIN IMMEDIATE")',
        "connection.commit()",
    ],
)
def test_a_durable_call_is_known(line: str) -> None:
    assert len(list(calls_in(line))) == 1


@pytest.mark.parametrize(
    "line",
    ['text.replace("a", "b")', "now.replace(hour=1)", 'path.open("rb")', "os.open(p, os.O_RDONLY)", "replace(x, a=1)"],
)
def test_a_harmless_call_is_none(line: str) -> None:
    assert not list(calls_in(line))
