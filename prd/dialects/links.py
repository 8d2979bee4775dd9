"""What can be wrong between the stories of one file: ids used twice, dependencies on nothing, circles. Knows nothing of keys."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from prd.dependencies import find_cycles
from prd.dialects.one_story import ReadStory
from prd.errors import Problem, quoted
from prd.spelling import same_but_for_spelling
from prd.tree import Node


def linked(reads: Sequence[ReadStory]) -> list[ReadStory]:
    """The stories with dependencies as ids: a title stands for the id that was made from it, a parallel group for all lower ones."""
    known = {read.story.id for read in reads}
    titled = {read.story.title: read.story.id for read in reversed(reads) if read.id_node is None}
    by_title = {title: story_id for title, story_id in titled.items() if title not in known}
    return [_with_dependencies(read, reads if read.group else (), by_title) for read in reads]


def _with_dependencies(read: ReadStory, others: Sequence[ReadStory], by_title: Mapping[str, str]) -> ReadStory:
    named = [by_title.get(story_id, story_id) for story_id in read.story.depends_on]
    lower = [other.story.id for other in others if group_of(other) < group_of(read)]
    found = tuple(dict.fromkeys([*named, *lower]))
    return replace(read, story=read.story.model_copy(update={"depends_on": found}))


def group_of(read: ReadStory) -> int:
    """A story without a parallel group is in group 0, as ralphy has it."""
    return read.group[0] if read.group else 0


def problems_between(reads: Sequence[ReadStory]) -> list[Problem]:
    return [*_double_ids(reads), *_unknown_dependencies(reads), *_cycles(reads)]


def _double_ids(reads: Iterable[ReadStory]) -> Iterable[Problem]:
    seen: set[str] = set()
    for read in reads:
        if read.id_node is not None and read.story.id in seen:
            what = f"the id {quoted(read.story.id)} is used by an earlier story"
            yield Problem(read.id_node.start, what, "Give this story an id of its own.")
        if read.story.id:
            seen.add(read.story.id)


def _unknown_dependencies(reads: Sequence[ReadStory]) -> Iterable[Problem]:
    known = {name: None for read in reads for name in (read.story.id, *_titles(read)) if name}
    for read in reads:
        for entry in read.depends_on:
            if entry.text not in known:
                what = f"{read.where} depends on {quoted(entry.text)}, which is no story of this PRD"
                yield Problem(entry.start, what, _which_story(entry.text, known))


def _titles(read: ReadStory) -> tuple[str, ...]:
    """Names for a story beside its id."""
    return (read.story.title,) if read.id_node is None else ()


def _which_story(wrong: str, known: Iterable[str]) -> str:
    if meant := same_but_for_spelling(wrong, known):
        return f"Write {quoted(meant)}."
    return "Write the id of a story, or remove it."


def _cycles(reads: Iterable[ReadStory]) -> Iterable[Problem]:
    by_id = {read.story.id: read for read in reads}
    for cycle in find_cycles({key: read.story.depends_on for key, read in by_id.items()}):
        first, second = by_id[cycle[0]], by_id[cycle[1]]
        if len(cycle) == 2:
            what, remedy = f"{first.where} depends on itself", f"Remove {quoted(cycle[0])} here."
        else:
            circle = " -> ".join(quoted(story_id) for story_id in cycle)
            what = f"the stories depend on each other in a circle: {circle}"
            remedy = 'Remove one of these from a "dependsOn".'
        yield Problem(_cause(first, second).start, what, remedy)


def _cause(first: ReadStory, second: ReadStory) -> Node:
    """Where it stands that the first depends on the second."""
    names = {second.story.id, *_titles(second)}
    entry = next((entry for entry in first.depends_on if entry.text in names), None)
    return entry or (first.group[1] if first.group else first.node)
