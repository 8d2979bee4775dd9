"""Carries out a plan, or shows it: files that are somebody else's are never touched."""

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from ralph.files import remove_file, write_atomically
from ralph.schedule.install.machine import Machine, is_ours
from ralph.schedule.install.plan import Command, File, InstallError, Plan

Say = Callable[[str], None]


def shown(plan: Plan) -> Iterator[str]:
    """Exactly what would be written and run."""
    for file in plan.files:
        yield f"# would write {file.path}"
        yield from file.text.splitlines()
        yield ""
    for command in plan.commands:
        yield f"# would run: {command}"
        if command.stdin is not None:
            yield "# with the whole crontab on standard input:"
            yield from command.stdin.splitlines()


def removal_shown(plan: Plan) -> Iterator[str]:
    """What a removal would run and remove."""
    for command in plan.before:
        yield f"# would run: {command}"
    for file in plan.files:
        if is_ours(file.path):
            yield f"# would remove {file.path}"
    for command in plan.commands:
        yield f"# would run: {command}"


def install(plan: Plan, machine: Machine, say: Say) -> None:
    """Write the files, then run the commands. Doing it again changes nothing that is as it should be.

    Raises:
        InstallError: a file of that name is somebody else's, or a command failed.
    """
    for file in plan.files:
        _refuse_foreign(file.path)
    for file in plan.files:
        say(f"{_write(file)}: {file.path}")
    for command in plan.commands:
        _run(command, machine, say)


def remove(plan: Plan, machine: Machine, say: Say) -> None:
    """Undo an installation; files without our mark stay."""
    for command in plan.before:
        _run(command, machine, say)
    for file in plan.files:
        if is_ours(file.path):
            remove_file(file.path, "service file")
            say(f"removed: {file.path}")
    for command in plan.commands:
        _run(command, machine, say)


def _refuse_foreign(path: Path) -> None:
    if path.exists() and not is_ours(path):
        raise InstallError(
            f"{path} is there already, and `ralph schedule install` did not write it. Nothing was changed. "
            f"Look at it, and move it away if it is not needed: mv {shlex.quote(str(path))}{{,.old}}"
        )


def _write(file: File) -> str:
    data = file.text.encode(errors="surrogateescape")
    if file.path.exists() and file.path.read_bytes() == data:
        return "as it was"
    was_there = file.path.exists()
    file.path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file.path, data, "service file")
    return "brought up to date" if was_there else "written"


def _run(command: Command, machine: Machine, say: Say) -> None:
    code, _, said = machine.run(command.argv, command.stdin)
    if code == 0:
        say(f"ran: {command}")
        return
    trouble = f"`{command}` failed: {said or f'exit code {code}'}"
    if not command.may_fail:
        raise InstallError(f"{trouble}\n{command.remedy}".rstrip())
    if command.remedy:
        say(f"note: {trouble}\n  {command.remedy}")
