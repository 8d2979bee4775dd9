"""The tools of a session in a prepared worktree: after each call that changed something, lock files and setup are seen to."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ralph.agents.native import ClosingTools
from ralph.tools.result import ToolResult
from ralph.tools.schema import LONGEST_TIMEOUT_S


class PreparedTools:
    """The same tools. `after_change` is asked after each call that changed files; what it says is added to the result."""

    def __init__(self, tools: ClosingTools, after_change: Callable[[], str]) -> None:
        self._tools, self._after_change = tools, after_change
        self.schemas = tools.schemas
        self.read_only = tools.read_only

    def validate(self, name: str, given: object) -> str | None:
        return self._tools.validate(name, given)

    def run(
        self,
        name: str,
        given: Mapping[str, Any],
        *,
        timeout_cap_s: float = LONGEST_TIMEOUT_S,
        cancel: threading.Event | None = None,
    ) -> ToolResult:
        result = self._tools.run(name, given, timeout_cap_s=timeout_cap_s, cancel=cancel)
        note = self._after_change() if result.changed else ""
        return replace(result, content=_with_note(result.content, note)) if note else result

    def close(self) -> None:
        self._tools.close()


def _with_note(content: str | list[dict[str, Any]], note: str) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return f"{content}\n\n{note}" if content else note
    return [*content, {"type": "text", "text": note}]
