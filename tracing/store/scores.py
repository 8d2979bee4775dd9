"""Scores: written under an id of their own, gone with their trace, averaged for an agent by an index."""

import math
import sqlite3
from dataclasses import dataclass
from statistics import fmean

from tracing.jsonlike import clean
from tracing.scores import Score, ScoreAverage, ScoreSource


@dataclass(frozen=True)
class PutScore:
    """A score, in place of the one that had its id. Nothing where its trace is not (any more) there."""

    score: Score

    def apply(self, connection: sqlite3.Connection) -> None:
        score = self.score
        if not math.isfinite(score.value):
            raise ValueError(
                f'score "{score.name}" is {score.value}: no average can be made of it. Give a finite number.'
            )
        connection.execute(
            _PUT,
            {
                "id": clean(score.id),
                "trace_id": score.trace_id,
                "span_id": score.span_id,
                "name": clean(score.name),
                "value": float(score.value),
                "comment": clean(score.comment),
                "source": score.source.value,
                "at_ns": score.at_ns,
            },
        )


def scores(connection: sqlite3.Connection, trace_id: str, limit: int) -> list[Score]:
    """Of one trace and its spans, the newest first."""
    rows = connection.execute(
        "SELECT * FROM score WHERE trace_id = ? ORDER BY at_ns DESC, id LIMIT ?", (trace_id, limit)
    )
    return [_score(row) for row in rows]


def averages(connection: sqlite3.Connection, name: str, last: int) -> list[ScoreAverage]:
    """For each agent that has scores of this name: over its `last` latest ones. Traces of elsewhere do not count."""
    found = (_average(connection, agent, name, last) for agent in _agents(connection, name))
    return [average for average in found if average]


def _agents(connection: sqlite3.Connection, name: str) -> list[str]:
    """One look into the index for each."""
    agents: list[str] = []
    row = connection.execute("SELECT min(agent_id) FROM score WHERE name = ?", (name,)).fetchone()
    while row[0] is not None:
        agents.append(row[0])
        row = connection.execute(
            "SELECT min(agent_id) FROM score WHERE name = ? AND agent_id > ?", (name, agents[-1])
        ).fetchone()
    return agents


def _average(connection: sqlite3.Connection, agent: str, name: str, last: int) -> ScoreAverage | None:
    rows = connection.execute(_LATEST, (name, agent, last)).fetchall()
    if not rows:
        return None
    lowest = min(rows, key=lambda row: row["value"])  # of equal ones the newest
    return ScoreAverage(agent, fmean(row["value"] for row in rows), len(rows), _score(lowest))


def _score(row: sqlite3.Row) -> Score:
    return Score(
        id=row["id"],
        trace_id=row["trace_id"],
        name=row["name"],
        value=row["value"],
        at_ns=row["at_ns"],
        span_id=row["span_id"],
        comment=row["comment"],
        source=ScoreSource(row["source"]),
    )


_PUT = """
INSERT INTO score(id, trace_id, span_id, agent_id, name, value, comment, source, at_ns)
SELECT :id, trace_id, :span_id, agent_id, :name, :value, :comment, :source, :at_ns FROM trace WHERE trace_id = :trace_id
ON CONFLICT(id) DO UPDATE SET value = excluded.value, comment = excluded.comment, source = excluded.source,
  at_ns = excluded.at_ns
"""

_LATEST = """
SELECT * FROM score WHERE name = ? AND agent_id = ? AND trace_id NOT IN (SELECT trace_id FROM trace WHERE imported_ns > 0)
ORDER BY at_ns DESC LIMIT ?
"""
