"""Runs one due run's command and writes its exit code down, so that the run outlives a killed daemon and is not repeated.

`python -m ralph.schedule.keeper BASE CWD COMMAND...` holds BASE.lock while it works. A second keeper of the same run waits
for the first one and takes over its exit code. Knows nothing about schedules.
"""

import fcntl
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def keep(base: Path, cwd: Path, command: Sequence[str]) -> int:
    """The exit code of `command`, from its own run or from the one that another keeper made."""
    code_file = base.with_suffix(".exit")
    with base.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not code_file.exists():
            code = _run(base.with_suffix(".log"), cwd, command)
            part = base.with_suffix(".part")
            part.write_text(str(code), encoding="ascii")
            part.replace(code_file)
        return int(code_file.read_text(encoding="ascii"))


def _run(log: Path, cwd: Path, command: Sequence[str]) -> int:
    with log.open("ab") as output:
        try:
            code = subprocess.run(
                command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
            ).returncode
        except OSError as error:
            output.write(f"{error}\nThe run could not be started in {cwd}.\n".encode())
            return 2
    return code if code >= 0 else 128 - code


def main() -> int:
    """Signals to the group reach the command itself; the keeper stays to write down how it ended."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    base, cwd, *command = sys.argv[1:]
    return keep(Path(base), Path(cwd), command)


if __name__ == "__main__":
    sys.exit(main())
