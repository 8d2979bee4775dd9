"""`[schedules]` of the user's config.toml, read again when the file has changed. A broken file is told once, and what was read
last stays in force.
"""

import logging
from dataclasses import dataclass, field

from ralph.errors import RalphError
from ralph.home import Home
from ralph.settings.unwatched import Schedules

log = logging.getLogger("ralph.schedule")


@dataclass
class OwnSettings:
    """Cheap to ask at every tick."""

    home: Home
    _known: Schedules = field(default_factory=Schedules)
    _seen: tuple[int, int, int] | None = None

    def __call__(self) -> Schedules:
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            self._known = self._read()
        return self._known

    def _stamp(self) -> tuple[int, int, int]:
        try:
            found = self.home.config.stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def _read(self) -> Schedules:
        from ralph.settings.load import user_settings  # noqa: PLC0415  # heavy, and only wanted when something changed

        try:
            return user_settings(self.home).schedules
        except RalphError as error:
            log.warning("the settings before stay in force: %s", error)
            return self._known
