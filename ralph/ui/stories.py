"""The page of stories: the board of one repo, and which others there are."""

from collections.abc import Collection
from dataclasses import dataclass

from ralph.history.board import Board, RepoChoice, no_board, prds_of, read_board, repos_of
from ralph.home import Home
from tracing.store import TraceFilter
from tracing.web.page import Query


@dataclass(frozen=True)
class StoriesView:
    repos: tuple[RepoChoice, ...]  # with the newest traces first
    prds: tuple[str, ...]  # of the chosen repo, as its runs named them
    board: Board | None


def stories_view(query: Query, home: Home) -> StoriesView:
    repos = tuple(repos_of(query.store))
    chosen = query.text("repo") or (repos[0].path if repos else "")
    prds = prds_of(home, chosen)
    return StoriesView(repos, prds, _board(query, home, repos, chosen) if chosen else None)


def _board(query: Query, home: Home, repos: Collection[RepoChoice], chosen: str) -> Board:
    """Of a repo that a trace names: the address decides nothing about what is read."""
    if not query.store.traces(TraceFilter(repo=chosen, limit=1)):
        return no_board(chosen, f"No trace is of {chosen}. The repos that have traces are {_listed(repos)}.")
    return read_board(query.store, home, chosen, query.text("prd"))


def _listed(repos: Collection[RepoChoice]) -> str:
    return ", ".join(repo.path for repo in repos) or "none"
