"""What the ledger says to whoever looks again and again: which scopes changed, and what is only held for a moment. Writes nothing."""

import sqlite3

from tracing.owner import is_alive
from tracing.span import Owner

LATEST = 500  # reservations: more are not made between two looks
SCOPES = f"""
SELECT DISTINCT scope FROM reservation_scopes JOIN reservations ON id = reservation_id
WHERE reservation_id > (SELECT coalesce(max(id), 0) FROM reservations) - {LATEST}
AND coalesce(closed_at_ns, reserved_at_ns) >= ? AND scope NOT LIKE 'trace:%' ORDER BY scope
"""  # noqa: S608  a constant
HELD = """
SELECT reserved_micros, owner_pid, owner_started, owner_boot_id FROM reservations
JOIN reservation_scopes ON id = reservation_id WHERE state = 'held' AND scope = ?
"""


def changed_scopes(db: sqlite3.Connection, since_ns: int) -> list[str]:
    """Days, runs and stories under which anything was reserved or closed since then."""
    return [str(row["scope"]) for row in db.execute(SCOPES, (since_ns,))]


def under_way_micros(db: sqlite3.Connection, scope: str) -> int:
    """Held by calls whose process lives: most of it is given back in a moment."""
    rows = db.execute(HELD, (scope,)).fetchall()
    return sum(int(micros) for micros, *owner in rows if is_alive(Owner(*owner)))
