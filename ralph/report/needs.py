"""What needs a person, from everything that was read: the most pressing first, each with the command to type."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ralph.errors import RalphError
from ralph.history.looks import Look
from ralph.history.objects import is_there
from ralph.home import Home
from ralph.model.trouble import Trouble
from ralph.report.facts import GRAVITY, Need, Open, Run, Why, Work
from ralph.report.words import counted, place
from ralph.settings.load import load_settings
from ralph.trust import TrustState

BLOCKED = "the agent says it is blocked: "
OF_LOOKS = {"ledger": Why.LEDGER, "red before": Why.RED}
OF_TROUBLES: dict[str, Why] = {Trouble.SPENT: Why.CREDIT, Trouble.REFUSED: Why.REFUSED}


def sorted_needs(found: Iterable[Need]) -> tuple[Need, ...]:
    """Each once."""
    return tuple(sorted(dict.fromkeys(found), key=lambda need: GRAVITY[need.why]))


def look_needs(looks: Iterable[Look]) -> Iterator[Need]:
    """Of those that the viewer's front page shows, what is no story and no finding."""
    for look in looks:
        why = OF_LOOKS.get(look.kind)
        if look.kind == "unknown cost":
            why = Why.OVERCHARGED if look.cost_micros else Why.UNKNOWN
        if why is not None:
            span = f" --span {look.span_id[:8]}" if look.span_id else ""
            trace = f"ralph trace {look.trace_id[:8]}{span}" if look.trace_id else ""
            place_of = {"trace_id": look.trace_id, "span_id": look.span_id}
            yield Need(why, look.title, look.why, look.command or trace, **place_of)


def work_needs(home: Home, work: Work) -> Iterator[Need]:
    yield from _run_needs(work)
    if work.problem and is_there(work.repo):
        yield Need(Why.SETTINGS, f"{work.name} cannot be worked on", work.problem, "", work.repo)
    for story in work.parked:
        if story.tries:
            yield _parked(work, story)
    if earlier := sum(not story.tries for story in work.parked):
        title = f"{counted(earlier, 'story', 'stories')} {'is' if earlier == 1 else 'are'} parked since earlier"
        yield Need(Why.PARKED, title, "", f"ralph status --repo {place(work.repo)}", work.repo)
    if changed := _untrusted(home, work):
        yield changed
    if work.waiting_commits:
        yield Need(
            Why.MERGE,
            f"{counted(work.waiting_commits, 'commit')} of {work.branch} to merge",
            "",
            f"git -C {place(work.repo)} merge {shlex.quote(work.branch)}",
            work.repo,
        )


def _run_needs(work: Work) -> Iterator[Need]:
    """Of the last run only: what an earlier one met is over."""
    last: Sequence[Run] = work.runs[-1:]
    for run in last:
        again = f"ralph run --repo {place(work.repo)}"
        if why := OF_TROUBLES.get(run.trouble):
            remedy = "ralph doctor" if why is Why.REFUSED else again
            text = (
                "Top it up or raise its limit with the provider, then run again."
                if why is Why.CREDIT
                else "Look at the key first."
            )
            yield Need(why, f"{work.name}: {run.words}", text, remedy, work.repo)
        if not run.is_going and run.ended_at_ns is None:
            text = "What was committed stays, and the next run carries on."
            yield Need(Why.DIED, f"{work.name}: a run was {run.words}", text, again, work.repo)


def _parked(work: Work, story: Open) -> Need:
    asks = story.why.startswith(BLOCKED)
    return Need(
        Why.BLOCKED if asks else Why.PARKED,
        f"{story.story} {story.title}",
        story.why.removeprefix(BLOCKED),
        f"ralph explain {shlex.quote(story.story)} --repo {place(work.repo)}",
        work.repo,
        story.trace_id,
    )


def _untrusted(home: Home, work: Work) -> Need | None:
    try:
        loaded = load_settings(Path(work.repo), home) if not work.problem else None
    except RalphError:
        return None  # it is the work's problem then
    if loaded is None or loaded.trust is not TrustState.CHANGED:
        return None
    text = "It loosens nothing now. To accept it as it is, look at it and trust it again."
    return Need(
        Why.UNTRUSTED,
        f"ralph.toml of {work.name} is not the one that you trusted",
        text,
        f"ralph trust {place(work.repo)}",
        work.repo,
    )
