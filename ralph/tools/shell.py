"""The `bash` tool: a fresh shell for each command, in the sandbox, with its output in a file.

What the model sees never holds a duration, so the same work gives the same text. Commands in the background are kept
in a registry and stopped when the session ends.
"""

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ralph.process import Completed, excerpt, run_process
from ralph.sandbox.base import Sandbox
from ralph.tools.denials import FORBIDDING, is_curl_offline, was_denied, without_git
from ralph.tools.result import ToolRefusedError, ToolResult

BASH = ("bash", "-o", "pipefail")  # as the checks run: `pytest | tail` fails when pytest does
DEFAULT_TIMEOUT_S = 120
BACKGROUND_TIMEOUT_S = 7200
BACKGROUND_GLANCE_S = 0.3
LONGEST_ARGUMENT_BYTES = 100_000
MAX_BACKGROUND = 16
GIT_READ_ONLY = (
    "[.git is read-only, so git cannot add, stash, commit, restore or switch (some of that fails without a word); "
    "`git show HEAD:FILE > FILE` takes a change back]"
)
_LEFT_RUNNING = re.compile(r"(?<![&>|<\\])&(?:\s*$|\s+[\w(])", re.MULTILINE)
_GIT_WRITES = re.compile(
    r"\bgit\s+(?:-[cC]\s+\S+\s+|-\S+\s+)*(?:add|am|apply\s+--(?:cached|index)|checkout|cherry-pick|commit|merge|mv|pull|rebase|reset|restore|rm|stash|switch)\b"
)


class BashInput(BaseModel):
    model_config = ConfigDict(frozen=True)
    command: str
    timeout_s: int = DEFAULT_TIMEOUT_S
    background: bool = False


@dataclass(frozen=True)
class Bench:
    """Where commands run and with what: fixed for the session."""

    root: Path
    scratch: Path
    sandbox: Sandbox
    env: Mapping[str, str]
    writable: Sequence[Path]
    read_only: Sequence[Path]
    tmp: Path
    network: bool = False

    def argv(self, command: str, label: str) -> list[str]:
        """A command too long to be one argument is run from a file."""
        words = [*BASH, "-c", command]
        if len(command.encode()) > LONGEST_ARGUMENT_BYTES:
            script = self.scratch / f"{label}.sh"
            script.write_text(command, encoding="utf-8")
            words = [*BASH, str(script)]
        return self.sandbox.wrap(
            words,
            cwd=self.root,
            writable=self.writable,
            read_only=self.read_only,
            network=self.network,
            tmp=self.tmp,
        )


@dataclass
class Shell:
    """Runs the commands of one session one after the other, and keeps those in the background."""

    bench: Bench
    _number: int = 0
    _background: list["_Background"] = field(default_factory=list)

    def run(self, given: BashInput, timeout_cap_s: float, cancel: threading.Event | None) -> ToolResult:
        """Carry out `bash`; `timeout_cap_s` is what the run has left.

        Raises:
            ToolRefusedError: the command cannot be started.

        """
        self._number += 1
        if given.background:
            return self._start(given.command)
        label = f"bash-{self._number}"
        output = self.bench.scratch / f"{label}.txt"
        timeout_s = min(given.timeout_s, timeout_cap_s)
        try:
            done = run_process(
                self.bench.argv(given.command, label),
                cwd=self.bench.root,
                env=self.bench.env,
                timeout_s=timeout_s,
                output=output,
                cancel=cancel,
            )
        except OSError as error:
            raise ToolRefusedError(f"bash: the command could not be started: {error.strerror or error}.") from error
        return self._result(given, done, output, is_capped=timeout_s < given.timeout_s)

    def close(self) -> None:
        """Stop everything in the background."""
        for process in self._background:
            process.stop.set()
        for process in self._background:
            process.thread.join()

    def _result(self, given: BashInput, done: Completed, output: Path, *, is_capped: bool) -> ToolResult:
        text, truncated = excerpt(output)
        notes = [
            *_ending(given, done, is_capped=is_capped),
            *self._denials(given, done, text),
            *_left_running(given.command),
        ]
        body = text.rstrip("\n") or "(no output)"
        return ToolResult(
            "\n".join([body, *notes, f"[exit code {done.exit_code}]"]),
            is_error=done.timed_out or done.cancelled or done.output_capped,
            exit_code=done.exit_code,
            truncated=truncated,
            full_output=output,
            survivors=done.survivors,
        )

    def _denials(self, given: BashInput, done: Completed, text: str) -> list[str]:
        """What the sandbox forbids, where the output shows that it did, whatever the last command's exit code is."""
        if self.bench.sandbox.level == "none":
            return []
        network = "" if self.bench.network else " There is no network."
        temporary = "$TMPDIR" if self.bench.sandbox.level in FORBIDDING else "/tmp"  # noqa: S108 - said to the agent
        places = f"in the repository (.git and protected files excepted), {temporary} and $HOME"
        allowed = [f"[the sandbox allows writing only {places}.{network} Do without]"]
        is_denied = self._was_denied(given, done, text)
        is_git = _GIT_WRITES.search(given.command) and (is_denied or done.exit_code)
        if is_git:
            is_denied = self._was_denied(given, done, without_git(text))
        return [*(allowed if is_denied else []), *([GIT_READ_ONLY] if is_git else [])]

    def _was_denied(self, given: BashInput, done: Completed, text: str) -> bool:
        bench = self.bench
        if not bench.network and is_curl_offline(given.command, done.exit_code):
            return True
        home = [Path(folder) for name in ("HOME", "TMPDIR") if (folder := bench.env.get(name))]
        return was_denied(
            text,
            failed=done.exit_code != 0,
            network=bench.network,
            allowed=[*bench.writable, bench.tmp, *home],
            kept=bench.read_only,
            root=bench.root,
            forbids=bench.sandbox.level in FORBIDDING,
        )

    def _start(self, command: str) -> ToolResult:
        if sum(process.thread.is_alive() for process in self._background) >= MAX_BACKGROUND:
            raise ToolRefusedError(f"bash: {MAX_BACKGROUND} commands run in the background already.")
        label = f"background-{len(self._background) + 1}"
        process = _Background(self.bench, command, label)
        self._background.append(process)
        process.thread.start()
        process.thread.join(BACKGROUND_GLANCE_S)
        if process.thread.is_alive():
            text = f"started {label}; its output goes to {process.log}. It is stopped when the session ends."
            return ToolResult(text, full_output=process.log)
        return process.at_once()


class _Background:
    """One command in the background. Its own thread starts it and stays until it ends: a sandbox dies with the thread
    that started it.
    """

    def __init__(self, bench: Bench, command: str, label: str) -> None:
        self.bench, self.command, self.label = bench, command, label
        self.log = bench.scratch / f"{label}.log"
        self.stop = threading.Event()
        self.ended: Completed | OSError | None = None
        self.thread = threading.Thread(target=self._run, name=label, daemon=True)

    def _run(self) -> None:
        try:
            self.ended = run_process(
                self.bench.argv(self.command, self.label),
                cwd=self.bench.root,
                env=self.bench.env,
                timeout_s=BACKGROUND_TIMEOUT_S,
                output=self.log,
                cancel=self.stop,
            )
        except OSError as error:
            self.ended = error

    def at_once(self) -> ToolResult:
        """The result of a command that did not stay."""
        if not isinstance(self.ended, Completed):
            raise ToolRefusedError(f"bash: the command could not be started: {self.ended}.")
        text, truncated = excerpt(self.log)
        body = text.rstrip("\n") or "(no output)"
        return ToolResult(
            f"{body}\n[{self.label} ended at once]\n[exit code {self.ended.exit_code}]",
            exit_code=self.ended.exit_code,
            truncated=truncated,
            full_output=self.log,
        )


def _ending(given: BashInput, done: Completed, *, is_capped: bool) -> list[str]:
    if done.cancelled:
        return ["[killed: the run was interrupted]"]
    if done.timed_out:
        return [
            "[killed: the time of the run is up]" if is_capped else f"[killed after {given.timeout_s} s: timeout_s]"
        ]
    if done.output_capped:
        return [f"[killed: more than {done.output_bytes} bytes of output]"]
    return []


def _left_running(command: str) -> list[str]:
    """Said by the look of the command, not by what was found alive, so that it is the same in every sandbox."""
    if not _LEFT_RUNNING.search(command) or re.search(r"\bwait\b", command):
        return []
    return ["[what a command leaves running is stopped when it returns; set background to keep it]"]
