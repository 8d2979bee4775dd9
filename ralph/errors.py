"""What can go wrong in a run, split by who must act. The exit codes are documented in docs/exit-codes.md."""

from enum import IntEnum


class ExitCode(IntEnum):
    ALL_DONE = 0
    STORIES_REMAIN = 1
    USAGE = 2
    LIMIT = 3
    SERVICE = 4
    BUSY = 5
    RECONCILE = 6
    BUG = 70
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class RalphError(Exception):
    """Something the user must act on: the message says what, where and what to do."""

    exit_code = ExitCode.USAGE


class BranchBusyError(RalphError):
    """Another run holds the branch."""

    exit_code = ExitCode.BUSY


class LimitError(RalphError):
    """A limit of the run (iterations, cost, duration) was reached."""

    exit_code = ExitCode.LIMIT


class StoppedNowError(KeyboardInterrupt):
    """A second signal: leave at once, with the exit code of the first."""

    def __init__(self, exit_code: ExitCode) -> None:
        super().__init__()
        self.exit_code = exit_code


def interrupted(error: BaseException | None) -> ExitCode:
    """What to leave with after a Ctrl-C, or after signals that were listened to."""
    return error.exit_code if isinstance(error, StoppedNowError) else ExitCode.INTERRUPTED
