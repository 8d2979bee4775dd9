"""The `ralph` command: which subcommands there are, and how an error becomes a message and an exit code.

Subcommands are imported when they are used, so that `ralph --help` starts fast.
"""

import contextlib
import os
import signal
import sys
import traceback
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

import click

from ralph.cli.lazy import LazyRows
from ralph.errors import ExitCode, RalphError, interrupted
from ralph.version import VERSION


class Part(StrEnum):
    """The headings of `ralph --help`, in this order."""

    WORK = "Work"
    STEER = "Steer a run"
    LOOK_BACK = "Look at what is and was"
    SET_UP = "Set up"


@dataclass(frozen=True)
class Entry:
    """Where a subcommand lives and what `ralph --help` says of it."""

    part: Part
    module: str
    attribute: str
    help: str


COMMANDS = {
    "run": Entry(
        Part.WORK, "ralph.cli.run", "run_command", "Work on the PRD's stories until they pass or a limit is reached."
    ),
    "prd": Entry(Part.WORK, "ralph.cli.prd", "prd_group", "Draft, check and mend a PRD."),
    "demo": Entry(
        Part.WORK, "ralph.cli.demo", "demo_command", "Run Ralph on a small sample repo with a recorded model."
    ),
    "verify": Entry(
        Part.WORK, "ralph.cli.verify", "verify_command", "Say of any commit whether a run would have believed it."
    ),
    "say": Entry(
        Part.STEER, "ralph.cli.steer", "say_command", "Tell the agent something; it reads it at its next turn."
    ),
    "pause": Entry(Part.STEER, "ralph.cli.steer", "pause_command", "Hold the run before its next turn."),
    "resume": Entry(Part.STEER, "ralph.cli.steer", "resume_command", "Let a paused run go on."),
    "skip": Entry(Part.STEER, "ralph.cli.steer", "skip_command", "Set the story at work aside and take the next one."),
    "unblock": Entry(
        Part.STEER, "ralph.cli.status", "unblock_command", "Forget a story's failed attempts and why it was parked."
    ),
    "status": Entry(
        Part.LOOK_BACK, "ralph.cli.status", "status_command", "Say for every story why it is or is not next."
    ),
    "log": Entry(
        Part.LOOK_BACK,
        "ralph.cli.log",
        "log_command",
        "Show the lines of the last run, or follow the one that is going.",
    ),
    "explain": Entry(
        Part.LOOK_BACK, "ralph.cli.explain", "explain_command", "Tell what happened to one story, and what to do next."
    ),
    "report": Entry(
        Part.LOOK_BACK,
        "ralph.cli.report",
        "report_command",
        "Tell what the night brought: done, parked, what needs you first, what it cost.",
    ),
    "traces": Entry(Part.LOOK_BACK, "ralph.cli.traces", "traces_command", "List traces, newest first."),
    "trace": Entry(Part.LOOK_BACK, "ralph.cli.traces", "trace_command", "Show one trace as a tree, or one span whole."),
    "ui": Entry(
        Part.LOOK_BACK,
        "ralph.cli.ui",
        "ui_command",
        "Open the trace viewer: what ran, what it cost, where it went wrong.",
    ),
    "diff": Entry(
        Part.LOOK_BACK, "ralph.cli.diff", "diff_command", "Compare two traces: where they part, cost, tools, findings."
    ),
    "analyze": Entry(
        Part.LOOK_BACK, "ralph.cli.analyze", "analyze_command", "Say what went wrong in traces or in a file of traces."
    ),
    "export": Entry(
        Part.LOOK_BACK, "ralph.cli.export", "export_command", "Write a trace to one file to send to somebody."
    ),
    "import": Entry(
        Part.LOOK_BACK, "ralph.cli.import_", "import_command", "Take in traces that somebody sent as files."
    ),
    "costs": Entry(
        Part.LOOK_BACK,
        "ralph.cli.costs",
        "costs_command",
        "Show what was spent by day, repo, story, model or agent, and settle what is unknown.",
    ),
    "alerts": Entry(
        Part.LOOK_BACK,
        "ralph.cli.alerts",
        "alerts_group",
        "Show, test and silence what you are told while nobody looks.",
    ),
    "init": Entry(
        Part.SET_UP, "ralph.cli.init", "init_command", "Find this repo's checks, try them, and write ralph.toml."
    ),
    "doctor": Entry(
        Part.SET_UP,
        "ralph.cli.doctor",
        "doctor_command",
        "Check git, sandbox, key, PRD and checks, each with its remedy.",
    ),
    "trust": Entry(
        Part.SET_UP, "ralph.cli.trust", "trust_command", "Let this repo's ralph.toml loosen settings, as it is now."
    ),
    "schedule": Entry(
        Part.SET_UP, "ralph.cli.schedule", "schedule_group", "Runs at set times: add, look at, change, install."
    ),
    "daemon": Entry(
        Part.SET_UP, "ralph.cli.schedule_work", "daemon_command", "Carry out scheduled runs when they are due."
    ),
    "gc": Entry(Part.SET_UP, "ralph.cli.gc", "gc_command", "Let go of old traces, texts, kept work and logs."),
    "vacuum": Entry(
        Part.SET_UP, "ralph.cli.vacuum", "vacuum_command", "Give freed room back to the disk, beside a run."
    ),
    "completion": Entry(
        Part.SET_UP, "ralph.cli.completion", "completion_command", "Print what makes your shell complete `ralph`."
    ),
}

EXAMPLES = """\b
Examples:
  ralph demo                      see it work, without a key
  ralph init                      find this repo's checks and write ralph.toml
  ralph prd new "dark mode"       have a PRD drafted, in a conversation
  ralph doctor                    is everything here that a run needs?
  ralph run --dry-run             what would happen, and what it could cost at most
  ralph run --max-cost 5          work on the stories, never above $5
  ralph say "use the old helper"  steer the agent while it works
  ralph explain US-003            what happened to this story, and what to do next
  ralph schedule add nightly --cron "0 2 * * *" --until 07:00 --max-cost 5
  ralph report                    what the night brought, and what needs you first
"""


class PartedGroup(LazyRows):
    """The commands under their headings."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        width = max(map(len, COMMANDS))
        for part in Part:
            with formatter.section(part.value):
                formatter.write_dl(
                    [(f"{name:<{width}}", entry.help) for name, entry in COMMANDS.items() if entry.part is part]
                )


@click.group(
    cls=PartedGroup,
    rows={name: (entry.module, entry.attribute, entry.help) for name, entry in COMMANDS.items()},
    help="Read a repo's PRD, have an agent implement the next story, run the checks, commit what passes.",
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(VERSION, prog_name="ralph")
def cli() -> None:
    pass


def main() -> None:
    """Run the command line and leave with one of the documented exit codes."""
    code = _run()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a late Ctrl-C must not change what the exit code says
    _let_go_of(sys.stdout)
    sys.exit(code)


def _let_go_of(stream: TextIO | None) -> None:
    """What nobody can read any more (a closed terminal) must not change the exit code either. None: closed from the start."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _run() -> int:
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt) as error:  # Click makes the first of the second
        return interrupted(error.__cause__ if isinstance(error, click.Abort) else error)
    except BrokenPipeError:
        sys.stderr.close()
        return ExitCode.ALL_DONE
    except Exception as error:  # noqa: BLE001  # the one boundary: every error becomes a message and an exit code
        return report(error)
    return code if isinstance(code, int) else 0


def report(error: Exception) -> int:
    """Print what the user must know about this error and return the exit code for it."""
    from prd.errors import PrdError  # noqa: PLC0415  # imported only when something went wrong
    from tracing.budget import OverBudgetError  # noqa: PLC0415
    from tracing.prices import UnknownPriceError  # noqa: PLC0415
    from tracing.sqlite import StateError  # noqa: PLC0415
    from tracing.store import TraceNotFoundError  # noqa: PLC0415

    codes = {
        OverBudgetError: ExitCode.LIMIT,
        UnknownPriceError: ExitCode.USAGE,
        TraceNotFoundError: ExitCode.USAGE,
        PrdError: ExitCode.USAGE,
        StateError: ExitCode.USAGE,
    }
    known = next((code for kind, code in codes.items() if isinstance(error, kind)), None)
    if isinstance(error, RalphError):
        known = error.exit_code
    if trouble := _trouble_with_the_disk(error):
        _complain(f"ralph: {trouble}")
        return ExitCode.USAGE
    if known is not None:
        _complain(f"ralph: {error}")
        return known
    _complain("".join(traceback.format_exception(error)).rstrip())
    _complain("ralph: this is a bug in Ralph. Nothing is lost: the next run carries on. Please report the above.")
    return ExitCode.BUG


def _complain(text: str) -> None:
    """On standard error, if anybody can still read it: a terminal that was closed must not change the exit code."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)


def _trouble_with_the_disk(error: Exception) -> str:
    """What to tell when a disk is full or read-only, which no code of ours can mend; "" when it is something else."""
    import errno  # noqa: PLC0415
    import sqlite3  # noqa: PLC0415

    from tracing.sqlite import REMEDY, is_about_the_disk  # noqa: PLC0415

    if isinstance(error, sqlite3.Error) and is_about_the_disk(error):
        return f"Ralph's state cannot be written: {error}. Nothing that is committed is lost. {REMEDY}"
    if not isinstance(error, OSError):
        return ""
    where = f"{error.filename}: " if error.filename else "a file that Ralph needs: "
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return f"{where}{error.strerror}. Nothing that is committed is lost. Allow more, and run again: ulimit -n 4096"
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG}:
        return f"{where}cannot be written: {error.strerror}. Nothing that is committed is lost. {REMEDY}"
    return ""
