"""The outcome beside a trace: what became of the work, the story with its evidence, the checks, the guard, the diff.

Everything is read from where it is kept: the trace, git's objects, the PRD, Ralph's own state. What is gone is said.
"""

import re
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from ralph.history.explain import ENDED, VERIFIED
from ralph.history.objects import Diff, Objects
from ralph.history.told import Said, StoryTold, said_of, story_of
from ralph.home import Home
from ralph.ui.checked import Checked, checked
from ralph.ui.repaired import Repair, repairs
from tracing.span import JsonValue, SpanKind, TraceStatus
from tracing.store import SpanRow, TraceDetail, TraceRow, TraceStore

AGENTS = ("ralph", "ralph verify")
SHA_CHARS = 10
SHA = re.compile(r"[0-9a-f]{7,64}")
STOPPED = {
    TraceStatus.TIMEOUT: "Stopped: the run's time was over",
    TraceStatus.OVER_BUDGET: "Stopped: a money limit was reached",
    TraceStatus.INTERRUPTED: "Cut short before it was done",
    TraceStatus.RUNNING: "Still at work",
}


@dataclass(frozen=True)
class Command:
    """What to type, and what for."""

    what: str
    command: str


@dataclass(frozen=True)
class Work:
    """What the agent left: a commit, or a ref that keeps it, and its diff where git still has it."""

    commit: str  # whole id; "" where nothing was committed
    branch: str
    ref: str  # that keeps work which was not committed; "" where there is none
    diff: Diff | None
    files: tuple[str, ...]  # the files that the agent changed, as the trace knows them
    note: str  # why there is no diff, or what has happened to the commit since
    is_merged: bool  # the user's checkout has the commit


@dataclass(frozen=True)
class Spans:
    """The spans behind each part; "" where there is none."""

    first: str
    verify: str
    guard: str
    commit: str
    finish: str
    last_turn: str


@dataclass(frozen=True)
class Outcome:
    trace_id: str
    kind: str  # "attempt", or "verify": somebody asked for Ralph's verdict on a commit
    status: TraceStatus
    was_stopped: bool
    headline: str
    reason: str  # one or two sentences behind the headline; ""
    parked: str  # why the story is parked now, where the headline does not say it already; ""
    story: StoryTold | None
    said: Said | None
    checked: Checked
    repairs: tuple[Repair, ...]
    work: Work
    commands: tuple[Command, ...]
    cost_micros: int  # known
    unseen_micros: int
    simulated_micros: int
    turns: int
    duration_ns: int
    spans: Spans


def outcome(store: TraceStore, home: Home, detail: TraceDetail) -> Outcome | None:
    """None: the trace is of another agent, of whose outcome Ralph knows nothing."""
    trace = detail.trace
    if trace.agent_id not in AGENTS:
        return None
    is_verify = VERIFIED in trace.metadata
    seen, said = checked(store, detail), said_of(detail)
    objects = Objects.of(trace.repo)
    work, story = _work(objects, detail, seen), story_of(home, detail, said)
    headline, reason = _verified(trace, seen) if is_verify else _attempted(trace, seen, work, story, said)
    return Outcome(
        trace_id=trace.trace_id,
        kind="verify" if is_verify else "attempt",
        status=trace.status,
        was_stopped=trace.was_stopped,
        headline=headline,
        reason=reason,
        parked=story.parked if story and trace.status is not TraceStatus.BLOCKED else "",
        story=story,
        said=said,
        checked=seen,
        repairs=repairs(detail, seen.verifications),
        work=work,
        commands=tuple(_commands(trace, objects, work, is_parked=bool(story and story.parked))),
        cost_micros=trace.known_micros,
        unseen_micros=trace.unseen_micros,
        simulated_micros=trace.simulated_micros,
        turns=trace.turns,
        duration_ns=trace.duration_ns,
        spans=_spans(detail, seen, said),
    )


def _verified(trace: TraceRow, seen: Checked) -> tuple[str, str]:
    sha = str(trace.metadata.get(VERIFIED))[:SHA_CHARS]
    last = seen.verifications[-1] if seen.verifications else None
    if trace.status is TraceStatus.RUNNING:
        return f"{sha} is being checked", ""
    if last is None or last.passed is None:
        return f"No verdict on {sha}", trace.error or "The checks did not come to their end."
    return (
        (f"{sha} holds", "Every check passed, and the integrity guard lets it through.")
        if last.passed
        else (f"{sha} does not hold", last.text)
    )


def _attempted(
    trace: TraceRow, seen: Checked, work: Work, story: StoryTold | None, said: Said | None
) -> tuple[str, str]:
    after = _after(seen.repairs)
    if work.commit:
        return f"Committed as {work.commit[:SHA_CHARS]} on {work.branch}{after}", said.summary if said else ""
    reason = _why(trace, seen, said)
    if trace.status is TraceStatus.BLOCKED:
        return "Parked: the agent says that it cannot be done", reason
    if trace.was_stopped:
        return "Stopped before it was done", reason
    if trace.status in STOPPED:
        return STOPPED[trace.status], reason
    if _is_refused(trace, seen):
        return f"Refused by the integrity guard{after}", reason
    of = f" (attempt {story.attempt})" if story and story.attempt else ""
    return f"Not committed{after}{of}", reason


def _is_refused(trace: TraceRow, seen: Checked) -> bool:
    """Whether the guard's refusal was the end of it: the last verdict, with nothing behind it."""
    last = seen.verifications[-1] if seen.verifications else None
    return bool(last and last.guard and last.guard.refused and trace.error in {None, last.text})


def _after(repairs: int) -> str:
    return f" after {repairs} repair{'s' * (repairs != 1)}" if repairs else ""


def _why(trace: TraceRow, seen: Checked, said: Said | None) -> str:
    blocked = said.blocked_reason if said and trace.status is TraceStatus.BLOCKED else ""
    last = seen.verifications[-1].text if seen.verifications and not seen.verifications[-1].passed else ""
    return blocked or trace.error or last or ("" if trace.status in STOPPED else ENDED[trace.status].capitalize() + ".")


def _work(objects: Objects | None, detail: TraceDetail, seen: Checked) -> Work:
    trace = detail.trace
    commit = _sha(trace.metadata.get("ralph.commit") or trace.metadata.get(VERIFIED))
    branch, files = str(trace.metadata.get("ralph.branch") or ""), tuple(_files(detail))
    if objects is None:
        where = f"{trace.repo} is not there any more" if trace.repo else "The trace names no repo"
        return Work(commit, branch, "", None, files, f"{where}, so this is all that the trace itself knows.", False)
    ref = "" if commit else objects.kept(trace.trace_id) or ""
    sha = objects.commit(commit or ref) if commit or ref else None
    if sha is None:
        return Work(commit, branch, "", None, files, _gone(commit, trace), False)
    base = seen.before.commit if VERIFIED in trace.metadata and seen.before else f"{sha}^"
    return Work(
        commit=commit,
        branch=branch,
        ref=ref,
        diff=_agents_first(objects.diff(base, sha), files),
        files=files,
        note=_moved(objects, sha, branch) if commit and branch else "",
        is_merged=bool(commit) and objects.contains("HEAD", sha),
    )


def _sha(told: JsonValue) -> str:
    """Anybody may have written the trace: only what is a commit's id gets to git, or into a command to be typed."""
    return told if isinstance(told, str) and SHA.fullmatch(told) else ""


def _agents_first(diff: Diff | None, files: Collection[str]) -> Diff | None:
    """What Ralph added to the commit (the PRD's flag, progress notes) stands behind the agent's own work."""
    return diff and replace(
        diff, files=tuple(sorted(diff.files, key=lambda file: bool(files) and file.path not in files))
    )


def _gone(commit: str, trace: TraceRow) -> str:
    if commit:
        return f"{commit[:SHA_CHARS]} is not in {trace.repo} any more: it was rebased or removed since."
    return "The work goes on." if trace.status is TraceStatus.RUNNING else "No work was left to keep."


def _moved(objects: Objects, sha: str, branch: str) -> str:
    if objects.contains(f"refs/heads/{branch}", sha) or objects.contains("HEAD", sha):
        return ""
    return f"{sha[:SHA_CHARS]} is not on {branch} any more: the branch was moved or removed since."


def _files(detail: TraceDetail) -> list[str]:
    """Of the last span that says which files were changed: the commit, a guard, a verification."""
    for span in reversed(detail.spans):
        given = span.input() if span.name in {"commit", "verify", "integrity"} else None
        listed = (given.get("files") or given.get("changed")) if isinstance(given, Mapping) else None
        if isinstance(listed, list):
            return [str(one) for one in listed]
    return []


def _commands(trace: TraceRow, objects: Objects | None, work: Work, *, is_parked: bool) -> Iterator[Command]:
    if objects and work.diff is not None:
        yield Command("look at the work", f"git show {work.commit[:SHA_CHARS] or shlex.quote(work.ref)}")
    if objects and work.commit and work.branch and not work.is_merged and not work.note:
        yield Command("bring it into the branch that you have checked out", f"git merge {shlex.quote(work.branch)}")
    if objects and work.ref:
        yield Command("take the work over by hand", f"git cherry-pick --no-commit {shlex.quote(work.ref)}")
    if work.commit and not work.is_merged and VERIFIED not in trace.metadata:
        yield Command("ask for Ralph's verdict again", f"ralph verify {work.commit[:SHA_CHARS]}")
    if not work.commit and trace.story and objects and trace.status is not TraceStatus.RUNNING:
        story = shlex.quote(trace.story)
        yield Command("the whole story, and what you can do", f"ralph explain {story}")
        if is_parked:
            yield Command("have it tried again as it is", f"ralph unblock {story}")


def _spans(detail: TraceDetail, seen: Checked, said: Said | None) -> Spans:
    last = seen.verifications[-1] if seen.verifications else None
    return Spans(
        first=detail.trace.root_span_id,
        verify=last.span_id if last else "",
        guard=seen.guard.span_id if seen.guard else "",
        commit=_last(detail, lambda span: span.name == "commit"),
        finish=said.span_id if said else "",
        last_turn=_last(detail, lambda span: span.kind is SpanKind.LLM),
    )


def _last(detail: TraceDetail, is_it: Callable[[SpanRow], bool]) -> str:
    return next((span.span_id for span in reversed(detail.spans) if is_it(span)), "")
