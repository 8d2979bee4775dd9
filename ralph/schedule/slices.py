"""One look at all schedules, a slice of them in each transaction, so that nobody waits long for the ledger.

To count what a month without a daemon has missed takes long, and is done between the transactions. What is written down
stays so whatever happens next; that somebody looked is remembered with the last slice. Knows nothing about who looks.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from ralph.schedule.due import (
    SLICE,
    Active,
    Look,
    active,
    after_a_clock_that_was_ahead,
    close_windows,
    off_since,
    remember_the_look,
    write_down,
)
from ralph.schedule.rows import Outcome, outcome_of

Change = Callable[[str], AbstractContextManager[sqlite3.Connection]]
"""A transaction, by its name."""


def look_at_all(change: Change, now_ns: int, rule: str) -> list[Outcome]:
    """Write down what has become due; those that were skipped, or whose window has closed."""
    found, look, known = _before(change, now_ns, rule)
    left = [one for one in known if one.is_due(now_ns)]
    is_over = False
    while not is_over:
        some, left = left[:SLICE], left[SLICE:]
        is_over = not left
        for one in some:
            one.count(now_ns)
        with change("materialise") as db:
            found += _outcomes(db, write_down(db, some, look))
            if is_over:
                remember_the_look(db, now_ns)
    return found


def _before(change: Change, now_ns: int, rule: str) -> tuple[list[Outcome], Look, list[Active]]:
    """Close the windows that are over, all of them: what waits for one would stand for what is due now."""
    found: list[Outcome] = []
    while True:
        with change("windows") as db:
            after_a_clock_that_was_ahead(db, now_ns)
            closed = _outcomes(db, close_windows(db, now_ns))
            look, known = Look(now_ns, rule, off_since(db, now_ns)), active(db, now_ns)
        found += closed
        if len(closed) < SLICE:
            return found, look, known


def _outcomes(db: sqlite3.Connection, ids: Sequence[int]) -> list[Outcome]:
    rows = [db.execute("SELECT * FROM due_runs WHERE id = ?", (id_,)).fetchone() for id_ in ids]
    return [outcome_of(row) for row in rows]
