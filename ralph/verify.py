"""Ralph's own verdict on the work: the checks, in a fresh checkout that gets only the diff, held against the base.

Nothing that the agent says is read here.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath

from prd.story import Story
from ralph.brief.feedback import NOTHING_CHANGED, checked, distrusted
from ralph.checks.baseline import Baseline, BaselineCache, baseline_key, compare, proves_nothing
from ralph.checks.check import Check, CheckResult
from ralph.checks.home import check_home
from ralph.checks.record import record, told
from ralph.checks.runner import run_checks
from ralph.deadline import Left
from ralph.errors import RalphError
from ralph.events import Event, EventKind, EventValue, Reporter
from ralph.finish import Ending
from ralph.init.diagnose import hint
from ralph.integrity.guard import Judgement
from ralph.integrity.inquiry import Case, inquire
from ralph.integrity.permit import Permit
from ralph.prepare.preparation import Preparation
from ralph.sandbox.base import Sandbox
from ralph.workspace.snapshot import Snapshot
from ralph.workspace.worktree import Worktree
from tracing.span import SpanKind
from tracing.tracer import Trace

SHOWN_FILES = 5
NOTHING_GREEN = (
    "every check is red before the work began, so work is committed only when it turns one green. "
    "If that is not what you expect, look at the checks: `ralph init` tries them"
)


@dataclass(frozen=True)
class Verdict:
    """`feedback` is for the agent, `text` one line for a person; `stopped` says that the checks were not finished.

    `distrusted`: every check passes, and the integrity guard refuses the work.
    """

    passed: bool
    text: str = ""
    feedback: str = ""
    stopped: Ending | None = None
    distrusted: bool = False


@dataclass
class Verifier:
    """The pinned checks of one run; `inspection` applies them to one attempt."""

    checks: tuple[Check, ...]
    setup: Check | None
    preparation: Preparation
    sandbox: Sandbox
    scratch: Path
    baselines: BaselineCache
    report: Reporter
    left_s: Left  # until the run's deadline
    stop: threading.Event
    protected: Sequence[str] = ()  # globs of files that no story may change unless it names them
    one_baseline: threading.Lock = field(default_factory=threading.Lock)  # who comes second finds it in the cache

    def inspection(self, worktree: Worktree, trace: Trace, story: Story) -> "Inspection":
        return Inspection(self, worktree, trace, story)


@dataclass
class Inspection:
    """What the checks say of one attempt: first of the commit that it starts from, then of its work."""

    verifier: Verifier
    worktree: Worktree
    trace: Trace
    story: Story
    baseline: Baseline = field(default_factory=lambda: Baseline(results=()))

    def take_baseline(self, commit: str = "") -> None:
        """The checks on the base commit (or another), from the cache where nothing changed. Red ones are shown and not blamed."""
        shared, base_sha = self.verifier, commit or self.worktree.base_sha
        tree_sha = self.worktree.repo.store.text("rev-parse", "--verify", f"{base_sha}^{{tree}}")
        prepared = f"{shared.sandbox.level} {shared.preparation.fingerprint}"
        key = baseline_key(tree_sha, shared.checks, shared.setup, prepared)
        with self.trace.span("baseline", kind=SpanKind.CHAIN, input={"commit": base_sha}) as span:
            with shared.one_baseline:
                self.baseline, cached = shared.baselines.get_or_run(key, lambda: self._run_on_base(base_sha))
            span.set({"ralph.baseline.cached": cached})
            span.set_output({"red": list(self.baseline.red)})
        if red := self.baseline.red:
            text = f"red before the work began, and not blamed on the story: {', '.join(red)}"
            self._tell(EventKind.BASELINE, text, {"red": list(red), "cached": cached})
        if proves_nothing(self.baseline.results):
            self._tell(EventKind.WARNING, NOTHING_GREEN, {})

    def require_working_checks(self) -> None:
        """See that the checks can run here at all.

        Raises:
            RalphError: each fails for want of something that no story brings; the message is the remedy.
        """
        is_over = self.verifier.stop.is_set() or self.verifier.left_s() <= 0
        if not is_over and (why := hint(self.baseline.results)):
            raise RalphError(f"on the commit {self.worktree.base_sha[:10]}, before any work, {why}")

    def verify(self, snapshot: Snapshot) -> Verdict:
        """Whether the snapshot may be committed; if not, what the agent has to mend."""
        with self.trace.span("verify", kind=SpanKind.CHAIN, input={"changed": list(snapshot.changed)}) as span:
            verdict = _refused(snapshot) or self._checked(snapshot)
            span.set_output({"passed": verdict.passed, "text": verdict.text})
            return verdict

    def _checked(self, snapshot: Snapshot) -> Verdict:
        results = self._run(snapshot.tree_sha, snapshot.base_sha)
        comparison = compare(self.baseline, results)
        if (
            snapshot.base_sha != self.worktree.base_sha
        ):  # what landed may have mended what was red, and brought tests of its own
            self.take_baseline(snapshot.base_sha)
            comparison = compare(self.baseline, results)
        if self.verifier.stop.is_set() or any(result.cancelled for result in results):
            return Verdict(passed=False, text="stopped while the checks ran", stopped=Ending.INTERRUPTED)
        if self.verifier.left_s() <= 0:
            return Verdict(passed=False, text="the time was over while the checks ran", stopped=Ending.DEADLINE)
        if comparison.passed and proves_nothing(results):
            names = ", ".join(result.name for result in results)
            return _failed(f"no check passes, so nothing vouches for the work: {names}", checked(results, results))
        if comparison.passed:
            self._tell_unwatched(snapshot)
            return self._judged(snapshot, results)
        names = ", ".join(result.name for result in comparison.blamed)
        return _failed(f"failed: {names}", checked(results, comparison.blamed))

    def _judged(self, snapshot: Snapshot, results: Sequence[CheckResult]) -> Verdict:
        """The integrity guard's word on work that every check passes."""
        shared = self.verifier
        case = Case(
            self.worktree.repo,
            snapshot.base_tree,
            snapshot.tree_sha,
            Permit.of(self.story),
            self.baseline.results,
            results,
            shared.protected,
        )
        with self.trace.span("integrity", kind=SpanKind.GUARDRAIL, input={"changed": list(snapshot.changed)}) as span:
            judgement = inquire(case, lambda tree, names, words: self._run(tree, snapshot.base_sha, words, names))
            span.set_output({"refused": judgement.refused, "findings": [asdict(one) for one in judgement.findings]})
            span.set({"ralph.integrity.passed": not judgement.refused, "ralph.integrity.weight": judgement.weight})
        if shared.stop.is_set() or shared.left_s() <= 0:
            ending = Ending.INTERRUPTED if shared.stop.is_set() else Ending.DEADLINE
            return Verdict(passed=False, text="stopped while the integrity guard looked", stopped=ending)
        return self._verdict_of(judgement)

    def _verdict_of(self, judgement: Judgement) -> Verdict:
        if judgement.refused:
            text = f"the integrity guard refuses: {judgement.text}"
            return replace(_failed(text, distrusted(judgement.findings)), distrusted=True)
        for finding in judgement.findings:
            place = f"{finding.place}: " if finding.place else ""
            self._tell(EventKind.WARNING, f"worth a look: {place}{finding.text}", {"rule": finding.rule})
        return Verdict(passed=True, text="every check passed")

    def _tell_unwatched(self, snapshot: Snapshot) -> None:
        """Say which files no check can have looked at, as far as the folders of the checks tell."""
        folders = [PurePosixPath(check.cwd) for check in self.verifier.checks]
        unwatched = [
            path for path in snapshot.changed if not any(PurePosixPath(path).is_relative_to(f) for f in folders)
        ]
        if folders and unwatched:
            shown = ", ".join(unwatched[:SHOWN_FILES]) + (" and more" if len(unwatched) > SHOWN_FILES else "")
            self._tell(EventKind.WARNING, f"no check looks at {shown}: nothing vouches for what was changed there", {})

    def _run_on_base(self, sha: str) -> Sequence[CheckResult]:
        """Cancelled ones are not remembered; those that the end of the run's time cut short say as little."""
        results = self._run(sha, sha, "before the work, check", of_base=True)
        return results if self.verifier.left_s() > 0 else [replace(result, cancelled=True) for result in results]

    def _run(
        self,
        treeish: str,
        head: str,
        words: str = "check",
        names: Sequence[str] | None = None,
        *,
        of_base: bool = False,
    ) -> Sequence[CheckResult]:
        """The checks (those of these names) on a tree, each fresh and in order."""
        shared, worktree = self.verifier, self.worktree
        scratch, why = shared.scratch / self.trace.trace_id[:16], words.removesuffix("check").rstrip(", ")
        checks = [check for check in shared.checks if names is None or check.name in names]
        results: list[CheckResult] = []
        with worktree.verification(treeish, head) as tree, check_home(scratch, of_base=of_base) as home:
            shared.preparation.copy_into(tree)
            for check in checks:
                started_ns = self.trace.clock()
                ran = run_checks(
                    [check],
                    tree,
                    sandbox=shared.sandbox,
                    scratch=scratch,
                    setup=shared.setup if check is checks[0] else None,
                    cancel=shared.stop,
                    left_s=shared.left_s,
                    read_only=[worktree.repo.common_dir],
                    home=home,
                    own_stores=shared.preparation.own_stores,
                )
                for result in ran:
                    record(
                        self.trace, result, started_ns, name=f"check {result.name}", kind=SpanKind.EVALUATOR, why=why
                    )
                    event = told(result, f"{words} {result.name}", "passed")
                    self._tell(event.kind, event.text, event.fields)
                results += ran
                if any(result.cancelled or result.name != check.name for result in ran):
                    break
        return results

    def _tell(self, kind: EventKind, text: str, fields: Mapping[str, EventValue]) -> None:
        self.verifier.report(Event(kind, text, {"story": self.story.id, **fields}))


def _refused(snapshot: Snapshot) -> Verdict | None:
    if snapshot.refused:
        listed = "\n".join(f"- {refusal.path}: {refusal.reason}" for refusal in snapshot.refused)
        names = ", ".join(refusal.path for refusal in snapshot.refused)
        return _failed(f"files that may not be committed: {names}", f"These files may not be committed:\n{listed}")
    if snapshot.is_empty:
        return _failed("no file was changed", NOTHING_CHANGED)
    return None


def _failed(text: str, failures: str) -> Verdict:
    return Verdict(passed=False, text=text, feedback=failures)
