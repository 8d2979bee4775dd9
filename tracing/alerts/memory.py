"""What the engine remembers, in `ledger.db`: rules and since when they speak, events told, conditions. Rows to values and back."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from tracing.alerts.message import Alert, Fact
from tracing.alerts.state import SECOND_NS, Condition, Counted
from tracing.finding import Severity
from tracing.sqlite import Migration

COMPONENT = "alerts"
DAY_NS = 86_400 * SECOND_NS
KEPT_NS = 90 * DAY_NS  # an event that no rule has named for so long is forgotten
CLOCK_SLACK_NS = (
    3_600 * SECOND_NS
)  # a clock that was put back further ends a silence: it would last for nobody knows how long

MIGRATIONS: tuple[Migration, ...] = (
    """
CREATE TABLE alert_rule(
  rule TEXT PRIMARY KEY,
  started_ns INTEGER NOT NULL,
  looked_ns INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE alert_silence(
  rule TEXT PRIMARY KEY,
  from_ns INTEGER NOT NULL,
  until_ns INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE alert_event(
  rule TEXT NOT NULL,
  identity TEXT NOT NULL,
  named_ns INTEGER NOT NULL,
  PRIMARY KEY(rule, identity)
) WITHOUT ROWID;
CREATE INDEX alert_event_named ON alert_event(named_ns);
CREATE TABLE alert_counted(
  rule TEXT NOT NULL,
  key TEXT NOT NULL,
  told_ns INTEGER,
  more INTEGER NOT NULL,
  more_since_ns INTEGER,
  PRIMARY KEY(rule, key)
) WITHOUT ROWID;
CREATE TABLE alert_condition(
  rule TEXT NOT NULL,
  key TEXT NOT NULL,
  alert TEXT NOT NULL,
  since_ns INTEGER NOT NULL,
  gone_ns INTEGER,
  told_ns INTEGER,
  resolved_ns INTEGER,
  spells INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  PRIMARY KEY(rule, key)
) WITHOUT ROWID;
""",
)


@dataclass(frozen=True)
class Looks:
    """Since when a rule speaks, and when it was last asked (it may be a few minutes more)."""

    started_ns: int
    looked_ns: int


@dataclass(frozen=True)
class Silence:
    rule: str
    until_ns: int


def looks(db: sqlite3.Connection) -> dict[str, Looks]:
    return {row["rule"]: Looks(row["started_ns"], row["looked_ns"]) for row in db.execute("SELECT * FROM alert_rule")}


def put_looks(db: sqlite3.Connection, rule: str, known: Looks) -> None:
    db.execute("INSERT OR REPLACE INTO alert_rule VALUES (?, ?, ?)", (rule, known.started_ns, known.looked_ns))


def silences(db: sqlite3.Connection, now_ns: int) -> tuple[Silence, ...]:
    """Those that last."""
    rows = db.execute(
        "SELECT rule, until_ns FROM alert_silence WHERE from_ns <= ? AND until_ns > ? ORDER BY rule",
        (now_ns + CLOCK_SLACK_NS, now_ns),
    )
    return tuple(Silence(*row) for row in rows)


def put_silence(db: sqlite3.Connection, rule: str, from_ns: int, until_ns: int) -> None:
    db.execute("INSERT OR REPLACE INTO alert_silence VALUES (?, ?, ?)", (rule, from_ns, until_ns))


def events(db: sqlite3.Connection, rule: str, identities: Iterable[str]) -> dict[str, int]:
    """Of these, the ones that were seen before, and when a rule last named them."""
    named: dict[str, int] = {}
    for identity in identities:
        row = db.execute(
            "SELECT named_ns FROM alert_event WHERE rule = ? AND identity = ?", (rule, identity)
        ).fetchone()
        if row:
            named[identity] = row["named_ns"]
    return named


def put_event(db: sqlite3.Connection, rule: str, identity: str, now_ns: int) -> None:
    db.execute("INSERT OR REPLACE INTO alert_event VALUES (?, ?, ?)", (rule, identity, now_ns))


def counted(db: sqlite3.Connection, rule: str, key: str) -> Counted:
    row = db.execute(
        "SELECT told_ns, more, more_since_ns FROM alert_counted WHERE rule = ? AND key = ?", (rule, key)
    ).fetchone()
    return Counted(*row) if row else Counted()


def put_counted(db: sqlite3.Connection, rule: str, key: str, known: Counted) -> None:
    values = (rule, key, known.told_ns, known.more, known.more_since_ns)
    db.execute("INSERT OR REPLACE INTO alert_counted VALUES (?, ?, ?, ?, ?)", values)


def conditions(db: sqlite3.Connection) -> dict[tuple[str, str], Condition]:
    rows = db.execute("SELECT * FROM alert_condition ORDER BY since_ns, rule, key")
    return {(row["rule"], row["key"]): _condition(row) for row in rows}


def firing(db: sqlite3.Connection) -> tuple[Condition, ...]:
    """What holds now, or was told and not yet resolved; what began first is first."""
    return tuple(one for one in conditions(db).values() if one.gone_ns is None or one.told_ns is not None)


def put_condition(db: sqlite3.Connection, rule: str, key: str, known: Condition) -> None:
    values = (known.since_ns, known.gone_ns, known.told_ns, known.resolved_ns, known.spells, known.messages)
    db.execute(
        "INSERT OR REPLACE INTO alert_condition VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (rule, key, _as_json(known.alert), *values),
    )


def forget_condition(db: sqlite3.Connection, rule: str, key: str) -> None:
    db.execute("DELETE FROM alert_condition WHERE rule = ? AND key = ?", (rule, key))


def prune(db: sqlite3.Connection, now_ns: int) -> None:
    """What nobody will ask for again."""
    db.execute("DELETE FROM alert_event WHERE named_ns < ?", (now_ns - KEPT_NS,))
    db.execute("DELETE FROM alert_counted WHERE told_ns < ? AND more = 0", (now_ns - KEPT_NS,))
    db.execute("DELETE FROM alert_silence WHERE until_ns < ?", (now_ns,))


def _condition(row: sqlite3.Row) -> Condition:
    return Condition(
        alert=_from_json(row["alert"]),
        since_ns=row["since_ns"],
        gone_ns=row["gone_ns"],
        told_ns=row["told_ns"],
        resolved_ns=row["resolved_ns"],
        spells=row["spells"],
        messages=row["messages"],
    )


def _as_json(alert: Alert) -> str:
    return json.dumps(asdict(alert), ensure_ascii=False)


def _from_json(text: str) -> Alert:
    """What a newer version added is ignored."""
    kept = {name: value for name, value in json.loads(text).items() if name in Alert.__dataclass_fields__}
    kept["severity"] = Severity(kept["severity"])
    kept["facts"] = tuple(Fact(fact["label"], fact["value"]) for fact in kept["facts"])
    return Alert(**kept)
