"""What a trace's metadata say of the task and of the outcome, for whoever looks at it while it runs or afterwards."""

from collections.abc import Callable, Mapping

from tracing.attributes import REPO
from tracing.failures.observed import Ending, History, Subject
from tracing.span import JsonValue, TraceStatus

TITLE = "ralph.story.title"
CRITERIA = "ralph.story.criteria"
PASSED = "ralph.outcome.passed"
WORDS = "ralph.outcome.words"
GOAL_CHARS = 20_000


def subject_of(
    trace_id: str, agent: str, metadata: Mapping[str, object], *, asked: Callable[[], str], history: History
) -> Subject:
    """`asked` gives what the agent was told first; it is the goal of a trace that has no title."""
    criteria, title = metadata.get(CRITERIA), metadata.get(TITLE)
    return Subject(
        trace_id=trace_id,
        agent=agent,
        repo=repo if isinstance(repo := metadata.get(REPO) or metadata.get("repo"), str) else "",
        goal=(title if isinstance(title, str) and title else asked())[:GOAL_CHARS],
        criteria=tuple(map(str, criteria)) if isinstance(criteria, list | tuple) else (),
        history=history,
    )


def outcome(*, passed: bool, words: str) -> dict[str, JsonValue]:
    """The metadata that say how somebody else than the agent judged its work."""
    return {PASSED: passed, WORDS: words}


def ending_of(status: TraceStatus, metadata: Mapping[str, object]) -> Ending:
    passed, words = metadata.get(PASSED), metadata.get(WORDS)
    return Ending(
        status=status,
        passed=passed if isinstance(passed, bool) else None,
        outcome=words if isinstance(words, str) else "",
    )
