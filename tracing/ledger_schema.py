"""The tables of the ledger, for those who keep it and those who correct it. Knows no rule about money."""

import sqlite3

DAY = "day:"  # what the scope of a day begins with

MIGRATIONS = [
    """
    CREATE TABLE reservations(
        id INTEGER PRIMARY KEY, state TEXT NOT NULL, model TEXT NOT NULL, trace_id TEXT NOT NULL,
        reserved_micros INTEGER NOT NULL, charged_micros INTEGER, note TEXT NOT NULL DEFAULT '',
        reserved_at_ns INTEGER NOT NULL, closed_at_ns INTEGER);
    CREATE TABLE reservation_scopes(
        reservation_id INTEGER NOT NULL REFERENCES reservations(id), scope TEXT NOT NULL,
        PRIMARY KEY (reservation_id, scope)) WITHOUT ROWID;
    CREATE TABLE scope_totals(
        scope TEXT PRIMARY KEY, settled_micros INTEGER NOT NULL, held_micros INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE broken_assumptions(
        reservation_id INTEGER PRIMARY KEY REFERENCES reservations(id), reserved_micros INTEGER NOT NULL,
        charged_micros INTEGER NOT NULL, noticed_at_ns INTEGER NOT NULL);
    CREATE INDEX reservations_by_trace ON reservations(trace_id);
    """,
    "CREATE TABLE unseen_totals(scope TEXT PRIMARY KEY, micros INTEGER NOT NULL) WITHOUT ROWID",
    """
    ALTER TABLE reservations ADD COLUMN unseen INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE reservations ADD COLUMN owner_pid INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE reservations ADD COLUMN owner_started TEXT NOT NULL DEFAULT '';
    ALTER TABLE reservations ADD COLUMN owner_boot_id TEXT NOT NULL DEFAULT '';
    ALTER TABLE broken_assumptions ADD COLUMN accepted_at_ns INTEGER;
    CREATE INDEX reservations_unknown ON reservations(id) WHERE state = 'held' OR unseen = 1;
    CREATE TABLE corrections(
        id INTEGER PRIMARY KEY, reservation_id INTEGER NOT NULL REFERENCES reservations(id),
        known_before_micros INTEGER NOT NULL, micros INTEGER NOT NULL, made_by TEXT NOT NULL, note TEXT NOT NULL,
        made_at_ns INTEGER NOT NULL);
    CREATE TRIGGER corrections_stay BEFORE UPDATE ON corrections BEGIN SELECT RAISE(ABORT, 'append only'); END;
    CREATE TRIGGER corrections_remain BEFORE DELETE ON corrections BEGIN SELECT RAISE(ABORT, 'append only'); END;
    CREATE TABLE wrong_days(scope TEXT PRIMARY KEY) WITHOUT ROWID;
    """,
]


def latest_day(connection: sqlite3.Connection) -> str:
    """The scope of the latest day that anything was reserved under, save for days a person has called wrong; or ""."""
    query = (
        "SELECT scope FROM scope_totals WHERE scope > ? AND scope < 'day;' "
        "AND scope NOT IN (SELECT scope FROM wrong_days) ORDER BY scope DESC LIMIT 1"
    )
    row = connection.execute(query, (DAY,)).fetchone()
    return str(row["scope"]) if row else ""
