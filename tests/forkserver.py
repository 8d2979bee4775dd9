"""Starts the real command in milliseconds: everything is imported once, and each command is a fork of that.

Reads one JSON order a line (argv, cwd, env, out, err) and answers with the pid, then with how it ended. Single-threaded, so that
a fork is as good as a new process; each fork leads a session of its own, so that its whole group can be killed.
"""

import gc
import importlib
import json
import os
import sys
import time

from ralph.cli.main import main
from tracing import failpoint

WARM = (
    "anthropic",
    "git.cmd",
    "ralph.alerts.desk",
    "ralph.assembly",
    "ralph.cli.lines",
    "ralph.cli.reporting",
    "ralph.cli.run",
    "ralph.preview",
    "ralph.settings.layers",
    "tracing.store",
)


def serve() -> None:
    """Comes back only in a fork, which is then the run."""
    for name in WARM:
        importlib.import_module(name)
    gc.freeze()  # so that no fork walks, and thereby copies, what all have in common
    tell("ready")
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            become(order)
            return
        tell(pid)
        tell(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os._exit(0)


def tell(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def written(path: object) -> int:
    return os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def become(order: dict[str, object]) -> None:
    os.setsid()
    os.chdir(str(order["cwd"]))
    nothing, out = os.open(os.devnull, os.O_RDONLY), written(order["out"])
    err = out if order["err"] == order["out"] else written(order["err"])
    for number, fd in enumerate((nothing, out, err)):
        os.dup2(fd, number)
    env, argv = order["env"], order["argv"]
    assert isinstance(env, dict)
    assert isinstance(argv, list)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.argv = ["ralph", *argv]
    failpoint.arm(env.get(failpoint.VARIABLE))


if __name__ == "__main__":
    serve()
    main()
