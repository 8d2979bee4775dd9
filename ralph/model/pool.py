"""The models of one run, by name: one client, one meter and one pace for all of them. Knows nothing about roles."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ralph.model.call import Model
from ralph.model.pace import Pace
from tracing.meter import Meter

if TYPE_CHECKING:
    from ralph.model.client import Client
    from ralph.settings.kinds import Provider


class _SharedClient:
    """Made at the first call, by whichever thread comes first."""

    def __init__(self, make: "Callable[[], Client]") -> None:
        self._make = make
        self._lock = threading.Lock()
        self._client: Client | None = None

    def __call__(self) -> "Client":
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client

    def close(self) -> None:
        if self._client is not None:
            self._client.close()


class Models:
    """`get(name)` is always the same model, so what it does not take is learnt once. Close it when the run is over."""

    def __init__(
        self,
        client: "Callable[[], Client]",
        meter: Meter,
        *,
        pace: Pace | None = None,
        provider: "Provider" = "anthropic",
    ) -> None:
        self._client = _SharedClient(client)
        self._meter, self._provider = meter, provider
        self.pace = pace or Pace()
        self._lock = threading.Lock()
        self._models: dict[str, Model] = {}

    def get(self, name: str) -> Model:
        with self._lock:
            if name not in self._models:
                self._models[name] = Model(self._client, self._meter, name, pace=self.pace, provider=self._provider)
            return self._models[name]

    def close(self) -> None:
        self._client.close()
