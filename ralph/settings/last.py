"""The user's settings for what goes on for days: config.toml as it is now, or, while it is wrong, as it was read last.

One for a process, so that all it does goes by the same settings. Knows nothing about who asks.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from ralph.errors import RalphError
from ralph.home import Home
from ralph.settings.load import user_settings
from ralph.settings.schema import Settings


@dataclass
class LastSettings:
    """Asked as often as one likes, from any thread."""

    home: Home
    tell: Callable[[str], object] = lambda _: None  # what is wrong, once until it is something else or mended
    _known: Settings | None = None
    _told: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> Settings:
        """Raises: SettingsError: config.toml is wrong, and was never read when it was right."""
        with self._lock:
            try:
                self._known, self._told = user_settings(self.home), ""
            except RalphError as error:
                if self._known is None:
                    raise
                if str(error) != self._told:
                    self.tell(str(error))
                self._told = str(error)
            return self._known
