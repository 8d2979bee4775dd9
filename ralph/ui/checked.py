"""The checks and the integrity guard of one trace: before the work, and at each verification, in order.

Reads spans as `ralph.verify` writes them; knows nothing of repos or pages.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ralph.history.trace_reading import verdict_of
from ralph.ui.check_run import CheckRun, check_runs
from tracing.span import JsonValue, SpanKind
from tracing.store import SpanRow, TraceDetail, TraceFilter, TraceNotFoundError, TraceStore

MOST_LOOKED_THROUGH = 20  # traces of the same repo, for the outputs of a baseline that was known from before
UNSAID = "once more, with tests exchanged"


@dataclass(frozen=True)
class Before:
    """The checks on the commit that the work starts from."""

    span_id: str
    commit: str
    runs: tuple[CheckRun, ...]
    red: tuple[str, ...]
    known_from: str  # the trace that ran them, where this one did not; "" where none is known
    cached: bool


@dataclass(frozen=True)
class GuardFinding:
    rule: str
    weight: int
    text: str
    place: str
    evidence: str


@dataclass(frozen=True)
class Rerun:
    """A check that was run once more for the guard, and on what."""

    what: str
    run: CheckRun


@dataclass(frozen=True)
class Guard:
    """What the integrity guard said, and the tests that were run for it."""

    span_id: str
    refused: bool | None  # None: it did not come to its end
    weight: int
    findings: tuple[GuardFinding, ...]
    runs: tuple[Rerun, ...]

    @property
    def word(self) -> str:
        if self.refused is None:
            return "not finished"
        return "refused" if self.refused else "passed, worth a look" if self.findings else "passed"


@dataclass(frozen=True)
class Verification:
    """Ralph's verdict on the work at one moment."""

    title: str  # "first try", "after repair 1", "on top of what landed"
    span_id: str
    at_ns: int
    passed: bool | None
    text: str
    on_top: bool  # of what landed meanwhile: no repair
    runs: tuple[CheckRun, ...]
    guard: Guard | None
    before: Before | None  # where it was held against another base than the first

    @property
    def failed(self) -> tuple[CheckRun, ...]:
        """What is the story's to mend."""
        return tuple(run for run in self.runs if run.passed is False and not run.was_red)


@dataclass(frozen=True)
class Row:
    """One check: before the work, and in each verification; None where it was not run."""

    name: str
    command: str
    before: CheckRun | None
    after: tuple[CheckRun | None, ...]


@dataclass(frozen=True)
class Checked:
    before: Before | None
    verifications: tuple[Verification, ...]
    rows: tuple[Row, ...]

    @property
    def repairs(self) -> int:
        """How often failing output went back to the agent and work came again."""
        return max(sum(not one.on_top for one in self.verifications) - 1, 0)

    @property
    def failed(self) -> tuple[tuple[str, CheckRun], ...]:
        """Each run that failed and is the story's to mend, with the verification that it belongs to."""
        return tuple((one.title, run) for one in self.verifications for run in one.failed)

    @property
    def tolerated(self) -> tuple[str, ...]:
        """What was red before and never became the story's to mend."""
        blamed = {run.name for _, run in self.failed}
        return tuple(name for name in (self.before.red if self.before else ()) if name not in blamed)

    @property
    def guard(self) -> Guard | None:
        """The guard's last word."""
        return next((one.guard for one in reversed(self.verifications) if one.guard), None)


def checked(store: TraceStore, detail: TraceDetail) -> Checked:
    children = _children(detail)
    befores = [span for span in detail.spans if span.name == "baseline" and span.kind is SpanKind.CHAIN]
    verifying = [span for span in detail.spans if span.name == "verify" and span.kind is SpanKind.CHAIN]
    own = {span.span_id for span in verifying}
    first = next((span for span in befores if span.parent_span_id not in own), None)
    before = _before(store, detail, first, children) if first else None
    found = _verifications(store, detail, verifying, children)
    verifications = tuple(_blamed(one, one.before or before) for one in found)
    return Checked(before, verifications, tuple(_rows(before, verifications)))


def _blamed(verification: Verification, before: Before | None) -> Verification:
    """What was red before is not the story's, unless the verdict names it: it got worse."""
    red = set(before.red) if before else set()
    named = {name.strip() for name in verification.text.removeprefix("failed:").split(",")}
    runs = (replace(run, was_red=run.passed is False and run.name in red - named) for run in verification.runs)
    return replace(verification, runs=tuple(runs))


Children = Mapping[str, Sequence[SpanRow]]


def _children(detail: TraceDetail) -> Children:
    found: dict[str, list[SpanRow]] = {}
    for span in detail.spans:
        found.setdefault(span.parent_span_id or "", []).append(span)
    return found


def _verifications(
    store: TraceStore, detail: TraceDetail, spans: Sequence[SpanRow], children: Children
) -> Iterator[Verification]:
    rebases = {span.span_id for span in detail.spans if span.name == "rebase"}
    repairs = 0
    for number, span in enumerate(spans):
        on_top = span.parent_span_id in rebases
        repairs += bool(number) and not on_top
        below = children.get(span.span_id, ())
        again = next((one for one in below if one.name == "baseline"), None)
        guard = next((one for one in below if one.kind is SpanKind.GUARDRAIL), None)
        verdict = verdict_of(span)
        yield Verification(
            title="on top of what landed" if on_top else f"after repair {repairs}" if repairs else "first try",
            span_id=span.span_id,
            at_ns=span.started_at_ns,
            passed=bool(verdict["passed"]) if "passed" in verdict else None,
            text=str(verdict.get("text") or ""),
            on_top=on_top,
            runs=tuple(check_runs(below)),
            guard=_guard(guard, children) if guard else None,
            before=_before(store, detail, again, children) if again else None,
        )


def _before(store: TraceStore, detail: TraceDetail, span: SpanRow, children: Children) -> Before:
    runs = tuple(check_runs(children.get(span.span_id, ())))
    given, output = _mapping(span.input()), _mapping(span.output())
    commit, cached = str(given.get("commit") or ""), bool(span.attributes.get("ralph.baseline.cached"))
    if cached and not runs:
        runs = _known_from_before(store, detail, commit)
    red = output.get("red")
    return Before(
        span_id=span.span_id,
        commit=commit,
        runs=runs,
        red=tuple(map(str, red)) if isinstance(red, list) else (),
        known_from=runs[0].trace_id if cached and runs else "",
        cached=cached,
    )


def _known_from_before(store: TraceStore, detail: TraceDetail, commit: str) -> tuple[CheckRun, ...]:
    """The checks on the same commit in an earlier trace of the same repo, if it is one of the last ones."""
    trace = detail.trace
    near = TraceFilter(repo=trace.repo, until_ns=trace.started_at_ns, limit=MOST_LOOKED_THROUGH, own=True)
    for row in store.traces(near):
        try:
            other = store.trace(row.trace_id)
        except TraceNotFoundError:
            continue
        found = [span for span in other.spans if span.name == "baseline"]
        same = [span for span in found if _mapping(span.input()).get("commit") == commit]
        if runs := tuple(run for span in same for run in check_runs(other.children(span.span_id))):
            return runs
    return ()


def _guard(span: SpanRow, children: Children) -> Guard:
    output = _mapping(span.output())
    listed = output.get("findings")
    weight = span.attributes.get("ralph.integrity.weight")
    return Guard(
        span_id=span.span_id,
        refused=bool(output["refused"]) if "refused" in output else None,
        weight=weight if isinstance(weight, int) else 0,
        findings=tuple(_finding(one) for one in listed if isinstance(one, Mapping)) if isinstance(listed, list) else (),
        runs=tuple(Rerun(run.why or UNSAID, run) for run in check_runs(children.get(span.span_id, ()))),
    )


def _finding(given: Mapping[str, JsonValue]) -> GuardFinding:
    path, line, weight = str(given.get("path") or ""), given.get("line"), given.get("weight")
    return GuardFinding(
        rule=str(given.get("rule") or ""),
        weight=weight if isinstance(weight, int) else 0,
        text=str(given.get("text") or ""),
        place=f"{path}:{line}" if path and line else path,
        evidence=str(given.get("evidence") or ""),
    )


def _rows(before: Before | None, verifications: Sequence[Verification]) -> Iterator[Row]:
    columns = [_by_name(before.runs if before else ()), *(_by_name(one.runs) for one in verifications)]
    for name in dict.fromkeys(name for column in columns for name in column):
        runs = [column.get(name) for column in columns]
        command = next((run.command for run in reversed(runs) if run), "")
        yield Row(name, command, runs[0], tuple(runs[1:]))


def _by_name(runs: Sequence[CheckRun]) -> dict[str, CheckRun]:
    return {run.name: run for run in runs}


def _mapping(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, Mapping) else {}
