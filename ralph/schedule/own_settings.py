"""`[schedules]` of the user's config.toml as it is now. A broken file is told once, and what was read last stays in force."""

import logging
from dataclasses import dataclass, field

from ralph.errors import RalphError
from ralph.home import Home
from ralph.settings.unwatched import Schedules

log = logging.getLogger("ralph.schedule")


@dataclass
class OwnSettings:
    """Asked at every tick."""

    home: Home
    _known: Schedules = field(default_factory=Schedules)
    _told: str = ""

    def __call__(self) -> Schedules:
        from ralph.settings.load import user_settings  # noqa: PLC0415  # heavy, and --help must be fast

        try:
            self._known, self._told = user_settings(self.home).schedules, ""
        except RalphError as error:
            if str(error) != self._told:
                log.warning("the settings before stay in force: %s", error)
            self._told = str(error)
        return self._known
