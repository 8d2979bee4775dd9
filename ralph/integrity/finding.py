"""One thing that the guard saw, with its weight. What the sum of them means is decided in `ralph.integrity.guard`."""

from dataclasses import dataclass

HARD = 100
"""Findings whose weights add up to this are refused; a hard stop is refused by itself."""


@dataclass(frozen=True)
class Finding:
    """`text` says what was seen, in words for the agent and for a tired person; it holds no advice."""

    rule: str  # a stable name: "test-deleted", "exit-code-forced"
    weight: int  # from 1 (worth a look) to HARD (never committed)
    text: str
    path: str = ""
    line: int = 0  # in the new version of the file; 0: the file as a whole
    evidence: str = ""  # the line as it stands, shortened
    about: str = ""  # the test whose absence or silence is meant, by its own name

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path
