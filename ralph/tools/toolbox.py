"""The tools of one session: one table from a tool's name to what carries it out.

Knows nothing about models, stories, traces or limits; it is told how long a call may take and when to stop.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ralph.process import clean_env
from ralph.sandbox.base import Sandbox
from ralph.tools.denials import FORBIDDING
from ralph.tools.editing import EditInput, WriteInput, edit, write
from ralph.tools.fingerprint import Fingerprint
from ralph.tools.gitdir import git_folders
from ralph.tools.places import Places, protected_patterns
from ralph.tools.reading import ReadInput, read
from ralph.tools.result import ToolRefusedError, ToolResult
from ralph.tools.schema import LONGEST_TIMEOUT_S, Schema, all_schemas, unmet_criteria, validate
from ralph.tools.search import GlobInput, GrepInput, find_files, grep
from ralph.tools.shell import BashInput, Bench, Shell

READ_ONLY = frozenset({"read", "grep", "glob"})
Carry = Callable[[Mapping[str, Any], float, threading.Event | None], ToolResult]


class Toolbox:
    """Carries out tool calls in the worktree `root`. Temporary files, saved outputs and HOME live in `scratch`, of which
    commands may write the first and the last.

    `protected` are repo-relative paths or globs that may not be changed. `caches` are further writable folders; `own_stores`: as `clean_env`.
    `criteria` is how many acceptance criteria `finish` has to answer for.
    Close it, or what runs in the background goes on.
    """

    read_only = READ_ONLY

    def __init__(
        self,
        root: Path,
        scratch: Path,
        sandbox: Sandbox,
        *,
        protected: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        caches: Sequence[Path] = (),
        network: bool = False,
        own_stores: bool = False,
        criteria: int = 0,
        names: Sequence[str] | None = None,
    ) -> None:
        self.root, self.scratch = root.resolve(), _folder(scratch).resolve()
        tmp, home = _folder(self.scratch / "tmp"), _folder(self.scratch / "home")
        self.sandbox_level, self._criteria = sandbox.level, criteria
        has_own_tmp = sandbox.level not in ("none", *FORBIDDING)
        self._places = Places(
            self.root,
            self.scratch,
            protected_patterns(protected),
            tmp if has_own_tmp else None,
            tmp if sandbox.level in FORBIDDING else None,
        )
        self._seen: set[Path] = set()
        self._fingerprint = Fingerprint(self.root)
        shown_tmp = "/tmp" if has_own_tmp else str(tmp)  # noqa: S108 - the sandbox's own
        self._shell = Shell(
            Bench(
                root=self.root,
                scratch=self.scratch,
                sandbox=sandbox,
                env={**clean_env(home=home, own_stores=own_stores), "TMPDIR": shown_tmp, **(env or {})},
                writable=[home, self.root, *(path.resolve() for path in caches)],
                # outputs are written from outside: a link that a command left in their place would lead anywhere
                read_only=[self.scratch, *git_folders(self.root), *self._places.existing_protected()],
                tmp=tmp,
                network=network,
            )
        )
        self.schemas: list[Schema] = [one for one in all_schemas() if names is None or one["name"] in names]
        self._carry = self._table(sandbox)

    def validate(self, name: str, given: object) -> str | None:
        """What is wrong with the call, for the model; None when it can be run."""
        problem = validate(self.schemas, name, given)
        if problem or name != "finish" or not isinstance(given, Mapping):
            return problem
        return unmet_criteria(given, self._criteria)

    def run(
        self,
        name: str,
        given: Mapping[str, Any],
        *,
        timeout_cap_s: float = LONGEST_TIMEOUT_S,
        cancel: threading.Event | None = None,
    ) -> ToolResult:
        """Carry out one call. What the model did wrong comes back as a result with `is_error`, never as an exception."""
        started = time.monotonic()
        problem = self.validate(name, given)
        result = ToolResult(problem, is_error=True) if problem else self._try(name, given, timeout_cap_s, cancel)
        return replace(result, duration_s=time.monotonic() - started)

    def close(self) -> None:
        self._shell.close()

    def _try(
        self, name: str, given: Mapping[str, Any], timeout_cap_s: float, cancel: threading.Event | None
    ) -> ToolResult:
        try:
            return self._carry[name](given, timeout_cap_s, cancel)
        except ToolRefusedError as refused:
            return ToolResult(str(refused), is_error=True)
        except OSError as error:
            return ToolResult(f"{name}: {error.strerror or error}.", is_error=True)

    def _table(self, sandbox: Sandbox) -> Mapping[str, Carry]:
        return {
            "bash": self._bash,
            "read": lambda given, _cap, _stop: read(self._places, ReadInput.model_validate(given), self._seen),
            "edit": lambda given, _cap, _stop: self._edit(given),
            "write": lambda given, _cap, _stop: self._write(given),
            "grep": lambda given, cap, stop: grep(self._places, sandbox, GrepInput.model_validate(given), cap, stop),
            "glob": lambda given, _cap, _stop: find_files(
                self._places, GlobInput.model_validate(given), self._fingerprint.began_ns
            ),
            "finish": lambda _given, _cap, _stop: ToolResult("The harness now runs the quality checks."),
        }

    def _bash(self, given: Mapping[str, Any], cap_s: float, cancel: threading.Event | None) -> ToolResult:
        self._fingerprint.prepare()
        result = self._shell.run(BashInput.model_validate(given), cap_s, cancel)
        return replace(result, changed=self._fingerprint.changed())

    def _edit(self, given: Mapping[str, Any]) -> ToolResult:
        self._fingerprint.forget()
        return edit(self._places, EditInput.model_validate(given))

    def _write(self, given: Mapping[str, Any]) -> ToolResult:
        self._fingerprint.forget()
        return write(self._places, WriteInput.model_validate(given), self._seen)


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path
