"""What the daemon does beside its schedules: keys for what it starts, alerts, the morning report, housekeeping. Does none of it itself."""

import time
from collections.abc import Callable, Sequence

from ralph.home import Home


def chores(home: Home, *, clock: Callable[[], int] = time.time_ns) -> Sequence[Callable[[], object]]:
    """In this order: alerts and the report may need a key that only the env file names.

    Raises:
        EnvFileError: the env file cannot be read, or others can.
    """
    from ralph.alerts.service import Alerting  # noqa: PLC0415  # heavy, and a daemon without anything to do starts fast
    from ralph.housekeeping.daily import gc_if_due  # noqa: PLC0415
    from ralph.report.message import send_if_due  # noqa: PLC0415
    from ralph.schedule.environment import FileVariables  # noqa: PLC0415
    from ralph.settings.load import user_settings  # noqa: PLC0415

    variables = FileVariables(home)
    variables.refresh()
    return (
        variables.refresh,
        Alerting(home, clock=clock).try_once,
        lambda: send_if_due(home, user_settings(home), clock),
        lambda: gc_if_due(home, user_settings(home), clock),
    )
