"""Runs checks: each one fresh, in the sandbox, with a clean environment and its whole output in a file."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from ralph.checks.check import Check, CheckResult
from ralph.checks.condense import condensed, relative_to
from ralph.checks.inside import set_inside
from ralph.checks.report import Outcome, RunnerReport, merged
from ralph.checks.reports.asking import Asked, asking
from ralph.checks.reports.printed import printed
from ralph.checks.reports.printed.failing import Tally, read_tally
from ralph.checks.reports.said import said
from ralph.environment import clean_env
from ralph.errors import RalphError
from ralph.excerpts import clean_text, excerpt, looks_binary
from ralph.process import Completed, run_process
from ralph.sandbox.base import Sandbox

EXCERPT_CHARS = 16_000
MOST_CONDENSED_BYTES = 2_000_000
NO_SUCH_FOLDER = 127


def run_checks(
    checks: Iterable[Check],
    tree: Path,
    *,
    sandbox: Sandbox,
    scratch: Path,
    setup: Check | None = None,
    cancel: threading.Event | None = None,
    left_s: Callable[[], float] | None = None,
    read_only: Sequence[Path] = (),
    home: Path | None = None,
    own_stores: bool = False,
) -> list[CheckResult]:
    """Setup first, if there is one, then all checks; a failed setup is the only result. `left_s` is the run's time."""
    results: list[CheckResult] = []
    for check in [*([setup] if setup else []), *checks]:
        cap_s = left_s() if left_s else None
        result = run_check(
            check,
            tree,
            sandbox=sandbox,
            scratch=scratch,
            cancel=cancel,
            timeout_cap_s=cap_s,
            read_only=read_only,
            home=home,
            own_stores=own_stores,
            listen=check is not setup,
        )
        if check is setup and result.passed:
            continue
        results.append(result)
        if check is setup or result.cancelled:
            break
    return results


def run_check(
    check: Check,
    tree: Path,
    *,
    sandbox: Sandbox,
    scratch: Path,
    cancel: threading.Event | None = None,
    timeout_cap_s: float | None = None,
    read_only: Sequence[Path] = (),
    home: Path | None = None,
    own_stores: bool = False,
    listen: bool = True,
) -> CheckResult:
    """Run the command by `bash` with `pipefail` in `tree`; passed means exit code 0 within the time.

    `scratch` is a private folder outside of the tree for outputs, and for HOME where no `home` is given; `read_only` is
    what the command may see beside the tree, the repository's `.git` for one. `own_stores`: as `clean_env`. `listen`: ask the test runners in it what they ran.

    Raises:
        RalphError: the command cannot be started at all (no bash).
    """
    output = _output_file(check, scratch)
    cwd = (tree / check.cwd).resolve()
    if not cwd.is_dir() or not cwd.is_relative_to(tree.resolve()):
        return _missing_folder(check, output)
    home = home or scratch / "home"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    env = clean_env(home=home, own_stores=own_stores)
    with asking(scratch, env | check.env) if listen else nullcontext(Asked()) as asked:
        bash = ["bash", "--noprofile", "--norc", "-o", "pipefail", "-c", check.command]
        command, carried = set_inside(bash, check.env | asked.env)
        argv = sandbox.wrap(
            command,
            cwd=cwd,
            writable=[tree, home, *asked.writable],
            read_only=[*read_only, *asked.read_only],
            network=check.network,
        )
        timeout_s = max(0.1, min(check.timeout_s, check.timeout_s if timeout_cap_s is None else timeout_cap_s))
        with _startable(check):
            completed = run_process(argv, cwd=cwd, env=env | carried, timeout_s=timeout_s, output=output, cancel=cancel)
    spoken = said(asked.heard, tree.resolve(), [home, scratch])
    report = _report(spoken, output, asked.heard.runners) if listen else None
    return _result(check, completed, output, tree, report)


def _report(spoken: RunnerReport | None, output: Path, runners: frozenset[str]) -> RunnerReport | None:
    parts = [*([spoken] if spoken else []), *printed(output, runners)]
    return merged(parts) if parts else None


@contextmanager
def _startable(check: Check) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RalphError(f'the check "{check.name}" cannot be started: {error}. Checks need `bash` on PATH.') from error


def run_setup(
    setup: Check,
    tree: Path,
    *,
    sandbox: Sandbox,
    scratch: Path,
    cancel: threading.Event | None = None,
    timeout_cap_s: float | None = None,
    read_only: Sequence[Path] = (),
    own_stores: bool = False,
) -> CheckResult:
    """Prepare the tree for its checks. It is a command like any check, and failing has the same consequence."""
    return run_check(
        setup,
        tree,
        sandbox=sandbox,
        scratch=scratch,
        cancel=cancel,
        timeout_cap_s=timeout_cap_s,
        read_only=read_only,
        own_stores=own_stores,
        listen=False,
    )


def feedback(results: Sequence[CheckResult]) -> str:
    """What failed, in words for the agent: the command, how it ended and what it printed."""
    return "\n\n".join(
        f'The check "{result.name}" {_ending(result)}.\n$ {result.command}\n{result.excerpt.strip()}'
        for result in results
    )


def _ending(result: CheckResult) -> str:
    if result.timed_out:
        return f"was stopped after {result.duration_s:.0f} s"
    return f"failed with exit code {result.exit_code}"


def _result(check: Check, completed: Completed, output: Path, tree: Path, report: RunnerReport | None) -> CheckResult:
    tally = _tally(report, output)
    return CheckResult(
        name=check.name,
        command=check.command,
        passed=completed.exit_code == 0 and not (completed.timed_out or completed.cancelled),
        exit_code=completed.exit_code,
        timed_out=completed.timed_out,
        duration_s=completed.duration_s,
        excerpt=_shown(output, tree),
        output=output,
        failures=tally.failures,
        failing=tally.failing,
        cancelled=completed.cancelled,
        report=report,
    )


def _tally(report: RunnerReport | None, output: Path) -> Tally:
    """What runners said themselves is worth more than what looks like it in the output."""
    if report is None or not report.complete:
        return read_tally(output)
    named = sorted(name.partition(":")[2] for name in report.ids(Outcome.FAILED))
    return Tally(report.failed + len(report.uncollected), (*named, *report.uncollected))


def _shown(output: Path, tree: Path) -> str:
    """What the check printed, short: all of what failed if it fits, paths as they are in the repository."""
    data = output.read_bytes() if output.stat().st_size <= MOST_CONDENSED_BYTES else b""
    if not data or looks_binary(data):
        return relative_to(excerpt(output, EXCERPT_CHARS)[0], str(tree))
    text = relative_to(clean_text(data.decode(errors="replace")), str(tree))
    return excerpt(condensed(text), EXCERPT_CHARS, whole=str(output))[0]


def _output_file(check: Check, scratch: Path) -> Path:
    folder = scratch / "checks"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = re.sub(r"[^A-Za-z0-9]+", "-", check.name).strip("-")[:40] or "check"
    return folder / f"{len(list(folder.iterdir())) + 1:03d}-{name}.log"


def _missing_folder(check: Check, output: Path) -> CheckResult:
    text = f'there is no folder "{check.cwd}" to run it in'
    output.write_text(text + "\n")
    return CheckResult(check.name, check.command, False, NO_SUCH_FOLDER, False, 0.0, text, output)
