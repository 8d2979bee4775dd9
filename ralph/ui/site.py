"""The viewer as Ralph serves it: the generic pages of any agent's traces, Ralph's own, and the outcome beside a trace."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from ralph.history.costs import cost_groups
from ralph.home import Home
from ralph.ui.alerts import alerts_view
from ralph.ui.compared import compared
from ralph.ui.outcome import outcome
from ralph.ui.overview import overview
from ralph.ui.report import report_view
from ralph.ui.schedules import ScheduleView, schedule_view, schedules_view
from ralph.ui.stories import stories_view
from tracing.reconcile import Books
from tracing.store import GroupBy, TraceStore
from tracing.web.page import Page, Panel, Site
from tracing.web.pages import agents, sessions, span, trace, traces
from tracing.web.pages.compare import compare_page
from tracing.web.pages.costs import CostGroup as Spent
from tracing.web.pages.costs import costs_page, from_traces

HERE = Path(__file__).parent


def ralph_site(store: TraceStore, home: Home, *, public_url: str = "") -> Site:
    """All that `ralph ui` serves. Looking changes nothing: not the repos, not the ledger, not the traces."""
    return Site(
        store,
        name="Ralph",
        pages=(
            *_own_pages(home),
            *traces.PAGES,
            *agents.PAGES,
            *sessions.PAGES,
            *trace.PAGES,
            *span.PAGES,
            costs_page(_costs_of(home), "ralph costs reconcile"),
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


def _own_pages(home: Home) -> Iterator[Page]:
    """What Ralph knows beside the traces, as somebody looks for it in the morning."""
    yield Page(
        "/", "overview", lambda query: overview(query, home), "overview.html", _named("Overview"), "Overview", "o"
    )
    yield Page(
        "/report", "report", lambda query: report_view(query, home), "report.html", _named("Report"), "Report", "r"
    )
    yield Page(
        "/stories",
        "stories",
        lambda query: stories_view(query, home),
        "stories.html",
        _named("Stories"),
        "Stories",
        "s",
    )
    yield Page(
        "/schedules",
        "schedules",
        lambda query: schedules_view(query, home),
        "schedules.html",
        _named("Schedules"),
        "Schedules",
        "n",
    )
    yield Page(
        "/schedules/{schedule}",
        "schedule",
        lambda query: schedule_view(query, home),
        "schedule.html",
        lambda view: view.schedule.name if isinstance(view, ScheduleView) else "",
    )
    yield Page(
        "/alerts", "alerts", lambda query: alerts_view(query, home), "alerts.html", _named("Alerts"), "Alerts", "l"
    )


def _named(title: str) -> Callable[[object], str]:
    return lambda _view: title


def _costs_of(home: Home) -> Callable[[TraceStore, GroupBy, int], Sequence[Spent]]:
    """What was spent as `ralph costs` says it: the traces' costs with what the ledger knows better, where there is one."""

    def read(store: TraceStore, by: GroupBy, since_ns: int) -> Sequence[Spent]:
        if not home.ledger_db.is_file():
            return from_traces(store, by, since_ns)
        with closing(Books.open(home.ledger_db)) as books:
            return cost_groups(store, books, by, since_ns=since_ns)

    return read
