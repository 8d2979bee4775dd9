"""What a daemon, and all that it does beside its schedules, goes by: one for the process, and its log says when config.toml is wrong."""

import logging
from typing import TYPE_CHECKING

from ralph.home import Home

if TYPE_CHECKING:
    from ralph.settings.last import LastSettings

log = logging.getLogger("ralph.schedule")


def own_settings(home: Home) -> "LastSettings":
    from ralph.settings.last import LastSettings  # noqa: PLC0415  # heavy, and --help must be fast

    return LastSettings(home, lambda said: log.warning("the settings before stay in force: %s", said))
