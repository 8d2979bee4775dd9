"""Commands of Ralph without the second that a new process spends on imports: each is a fork of a process that has made them.

For tests of what a command does. Those of how it starts and is stopped start `python -m ralph` themselves.
"""

import functools
import json
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

LONGEST_RUN_S = 60.0
ROOT = Path(__file__).parents[1]


class Forks:
    """The warm process that commands are forked from. One command at a time."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.forkserver"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._answer()

    def run(self, argv: Sequence[str], *, cwd: Path, env: dict[str, str], out: Path, err: Path | None = None) -> int:
        """The exit code; -n when signal n ended it. Without `err`, both streams go to `out`."""
        assert self._server.stdin is not None
        order = {"argv": list(argv), "cwd": str(cwd), "env": env, "out": str(out), "err": str(err or out)}
        self._server.stdin.write(json.dumps(order) + "\n")
        pid = int(self._answer())
        try:
            return int(self._answer())
        except TimeoutError:
            os.killpg(pid, 9)
            self._answer()
            raise AssertionError(f"the run hung:\n{out.read_text(errors='replace')}") from None

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()

    def _answer(self) -> str:
        assert self._server.stdout is not None
        readable, _, _ = select.select([self._server.stdout], [], [], LONGEST_RUN_S)
        if not readable:
            raise TimeoutError
        # a line buffer would hide a second line from select: read byte by byte
        line = bytearray()
        while not line.endswith(b"\n"):
            byte = os.read(self._server.stdout.fileno(), 1)
            assert byte, "the fork server died"
            line += byte
        return line.decode().strip()


@functools.cache
def forks() -> Forks:
    """The one of this test process; it ends with it, since nobody writes to it any more."""
    return Forks()
