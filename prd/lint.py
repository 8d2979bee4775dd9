"""Stories that an agent will find hard: too big, vague, not checkable. Advice by fixed rules, never a reason to refuse a PRD.

Knows nothing of files and models. Stories that are done are not looked at.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from prd.errors import quoted
from prd.lint_words import (
    BY_EYE,
    NO_OUTCOME,
    OPEN,
    VAGUE,
    WHOLE,
    and_count,
    check_asked_for,
    first_match,
    layers_of,
)
from prd.story import Prd, Story

MOST_CRITERIA = 10
MOST_CRITERION_CHARS = 400
MOST_ANDS = 3  # in one criterion
MOST_LAYERS = 2
CRITERIA = "Say in one to five sentences what can be seen or tested when it is done."
SPLIT = "Split it into stories that one session can finish."


@dataclass(frozen=True)
class Finding:
    """One thing about one story. `what` and `remedy` are sentences."""

    story_id: str
    what: str
    remedy: str


def lint(prd: Prd, checks: Collection[str] = ()) -> list[Finding]:
    """What is hard about the open stories, in their order.

    `checks` are the names or commands of the repo's checks; with none, criteria that ask for one are let pass.
    """
    stories = [story for story in prd.stories if not story.passes]
    found = {story.id: list(_of_story(story, checks)) for story in stories}
    for story_id, more in (*_without_criteria(stories), *_same_titles(stories), *_out_of_order(prd)):
        found[story_id].append(more)
    return [Finding(story_id, *words) for story_id, each in found.items() for words in each]


Words = tuple[str, str]  # what, remedy


def _of_story(story: Story, checks: Collection[str]) -> Iterator[Words]:
    yield from _size(story)
    if words := first_match(VAGUE, story.title):
        yield f"The title says {quoted(words)}, which everybody reads differently.", "Say what changes."
    for criterion in story.acceptance_criteria:
        yield from _criterion(criterion, checks)


def _without_criteria(stories: Sequence[Story]) -> Iterator[tuple[str, Words]]:
    """A list of bare tasks is told once."""
    bare = [story for story in stories if not story.acceptance_criteria]
    if len(bare) > 1 and len(bare) == len(stories):
        yield bare[0].id, (f"None of the {len(bare)} open stories has acceptance criteria.", CRITERIA)
        return
    for story in bare:
        yield story.id, ("It has no acceptance criteria.", CRITERIA)


def _size(story: Story) -> Iterator[Words]:
    count, layers = len(story.acceptance_criteria), layers_of(f"{story.title}\n{story.description}")
    if count > MOST_CRITERIA:
        yield f"It has {count} acceptance criteria, more than {MOST_CRITERIA}.", SPLIT
    if words := first_match(WHOLE, story.title):
        yield f"The title speaks of {quoted(words)}: more than one session's work.", SPLIT
    if and_count(story.title) >= 2:
        yield f"The title strings several things together: {quoted(story.title)}.", SPLIT
    if len(layers) > MOST_LAYERS:
        yield f"It goes through {', '.join(layers[:-1])} and {layers[-1]}.", "Make a story of each, in that order."


def _criterion(criterion: str, checks: Collection[str]) -> Iterator[Words]:
    shown = quoted(" ".join(criterion.split()))
    for rule in (_vague, _undecided, _without_outcome, _by_eye, _many_at_once):
        if words := rule(criterion):
            what, remedy = words
            yield f"{shown}: {what}", remedy
    known = " ".join(checks).lower()
    wanted = list(check_asked_for(criterion))
    if known and wanted and not any(word in known for word in wanted):
        yield (
            f"{shown}: the repo has no such check, so nobody will see it pass.",
            "Add the check to ralph.toml, or leave the criterion out.",
        )


def _vague(criterion: str) -> Words | None:
    words = first_match(VAGUE, criterion)
    return (f"{quoted(words)} can be read in many ways.", "Say what can be seen or measured.") if words else None


def _undecided(criterion: str) -> Words | None:
    return (
        ("it is not decided yet.", "Decide it, and write down what was decided.")
        if first_match(OPEN, criterion)
        else None
    )


def _without_outcome(criterion: str) -> Words | None:
    if words := first_match(NO_OUTCOME, criterion.strip()):
        return f"{quoted(words)} leaves nothing to check.", "Say what is there when it is done."
    return None


def _by_eye(criterion: str) -> Words | None:
    if first_match(BY_EYE, criterion):
        return "no check of Ralph's can look.", "Name a test that shows it."
    return None


def _many_at_once(criterion: str) -> Words | None:
    if and_count(criterion) > MOST_ANDS or len(criterion) > MOST_CRITERION_CHARS:
        return "it asks for many things at once.", "Make a criterion of each."
    return None


def _same_titles(stories: Collection[Story]) -> Iterator[tuple[str, Words]]:
    plain: Callable[[Story], str] = lambda story: " ".join(story.title.lower().split())  # noqa: E731
    counts = Counter(map(plain, stories))
    for story in stories:
        if plain(story) and counts[plain(story)] > 1:
            yield (
                story.id,
                (f"Another story has the title {quoted(story.title)} too.", "Say how they differ, or drop one."),
            )


def _out_of_order(prd: Prd) -> Iterator[tuple[str, Words]]:
    """Stories that wait for one which the order puts behind them."""
    by_id = {story.id: story for story in prd.stories}
    for story in prd.stories:
        for other in (by_id[one] for one in dict.fromkeys(story.depends_on) if one in by_id):
            if story.passes or other.passes or not _is_later(other, story):
                continue
            yield (
                story.id,
                (
                    f"It depends on {other.id}, which has a later priority ({_priority(other)}, this one {_priority(story)}).",
                    f"Give {other.id} the earlier one.",
                ),
            )


def _is_later(other: Story, story: Story) -> bool:
    return story.priority is not None and (other.priority is None or other.priority > story.priority)


def _priority(story: Story) -> str:
    return "none" if story.priority is None else str(story.priority)
