"""The morning report as a page: what `ralph report` says, in its order and its words, each thing with the way to its trace."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from ralph.history.board import RepoChoice, repos_of
from ralph.home import Home
from ralph.report.facts import Report
from ralph.report.gather import gather_from, window_of
from ralph.report.outline import Outline
from ralph.report.told import told
from ralph.report.window import Window
from tracing.store import TraceStore
from tracing.web.listing import moment_ns
from tracing.web.page import Query

SINCE = (("", "as `ralph report`"), ("24h", "24 hours"), ("3d", "3 days"), ("7d", "7 days"))


@dataclass(frozen=True)
class Choice:
    """How far back one may look; `since` is the argument of the address."""

    since: str
    words: str
    is_chosen: bool


@dataclass(frozen=True)
class ReportView:
    report: Report
    choices: tuple[Choice, ...]
    repos: tuple[RepoChoice, ...]  # to choose one from; () where there is one alone
    repo: str  # the chosen one; "" is all
    command: str  # the same in a terminal
    outline: Outline = field(repr=False)  # the report's words: what the page lays out


def report_view(query: Query, home: Home) -> ReportView:
    """Raises: PageError: `since` is no time."""
    given, repo = query.text("since"), query.text("repo")
    asked_ns = moment_ns(query, "since")
    window = window_of(home, query.now_ns) if asked_ns is None else Window(asked_ns, "as asked")
    report = gather_from(query.store, home, repo or None, window, query.now_ns)
    return ReportView(report, _choices(given), _repos(query.store, repo), repo, _command(given, repo), told(report))


def _repos(store: TraceStore, chosen: str) -> tuple[RepoChoice, ...]:
    """Those with traces, and the one that the address names."""
    repos = tuple(repos_of(store))
    if chosen and chosen not in {repo.path for repo in repos}:
        repos = (*repos, RepoChoice(chosen, Path(chosen).name, is_gone=False))
    return repos if len(repos) > 1 else ()


def _command(since: str, repo: str) -> str:
    return shlex.join(["ralph", "report", *(("--since", since) if since else ()), *(("--repo", repo) if repo else ())])


def _choices(given: str) -> tuple[Choice, ...]:
    known = [Choice(since, words, since == given) for since, words in SINCE]
    strange = [] if any(one.is_chosen for one in known) else [Choice(given, f"since {given}", is_chosen=True)]
    return (*known, *strange)
