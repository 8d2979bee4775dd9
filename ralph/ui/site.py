"""The viewer as Ralph serves it: the generic pages of any agent's traces, Ralph's own, and the outcome beside a trace."""

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

from ralph.home import Home
from ralph.ui.board import stories_view
from ralph.ui.compared import compared
from ralph.ui.outcome import outcome
from ralph.ui.overview import overview
from tracing.store import TraceStore
from tracing.web.page import Page, Panel, Site
from tracing.web.pages.compare import compare_page

HERE = Path(__file__).parent
GENERIC = ("traces", "agents", "sessions", "costs", "trace", "span")


def ralph_site(store: TraceStore, home: Home, *, public_url: str = "") -> Site:
    """All that `ralph ui` serves. Looking changes nothing: not the repos, not the ledger, not the traces."""
    return Site(
        store,
        name="Ralph",
        pages=(
            Page(
                "/",
                "overview",
                lambda query: overview(query, home),
                "overview.html",
                _named("Overview"),
                "Overview",
                "o",
            ),
            Page(
                "/stories",
                "stories",
                lambda query: stories_view(query, home),
                "stories.html",
                _named("Stories"),
                "Stories",
                "s",
            ),
            *_generic_pages(),
            compare_page(lambda store, a, b: compared(store, home, a, b), "compared.html"),
        ),
        panels=(
            Panel(
                "outcome",
                "Outcome",
                lambda query, detail: outcome(query.store, home, detail),
                "outcome.html",
                first=True,
            ),
        ),
        templates=(HERE / "templates",),
        statics={"ralph": HERE / "static"},
        styles=("ralph/ralph.css",),
        public_url=public_url,
    )


def _named(title: str) -> Callable[[object], str]:
    return lambda _view: title


def _generic_pages() -> Iterator[Page]:
    for name in GENERIC:
        if importlib.util.find_spec(f"tracing.web.pages.{name}"):
            yield from importlib.import_module(f"tracing.web.pages.{name}").PAGES
