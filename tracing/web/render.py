"""Pages to HTML: the templates, their filters and helpers. Everything is escaped; knows nothing about HTTP."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from tracing.finding import Severity
from tracing.store import TraceDetail, TraceStore
from tracing.web.page import Page, Panel, Query, Site
from tracing.words import cut, iso_time, length, local_time, money, percent, plain, tokens

OWN = Path(__file__).parent / "templates"
NS = 1_000_000_000
AGO_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def ago(at_ns: int, now_ns: int | None = None) -> str:
    """As in "just now", "5 min ago", "3 h ago", "2 d ago"; after 30 days the date."""
    seconds = ((time.time_ns() if now_ns is None else now_ns) - at_ns) // NS
    if seconds >= 30 * 86_400:
        return local_time(at_ns, "%Y-%m-%d")
    return next((f"{seconds // size} {unit} ago" for unit, size in AGO_UNITS if seconds >= size), "just now")


def ticks(text: str) -> Markup:
    """Escaped, with what stands between two backticks as code: `like this`."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one tick too many is just a tick
        parts[-2:] = ["`".join(parts[-2:])]
    return Markup().join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part) for number, part in enumerate(parts)
    )


@dataclass(frozen=True)
class Shown:
    """A panel beside a trace, rendered."""

    name: str
    title: str
    first: bool
    html: Markup
    url: str


@dataclass(frozen=True)
class Where:
    """What a page's frame says of the request: which page, and where the same is found without frame or as JSON."""

    page: Page | None = None
    twin: str = ""  # the address of the JSON twin
    bare: bool = False


@dataclass
class Renderer:
    """The templates of one site. `base` is put before every address: the path of `public_url`."""

    site: Site
    static_url: Callable[[str], str] = lambda name: f"/static/{name}"
    base: str = ""
    version: str = ""
    paths: dict[str, str] = field(init=False)
    environment: Environment = field(init=False)

    def __post_init__(self) -> None:
        self.paths = _paths(self.site)
        folders = [FileSystemLoader(folder) for folder in (*self.site.templates, OWN)]
        self.environment = Environment(
            loader=ChoiceLoader(folders),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters |= {
            "money": money, "tokens": tokens, "length": length, "percent": percent, "ago": ago,
            "local_time": local_time, "iso_time": iso_time, "plain": plain, "cut": cut, "ticks": ticks,
        }  # fmt: skip
        self.environment.globals |= {
            "url": self.url, "static": self.static, "site": self.site, "panels": self.panels,
            "version": self.version, "base": self.base, "Severity": Severity, "has_page": self.paths.__contains__,
        }  # fmt: skip

    def page(self, page: Page, view: object, where: Where) -> str:
        return self.template(page.template, view, where, title=page.title(view))

    def template(self, name: str, view: object, where: Where, *, title: str = "", **more: object) -> str:
        return self.environment.get_template(name).render(
            view=view, title=title, where=where, layout="bare.html" if where.bare else "base.html", **more
        )

    def fragment(self, panel: Panel, view: object) -> Markup:
        return Markup(self.environment.get_template(panel.template).render(view=view))  # noqa: S704  # a template's own output

    def panels(self, trace: TraceDetail | str) -> list[Shown]:
        """What other packages know of this trace (or of the one with this id), without those that know nothing of it."""
        trace = self.site.store.trace(trace) if isinstance(trace, str) else trace
        query = query_of(self.site.store, {"trace_id": trace.trace.trace_id}, {})
        views = [(panel, panel.view(query, trace)) for panel in self.site.panels]
        return [
            Shown(
                panel.name,
                panel.title,
                panel.first,
                self.fragment(panel, view),
                self.url(panel_name(panel), trace_id=trace.trace.trace_id),
            )
            for panel, view in views
            if view is not None
        ]

    def url(self, name: str, **values: object) -> str:
        """The address of a page: what its path does not take goes into the query; "", None and False are left out.

        A page that this site does not have gives a link that leads nowhere: packages link to each other's pages.
        """
        if name not in self.paths:
            return f"#no-page-{quote(name, safe='')}"
        path = self.paths[name]
        parts = {key: value for key, value in values.items() if f"{{{key}}}" in path}
        for key, value in parts.items():
            path = path.replace(f"{{{key}}}", quote(str(value), safe=""))
        rest = {key: value for key, value in values.items() if key not in parts and _is_said(value)}
        return self.base + path + (f"?{urlencode(rest)}" if rest else "")

    def static(self, name: str) -> str:
        return self.base + self.static_url(name)


def query_of(store: TraceStore, path: Mapping[str, str], args: Mapping[str, str]) -> Query:
    return Query(store, path, args, time.time_ns())


def _is_said(value: object) -> bool:
    return value is not None and value is not False and value != ""


def json_path(path: str) -> str:
    return "/index.json" if path == "/" else f"{path}.json"


def panel_path(panel: Panel) -> str:
    return f"/traces/{{trace_id}}/{panel.name}"


def panel_name(panel: Panel) -> str:
    return f"panel {panel.name}"


def _paths(site: Site) -> dict[str, str]:
    """By name: of every page and panel, and of their JSON twins ("trace.json")."""
    paths = {page.name: page.path for page in site.pages} | {panel_name(one): panel_path(one) for one in site.panels}
    return {**paths, **{f"{name}.json": json_path(path) for name, path in paths.items()}}
