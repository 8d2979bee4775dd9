"""What every detector is: told of spans as they begin and end, in that order, it says what went wrong.

A detector keeps what it needs in a bounded amount of memory per step and works in time linear in the trace.
"""

from collections.abc import Iterable

from tracing.failures.observed import Ending, Observed, Subject
from tracing.finding import Finding


class Detector:
    """The base: hears everything and says nothing. A subclass overrides what it needs; `name` names it in findings."""

    name = ""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    def began(self, span: Observed) -> Iterable[Finding]:
        """A span has begun; what it will bring is not known yet."""
        del span
        return ()

    def ended(self, span: Observed) -> Iterable[Finding]:
        """A span has ended. Children end before their parents."""
        del span
        return ()

    def closed(self, ending: Ending) -> Iterable[Finding]:
        """The trace is over: what can only be said now."""
        del ending
        return ()
