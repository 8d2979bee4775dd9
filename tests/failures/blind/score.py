"""Judges the detectors with the blind traces: `python -m tests.failures.blind.score [--show MISSES] [--json FILE]`.

Goes the public way only: a file is read, the detectors watch its spans begin and end in time order, the trace closes.
"""

import argparse
import collections
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.failures.blind.case import NONE, Case, cases
from tracing.failures.detectors import detectors
from tracing.failures.files import read_file
from tracing.failures.replaying import moments
from tracing.failures.watch import Watch
from tracing.finding import Finding

# Chosen when only the detectors' names were known.
LOOPS = frozenset({"retry_loop", "repeated_work", "answer_loop"})
TOOLS = frozenset({"tool_schema", "failure_cascade"})
FITTING = {
    "retry_loop": LOOPS,
    "ping_pong": LOOPS,
    "provider_retries": frozenset({"provider_retries"}),
    "token_exhaustion": frozenset({"token_exhaustion"}),
    "context_growth": frozenset({"context_growth"}),
    "cache_break": frozenset({"cache_breaks"}),
    "goal_drift": frozenset({"goal_drift"}),
    "tool_schema": frozenset({"tool_schema"}),
    "error_as_success": TOOLS,  # no detector has a name for it
    "failure_cascade": frozenset({"failure_cascade"}),
    "runaway_sub_agents": frozenset({"sub_agents"}),
    "silent_model_error": frozenset({"silent_model_error"}),
    "contradicted_claim": frozenset({"contradicted_claim"}),
    "cost_or_latency_anomaly": frozenset({"cost_anomaly", "latency_anomaly"}),
}


@dataclass(frozen=True)
class Verdict:
    case: Case
    findings: tuple[Finding, ...]

    @property
    def fitting(self) -> list[Finding]:
        return [f for f in self.findings if f.detector in FITTING[self.case.kind]]

    @property
    def exact(self) -> bool:
        return any(self.case.guilty in f.span_ids for f in self.fitting)

    @property
    def near(self) -> bool:
        wanted = {self.case.guilty, *self.case.also}
        return any(wanted.intersection(f.span_ids) for f in self.fitting)


def judge(case: Case, path: Path) -> Verdict:
    path.write_text(json.dumps(case.record) + "\n", encoding="utf-8")
    findings: list[Finding] = []
    for subject, spans, ending in read_file(path):
        watch = Watch(detectors(subject))
        for span, is_over in moments(spans):
            if is_over:
                watch.ended(span)
            else:
                watch.began(span)
        watch.closed(ending)
        findings += watch.findings
    return Verdict(case, tuple(findings))


def verdicts() -> list[Verdict]:
    with tempfile.TemporaryDirectory() as folder:
        return [judge(case, Path(folder) / "trace.jsonl") for case in cases()]


def table(judged: list[Verdict]) -> Iterator[str]:
    yield f"{'failure':26s}{'traces':>7s}{'found':>7s}{'exact':>7s}{'near':>6s}"
    total: collections.Counter[str] = collections.Counter()
    for kind in FITTING:
        of_kind = [v for v in judged if v.case.kind == kind]
        row = {
            "n": len(of_kind),
            "found": sum(bool(v.fitting) for v in of_kind),
            "exact": sum(v.exact for v in of_kind),
            "near": sum(v.near for v in of_kind),
        }
        total.update(row)
        yield _row(kind, row)
    yield _row("all", dict(total))
    good = [v for v in judged if v.case.kind == NONE]
    alarmed = [v for v in good if v.findings]
    yield f"\nhealthy traces {len(good)}, with any finding {len(alarmed)}"
    counts = collections.Counter((f.detector, str(f.verdict)) for v in good for f in v.findings)
    for (name, verdict), count in sorted(counts.items()):
        yield f"  {name:30s}{verdict:8s}{count:4d}"
    other = collections.Counter(
        (f.detector, str(f.verdict))
        for v in judged
        if v.case.kind != NONE
        for f in v.findings
        if f.detector not in FITTING[v.case.kind]
    )
    yield "\nother findings in failing traces (right or wrong, nobody labelled them)"
    for (name, verdict), count in sorted(other.items()):
        yield f"  {name:30s}{verdict:8s}{count:4d}"


def _row(name: str, row: dict[str, int]) -> str:
    return f"{name:26s}{row['n']:7d}{row['found']:7d}{row['exact']:7d}{row['near']:6d}"


def misses(judged: list[Verdict]) -> Iterator[str]:
    for v in judged:
        said = "; ".join(f"{f.detector}/{f.verdict}: {f.title}" for f in v.findings) or "nothing"
        if v.case.kind == NONE:
            if v.findings:
                yield f"ALARM  {v.case.id} ({v.case.format}): {v.case.why}\n       said: {said}"
        elif not v.fitting:
            yield f"MISS   {v.case.kind} {v.case.id} ({v.case.format}): {v.case.why}\n       said: {said}"
        elif not v.exact:
            where = "near" if v.near else "elsewhere"
            yield f"PLACE  {v.case.kind} {v.case.id} ({v.case.format}): {where}. {v.case.why}\n       said: {said}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.failures.blind.score", description=__doc__)
    parser.add_argument("--show", choices=["MISSES"], type=str.upper, help="name each miss and each false alarm")
    parser.add_argument("--json", type=Path, help="write the labelled traces to this file, one a line")
    options = parser.parse_args()
    if options.json:
        options.json.write_text("".join(json.dumps(vars(case)) + "\n" for case in cases()), encoding="utf-8")
    judged = verdicts()
    print("\n".join(table(judged)))  # noqa: T201
    if options.show:
        print("\n" + "\n".join(misses(judged)))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
