"""`ralph init`: the questions, the lines while it goes, and the report."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click

from ralph.cli.places import repo_option
from ralph.errors import ExitCode
from tracing.words import plain_lines

NO_CHECK_RUNS = 1


@click.command("init", epilog="Example: ralph init    or, where nobody is there to ask: ralph init --yes --json")
@repo_option
@click.option("--yes", is_flag=True, help="Answer yes to every question but those about .env and other secrets.")
@click.option(
    "--copy-env", is_flag=True, help="Copy .env and its like where a check reads it; the agent can read it too."
)
@click.option("--dry-run", is_flag=True, help="Try everything, print the file, write nothing.")
@click.option("--force", is_flag=True, help="Replace a ralph.toml that is there; it is kept as ralph.toml.bak.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=1),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="The longest one try of a command may take.",
)
@click.option("--json", "as_json", is_flag=True, help="What was found and done, as JSON; asks nothing.")
@click.option(
    "--ci",
    "is_ci",
    is_flag=True,
    help="Write .github/workflows/ralph.yml instead: a run every night on GitHub Actions. Goes with --dry-run and --force.",
)
def init_command(
    *, repo: Path, yes: bool, copy_env: bool, dry_run: bool, force: bool, timeout_s: float, as_json: bool, is_ci: bool
) -> int:
    """Find this repo's checks, try each in a worktree and sandbox, and write ralph.toml with those that run.

    Nothing else in your checkout is changed. The network, ignored files and services are given to a command only where
    it failed without them and you say yes; where there is no terminal, nothing is asked and they stay off.

    Exit code 0 when at least one check runs, 1 when none does (a repo without checks is shown the smallest example),
    2 when ralph.toml is there already or there is no repo.
    """
    from ralph.cli.traces import echo_json  # noqa: PLC0415  # heavy, and --help must be fast
    from ralph.init.consent import Consent  # noqa: PLC0415
    from ralph.init.report import as_json as json_of  # noqa: PLC0415
    from ralph.init.report import report  # noqa: PLC0415
    from ralph.init.start import Request, initialise  # noqa: PLC0415

    if is_ci:
        return _write_workflow(repo, dry_run=dry_run, force=force)
    apart = as_json or dry_run  # stdout is for the result alone
    consent = Consent(_ask if _is_somebody_there() and not as_json else None, yes=yes, copy_env=copy_env)
    with _ending_on_sigterm():
        outcome = initialise(Request(repo, force, dry_run, timeout_s, consent), lambda line: _say(line, apart=apart))
    if as_json:
        echo_json(json_of(outcome))
    else:
        for line in report(outcome):
            _say(line, apart=dry_run and outcome.trial is not None)
        if dry_run and outcome.text:
            click.echo(outcome.text, nl=False)
    return int(ExitCode.ALL_DONE) if outcome.is_ready else NO_CHECK_RUNS


def _write_workflow(repo: Path, *, dry_run: bool, force: bool) -> int:
    from ralph.init.ci import workflow, write_workflow  # noqa: PLC0415
    from ralph.workspace.repo import Repo  # noqa: PLC0415

    if dry_run:
        click.echo(workflow(), nl=False)
        return int(ExitCode.ALL_DONE)
    for line in write_workflow(Repo.open(repo).root, force=force):
        _say(line, apart=False)
    return int(ExitCode.ALL_DONE)


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """As Ctrl-C does: what was started is stopped, and the worktree is removed."""

    def end(*_: object) -> NoReturn:
        sys.exit(ExitCode.TERMINATED)

    former = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _is_somebody_there() -> bool:
    """A closed stdin or stdout is None."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def _say(text: str, *, apart: bool) -> None:
    for line in plain_lines(text):
        click.echo(line, err=apart)


def _ask(question: str, suggested: bool) -> bool:
    return click.confirm("\n".join(plain_lines(question)), default=suggested)
