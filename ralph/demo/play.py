"""Runs Ralph on the demo's repository and says what came of it. Knows nothing about the terminal."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ralph.assembly import open_run
from ralph.demo.make import make_demo
from ralph.errors import ExitCode, RalphError
from ralph.events import Event, EventKind, Reporter
from ralph.home import find_home
from ralph.iteration import Result
from ralph.run import Outcome
from ralph.survey import RunRequest
from tracing.budget import MICROS_PER_USD
from tracing.finding import Finding, Verdict
from tracing.span import TraceStatus
from tracing.store import TraceFilter, TraceStore
from tracing.store.queries import TraceRow

RECORDING = Path(__file__).with_name("recording.json")
RECORDED = [
    ("US-001", TraceStatus.SUCCESS),
    ("US-002", TraceStatus.SUCCESS),
    ("US-003", TraceStatus.SUCCESS),
    ("US-004", TraceStatus.BLOCKED),
    ("US-005", TraceStatus.ERROR),  # it goes in circles and is stopped
    ("US-005", TraceStatus.BLOCKED),
]
ASK_STATUS = "`ralph status` says why"  # of a run: the demo's state is not where that command looks by itself
SEE_BELOW = "the lines below say why"
MISFIT = "the demo's recording does not fit this version of Ralph"
DRIFT = re.compile(r"recording drift: (.*?)(?:\. (?:Undo|Record|It needs)|$)", re.DOTALL)
NO_PYTEST = (
    "the demo's checks run `python -m pytest`, and no `python` with pytest was found. Install it beside Ralph "
    "({python} -m pip install pytest), or activate an environment that has it."
)
HAS_PYTEST_TIMEOUT_S = 30


@dataclass(frozen=True)
class AttemptEnd:
    """What became of one attempt at a story.

    `reason` is one line, `repairs` how often failing output went back to the model, `stopped` what a detector stopped it for.
    """

    story: str
    title: str
    status: str
    reason: str
    stopped: str
    repairs: int
    commit: str | None
    trace_id: str
    cost_usd: float


@dataclass(frozen=True)
class Summary:
    repo: Path
    home: Path | None  # the demo's own state folder; None: the user's
    live: bool
    exit_code: int
    as_recorded: bool
    misfit: str  # what came from a tool and is not in the recording; empty: nothing
    reason: str
    attempts: tuple[AttemptEnd, ...]
    commits: tuple[str, ...]  # newest first, as `git log --oneline` shows them
    cost_usd: float
    cache_hit_ratio: float  # [0..1]
    duration_s: float

    def facts(self) -> dict[str, object]:
        return asdict(self) | {"repo": str(self.repo), "home": self.home and str(self.home)}


@dataclass(frozen=True)
class Traced:
    """An attempt's trace; `stopped` as in `AttemptEnd`."""

    row: TraceRow
    stopped: str


@dataclass
class Words:
    """What a run says, as it fits a demo. That the recording does not fit is ours to mend, and told in full only once."""

    misfit: str = ""
    _reason: str = ""

    def learn(self, reason: str) -> None:
        if found := DRIFT.search(reason):
            self.misfit, self._reason = found[1], reason.removesuffix(".")

    def fit(self, text: str) -> str:
        return (text.replace(self._reason, MISFIT) if self._reason else text).replace(ASK_STATUS, SEE_BELOW)


def play(folder: Path, report: Reporter, *, live: bool = False, sandbox: str | None = None) -> Summary:
    """Make the repository in `folder` and run Ralph on it, with the recorded model unless `live`.

    A recorded run keeps its state in `folder`, so that its made-up costs never count against the user's own limits;
    a live run spends real money and counts.

    Raises:
        RalphError: the folder is not empty, or something that the demo needs is missing.
    """
    folder = folder.expanduser().resolve()
    home = None if live else folder / "ralph-home"
    path = _path_with_pytest(os.environ.get("PATH", ""), folder / "bin")
    changes = {"PATH": path} | ({"RALPH_HOME": str(home)} if home else {})
    request = RunRequest(
        repo=make_demo(folder / "kitty"),
        recording=None if live else RECORDING,
        overrides={"sandbox": sandbox} if sandbox else {},
    )
    _call_own_python_from(folder / "bin")
    repairs: list[str] = []  # the trace of each
    going: dict[str, str] = {}  # story -> trace
    words = Words()

    def listen(event: Event) -> None:
        if event.kind is EventKind.STORY_STARTED:
            going[str(event.fields["story"])] = str(event.fields["trace"])
        if event.kind is EventKind.REPAIR:
            repairs.append(going[str(event.fields["story"])])
        words.learn(str(event.fields.get("reason", "")))
        report(replace(event, text=words.fit(event.text)))

    started_s = time.monotonic()
    with _environment(changes):
        with open_run(request, listen) as loop:
            outcome = loop.run()
            titles = {story.id: story.title for story in loop.read_board().prd.stories}
        traces = _traces(request.repo)
    as_recorded = [(result.story_id, result.status) for result in outcome.results] == RECORDED
    return Summary(
        repo=request.repo,
        home=home,
        live=live,
        exit_code=_exit_code(outcome, live=live, as_recorded=as_recorded),
        as_recorded=as_recorded,
        misfit=words.misfit,
        reason=words.fit(outcome.reason),
        attempts=_attempts(outcome, titles, traces, repairs, words),
        commits=_commits(request.repo),
        cost_usd=sum(traced.row.cost_micros for traced in traces) / MICROS_PER_USD,
        cache_hit_ratio=_hit_ratio(traces),
        duration_s=time.monotonic() - started_s,
    )


def _exit_code(outcome: Outcome, *, live: bool, as_recorded: bool) -> int:
    """A recorded demo that ended as recorded is a success, though a story is blocked."""
    if live:
        return int(outcome.exit_code)
    return int(ExitCode.ALL_DONE) if as_recorded else int(outcome.exit_code) or int(ExitCode.STORIES_REMAIN)


def _attempts(
    outcome: Outcome, titles: Mapping[str, str], traces: list[Traced], repairs: list[str], words: Words
) -> tuple[AttemptEnd, ...]:
    return tuple(
        AttemptEnd(
            result.story_id,
            titles.get(result.story_id, ""),
            result.status.value,
            words.fit(result.reason),
            traced.stopped,
            repairs.count(traced.row.trace_id),
            result.commit,
            traced.row.trace_id,
            traced.row.cost_micros / MICROS_PER_USD,
        )
        for result, traced in _with_traces(outcome.results, traces)
    )


def _with_traces(results: Iterable[Result], traces: list[Traced]) -> Iterator[tuple[Result, Traced]]:
    """A story's attempts come one after the other, whatever goes on beside it."""
    of_story = {
        name: iter([one for one in traces if one.row.story == name]) for name in {one.row.story for one in traces}
    }
    return ((result, next(of_story[result.story_id])) for result in results)


def _traces(repo: Path) -> list[Traced]:
    """In the order in which they began."""
    with closing(TraceStore.open(find_home().traces_db)) as store:
        rows = store.traces(TraceFilter(repo=str(repo)))
        return [Traced(row, _stopped_by(store.findings(row.trace_id))) for row in reversed(rows)]


def _stopped_by(findings: Iterable[Finding]) -> str:
    return next((one.title for one in findings if one.verdict is Verdict.STOP), "")


def _hit_ratio(traces: list[Traced]) -> float:
    whole = sum(traced.row.input_tokens for traced in traces)
    return sum(traced.row.cache_read_tokens for traced in traces) / whole if whole else 0.0


def _commits(repo: Path) -> tuple[str, ...]:
    command = ["git", "-C", str(repo), "log", "--oneline", "--no-decorate", "--no-color", "--branches"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return tuple(done.stdout.splitlines())


def _path_with_pytest(path: str, programs: Path) -> str:
    """A PATH on which `python -m pytest` works. Our own interpreter is called from `programs`, since the rest of our
    environment is kept from the PATH of commands.

    Raises:
        RalphError: there is none.
    """
    if importlib.util.find_spec("pytest"):
        return os.pathsep.join([str(programs), *([path] if path else [])])
    found = shutil.which("python", path=path)
    if found and _has_pytest(found):
        return path
    raise RalphError(NO_PYTEST.format(python=shlex.quote(sys.executable)))


def _call_own_python_from(programs: Path) -> None:
    programs.mkdir(exist_ok=True)
    script = programs / "python"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n', encoding="utf-8")
    script.chmod(0o755)


def _has_pytest(python: str) -> bool:
    command = [python, "-c", "import pytest"]
    try:
        return not subprocess.run(command, capture_output=True, timeout=HAS_PYTEST_TIMEOUT_S, check=False).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Our own environment with `changes`, as it was before at the end."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
