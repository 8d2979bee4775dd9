"""Whether everything in traces.db that names something else names something that is there. For tests, and for `ralph vacuum`."""

import sqlite3

from tracing.store.volumes import volumes


def unsound(connection: sqlite3.Connection) -> list[str]:
    """What is wrong, a line each; nothing in a sound file."""
    found = [
        f"{what}: {count}" for what, query in _CHECKS.items() if (count := connection.execute(query).fetchone()[0])
    ]
    whole = connection.execute("PRAGMA integrity_check").fetchone()[0]
    return [*found, *([] if whole == "ok" else [whole]), *_index(connection)]


def _index(connection: sqlite3.Connection) -> list[str]:
    broken = []
    for volume in volumes(connection):
        try:
            connection.execute(f"INSERT INTO {volume.table}({volume.table}) VALUES ('integrity-check')")  # noqa: S608
        except sqlite3.DatabaseError as error:
            broken.append(f"{volume.table}: {error}")
    return broken


_CHECKS = {
    "spans without a trace": "SELECT count(*) FROM span WHERE trace_id NOT IN (SELECT trace_id FROM trace)",
    "findings without a trace": "SELECT count(*) FROM finding WHERE trace_id NOT IN (SELECT trace_id FROM trace)",
    "words of no span": "SELECT count(*) FROM mention WHERE span <> 0 AND span NOT IN (SELECT id FROM span)",
    **{
        f"a span's {name} that is not there": f"SELECT count(*) FROM span WHERE {name}_hash IS NOT NULL AND {name}_hash NOT IN (SELECT hash FROM payload)"  # noqa: S608
        for name in ("input", "output", "system", "tools")
    },
    "a span's conversation that is not there": (
        "SELECT count(*) FROM span WHERE conversation_hash IS NOT NULL AND conversation_hash NOT IN (SELECT hash FROM conversation)"
    ),
    "a message that is not there": (
        "SELECT count(*) FROM conversation WHERE message_hash NOT IN (SELECT hash FROM payload)"
    ),
    "a message behind one that is not there": (
        "SELECT count(*) FROM conversation WHERE parent_hash IS NOT NULL AND parent_hash NOT IN (SELECT hash FROM conversation)"
    ),
}
