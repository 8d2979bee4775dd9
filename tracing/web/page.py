"""What a page is: a path, a function from a query to a dataclass, a template. HTML and its `.json` twin are two renderings.

Knows nothing about HTTP servers, security or what the pages show.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tracing.store import TraceDetail, TraceStore


class PageError(Exception):
    """The page cannot be shown; the message says what, where and what to do. `status` is the HTTP status."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class NotFoundError(PageError):
    """There is no such thing."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=404)


@dataclass(frozen=True)
class Query:
    """What is asked of a page: the parts of its path, the arguments of its URL (the last of each name), and the store."""

    store: TraceStore
    path: Mapping[str, str] = field(default_factory=dict)
    args: Mapping[str, str] = field(default_factory=dict)
    now_ns: int = 0

    def text(self, name: str) -> str:
        """The argument, or "" where it is not given."""
        return self.args.get(name, "").strip()

    def number(self, name: str, default: int, *, least: int = 0, most: int = 10_000) -> int:
        """Raises: PageError."""
        given = self.text(name)
        if not given:
            return default
        try:
            found = int(given)
        except ValueError:
            found = least - 1
        if not least <= found <= most:
            raise PageError(f"{name}={given} is not a whole number from {least} to {most}. Change it in the address.")
        return found


@dataclass(frozen=True)
class Page:
    """One page. Its JSON twin stands at the path with `.json` behind it ("/" has "/index.json")."""

    path: str  # as Starlette writes it: "/traces/{trace_id}"
    name: str  # for links: url("trace", trace_id=...)
    view: Callable[[Query], object]  # a frozen dataclass; called in a thread
    template: str  # of one of the site's template folders
    title: Callable[[object], str] = lambda _view: ""  # of the window; the site's name is added
    nav: str = ""  # its words in the navigation; "" is not in it
    key: str = ""  # the letter that goes there after "g"


@dataclass(frozen=True)
class Panel:
    """Something beside a trace that another package knows of it: Ralph's outcome, say. It has a page of its own too."""

    name: str  # for its address: /traces/{trace_id}/{name}
    title: str
    view: Callable[[Query, TraceDetail], object | None]  # None: this trace has none
    template: str  # a fragment: it is shown inside the trace's page, and alone
    first: bool = False  # shown when no span is chosen


@dataclass(frozen=True)
class Site:
    """All that one viewer serves."""

    store: TraceStore
    name: str = "Traces"
    pages: Sequence[Page] = ()
    panels: Sequence[Panel] = ()
    templates: Sequence[Path] = ()  # further template folders, looked at before the site's own
    statics: Mapping[str, Path] = field(default_factory=dict)  # further static folders by prefix: /static/<prefix>/...
    styles: Sequence[str] = ()  # further style sheets, as "<prefix>/<file>"
    scripts: Sequence[str] = ()
    public_url: str = ""  # where people reach it, when not at the address that it listens on; no slash at the end
