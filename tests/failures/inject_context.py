"""Failures of contexts and tools, put into clean runs; `inject.py` lists them with the others."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import TypeAlias

from tracing.failures.goal_drift import stems
from tracing.failures.observed import Observed
from tracing.failures.result_text import text_of
from tracing.span import JsonValue, SpanKind

Run: TypeAlias = Sequence[Observed]
Injected: TypeAlias = list[Observed] | None


def _in_time(spans: Iterable[Observed]) -> list[Observed]:
    return [replace(span, started_at_ns=2 * place, ended_at_ns=2 * place + 1) for place, span in enumerate(spans)]


def _call(number: int, tool: str, arguments: JsonValue, output: JsonValue, *, is_error: bool = False) -> Observed:
    return Observed(f"put-in-{number}", None, SpanKind.TOOL, tool, is_error=is_error, input=arguments, output=output)


def _spread(run: Run, random: Random, calls: Sequence[Observed]) -> list[Observed]:
    """In their order, each at a place of its own between the run's steps."""
    ends = [place + 1 for place, span in enumerate(run) if span.kind is SpanKind.TOOL]
    places = sorted(random.choice(ends) for _ in calls) if ends else [0] * len(calls)
    whole = list(run)
    for offset, (place, call) in enumerate(zip(places, calls, strict=True)):
        whole.insert(place + offset, call)
    return _in_time(whole)


def _stock(random: Random) -> dict[str, JsonValue]:
    return {
        "items": [
            {"sku": random.getrandbits(32), "price": random.random(), "name": "tea"}
            for _ in range(random.randint(1, 5))
        ],
        "total": random.randint(1, 99),
        "currency": "EUR",
    }


def _changed(random: Random) -> JsonValue:
    good = _stock(random)
    changes: Sequence[Callable[[], JsonValue]] = (
        lambda: good | {"total": "many"},
        lambda: good | {"items": {"sku": 1, "price": 2, "name": "tea"}},
        lambda: {"results": good["items"], "total": 3, "currency": "EUR"},
        lambda: {"items": good["items"]},
        lambda: good["items"],
        lambda: "Two kinds of tea are in stock, both of them green.",
        lambda: "<!DOCTYPE html><html><body>Please sign in to go on</body></html>",
        lambda: "",
        lambda: json.dumps(good)[:30],
        lambda: good | {"items": [{"sku": "a1", "price": "1 EUR", "name": "tea"}]},
    )
    return random.choice(changes)()


def changed_shape(run: Run, random: Random) -> Injected:
    """5 to 14 results of one tool alike, then one of another shape; as JSON or as text."""
    as_text = random.random() < 0.5
    outputs = [*(_stock(random) for _ in range(random.randint(5, 14))), _changed(random)]
    wired = [json.dumps(output) if as_text and not isinstance(output, str) else output for output in outputs]
    return _spread(
        run, random, [_call(n, "get_stock", {"shop": f"shop {n}"}, output) for n, output in enumerate(wired)]
    )


def error_as_success(run: Run, random: Random) -> Injected:
    """One result that is an error, marked as a success."""
    errors: Sequence[JsonValue] = (
        "Error: upstream said no", "HTTP 503 Service Unavailable", {"error": {"message": "no such shop"}}, "429 Too Many Requests",
        {"success": False, "message": "closed"}, "Traceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'x'",
        "Permission denied", "rate limit exceeded, try again later", {"status": 500, "message": "oops"}, "ValueError: not a date",
        "An error occurred: connection reset by peer", "<html><head><title>404 Not Found</title></head></html>",
    )  # fmt: skip
    return _spread(run, random, [_call(0, "get_stock", {"shop": "x"}, random.choice(errors))])


def cascade(run: Run, random: Random) -> Injected:
    """A failure, marked or not, then 2 to 5 later ones that name what it left undone; other work in between."""
    cart = f"cart-{random.getrandbits(24)}"
    first = _call(0, "create_cart", {"cart": cart}, "Error: out of stock", is_error=random.random() < 0.5)
    later = [
        _call(n, tool, {"cart": cart, "n": n}, f"Error: {cart} does not exist", is_error=random.random() < 0.5)
        for n, tool in enumerate(
            random.choices(["add_item", "check_out", "get_cart", "ship"], k=random.randint(2, 5)), 1
        )
    ]
    return _spread(run, random, [first, *later])


def _turns(run: Run) -> list[int]:
    return [place for place, span in enumerate(run) if span.kind is SpanKind.LLM]


def growing_context(run: Run, random: Random) -> Injected:
    """The run's own turns with a context that grows six- to twentyfold without a cache, unless it is that large already."""
    turns = _turns(run)
    if len(turns) < 20 or max(run[place].input_tokens for place in turns) > 32_000:
        return None
    start, end = 5_000, random.randint(60_000, 100_000)
    sizes = {place: start + (end - start) * n // len(turns) for n, place in enumerate(turns)}
    return [
        replace(span, input_tokens=sizes[at], output_tokens=300) if at in sizes else span for at, span in enumerate(run)
    ]


def broken_cache(run: Run, random: Random) -> Injected:
    """The run's own turns, cached but for one to three of them."""
    turns = _turns(run)
    if len(turns) < 8:
        return None
    broken = set(random.sample(turns[2:], random.randint(1, 3)))
    whole, before = list(run), 0
    for n, place in enumerate(turns):
        size = 40_000 + 500 * n
        read = random.choice([0, 3_000]) if place in broken else before
        whole[place] = replace(whole[place], input_tokens=size, cache_read_tokens=read, cache_write_tokens=size - read)
        before = size
    return whole


_ELSEWHERE = (
    "recipe",
    "oven",
    "flour",
    "butter",
    "sugar",
    "cinnamon",
    "apples",
    "bakery",
    "pastry",
    "kitchen",
    "whisk",
    "dough",
)


def lost_goal(run: Run, random: Random) -> Injected:
    """The goal is what the run's own first half is about; then 25 to 60 calls about baking."""
    calls = [span for span in run if span.kind is SpanKind.TOOL]
    turns = _turns(run)
    half = calls[: len(calls) // 2]
    goal = " ".join(sorted(frozenset().union(*(stems(text_of(span.input)) for span in half))))
    if len(half) < 12 or not turns:
        return None
    begun = [replace(span, input=goal) if place == turns[0] else span for place, span in enumerate(run)]
    kept = begun[: run.index(half[-1]) + 1]
    away = [
        _call(n, "search", {"query": " ".join(random.sample(_ELSEWHERE, 3))}, f"page {n}")
        for n in range(random.randint(25, 60))
    ]
    return _in_time([*kept, *away])


CONTEXT_INJECTIONS: dict[str, tuple[str, Callable[[Run, Random], Injected]]] = {
    "changed shape": ("tool_schema", changed_shape),
    "error as success": ("failure_cascade", error_as_success),
    "cascade": ("failure_cascade", cascade),
    "growing context": ("context_growth", growing_context),
    "broken cache": ("cache_breaks", broken_cache),
    "lost goal": ("goal_drift", lost_goal),
}
