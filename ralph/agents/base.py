"""Who implements a story: anything that opens a session, works on a message and says how it ended."""

from typing import Protocol

from ralph.finish import Ending, Finish

__all__ = ["Ending", "Finish", "Session"]


class Session(Protocol):
    """One conversation about one story."""

    def work(self, message: str) -> Finish:
        """Work until an ending. Called first with the story, and again with the failing output of the checks."""
        ...

    def close(self) -> None: ...
