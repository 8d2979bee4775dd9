"""SQLite as this project uses it: WAL, short `BEGIN IMMEDIATE` transactions, append-only migrations.

Knows nothing about spans or budgets. Several components may share one file; each has its own migration count.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from tracing.failpoint import failpoint

Migration: TypeAlias = str | Callable[[sqlite3.Connection], None]


class StateError(Exception):
    """The state on disk cannot be used; the message says which file and what to do."""


REMEDY = "Free some room, make it yours, or name another folder: export RALPH_HOME=~/ralph-state"
WAL_AGAIN_S = 0.01
UNUSABLE = {
    "SQLITE_FULL",
    "SQLITE_CANTOPEN",
    "SQLITE_READONLY",
    "SQLITE_IOERR",
    "SQLITE_PERM",
    "SQLITE_NOTADB",
    "SQLITE_CORRUPT",
}


def is_about_the_disk(error: sqlite3.Error) -> bool:
    """Whether it says that the file or its disk cannot be used, as opposed to a mistake in our SQL."""
    name = getattr(error, "sqlite_errorname", "")
    return any(name == known or name.startswith(f"{known}_") for known in UNUSABLE)


def is_about_the_file(error: sqlite3.Error) -> bool:
    """The same, or that another process holds the file for too long."""
    return is_about_the_disk(error) or getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")


def connect(path: Path, *, synchronous: Literal["NORMAL", "FULL"], busy_timeout_ms: int = 30_000) -> sqlite3.Connection:
    """Open (and create, mode 0600 in a 0700 folder) a WAL database in autocommit mode, usable from any thread.

    Callers that share the connection between threads bring their own lock.

    Raises:
        StateError: the file cannot be opened and written.
    """
    try:
        return _connect(path, synchronous=synchronous, busy_timeout_ms=busy_timeout_ms)
    except (OSError, sqlite3.DatabaseError) as error:
        if isinstance(error, sqlite3.Error) and not is_about_the_disk(error):
            raise
        why = error.strerror if isinstance(error, OSError) else error
        raise StateError(f"{path}: cannot be used: {why}. {REMEDY}") from error


def _connect(path: Path, *, synchronous: str, busy_timeout_ms: int) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=busy_timeout_ms / 1000)
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout={busy_timeout_ms}")
    if not path.stat().st_size:
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # only a new file takes it: it can give room back in steps
    _use_wal(connection, time.monotonic() + busy_timeout_ms / 1000)
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


def _use_wal(connection: sqlite3.Connection, until_s: float) -> None:
    """SQLite itself does not wait here for another process that makes the same new file a WAL one at this moment."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if not getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY") or time.monotonic() > until_s:
                raise
            time.sleep(WAL_AGAIN_S)
        else:
            return


def connect_to_read(path: Path, components: Mapping[str, Sequence[Migration]]) -> sqlite3.Connection | None:
    """A connection that can change nothing, for those who only look: no file is created and no table migrated.

    None: there is no such file, or a component has no tables in it yet.

    Raises:
        StateError: the file cannot be read, or another version of Ralph wrote a component's tables.
    """
    if not path.is_file():
        return None
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    try:
        is_ready = all(_is_ready(connection, path, name, len(known)) for name, known in components.items())
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error) and is_about_the_file(error):
            raise StateError(f"{path}: cannot be read: {error}.") from error
        raise
    if not is_ready:
        connection.close()
    return connection if is_ready else None


def _is_ready(connection: sqlite3.Connection, path: Path, component: str, known: int) -> bool:
    table = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").fetchone()
    version = _version(connection, component) if table else 0
    if version > known:
        raise _newer(str(path), component, version, known)
    if 0 < version < known:
        raise StateError(
            f"{path}: written by an older Ralph. Any command that writes brings it up to date: ralph schedule list"
        )
    return version == known


@contextmanager
def transaction(connection: sqlite3.Connection, what: str) -> Iterator[sqlite3.Connection]:
    """One write transaction: the lock is taken at the start, so what is read inside stays true until the commit.

    `what` names it for failpoints, for example `ledger reserve`.
    """
    failpoint(f"before {what}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        failpoint(f"inside {what}")
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    failpoint(f"after {what}")


def migrate(connection: sqlite3.Connection, component: str, migrations: Sequence[Migration]) -> None:
    """Bring `component`'s tables to the newest version; migrations are only ever appended to the list.

    Each migration is one or more SQL statements separated by `;` at the end of a line, or a function where SQL is not enough.

    Raises:
        StateError: the file was written by a newer Ralph.
    """
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_version(component TEXT PRIMARY KEY, version INTEGER NOT NULL)"
    )
    if _version(connection, component) == len(migrations):
        return
    with transaction(connection, f"migrate {component}"):
        version = _version(connection, component)
        if version > len(migrations):
            name = connection.execute("PRAGMA database_list").fetchone()["file"]
            raise _newer(name, component, version, len(migrations))
        for migration in migrations[version:]:
            _apply(connection, migration)
        connection.execute(
            "INSERT INTO schema_version(component, version) VALUES (?, ?) "
            "ON CONFLICT(component) DO UPDATE SET version = excluded.version",
            (component, len(migrations)),
        )


def _newer(name: str, component: str, version: int, known: int) -> StateError:
    return StateError(
        f"{name}: written by a newer Ralph ({component} version {version}, this one knows {known}). "
        "Upgrade Ralph, or point RALPH_HOME at another folder."
    )


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    if not isinstance(migration, str):
        migration(connection)
        return
    for statement in migration.split(";\n"):
        if statement.strip():
            connection.execute(statement)


def _version(connection: sqlite3.Connection, component: str) -> int:
    row = connection.execute("SELECT version FROM schema_version WHERE component = ?", (component,)).fetchone()
    return int(row["version"]) if row else 0
