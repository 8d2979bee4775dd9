"""The words of a story's commit and of its entry in `progress.txt`. Knows nothing about git."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from textwrap import fill

from prd.story import Story
from tracing.budget import MICROS_PER_USD

FORGED = re.compile(
    r"^\s*(Ralph-[A-Za-z-]+|Co-authored-by|Signed-off-by)\s*:|This reverts commit ", re.IGNORECASE
)  # what is read back of commits: whose they are, and which are taken back


@dataclass(frozen=True)
class CommitFacts:
    """What the commit says beside the agent's summary."""

    story: Story
    trace_id: str
    cost_micros: int
    model_label: str | None  # "by-hand" or "recording"; None for a real model
    unchecked: bool = False


def commit_message(facts: CommitFacts, summary: str) -> str:
    """`feat: [US-001] - Title`, the agent's summary without lines that pose as trailers or reverts, and Ralph's trailers."""
    trailers = [
        f"Ralph-Story: {facts.story.id}",
        f"Ralph-Trace: {facts.trace_id}",
        f"Ralph-Cost-USD: {facts.cost_micros / MICROS_PER_USD:.6f}",
    ]
    if facts.model_label:
        trailers.append(f"Ralph-Model: {facts.model_label}")
    if facts.unchecked:
        trailers.append("Ralph-Checks: unchecked")
    body = wrap(summary)
    return "\n\n".join(part for part in [subject(facts.story), body, "\n".join(trailers)] if part) + "\n"


def subject(story: Story) -> str:
    return f"feat: [{story.id}] - {story.title}"


def wrap(summary: str) -> str:
    """The summary at 72 columns, paragraph by paragraph; lists and indented lines stay as they are."""
    kept = [line.rstrip() for line in summary.strip().splitlines() if not FORGED.match(line)]
    return "\n".join(line if line.startswith((" ", "-", "*")) else fill(line, 72) for line in kept)


def progress_entry(
    story: Story, summary: str, changed: Sequence[str], at: datetime, learnings: Sequence[str] = ()
) -> str:
    """One entry in the form that snarktank's loop writes and later agents read."""
    files = ", ".join(changed[:20]) + (f" and {len(changed) - 20} more" if len(changed) > 20 else "")
    learned = ["- **Learnings for future iterations:**", *(f"  - {line}" for line in learnings)] if learnings else []
    lines = [f"- {story.title}", wrap(summary), f"- Files changed: {files}", *learned, "---"]
    return "\n".join([f"\n## {at:%Y-%m-%d %H:%M} - {story.id}", *lines, ""])
