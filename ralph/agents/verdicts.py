"""What a detector's finding means for the agent at work: words for it to read, or the end of its attempt.

Knows nothing of how the trouble was found. What a finding quotes of the agent's work never speaks for the harness.
"""

from ralph.brief.marks import without_marks
from ralph.screen_text import one_line
from tracing.finding import Finding, Severity, Verdict
from tracing.words import cut

DETAIL_CHARS = 300
SAYS_IT_AGAIN = 0.75  # of the title's words


def nudge_words(finding: Finding) -> str:
    """What the agent is told inside its next message."""
    return f"[harness] {without_marks(finding.nudge or finding.title)}"


def why_stopped(finding: Finding) -> str:
    """One line for a person: what was found and what was seen of it, or the latter alone where it says the former again."""
    title, seen = finding.title, one_line(finding.evidence)
    in_title = set(title.lower().split())
    says_it_again = len(in_title & set(seen.lower().replace(",", "").split())) >= SAYS_IT_AGAIN * len(in_title)
    words = seen if says_it_again else ": ".join(filter(None, (title, seen)))
    return cut(words, DETAIL_CHARS)


def is_told(finding: Finding) -> bool:
    """Whether whoever watches the run hears of it at once: the agent is told or stopped, or it is grave."""
    return finding.severity is Severity.CRITICAL or finding.verdict is not Verdict.NOTE


def told(finding: Finding) -> str:
    """The line for whoever watches the run."""
    done = {Verdict.NOTE: "", Verdict.NUDGE: "; the agent is told", Verdict.STOP: "; the attempt is stopped"}
    return f"{finding.title}{done[finding.verdict]}"
