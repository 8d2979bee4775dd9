"""A page hears of every change, until what it watches has ended; all of them together cost one look at the file."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from tracing import Trace, Tracer
from tracing.finding import Finding, Severity
from tracing.store import TraceStore
from tracing.store.writes import PutFindings
from tracing.web.live import MOST_CLIENTS, Live

T = TypeVar("T")
POLL_S = 0.01


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TraceStore]:
    opened = TraceStore.open(tmp_path / "traces.db")
    yield opened
    opened.close()


def run(body: Callable[[], Awaitable[T]]) -> T:
    async def within() -> T:
        return await asyncio.wait_for(body(), 10)

    return asyncio.run(within())


async def told(events: AsyncIterator[str]) -> tuple[str, dict[str, object]]:
    """The next event that is one."""
    async for event in events:
        if event.startswith("event: "):
            kind, data = event.removeprefix("event: ").split("\ndata: ")
            return kind, json.loads(data)
    return "over", {}


def started(store: TraceStore) -> Trace:
    return Tracer(store).start_trace("works", agent_id="agent")


def test_a_trace_is_told_of_from_its_state_over_each_change_to_its_end(store: TraceStore) -> None:
    trace, live = started(store), Live(store.path, poll_s=POLL_S)

    async def body() -> None:
        async with aclosing(live.events(trace.trace_id)) as events:
            kind, before = await told(events)
            assert (kind, before["spans"], before["status"], before["running"]) == ("state", 1, "running", True)
            with trace.span("step"):
                kind, changed = await told(events)
                assert (kind, changed["spans"]) == ("changed", 2)
            trace.end()
            kinds = [(await told(events))[0] for _ in range(3)]
            while kinds[-1] == "changed":
                kinds.append((await told(events))[0])
            assert kinds[kinds.index("ended") :][:2] == ["ended", "over"]

    run(body)


def test_all_traces_are_told_of_when_one_begins_and_when_it_ends(store: TraceStore) -> None:
    live = Live(store.path, poll_s=POLL_S)

    async def body() -> None:
        async with aclosing(live.events("")) as events:
            assert (await told(events))[1]["running"] is False
            trace = started(store)
            kind, changed = await told(events)
            assert (kind, changed["running"]) == ("changed", True)
            trace.end()
            while changed["running"]:
                kind, changed = await told(events)
            assert kind == "changed"

    run(body)


def test_all_traces_are_told_of_when_something_was_found_in_one(store: TraceStore) -> None:
    trace, live = started(store), Live(store.path, poll_s=POLL_S)
    trace.end()
    finding = Finding("any", Severity.NOTE, "title", "evidence", "remedy", ())

    async def body() -> None:
        async with aclosing(live.events("")) as events:
            before = (await told(events))[1]["findings"]
            store.write([PutFindings(trace.trace_id, (finding,), 1, 1)])
            kind, changed = await told(events)
            assert (kind, changed["findings"] != before) == ("changed", True)

    run(body)


def test_a_trace_that_is_not_there_has_ended(store: TraceStore) -> None:
    async def body() -> None:
        async with aclosing(Live(store.path, poll_s=POLL_S).events("abc")) as events:
            assert [(await told(events))[0] for _ in range(3)] == ["state", "ended", "over"]

    run(body)


def test_while_nothing_changes_a_sign_of_life_is_sent(store: TraceStore) -> None:
    async def body() -> list[str]:
        async with aclosing(Live(store.path, poll_s=POLL_S, heartbeat_s=0.02).events("")) as events:
            await told(events)
            return [await anext(events) for _ in range(2)]

    assert run(body) == [": still here\n\n"] * 2


def test_one_look_serves_everybody_and_nobody_is_left_behind(store: TraceStore) -> None:
    trace, live = started(store), Live(store.path, poll_s=POLL_S)

    async def body() -> None:
        every = [live.events(trace.trace_id if number % 2 else "") for number in range(10)]
        assert {(await told(events))[0] for events in every} == {"state"}
        tasks = [task for task in asyncio.all_tasks() if "_poll" in str(task.get_coro())]
        assert len(tasks) == 1
        with trace.span("step"):
            assert {(await told(events))[0] for events in every} == {"changed"}
        for events in every:
            await events.aclose()
        assert live.watchers == set()
        await tasks[0]  # ends by itself when nobody watches

    run(body)


def test_when_the_viewer_stops_every_stream_ends(store: TraceStore) -> None:
    live = Live(store.path, poll_s=POLL_S)

    async def body() -> None:
        events = live.events("")
        await told(events)
        waiting = asyncio.create_task(told(events))
        await asyncio.sleep(0)
        live.stop()
        assert (await waiting)[0] == "over"
        assert (await told(live.events("")))[0] == "over"

    run(body)


def test_more_pages_than_there_is_room_for_are_told_to_come_back(store: TraceStore) -> None:
    live = Live(store.path, poll_s=POLL_S)
    request = Request({"type": "http", "method": "GET", "query_string": b"", "headers": []})

    async def body() -> None:
        streams = [live.events("") for _ in range(MOST_CLIENTS)]
        for events in streams:
            await anext(events)
        with pytest.raises(HTTPException) as refused:
            await live.stream(request)
        assert refused.value.status_code == 503
        assert refused.value.headers == {"Retry-After": "5"}
        await streams[0].aclose()
        assert (await live.stream(request)).status_code == 200
        for events in streams:
            await events.aclose()

    run(body)


def test_a_burst_gets_no_further_than_the_room_there_is(store: TraceStore) -> None:
    live = Live(store.path, poll_s=POLL_S)

    async def body() -> None:
        streams = [live.events("") for _ in range(MOST_CLIENTS + 1)]
        first = [await anext(events) for events in streams]
        assert first[-1] == "retry: 5000\n\n"
        assert [event async for event in streams[-1]] == []
        assert len(live.watchers) == MOST_CLIENTS
        for events in streams:
            await events.aclose()

    run(body)
