"""A report put into words: what stands where, and how it is said. Every layout takes its words from here."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ralph.report.facts import (
    Cost,
    Done,
    Finding,
    Firing,
    Need,
    Open,
    OtherAgent,
    Report,
    Run,
    Why,
    Work,
)
from ralph.report.naming import need_title, repo_names
from ralph.report.needs import BLOCKED
from ralph.report.outline import Item, Outline, Part, Section, Tone
from ralph.report.told_money import money_section
from ralph.report.words import counted
from ralph.screen_text import one_line
from tracing.finding import Severity
from tracing.words import cut, length, local_time, money

SHA_CHARS = 10
WHY_CHARS = 240
TEXT_CHARS = 600
SAID = {
    Why.MERGE,
    Why.UNKNOWN,
    Why.OVERCHARGED,
    Why.RED,
    Why.LEDGER,
    Why.UNTRUSTED,
    Why.MISSED,
    Why.SETTINGS,
    Why.DIED,
}  # by the title itself
TONES = {Severity.CRITICAL: Tone.BAD, Severity.WARNING: Tone.WARNING, Severity.NOTE: Tone.NOTE}


def told(report: Report) -> Outline:
    """All of it, for the person whose machine it is."""
    sections = (
        *_needs(report),
        *(_work(work, _heading(work, report.works)) for work in report.works),
        *_next(report),
        *money_section(report),
        *_findings(report),
        *_others(report.others),
    )
    return Outline(title(report), subtitle(report), sections)


def told_to_all(report: Report) -> Outline:
    """For a pull request, which others read: what was done and why not; no places on this machine, no commands, no other
    repository's schedules.
    """
    works = (_work(work, work.name, is_public=True) for work in report.works)
    spent = _spent(report.cost) if report.cost != Cost() else ""
    return Outline(title(report), spent, (*works, *_findings(report, is_public=True)))


def title(report: Report) -> str:
    """One line: the subject of a mail, the first words of a message."""
    if report.quiet:
        return "Nothing ran"
    going = sum(run.is_going for run in report.runs)
    failed = sum(len(work.open) for work in report.works)
    facts = [
        f"{counted(report.done, 'story', 'stories')} done",
        f"{report.parked} parked" if report.parked else "",
        f"{failed} tried and still open" if failed else "",
        ("a run is still going" if going == 1 else f"{going} runs are still going") if going else "",
    ]
    return ", ".join(fact for fact in facts if fact)


def subtitle(report: Report) -> str:
    since = f"Since {when(report.since_ns, report.made_at_ns)} ({report.since_why})"
    if report.quiet:
        return since
    runs = counted(sum(1 for _ in report.runs), "run")
    names = list(dict.fromkeys(work.name for work in report.works))
    where = names[0] if len(names) == 1 else counted(len(names), "repository", "repositories")
    return f"{since}: {runs} in {where}, {_spent(report.cost)}"


def when(at_ns: int, now_ns: int) -> str:
    """With the day's name, and its date where a week or more is between."""
    is_near = abs(now_ns - at_ns) < 6 * 86_400 * 10**9
    return local_time(at_ns, "%a %H:%M" if is_near else "%a %d %b %H:%M")


def cost_words(cost: Cost) -> str:
    """What is known and what is not, apart."""
    unknown = f" + {money(cost.unknown_micros)} unknown" if cost.unknown_micros else ""
    return money(cost.known_micros) + (" (simulated)" if cost.is_simulated else "") + unknown


def what_of(need: Need) -> str:
    """What kind of thing it is, where its title does not say that already."""
    return "" if need.why in SAID else need.why.value


def plain_cost(cost: Cost) -> str:
    """The same of one of many: that all is simulated is said once, at the top."""
    return cost_words(replace(cost, simulated_micros=0))


def _spent(cost: Cost) -> str:
    simulated = " (simulated)" if cost.is_simulated else ""
    unknown = f", {money(cost.unknown_micros)} unknown" if cost.unknown_micros else ""
    return f"{money(cost.known_micros)} spent{simulated}{unknown}"


def _needs(report: Report) -> Iterator[Section]:
    if report.quiet:
        yield Section("Why", (), report.quiet)
    names = repo_names(report)
    items = tuple(_need(need, names) for need in report.needs)
    if items:
        yield Section("Needs you first", (Part("", items),))
    elif not report.quiet:
        yield Section("Needs you first", (), "Nothing does.")


def _need(need: Need, names: Mapping[str, str]) -> Item:
    return Item(
        need_title(need, names),
        what_of(need),
        cut(need.text, TEXT_CHARS),
        need.command,
        TONES[need.severity],
        need.trace_id,
        need.span_id,
    )


def _heading(work: Work, works: Sequence[Work]) -> str:
    """With the PRD where the repository has several, and the folder where two have the same name."""
    is_twin = any(other.name == work.name and other.repo != work.repo for other in works)
    has_more = sum(other.repo == work.repo for other in works) > 1
    return (work.repo if is_twin else work.name) + (f", {work.prd}" if has_more and work.prd else "")


def _work(work: Work, heading: str, *, is_public: bool = False) -> Section:
    parts = [
        Part("Done", tuple(map(_done, work.done))),
        Part("Parked", tuple(_parked(story, is_public=is_public) for story in work.parked if story.tries or is_public)),
        Part("Tried, still open", tuple(_open(story) for story in work.open)),
        Part("Runs", () if is_public else tuple(map(_run, work.runs))),
    ]
    standing = f"{work.stories_done} of {counted(work.stories, 'story', 'stories')} done" if work.stories else ""
    branch = f"{'on' if standing else 'On'} {work.branch}" if work.branch else ""
    facts = [fact for fact in (standing, branch) if fact]
    problem = "" if is_public or not work.problem else f" {one_line(work.problem)}"
    return Section(
        heading,
        tuple(part for part in parts if part.blocks),
        f"{', '.join(facts)}.{problem}" if facts else problem.strip(),
    )


def _done(done: Done) -> Item:
    tries = f"{done.tries} tries" if done.tries > 1 else ""
    facts = [done.commit[:SHA_CHARS], plain_cost(done.cost) if done.tries else "", tries]
    return Item(
        f"{done.story} {done.title}",
        ", ".join(fact for fact in facts if fact),
        cut(done.sentence, WHY_CHARS),
        tone=Tone.GOOD,
        trace_id=done.trace_id,
    )


def _parked(story: Open, *, is_public: bool) -> Item:
    """Why stands whole above, where it needs a person; whoever reads the pull request has no above."""
    asks = story.why.startswith(BLOCKED)
    reason = "the agent asks" if asks else "why is above"
    aside = ", ".join(fact for fact in (_tried(story), "" if is_public else reason) if fact)
    body = cut(story.why.removeprefix(BLOCKED), WHY_CHARS) if is_public else ""
    return Item(f"{story.story} {story.title}", aside, body, tone=Tone.WARNING, trace_id=story.trace_id)


def _open(story: Open) -> Item:
    title, why = f"{story.story} {story.title}", cut(story.why, WHY_CHARS)
    return Item(title, _tried(story), why, tone=Tone.WARNING, trace_id=story.trace_id)


def _tried(story: Open) -> str:
    return f"{counted(story.tries, 'try', 'tries')}, {plain_cost(story.cost)}" if story.tries else ""


def _run(run: Run) -> Item:
    began = local_time(run.began_at_ns, "%a %H:%M")
    took = f", {length(run.ended_at_ns - run.began_at_ns)}" if run.ended_at_ns else ""
    of_limit = f" of {money(run.limit_micros)}" if run.limit_micros else ""
    due = f", {run.due.partition('/')[0]}" if run.due else ""
    cost = run.cost
    spent = f"{money(cost.known_micros)}{' (simulated)' * cost.is_simulated}{of_limit}"
    unknown = f" + {money(cost.unknown_micros)} unknown" if cost.unknown_micros else ""
    tone = Tone.NOTE if run.is_going else Tone.WARNING if run.is_early else Tone.PLAIN
    return Item(
        f"{began}{took}{due}",
        f"{spent}{unknown}",
        ("ended early: " if run.is_early and run.ended_at_ns else "") + run.words,
        "",
        tone,
    )


def _next(report: Report) -> Iterator[Section]:
    stories = [
        Item(
            f"{work.name}: {work.next.story} {work.next.title}",
            work.next.why.removeprefix("next: "),
            trace_id=work.next.trace_id,
        )
        for work in report.works
        if work.next
    ]
    fires = [_firing(one, report.made_at_ns) for one in report.schedules]
    if stories or fires:
        yield Section("Next", tuple(part for part in (Part("", tuple(stories)), Part("", tuple(fires))) if part.blocks))


def _firing(one: Firing, now_ns: int) -> Item:
    at = when(one.next_at_ns, now_ns) if one.next_at_ns is not None else ""
    state = ", then ".join(fact for fact in (one.state, at) if fact) or "never again"
    last = f"last {one.last}" if one.last else ""
    tone = Tone.WARNING if one.state in {"paused", "due now"} else Tone.PLAIN
    return Item(f"{one.name} ({Path(one.repo).name}): {state}", last, "", "", tone)


def _findings(report: Report, *, is_public: bool = False) -> Iterator[Section]:
    more = f"{report.more_findings} more: ralph ui shows them all." if report.more_findings and not is_public else ""
    names = {} if is_public else repo_names(report)
    items = tuple(_finding(one, names.get(one.repo, ""), is_public=is_public) for one in report.findings)
    if items:
        yield Section("Findings", (Part("", items),), more)


def _finding(one: Finding, repo: str, *, is_public: bool) -> Item:
    facts = [
        f"{repo}: {one.about}" if repo else one.about,
        f"{money(one.wasted_micros)} wasted" if one.wasted_micros else "",
    ]
    span = f" --span {one.span_id[:8]}" if one.span_id else ""
    command = "" if is_public or not one.trace_id else f"ralph trace {one.trace_id[:8]}{span}"
    aside = ", ".join(fact for fact in facts if fact)
    return Item(one.title, aside, "", command, TONES[one.severity], one.trace_id, one.span_id)


def _others(others: Iterable[OtherAgent]) -> Iterator[Section]:
    items = tuple(
        Item(
            f"{other.name or 'without a name'}: {counted(other.traces, 'trace')}, {cost_words(other.cost)}",
            f"{other.failed} ended badly" if other.failed else "",
            tone=Tone.WARNING if other.failed else Tone.PLAIN,
        )
        for other in others
    )
    if items:
        yield Section("Other agents", (Part("", items),))
