"""One due time of a schedule with all that is kept of it: how it ended in a word and in a sentence, its runs, its cost, its logs.

Every screen that tells of nights reads them here. Knows nothing about how they are shown.
"""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from pathlib import Path

from ralph.errors import ExitCode
from ralph.events import EventKind
from ralph.history.event_log import RunFolder, RunFolders
from ralph.home import Home
from ralph.schedule.rows import Outcome, State
from ralph.schedule.words import meaning
from ralph.screen_text import on_screen
from tracing.words import cut, plain

SAID_CHARS = 300
END_BYTES = 16_384
MICROS = 1_000_000


class Mark(StrEnum):
    """What a night is at a glance."""

    RUNNING = "running"
    WAITS = "waits"  # due and not begun, or to go on later
    DONE = "done"  # it worked as far as it could
    WENT_ON = "went on"  # the same, in more than one piece: stopped, killed or held up in between
    CUT_SHORT = "cut short"
    SKIPPED = "skipped"
    FAILED = "failed"


MARKS: Mapping[ExitCode, Mark] = {
    ExitCode.ALL_DONE: Mark.DONE,
    ExitCode.STORIES_REMAIN: Mark.DONE,
    ExitCode.LIMIT: Mark.DONE,
    ExitCode.USAGE: Mark.FAILED,
    ExitCode.SERVICE: Mark.FAILED,
    ExitCode.BUSY: Mark.FAILED,
    ExitCode.RECONCILE: Mark.FAILED,
    ExitCode.BUG: Mark.FAILED,
    ExitCode.HUNG_UP: Mark.CUT_SHORT,
    ExitCode.INTERRUPTED: Mark.CUT_SHORT,
    ExitCode.TERMINATED: Mark.CUT_SHORT,
}
OPEN = {State.PENDING: Mark.WAITS, State.RUNNING: Mark.RUNNING, State.SKIPPED: Mark.SKIPPED}


@dataclass(frozen=True)
class Spent:
    """What carried it out, the oldest first, and what those runs say they spent; None: none of them has said so yet."""

    runs: tuple[str, ...] = ()
    micros: int | None = None


@dataclass(frozen=True)
class Night:
    outcome: Outcome
    spent: Spent
    logs: tuple[Path, ...]  # what its processes wrote, one file for each time it went on

    @property
    def mark(self) -> Mark:
        return mark_of(self.outcome)

    @property
    def words(self) -> str:
        return words_of(self.outcome)

    @property
    def took_ns(self) -> int | None:
        """From its beginning to its end, pauses included; None: it never began, or is not over."""
        began, ended = self.outcome.started_at, self.outcome.ended_at
        return None if began is None or ended is None else round((ended - began).total_seconds() * 1e9)


def nights(home: Home, outcomes: Sequence[Outcome]) -> list[Night]:
    spent = _spent(home, {_key(outcome) for outcome in outcomes})
    return [Night(outcome, spent.get(_key(outcome), Spent()), logs_of(home, outcome)) for outcome in outcomes]


def mark_of(outcome: Outcome) -> Mark:
    if outcome.state in OPEN:
        return OPEN[outcome.state]
    found = next((mark for code, mark in MARKS.items() if code == outcome.exit_code), Mark.FAILED)
    return Mark.WENT_ON if found is Mark.DONE and max(outcome.legs, outcome.owners) > 1 else found


def words_of(outcome: Outcome) -> str:
    """How it ended or stands, with the reason where there is one."""
    words = {
        State.PENDING: "goes on later" if outcome.again_at else "waits",
        State.RUNNING: "runs now",
        State.SKIPPED: "skipped",
    }
    said = words.get(outcome.state) or meaning(outcome.exit_code)
    return f"{said}; {outcome.note}" if outcome.note else said


def logs_of(home: Home, outcome: Outcome) -> tuple[Path, ...]:
    stem = f"{outcome.schedule.replace('.', '_')}-{outcome.due_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{outcome.id}"
    folder = home.root / "schedule"
    return (*sorted(folder.glob(f"{stem}.log")), *sorted(folder.glob(f"{stem}-*.log")))


def last_words(logs: Sequence[Path]) -> str:
    """Why a run could not start or ended badly, in its own words: Ralph's message, or else the last line; "" without any."""
    lines = [line for line in end_of(logs[-1]) if line.strip()] if logs else []
    told = [line.removeprefix("ralph: ") for line in lines if line.startswith("ralph: ")]
    return cut(plain((told or lines)[-1]), SAID_CHARS) if lines else ""


def end_of(log: Path) -> list[str]:
    """Its last lines, without what only a terminal understands; none where it cannot be read."""
    try:
        with log.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(size - END_BYTES, 0))
            lines = on_screen(file.read(END_BYTES).decode(errors="replace").replace("\r\n", "\n")).splitlines()
    except OSError:
        return []
    return lines[1:] if size > END_BYTES else lines  # the first one is cut


def _key(outcome: Outcome) -> str:
    return f"{outcome.schedule}/{outcome.id}"


def _spent(home: Home, keys: Collection[str]) -> dict[str, Spent]:
    found: dict[str, Spent] = {}
    for folder in RunFolders(home).all():  # the newest first
        if folder.head and folder.head.due in keys:
            later = found.get(folder.head.due, Spent())
            said = [*_said_to_be_spent(folder), *([] if later.micros is None else [later.micros])]
            found[folder.head.due] = Spent((folder.head.run, *later.runs), sum(said) if said else None)
    return found


def _said_to_be_spent(folder: RunFolder) -> Iterator[int]:
    for _, logged in folder.events():
        spent = logged.event.fields.get("spent_usd")
        if logged.event.kind is EventKind.RUN_ENDED and isinstance(spent, int | float):
            yield round(spent * MICROS)
