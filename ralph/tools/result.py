"""What a tool call gives back, and the refusal that a tool raises when the model must do something else."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Blocks = list[dict[str, Any]]


@dataclass(frozen=True)
class ToolResult:
    """`content` is what the model sees: it never holds a duration, so the same call gives the same text every time."""

    content: str | Blocks
    is_error: bool = False
    exit_code: int | None = None
    """None for tools that run no command."""
    duration_s: float = 0.0
    truncated: bool = False
    full_output: Path | None = None
    """The file with everything the command printed; None for tools that run no command."""
    changed: bool = False
    """Files of the worktree differ from before the call."""
    survivors: int = field(default=0)
    """Processes that the command left behind and that were killed."""


class ToolRefusedError(Exception):
    """The call was not carried out. The message is for the model: what is wrong and what to do instead."""
