"""The time of day at which a process began to look, and from there on time as it passes: no jump of the clock is in it."""

import time

BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # Linux: a suspended machine's time counts too


class SteadyClock:
    """Nanoseconds since 1970 as they were at the first look, plus what passed since; never goes back."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.clock_gettime_ns(BOOT_CLOCK)

    def __call__(self) -> int:
        return self._offset_ns + time.clock_gettime_ns(BOOT_CLOCK)
