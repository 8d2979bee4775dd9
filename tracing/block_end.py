"""What a `with` block does to what it is about: a span or a trace ends with it, and keeps what went wrong."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def ended_after(end: Callable[[], None], fail: Callable[[BaseException], None]) -> Iterator[None]:
    """`end` after the block, `fail` at an exception, which goes on. A generator that is closed early is no failure."""
    try:
        yield
    except GeneratorExit:
        end()
        raise
    except BaseException as error:
        fail(error)
        raise
    end()
