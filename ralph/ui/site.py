"""The viewer as Ralph serves it: the generic pages of any agent's traces, and Ralph's own."""

import importlib
import importlib.util
from collections.abc import Iterator

from ralph.home import Home
from tracing.store import TraceStore
from tracing.web.page import Page, Site

GENERIC = ("traces", "agents", "costs", "trace", "span", "compare")


def ralph_site(store: TraceStore, home: Home, *, public_url: str = "") -> Site:
    del home
    return Site(store, name="Ralph", pages=tuple(_generic_pages()), public_url=public_url)


def _generic_pages() -> Iterator[Page]:
    for name in GENERIC:
        if importlib.util.find_spec(f"tracing.web.pages.{name}"):
            yield from importlib.import_module(f"tracing.web.pages.{name}").PAGES
