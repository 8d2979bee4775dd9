"""What the daemon does beside its schedules: keys for what it starts, alerts, the morning report, housekeeping. Does none of it itself."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ralph.home import Home

if TYPE_CHECKING:
    from ralph.settings.last import LastSettings


def chores(
    home: Home, settings: "LastSettings", *, clock: Callable[[], int] = time.time_ns
) -> Sequence[Callable[[], object]]:
    """In this order: alerts and the report may need a key that only the env file names. All of them go by `settings`.

    Raises:
        EnvFileError: the env file cannot be read, or others can.
    """
    from ralph.alerts.service import Alerting  # noqa: PLC0415  # heavy, and a daemon without anything to do starts fast
    from ralph.housekeeping.daily import gc_if_due  # noqa: PLC0415
    from ralph.report.message import send_if_due  # noqa: PLC0415
    from ralph.schedule.environment import FileVariables  # noqa: PLC0415

    variables = FileVariables(home)
    variables.refresh()
    return (
        variables.refresh,
        Alerting(home, settings=settings, clock=clock).try_once,
        lambda: send_if_due(home, settings(), clock),
        lambda: gc_if_due(home, settings(), clock),
    )
