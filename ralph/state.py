"""What Ralph remembers about stories between runs: attempts, parked stories, learnings, flags written, progress notes.

Keyed by the repository, the story's id and the hash of its text: a story whose text was edited starts anew. The truth
about "done" is not here but in the commits.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from prd.story import Story
from tracing.sqlite import connect, migrate, transaction

MIGRATIONS = [
    """
    CREATE TABLE story_attempts(
        id INTEGER PRIMARY KEY, repo_id TEXT NOT NULL, story_id TEXT NOT NULL, text_hash TEXT NOT NULL,
        trace_id TEXT NOT NULL UNIQUE, outcome TEXT NOT NULL, reason TEXT NOT NULL, learnings TEXT NOT NULL,
        counted INTEGER NOT NULL, at_ns INTEGER NOT NULL
    );
    CREATE INDEX story_attempts_by_story ON story_attempts(repo_id, story_id, text_hash);
    CREATE TABLE parked_stories(
        repo_id TEXT NOT NULL, story_id TEXT NOT NULL, text_hash TEXT NOT NULL, reason TEXT NOT NULL,
        at_ns INTEGER NOT NULL, PRIMARY KEY(repo_id, story_id, text_hash)
    );
    CREATE TABLE written_flags(
        repo_id TEXT NOT NULL, story_id TEXT NOT NULL, commit_sha TEXT NOT NULL, PRIMARY KEY(repo_id, story_id)
    );
    CREATE TABLE progress_notes(
        id INTEGER PRIMARY KEY, repo_id TEXT NOT NULL, trace_id TEXT NOT NULL UNIQUE, entry TEXT NOT NULL
    );
    """,
    """
    ALTER TABLE progress_notes ADD COLUMN branch TEXT NOT NULL DEFAULT '';
    CREATE TABLE codebase_patterns(
        id INTEGER PRIMARY KEY, repo_id TEXT NOT NULL, pattern TEXT NOT NULL, UNIQUE(repo_id, pattern)
    );
    CREATE TABLE noted_branches(
        repo_id TEXT NOT NULL, branch TEXT NOT NULL, at_ns INTEGER NOT NULL, PRIMARY KEY(repo_id, branch)
    );
    """,
    """
    CREATE TABLE guard_refusals(
        id INTEGER PRIMARY KEY, repo_id TEXT NOT NULL, story_id TEXT NOT NULL, text_hash TEXT NOT NULL,
        trace_id TEXT NOT NULL, reason TEXT NOT NULL, at_ns INTEGER NOT NULL
    );
    CREATE INDEX guard_refusals_by_story ON guard_refusals(repo_id, story_id, text_hash);
    """,
]


@dataclass(frozen=True)
class Attempt:
    """One attempt at a story that did not end in a commit."""

    trace_id: str
    outcome: str
    reason: str
    learnings: str  # what the next attempt is told; empty: nothing
    counted: bool  # whether it used one of the story's attempts up
    at_ns: int


@dataclass
class StoryStates:
    """Usable from any thread; other processes see each change at once."""

    connection: sqlite3.Connection
    clock_ns: Callable[[], int] = time.time_ns

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, *, clock_ns: Callable[[], int] = time.time_ns) -> "StoryStates":
        """Raises: StateError when a newer Ralph wrote the file."""
        connection = connect(path, synchronous="FULL")
        try:
            migrate(connection, "stories", MIGRATIONS)
        except BaseException:
            connection.close()
            raise
        return cls(connection, clock_ns)

    def close(self) -> None:
        self.connection.close()

    def record_attempt(
        self,
        repo_id: str,
        story: Story,
        *,
        outcome: str,
        reason: str,
        trace_id: str,
        learnings: str = "",
        counted: bool = True,
    ) -> None:
        """Remember how an attempt ended. Recording the same trace again changes nothing."""
        self._write(
            "story attempt",
            "INSERT OR IGNORE INTO story_attempts"
            "(repo_id, story_id, text_hash, trace_id, outcome, reason, learnings, counted, at_ns) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*_key(repo_id, story), trace_id, outcome, reason, learnings, int(counted), self.clock_ns()),
        )

    def history(self, repo_id: str, story: Story) -> tuple[Attempt, ...]:
        """All attempts at the story as it is worded now, oldest first."""
        rows = self._read(
            "SELECT * FROM story_attempts WHERE repo_id = ? AND story_id = ? AND text_hash = ? ORDER BY id",
            _key(repo_id, story),
        )
        return tuple(
            Attempt(
                row["trace_id"], row["outcome"], row["reason"], row["learnings"], bool(row["counted"]), row["at_ns"]
            )
            for row in rows
        )

    def attempts(self, repo_id: str, story: Story) -> int:
        """How many of the story's attempts are used up."""
        return sum(attempt.counted for attempt in self.history(repo_id, story))

    def learnings(self, repo_id: str, story: Story) -> tuple[str, ...]:
        """What failed attempts found out, oldest first."""
        return tuple(attempt.learnings for attempt in self.history(repo_id, story) if attempt.learnings)

    def park(self, repo_id: str, story: Story, reason: str) -> None:
        """Leave the story out of the picking until its text changes or it is unblocked."""
        self._write(
            "story park",
            "INSERT INTO parked_stories(repo_id, story_id, text_hash, reason, at_ns) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET reason = excluded.reason, at_ns = excluded.at_ns",
            (*_key(repo_id, story), reason, self.clock_ns()),
        )

    def parked(self, repo_id: str, stories: Iterable[Story]) -> dict[str, str]:
        """Story id -> reason, for those of the stories that are parked as they are worded now."""
        rows = self._read("SELECT story_id, text_hash, reason FROM parked_stories WHERE repo_id = ?", (repo_id,))
        reasons = {(row["story_id"], row["text_hash"]): str(row["reason"]) for row in rows}
        keys = {story.id: (story.id, story.text_hash) for story in stories}
        return {story_id: reasons[key] for story_id, key in keys.items() if key in reasons}

    def note_refusal(self, repo_id: str, story: Story, trace_id: str, reason: str) -> None:
        """Remember that the integrity guard refused work on the story."""
        self._write(
            "refusal",
            "INSERT INTO guard_refusals(repo_id, story_id, text_hash, trace_id, reason, at_ns) VALUES (?, ?, ?, ?, ?, ?)",
            (*_key(repo_id, story), trace_id, reason, self.clock_ns()),
        )

    def refusals(self, repo_id: str, story: Story) -> int:
        """How often the integrity guard refused work on the story as it is worded now."""
        query = "SELECT count(*) AS n FROM guard_refusals WHERE repo_id = ? AND story_id = ? AND text_hash = ?"
        return int(self._read(query, _key(repo_id, story))[0]["n"])

    def unblock(self, repo_id: str, story_id: str) -> bool:
        """Forget the story's parking, attempts and learnings; False when there was nothing to forget."""
        with self._lock, transaction(self.connection, "story unblock") as connection:
            forgotten = [
                connection.execute(statement, (repo_id, story_id)).rowcount
                for statement in (
                    "DELETE FROM parked_stories WHERE repo_id = ? AND story_id = ?",
                    "DELETE FROM story_attempts WHERE repo_id = ? AND story_id = ?",
                    "DELETE FROM guard_refusals WHERE repo_id = ? AND story_id = ?",
                )
            ]
        return any(forgotten)

    def note_flag_written(self, repo_id: str, story: Story, commit_sha: str) -> None:
        """Remember that the flag of an untracked PRD was set for this commit."""
        self._write(
            "story flag",
            "INSERT INTO written_flags(repo_id, story_id, commit_sha) VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET commit_sha = excluded.commit_sha",
            (repo_id, story.id, commit_sha),
        )

    def flag_written(self, repo_id: str, story: Story) -> str | None:
        """The commit that the flag in the untracked PRD was last set for."""
        rows = self._read(
            "SELECT commit_sha FROM written_flags WHERE repo_id = ? AND story_id = ?", (repo_id, story.id)
        )
        return str(rows[0]["commit_sha"]) if rows else None

    def append_progress(self, repo_id: str, trace_id: str, entry: str, branch: str = "") -> None:
        """Keep a progress entry for a repo without a tracked `progress.txt`; once per trace."""
        self._write(
            "story progress",
            "INSERT OR IGNORE INTO progress_notes(repo_id, trace_id, entry, branch) VALUES (?, ?, ?, ?)",
            (repo_id, trace_id, entry, branch),
        )

    def progress(self, repo_id: str, branch: str = "") -> str:
        """The progress entries of the branch, oldest first, after those from before branches were told apart."""
        rows = self._read(
            "SELECT entry FROM progress_notes WHERE repo_id = ? AND branch IN ('', ?) ORDER BY id", (repo_id, branch)
        )
        return "".join(str(row["entry"]) for row in rows)

    def add_patterns(self, repo_id: str, patterns: Iterable[str]) -> None:
        """Keep codebase patterns for a repo without a tracked `progress.txt`, each once."""
        for pattern in patterns:
            self._write(
                "story patterns",
                "INSERT OR IGNORE INTO codebase_patterns(repo_id, pattern) VALUES (?, ?)",
                (repo_id, pattern),
            )

    def patterns(self, repo_id: str) -> tuple[str, ...]:
        """The repo's codebase patterns, oldest first, whatever branch they came from."""
        rows = self._read("SELECT pattern FROM codebase_patterns WHERE repo_id = ? ORDER BY id", (repo_id,))
        return tuple(str(row["pattern"]) for row in rows)

    def forget_notes(self, repo_id: str, branch: str) -> None:
        """The notes that `progress` and `patterns` give are in a tracked log now."""
        self._write(
            "story forget notes",
            "DELETE FROM progress_notes WHERE repo_id = ? AND branch IN ('', ?)",
            (repo_id, branch),
        )
        self._write("story forget patterns", "DELETE FROM codebase_patterns WHERE repo_id = ?", (repo_id,))

    def note_branch(self, repo_id: str, branch: str) -> None:
        """Remember that a story was committed on the branch now."""
        self._write(
            "story branch",
            "INSERT INTO noted_branches(repo_id, branch, at_ns) VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET at_ns = excluded.at_ns",
            (repo_id, branch, self.clock_ns()),
        )

    def branches(self, repo_id: str) -> tuple[str, ...]:
        """The branches that stories were committed on, the one of the last commit at the end."""
        rows = self._read("SELECT branch FROM noted_branches WHERE repo_id = ? ORDER BY at_ns, rowid", (repo_id,))
        return tuple(str(row["branch"]) for row in rows)

    def _write(self, what: str, statement: str, values: tuple[str | int, ...]) -> None:
        with self._lock, transaction(self.connection, what) as connection:
            connection.execute(statement, values)

    def _read(self, query: str, values: tuple[str, ...]) -> list[sqlite3.Row]:
        with self._lock:
            return self.connection.execute(query, values).fetchall()


def _key(repo_id: str, story: Story) -> tuple[str, str, str]:
    return repo_id, story.id, story.text_hash
