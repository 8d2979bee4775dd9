"""Tells browsers that something changed, as server-sent events: one look at the file for all of them.

Knows of traces only when they last changed. What changed, the browser fetches itself.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tracing.store.pulses import Pulse, Pulses

POLL_S = 0.5
HEARTBEAT_S = 15.0
MOST_CLIENTS = 32


@dataclass(eq=False)
class Watcher:
    """One browser's page."""

    trace_id: str
    last: Pulse | None = None
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class Live:
    """Looks every half second while somebody watches, and not otherwise."""

    def __init__(self, path: Path, *, poll_s: float = POLL_S, heartbeat_s: float = HEARTBEAT_S) -> None:
        self.path = path
        self.poll_s = poll_s
        self.heartbeat_s = heartbeat_s
        self.watchers: set[Watcher] = set()
        self._pulses: Mapping[str, Pulse] = {}
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    async def stream(self, request: Request) -> Response:
        """`/live?trace=ID` tells of one trace until it has ended, `/live` of all of them."""
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        if len(self.watchers) >= MOST_CLIENTS:
            raise HTTPException(503, "Too many pages watch at once. Close a few tabs.", {"Retry-After": "5"})
        events = self.events(request.query_params.get("trace", ""))
        return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    def stop(self) -> None:
        """Every stream ends; a new one ends at once."""
        self._stopped = True
        for watcher in self.watchers:
            watcher.woken.set()

    async def events(self, trace_id: str) -> AsyncGenerator[str, None]:
        if len(self.watchers) >= MOST_CLIENTS:  # many came at once, before the first of them was counted
            yield "retry: 5000\n\n"
            return
        watcher = Watcher(trace_id)
        self.watchers.add(watcher)
        try:
            yield "retry: 2000\n\n"
            while not self._stopped:
                self._look()
                pulse = self._pulses.get(trace_id)
                if pulse and pulse != watcher.last:
                    yield _event("state" if watcher.last is None else "changed", pulse)
                    watcher.last = pulse
                    if trace_id and not pulse.running:
                        yield _event("ended", pulse)
                        return
                elif not await self._woken(watcher):
                    yield ": still here\n\n"
        finally:
            self.watchers.discard(watcher)

    async def _woken(self, watcher: Watcher) -> bool:
        try:
            await asyncio.wait_for(watcher.woken.wait(), self.heartbeat_s)
        except TimeoutError:
            return False
        watcher.woken.clear()
        return True

    def _look(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._poll())

    async def _poll(self) -> None:
        """Until nobody watches any more."""
        with closing(Pulses(self.path)) as pulses:
            version, known = -1, set[str]()
            while self.watchers and not self._stopped:
                wanted = {watcher.trace_id for watcher in self.watchers}
                now = await run_in_threadpool(pulses.version)
                if now != version or wanted - known:
                    version, known = now, wanted
                    self._pulses = await run_in_threadpool(pulses.of, wanted)
                    for watcher in self.watchers:
                        watcher.woken.set()
                await asyncio.sleep(self.poll_s)
        self._pulses = {}


def _event(kind: str, pulse: Pulse) -> str:
    return f"event: {kind}\ndata: {json.dumps(asdict(pulse))}\n\n"
