"""What is said of an attempt that did not end in a commit: to the next attempt, and to the person who finds the story parked."""

from ralph.brief.feedback import failing_lines
from ralph.finish import Ending, Finish
from ralph.workspace.snapshot import Snapshot

MOST_CHARS = 6_000
MOST_FILES = 20
PARKED = {
    Ending.BLOCKED: "the agent says it is blocked: {reason}",
    Ending.DISTRUSTED: "refused twice, the last time: {reason}",
}


def learnings(finish: Finish, reason: str, failures: str, snapshot: Snapshot | None, kept: str | None) -> str:
    """What the next attempt is told: how this one ended, what the agent said and learned, where its work is, what failed."""
    learned = "\n".join(["What it learned:", *(f"- {line}" for line in finish.learnings)]) if finish.learnings else ""
    said = finish.summary and f"The agent's own summary: {finish.summary}"
    work = _where(snapshot, kept) if snapshot is not None and kept else ""
    parts = (f"It ended with: {reason}.", said, learned, work, failing_lines(failures))
    return "\n".join(part for part in parts if part)[:MOST_CHARS]


def why_parked(ending: Ending, reason: str) -> str:
    """The reason as `ralph status` shows it."""
    return PARKED.get(ending, "{reason}").format(reason=reason)


def _where(snapshot: Snapshot, kept: str) -> str:
    files = ", ".join(snapshot.changed[:MOST_FILES]) + (", ..." if len(snapshot.changed) > MOST_FILES else "")
    return f"It changed {files}; `git show {kept}` shows how."
