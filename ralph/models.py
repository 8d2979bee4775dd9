"""Who plays the model in a run: a real service, a recording, or a person."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ralph.errors import RalphError
from ralph.model.client import sdk_client

if TYPE_CHECKING:
    import httpx2

    from ralph.model.client import Client
    from ralph.settings.schema import Settings

BY_HAND = "by-hand"
RECORDING = "recording"
NO_KEY = "no-key"  # a scripted model asks for none, and a real one must not be sent


@dataclass(frozen=True)
class Player:
    """`label` is None for a real model; otherwise it stands on commits and traces, and costs are simulated."""

    label: str | None = None
    transport: "httpx2.BaseTransport | None" = None

    @property
    def api_key(self) -> str | None:
        return NO_KEY if self.transport else None


def client_for(settings: "Settings", player: Player, environ: Mapping[str, str] = os.environ) -> "Callable[[], Client]":
    """A maker of the client that a run needs. Whoever plays the model speaks Anthropic's own format."""
    from ralph.model.access import key_for, vertex_project  # noqa: PLC0415  # knows prices, which take time to import

    if player.transport is not None:
        return sdk_client(base_url=settings.base_url, api_key=player.api_key, transport=player.transport)
    return sdk_client(
        provider=settings.provider,
        base_url=settings.base_url,
        api_key=key_for(settings, environ),
        project=vertex_project(environ),
    )


@contextmanager
def choose_player(
    by_hand: Path | None,
    recording: Path | None,
    *,
    tell: Callable[[str], None] = lambda _text: None,
    stop: threading.Event | None = None,
) -> Iterator[Player]:
    """The real model unless a folder or a recording is named. `tell` is told what a person is waited for, until `stop`.

    Raises:
        RalphError: both are named, or the recording cannot be read.
    """
    if by_hand and recording:
        raise RalphError("--by-hand and --recording exclude each other. Leave one of them out.")
    if by_hand:
        from ralph.replay.by_hand import by_hand as person  # noqa: PLC0415  # only such a run needs it

        model = person(by_hand, tell=tell, stop=stop)
        label = BY_HAND
    elif recording:
        from ralph.replay.recording import RecordingError, load_recording, replayed  # noqa: PLC0415

        try:
            model = replayed(load_recording(recording))
        except RecordingError as error:
            raise RalphError(str(error)) from error
        label = RECORDING
    else:
        yield Player()
        return
    try:
        yield Player(label, model.transport())
    finally:
        model.release()
