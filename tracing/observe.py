"""Tracing for any agent in three lines, on a default tracer that writes to the user's own traces.db.

    trace = start_trace("nightly", agent_id="importer")
    trace.add_span("fetch", input=url, output=rows)
    trace.end()

Knows nothing about what is traced. `RALPH_HOME` names the folder; without it, the platform's user state folder.
"""

import functools
import inspect
import os
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

from tracing.redact import Redactor, secret_values
from tracing.span import SpanKind
from tracing.store.store import TraceStore
from tracing.tracer import Span, Trace, Tracer, current_span, use_span

HOST_WAITS_AT_MOST_MS = 50

F = TypeVar("F", bound=Callable[..., Any])

_LOCK = threading.Lock()
_TRACERS: dict[Path, Tracer] = {}


def default_tracer() -> Tracer:
    """The tracer of this process for the current `RALPH_HOME`; made on first use, its file opened with the first write."""
    path = traces_path(os.environ)
    with _LOCK:
        if path not in _TRACERS:
            store = TraceStore(path, busy_timeout_ms=HOST_WAITS_AT_MOST_MS)
            _TRACERS[path] = Tracer(store, redact=Redactor(secret_values(os.environ)))
        return _TRACERS[path]


def set_default_tracer(tracer: Tracer) -> None:
    """Use this one for `start_trace` and `@observe()` while `RALPH_HOME` stays what it is."""
    with _LOCK:
        _TRACERS[traces_path(os.environ)] = tracer


def traces_path(environ: Mapping[str, str]) -> Path:
    named = environ.get("RALPH_HOME")
    if named:
        return Path(named).expanduser().absolute() / "traces.db"
    import platformdirs  # noqa: PLC0415  only who has no RALPH_HOME pays for it

    return platformdirs.user_state_path("ralph") / "traces.db"


def start_trace(
    name: str, *, agent_id: str = "", metadata: Mapping[str, object] | None = None, session_id: str | None = None
) -> Trace:
    """A trace that is on disk when this returns; a `TRACEPARENT` in the environment links it to the one above.

    Call `.end(status)` on it, or use it as a context manager.
    """
    return default_tracer().start_trace(
        name,
        agent_id=agent_id,
        metadata=metadata,
        session_id=session_id,
        parent=os.environ.get("TRACEPARENT", ""),
    )


def child_environment() -> dict[str, str]:
    """What to add to a child process's environment so that its traces link to the current span; {} outside of one."""
    span = current_span()
    return {} if span is None else {"TRACEPARENT": span.traceparent}


def observe(name: str | None = None, *, kind: SpanKind | str = SpanKind.CHAIN) -> Callable[[F], F]:
    """Decorate a function, coroutine function, generator or async generator: each call is a span with input and output.

    Calls nest by context; the outermost one opens a trace of its own.
    """

    def decorate(function: F) -> F:
        watched = _Watched(function, name or function.__qualname__, SpanKind(kind))
        if inspect.isasyncgenfunction(function):
            return cast("F", watched.async_generator())
        if inspect.iscoroutinefunction(function):
            return cast("F", watched.coroutine())
        if inspect.isgeneratorfunction(function):
            return cast("F", watched.generator())
        return cast("F", watched.plain())

    return decorate


class _Watched:
    """One decorated function in its four forms."""

    def __init__(self, function: Callable[..., Any], name: str, kind: SpanKind) -> None:
        self._function = function
        self._name = name
        self._kind = kind

    def plain(self) -> Callable[..., Any]:
        @functools.wraps(self._function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self._span(args, kwargs) as span:
                result = self._function(*args, **kwargs)
                span.set_output(result)
                return result

        return wrapper

    def coroutine(self) -> Callable[..., Any]:
        @functools.wraps(self._function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self._span(args, kwargs) as span:
                result = await self._function(*args, **kwargs)
                span.set_output(result)
                return result

        return wrapper

    def generator(self) -> Callable[..., Any]:
        @functools.wraps(self._function)
        def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with self._kept_open(args, kwargs) as (span, items):
                inner = self._function(*args, **kwargs)
                result = yield from _inside(span, inner, items)
                span.set_output({"items": items, "returned": result} if result is not None else items)
                return result

        return wrapper

    def async_generator(self) -> Callable[..., Any]:
        @functools.wraps(self._function)
        async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            with self._kept_open(args, kwargs) as (span, items):
                inner = self._function(*args, **kwargs)
                sent = None
                try:
                    while True:
                        with use_span(span):
                            item = await inner.asend(sent)
                        _note(items, item)
                        sent = yield item
                except StopAsyncIteration:
                    span.set_output(items)
                finally:
                    await inner.aclose()

        return wrapper

    @contextmanager
    def _span(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Span]:
        """A span that is current for the whole call."""
        with _opened(self._name, self._kind, _arguments(self._function, args, kwargs)) as span, use_span(span):
            yield span

    @contextmanager
    def _kept_open(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[Span, list[Any]]]:
        """A span that outlives single steps, and is current only while the generator's own code runs."""
        items: list[Any] = []
        with _opened(self._name, self._kind, _arguments(self._function, args, kwargs)) as span:
            try:
                yield span, items
            except GeneratorExit:
                span.set_output(items)
                raise


KEPT_ITEMS = 200


def _note(items: list[Any], item: Any) -> None:
    if len(items) < KEPT_ITEMS:
        items.append(item)


def _inside(span: Span, inner: Any, items: list[Any]) -> Generator[Any, Any, Any]:
    """Drive a generator with `span` current only inside it: what is sent, thrown and returned passes through."""
    step: Callable[[], Any] = functools.partial(next, inner)
    try:
        while True:
            try:
                with use_span(span):
                    item = step()
            except StopIteration as stop:
                return stop.value
            _note(items, item)
            try:
                step = functools.partial(inner.send, (yield item))
            except GeneratorExit:
                raise
            except BaseException as error:  # noqa: BLE001  thrown in by the consumer, for the inner one to see
                step = functools.partial(inner.throw, error)
    finally:
        inner.close()


@contextmanager
def _opened(name: str, kind: SpanKind, arguments: object) -> Iterator[Span]:
    """A span under the current one, or the root of a new trace; ended with the block, exceptions recorded."""
    above = current_span()
    if above is None:
        trace = start_trace(name)
        with trace.ending():
            span = trace.start_span(name, kind=kind, input=arguments, parent=trace.root)
            with span.ending():
                yield span
        return
    span = above.trace.start_span(name, kind=kind, input=arguments, parent=above)
    with span.ending():
        yield span


def _arguments(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    """The call's arguments by name; `self` and `cls` are left out."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        return {"args": list(args), "kwargs": kwargs}
    return {name: value for name, value in bound.items() if name not in {"self", "cls"}}
