"""How well the detectors do on a file of runs: `python -m tests.failures.score PATH.jsonl.gz [--detector NAME]`.

Two tables that are never mixed: what is found in the runs as they are, by outcome, and what is found of failures put in.
"""

import argparse
import gzip
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeAlias

from tests.failures.inject import INJECTIONS
from tracing.failures.detectors import DETECTORS, detectors
from tracing.failures.observed import Ending, Observed, Subject
from tracing.failures.replaying import replay
from tracing.failures.steps import read_steps
from tracing.failures.watch import RANK, Watch
from tracing.finding import Finding, Verdict

Read: TypeAlias = tuple[Subject, list[Observed], Ending]
SEEDS = 3


def read(path: Path) -> list[Read]:
    with gzip.open(path, "rt") as lines:
        return [read_steps(json.loads(line)) for line in lines]


def watched(subject: Subject, spans: Sequence[Observed], ending: Ending, only: str = "") -> tuple[Finding, ...]:
    watch = Watch([detector for detector in detectors(subject) if not only or detector.name == only])
    replay(watch, spans, ending)
    return watch.findings


def worst(findings: Iterable[Finding]) -> Mapping[str, Verdict]:
    """Per detector, the gravest verdict over a run."""
    found: dict[str, Verdict] = {}
    for finding in findings:
        if RANK[finding.verdict] >= RANK[found.get(finding.detector, Verdict.NOTE)]:
            found[finding.detector] = finding.verdict
    return found


@dataclass(frozen=True)
class Natural:
    """Of how many runs of one outcome a detector said what."""

    runs: int
    verdicts: Mapping[tuple[str, Verdict], int]

    def share(self, detector: str, *verdicts: Verdict) -> float:
        return sum(self.verdicts.get((detector, verdict), 0) for verdict in verdicts) / max(self.runs, 1)


def natural(runs: Iterable[Read], *, passed: bool) -> Natural:
    listed = [run for run in runs if run[2].passed is passed]
    verdicts = Counter(item for run in listed for item in worst(watched(*run)).items())
    return Natural(len(listed), verdicts)


@dataclass(frozen=True)
class Recall:
    """Of how many failures put in, how many were found, by the detector meant for them and at a span of theirs or later."""

    kind: str
    detector: str
    cases: int
    found: int
    stopped: int


def recall(runs: Iterable[Read], kinds: Iterable[str] = tuple(INJECTIONS), *, seeds: int = SEEDS) -> list[Recall]:
    """Findings that the run had already before the failure was put in do not count."""
    clean = [run for run in runs if run[2].passed]
    return [_recall_of(kind, clean, seeds) for kind in kinds]


def _recall_of(kind: str, clean: Sequence[Read], seeds: int) -> Recall:
    detector, put_in = INJECTIONS[kind]
    found: list[Sequence[Finding]] = []
    for number, (subject, spans, ending) in enumerate(clean):
        before = {finding.key for finding in watched(subject, spans, ending, detector)}
        for seed in range(seeds):
            run = put_in(spans, Random(f"{kind}-{number}-{seed}"))
            if run is not None:
                found.append(
                    [finding for finding in watched(subject, run, ending, detector) if finding.key not in before]
                )
    stopped = sum(any(finding.verdict is Verdict.STOP for finding in findings) for findings in found)
    return Recall(kind, detector, len(found), sum(bool(findings) for findings in found), stopped)


def microseconds_a_span(runs: Sequence[Read]) -> Mapping[str, float]:
    spans = sum(len(spans) for _, spans, _ in runs)
    spent = {}
    for detector in DETECTORS:
        began = time.perf_counter()
        for run in runs:
            watched(*run, only=detector.name)
        spent[detector.name] = (time.perf_counter() - began) / max(spans, 1) * 1e6
    return spent


def _natural_table(runs: Sequence[Read], only: str) -> Iterator[str]:
    solved, failed = natural(runs, passed=True), natural(runs, passed=False)
    spent = microseconds_a_span(runs)
    yield f"As they are: {solved.runs} runs that solved their task, {failed.runs} that did not. Share of runs, in %"
    yield f"{'detector':24}{'solved: note':>14}{'nudge':>8}{'stop':>8}{'failed: note':>14}{'nudge':>8}{'stop':>8}{'us/span':>10}"
    for name in [detector.name for detector in DETECTORS if not only or detector.name == only]:
        shares = [100 * side.share(name, verdict) for side in (solved, failed) for verdict in Verdict]
        cells = "".join(f"{share:{width}.1f}" for share, width in zip(shares, (14, 8, 8, 14, 8, 8), strict=True))
        yield f"{name:24}{cells}{spent[name]:10.1f}"


def _injected_table(runs: Sequence[Read], only: str) -> Iterator[str]:
    yield "Put in (into solved runs):"
    yield f"{'failure':32}{'detector':24}{'cases':>8}{'found %':>10}{'stopped %':>11}"
    for row in recall(runs, [kind for kind, (detector, _) in INJECTIONS.items() if not only or detector == only]):
        cases = max(row.cases, 1)
        yield f"{row.kind:32}{row.detector:24}{row.cases:8}{100 * row.found / cases:10.1f}{100 * row.stopped / cases:11.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--detector", default="")
    given = parser.parse_args()
    runs = read(given.path)
    print(*_natural_table(runs, given.detector), "", *_injected_table(runs, given.detector), sep="\n")  # noqa: T201


if __name__ == "__main__":
    main()
