"""Files that decide how work is judged, and which changes of them the story did not ask for."""

from collections.abc import Sequence

from ralph.integrity.change import Change
from ralph.integrity.finding import Finding
from ralph.integrity.permit import Permit


def protected_changes(change: Change, permit: Permit, extra: Sequence[str] = ()) -> tuple[Finding, ...]:
    """What the change does to protected files; `extra` are the user's own globs."""
    return ()
