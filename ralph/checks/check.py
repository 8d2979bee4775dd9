"""A quality check as the user writes it, and how it ended. Knows nothing about how it is run."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ralph.checks.report import RunnerReport


class Check(BaseModel):
    """A command that passes with exit code 0."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    command: str = Field(min_length=1)
    cwd: str = "."
    env: dict[str, str] = {}
    timeout_s: float = Field(default=600, gt=0)
    network: bool = False

    @field_validator("cwd")
    @classmethod
    def _stays_in_the_repo(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f'"{value}" leaves the repo. Write a folder relative to its root, for example "backend"')
        return value


@dataclass(frozen=True)
class CheckResult:
    """How one check ended."""

    name: str
    command: str
    passed: bool
    exit_code: int
    timed_out: bool
    duration_s: float
    excerpt: str  # head and tail of what it printed
    output: Path  # all of what it printed
    failures: int | None = None  # failing tests; None when the output does not say
    failing: tuple[str, ...] = ()  # their names, where the output has them
    cancelled: bool = False
    report: RunnerReport | None = None  # what test runners said; None: none was heard
