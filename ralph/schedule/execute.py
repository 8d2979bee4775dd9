"""Carries one due run out: `ralph run` in a process of its own that outlives the daemon, and the files it leaves.

Knows nothing about the store; what is in a run's files is all that a later daemon needs to go on from them.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from ralph.errors import ExitCode, RalphError
from ralph.events import EventKind, EventValue
from ralph.history.event_log import RunFolder, RunFolders, is_locked
from ralph.home import Home
from ralph.schedule.environment import DUE_RUN, FileVariables
from ralph.schedule.outcome import End
from ralph.schedule.rows import DueRun
from ralph.schedule.window import iso_until

MOST_KEEPERS = 5
REQUIRED = ["--sandbox", "required"]
STRICT = ("required", "bwrap")
NAMES_SANDBOX = re.compile(r"--sandbox($|=)|(--set=)?sandbox\s*=")
NAMES_UNTIL = re.compile(r"--until($|=)")
SAYS_WHY = {ExitCode.STORIES_REMAIN, ExitCode.LIMIT, ExitCode.SERVICE}


def run_in_subprocess(run: DueRun) -> int:
    """`ralph run` in the schedule's repo, in a process group of its own that outlives this process; output goes to
    `schedule/<name>-<due>-<id>.log` in the state folder.

    Raises:
        RalphError: the file with the run's variables cannot be used.
    """
    base = run_files(run)
    # -P: a folder named ralph in the repo is not imported
    python = [sys.executable, "-P", "-m"]
    words = ["ralph", "run", *confinement(run), *window(run), *run.run_args]
    command = [*python, "ralph.schedule.keeper", str(base), str(run.repo), *python, *words]
    environment = dict(os.environ)
    FileVariables(run.home, environment).refresh()
    environment |= {"RALPH_HOME": str(run.home.root), DUE_RUN: run.key}
    code = 0
    for _ in range(
        MOST_KEEPERS
    ):  # one that was killed is followed by one that waits for what it kept, and asks how that ended
        with subprocess.Popen(command, env=environment, start_new_session=True) as keeper:
            code = keeper.wait()
        if code >= 0:
            return code
    return 128 - code


def window(run: DueRun) -> list[str]:
    """Until when it may go on, unless its options say so already."""
    if run.until_ns is None or any(NAMES_UNTIL.match(word) for word in run.run_args):
        return []
    return ["--until", iso_until(run.until_ns)]


def confinement(run: DueRun) -> list[str]:
    """Nobody watches a scheduled run, so it asks for a proved sandbox, unless the user himself has named one: with the
    schedule, in config.toml, or in a ralph.toml that he trusts. What a repo names by itself counts where it is stricter.
    """
    from ralph.settings.layers import Layer  # noqa: PLC0415 - `ralph daemon` starts without them
    from ralph.settings.load import load_settings  # noqa: PLC0415
    from ralph.trust import TrustState  # noqa: PLC0415
    from ralph.workspace.repo import Repo  # noqa: PLC0415

    if any(NAMES_SANDBOX.match(word) for word in run.run_args):
        return []
    try:
        loaded = load_settings(Repo.open(run.repo).root, run.home)
    except RalphError:  # the run will say so itself
        return REQUIRED
    is_own = loaded.origins["sandbox"].layer is Layer.USER
    is_trusted = loaded.origins["sandbox"].layer is Layer.REPO and loaded.trust is TrustState.TRUSTED
    return [] if is_own or is_trusted or loaded.settings.sandbox in STRICT else REQUIRED


def run_files(run: DueRun) -> Path:
    """What the files of a run are called, less their suffix; the time keeps them apart from those of a deleted ledger.

    Each leg has files of its own: what one left as its exit code is not the next one's.
    """
    due = datetime.fromtimestamp(run.due_at_ns // 10**9, UTC)
    leg = f"-{run.leg}" if run.leg > 1 else ""
    return run.home.folder("schedule") / f"{run.schedule.replace('.', '_')}-{due:%Y%m%dT%H%M%SZ}-{run.id}{leg}"


def outlives(run: DueRun) -> bool:
    """Whether it still runs, or has left its exit code, though whoever started it is dead."""
    base = run_files(run)
    return base.with_suffix(".exit").exists() or is_locked(base.with_suffix(".lock"))


def read_end(run: DueRun, exit_code: int) -> End:
    """The exit code, with what the run's own log says of the model service."""
    if exit_code not in SAYS_WHY:
        return End(exit_code)
    fields: Mapping[str, EventValue] = {}
    with suppress(OSError):  # a log that cannot be read says nothing; the exit code is true all the same
        fields = next(_last_words(run), {})
    again_at, trouble = fields.get("again_at"), fields.get("trouble")
    return End(exit_code, trouble=str(trouble or ""), again_at_ns=_ns(again_at) if again_at else None)


def ended_since(since_s: float, environment: Mapping[str, str] = os.environ) -> int | None:
    """The exit code in the log of the due run's newest run, asked in its own environment; None: it began before `since_s` (when its
    keeper was started, in Unix seconds), or said nothing of its end, as one that was killed.
    """
    home, key = environment.get("RALPH_HOME"), environment.get(DUE_RUN)
    with suppress(OSError, ValueError):
        for folder in RunFolders(Home(Path(home))).all() if home and key else ():
            if folder.head and folder.head.due == key:
                is_newer = datetime.fromisoformat(folder.head.at).timestamp() >= since_s - 1
                return _exit_code(folder) if is_newer else None
    return None


def _exit_code(folder: RunFolder) -> int | None:
    ended = [logged.event for _, logged in folder.events() if logged.event.kind is EventKind.RUN_ENDED]
    code = ended[-1].fields.get("exit_code") if ended else None
    return code if isinstance(code, int) else None


def _last_words(run: DueRun) -> Iterator[Mapping[str, EventValue]]:
    """The fields of the last word of its newest run, if it had one."""
    for folder in RunFolders(run.home).all():
        if folder.head and folder.head.due == run.key:
            ended = [logged.event for _, logged in folder.events() if logged.event.kind is EventKind.RUN_ENDED]
            yield from (event.fields for event in ended[-1:])
            return


def _ns(iso: object) -> int | None:
    with suppress(ValueError, OverflowError):
        return int(datetime.fromisoformat(str(iso)).timestamp()) * 10**9
    return None
