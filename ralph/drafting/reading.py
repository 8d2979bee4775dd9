"""The repo as a drafting model may look at it: read only, in the user's checkout, and blind to what git ignores.

An agent at work has a worktree of its own, where nothing lies about; a checkout may hold keys that no model should see.
"""

import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ralph.sandbox.base import Sandbox
from ralph.tools.listing import list_files
from ralph.tools.result import ToolResult
from ralph.tools.schema import LONGEST_TIMEOUT_S
from ralph.tools.toolbox import READ_ONLY, Toolbox
from ralph.workspace.secrets import secret_by_name


class ReadingTools:
    """`read`, `grep` and `glob`, less the files that are ignored or whose names say that they hold secrets."""

    read_only = READ_ONLY

    def __init__(self, root: Path, scratch: Path, sandbox: Sandbox) -> None:
        self._tools = Toolbox(root, scratch, sandbox, names=sorted(READ_ONLY))
        self._root = self._tools.root
        self.schemas = self._tools.schemas

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
        path = str(given.get("file_path") or given.get("path") or ".")
        if not self._may_see(path):
            return ToolResult(f"{path} is no file of the project: git ignores it, or it holds secrets.", is_error=True)
        result = self._tools.run(name, given, timeout_cap_s=timeout_cap_s, cancel=cancel)
        if name != "grep" or not isinstance(result.content, str):
            return result
        return replace(result, content=self._without_secrets(result.content))

    def close(self) -> None:
        self._tools.close()

    @cached_property
    def _files(self) -> frozenset[str]:
        return frozenset(name for name in list_files(self._root) if not secret_by_name(name))

    @cached_property
    def _secret(self) -> tuple[str, ...]:
        return tuple(name for name in list_files(self._root) if secret_by_name(name))

    def _may_see(self, path: str) -> bool:
        """Whether the file, its links followed, is one of the project's; what is no file is left to the tool."""
        real = Path(os.path.realpath(self._root / path))
        return not real.is_file() or (
            real.is_relative_to(self._root) and real.relative_to(self._root).as_posix() in self._files
        )

    def _without_secrets(self, lines: str) -> str:
        starts = tuple(f"{name}{mark}" for name in self._secret for mark in ":-")
        return "\n".join(line for line in lines.split("\n") if not line.startswith(starts)) if starts else lines
