"""Whether a number is unusual beside others of its kind: median and MAD of logarithms, since costs and times are skewed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

LEAST_OTHERS = 8  # fewer say nothing of what is usual
_SIGMAS = 3.5  # Iglewicz and Hoaglin's rule for outliers by the MAD
_MAD_TO_SIGMA = 1.4826
_LEAST_SIGMA = math.log(1.3)  # runs of one agent differ by a third even where the few we know do not


@dataclass(frozen=True)
class Limit:
    """What is usual, and above what a number is not. `count` is of how many others."""

    usual: float
    above: float
    count: int


def limit(values: Sequence[float], *, times: float, more: float) -> Limit | None:
    """Above this a number is an outlier, `times` the usual and `more` than it; None where too few are known."""
    logs = [math.log(value) for value in values if value > 0]
    if len(logs) < LEAST_OTHERS:
        return None
    middle = median(logs)
    sigma = max(_MAD_TO_SIGMA * median(abs(log - middle) for log in logs), _LEAST_SIGMA)
    usual = math.exp(middle)
    return Limit(usual, max(usual * math.exp(_SIGMAS * sigma), usual * times, usual + more), len(logs))
