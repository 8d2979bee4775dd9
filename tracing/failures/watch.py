"""All detectors over one trace, while it happens or afterwards: the same code, so that both say the same."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence

from tracing.failures.detector import Detector
from tracing.failures.observed import Ending, Observed
from tracing.finding import Finding, Verdict
from tracing.recorder import strict

LOGGER = logging.getLogger("tracing")
RANK = {Verdict.NOTE: 0, Verdict.NUDGE: 1, Verdict.STOP: 2}


class Watch:
    """Feeds the detectors and keeps what they find. Safe to use from several threads."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._detectors = list(detectors)
        self._found: dict[tuple[str, str], Finding] = {}
        self._said: dict[tuple[str, str], Verdict] = {}
        self._lock = threading.Lock()

    def began(self, span: Observed) -> bool:
        """Whether anything new was found."""
        return self._feed(lambda detector: detector.began(span))

    def ended(self, span: Observed) -> bool:
        return self._feed(lambda detector: detector.ended(span))

    def closed(self, ending: Ending) -> bool:
        return self._feed(lambda detector: detector.closed(ending))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The gravest first, in the order in which they were found among equals."""
        with self._lock:
            return tuple(sorted(self._found.values(), key=lambda finding: -finding.severity))

    def due(self) -> Finding | None:
        """What should happen before the next call: the gravest nudge or stop that was not handed out yet."""
        with self._lock:
            waiting = [
                finding
                for key, finding in self._found.items()
                if RANK[finding.verdict] > RANK[self._said.get(key, Verdict.NOTE)]
            ]
            gravest = max(waiting, key=lambda finding: RANK[finding.verdict], default=None)
            for finding in waiting:
                self._said[finding.key] = finding.verdict
            return gravest

    def _feed(self, tell: Callable[[Detector], Iterable[Finding]]) -> bool:
        with self._lock:
            news = [finding for detector in list(self._detectors) for finding in self._asked(detector, tell)]
            changed = any(self._found.get(finding.key) != finding for finding in news)
            self._found |= {finding.key: finding for finding in news}
            return changed

    def _asked(self, detector: Detector, tell: Callable[[Detector], Iterable[Finding]]) -> list[Finding]:
        """What it says; one that fails is left out from then on, and takes none of the others with it."""
        try:
            return list(tell(detector))
        except Exception:
            if strict():
                raise
            LOGGER.exception("The detector %s failed; it is left out for the rest of this trace.", detector.name)
            self._detectors.remove(detector)
            return []
