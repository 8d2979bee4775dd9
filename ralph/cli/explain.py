"""`ralph explain`: what happened to one story, told to a person who was not there."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ralph.cli.complete import story_ids
from ralph.cli.places import prd_option, repo_option
from ralph.cli.table import screen_width
from ralph.cli.traces import echo_json
from tracing.words import cut, length, local_time, money, plain, plain_lines

if TYPE_CHECKING:
    from ralph.history.explain import Explanation, FailedCheck, Try

MARGIN = 11
SAID_LINES = 6
SHOWN_TESTS = 5


@click.command("explain", epilog="Example: ralph explain US-003")
@click.argument("story_id", metavar="STORY", shell_complete=story_ids)
@repo_option
@prd_option
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def explain_command(story_id: str, *, repo: Path, prd: Path | None, as_json: bool) -> None:
    """Tell what happened to STORY over all tries: how each ended and why, where its work is kept, and what to do next."""
    from ralph.history.explain import explain  # noqa: PLC0415  # heavy, and --help must be fast

    told = explain(repo, story_id, prd)
    if as_json:
        echo_json(asdict(told))
    else:
        click.echo("\n".join(lines(told)))


def lines(told: "Explanation") -> Iterator[str]:
    yield f"{told.story} {plain(told.title)}"
    yield from _row("now", f"{told.verdict}: {plain(told.reason)}")
    yield from _row("PRD", f"{told.place}, worked on in the branch {told.branch}")
    yield from _row("tried", _sum(told))
    if told.commit:
        yield from _row("done", f"{told.commit.sha[:10]} of {told.commit.when}, {told.commit.where}")
        yield _line("", f"git show {told.commit.sha[:10]}")
    for number, one in enumerate(told.tries, 1):
        yield ""
        yield _heading(number, one, told)
        yield from _of_try(one)
    yield ""
    yield "What you can do"
    if told.commit and told.commit.merge_command:
        yield from _step("take the branch over", told.commit.merge_command)
    for step in told.next_steps:
        yield from _step(step.what, step.command)


def _sum(told: "Explanation") -> str:
    if not told.tries:
        found = "never, so far"
    else:
        times = "once" if len(told.tries) == 1 else f"{len(told.tries)} times"
        simulated = " (simulated)" if all(one.played_by for one in told.tries) else ""
        cost, spent_ns = (sum(getattr(one, name) for one in told.tries) for name in ("cost_micros", "duration_ns"))
        found = (
            f"{times}{_uncounted(told.tries)}, {length(spent_ns)} in all, {money(cost)}{simulated}{_apart(told.tries)}"
        )
    others = f"; {told.elsewhere} more of another story with this id: ralph traces --story {told.story}"
    return found + (others if told.elsewhere else "")


def _uncounted(tries: "Sequence[Try]") -> str:
    """How many of the tries used no attempt up, and did not do the story either."""
    count = sum(one.attempt is None and one.commit is None and one.status != "running" for one in tries)
    if not count:
        return ""
    which = "which counts" if len(tries) == 1 else f"{count} of which {'counts' if count == 1 else 'count'}"
    return f", {which} as no attempt"


def _heading(number: int, one: "Try", told: "Explanation") -> str:
    facts = [
        local_time(one.began_at_ns),
        length(one.duration_ns),
        f"{one.turns} turn{'s' * (one.turns != 1)}" if one.turns else "no call was made",
        money(one.cost_micros) + (f" ({one.played_by}: simulated)" if one.played_by else "") + _apart([one]),
    ]
    return f"Try {number}: {', '.join(facts)}{_standing(one, told.attempts_allowed)}"


def _apart(tries: "Sequence[Try]") -> str:
    """What counts against the limits and is not known to be spent."""
    from ralph.spending import under_way_words, unseen_words  # noqa: PLC0415

    under_way, unseen = (sum(getattr(one, name) for one in tries) for name in ("under_way_micros", "unseen_micros"))
    return under_way_words(under_way) + unseen_words(unseen)


def _standing(one: "Try", allowed: int) -> str:
    """Whether it used an attempt up."""
    if one.attempt is not None:
        return f"; attempt {one.attempt} of {allowed}"
    if not one.known:
        return "; counts no more: from before an edit or unblock"
    return "; counts as no attempt" if one.commit is None and one.status != "running" else ""


def _of_try(one: "Try") -> Iterator[str]:
    after = f", after {one.repairs} repair{'s' * (one.repairs != 1)}" if one.repairs else ""
    committed = f"; committed as {one.commit[:10]}" if one.commit else ""
    yield from _row("ended", plain(one.ended) + after + committed)
    for check in one.checks:
        yield from _check(check)
    if one.said:
        yield from _row("agent", f"“{plain(one.said)}”")
    if one.kept:
        yield _line("kept", f"git show {one.kept}")
    yield _line("trace", f"ralph trace {one.trace_id[:8]}")


def _check(check: "FailedCheck") -> Iterator[str]:
    yield from _row("failed", f"{check.name}: {plain(check.command)}")
    more = f" and {len(check.failing) - SHOWN_TESTS} more" if len(check.failing) > SHOWN_TESTS else ""
    if check.failing:
        yield from _row("", ", ".join(map(plain, check.failing[:SHOWN_TESTS])) + more)
    for line in plain_lines("\n".join(check.lines)):
        yield cut(f"{'':<{MARGIN}}│ {line}", screen_width())


def _row(name: str, text: str) -> Iterator[str]:
    """A fact beside its name, wrapped at words."""
    wrapped = textwrap.wrap(
        text,
        screen_width() - MARGIN,
        break_long_words=False,
        break_on_hyphens=False,
        max_lines=SAID_LINES,
        placeholder=" …",
    )
    for number, line in enumerate(wrapped or [""]):
        yield _line(name if number == 0 else "", line)


def _line(name: str, text: str) -> str:
    """On one line whatever its length: for what is to be copied."""
    return f"  {name:<{MARGIN - 2}}{text}"


def _step(what: str, command: str) -> Iterator[str]:
    yield f"  - {what}:"
    yield f"      {command}"
