"""Forks a courier for each line of its input, so that one can be killed at any failpoint without the price of a new process.

A line is {"ledger", "failpoint", "channels", "environment"}; the answer is the courier's exit code, -9 when it was killed.
"""

import json
import os
import sys
import traceback
from contextlib import closing
from pathlib import Path
from typing import Any

from tracing import failpoint
from tracing.alerts.channels import Channel
from tracing.alerts.courier import Courier, sender
from tracing.alerts.outbox import Outbox


def main() -> None:
    for kind in ("email", "pagerduty", "slack", "webhook"):
        sender(kind)  # imports it, once for all forks
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _deliver(json.loads(line))
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _deliver(order: dict[str, Any]) -> None:
    try:
        os.setpgid(0, 0)
        failpoint.arm(order["failpoint"])
        channels = [Channel(**channel) for channel in order["channels"]]
        with closing(Outbox.open(Path(order["ledger"]))) as outbox:
            Courier(outbox, channels, environment=order["environment"], pause=lambda _: None).deliver()
    except BaseException:  # noqa: BLE001 - the child must not go on as its parent
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
