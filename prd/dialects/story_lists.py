"""Where in a structured file the stories stand. Knows nothing of what a story says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from prd.dialects.fields import Field, Fields
from prd.dialects.flags import Flags
from prd.dialects.keys import LISTS_IN_A_PHASE, STORIES, STORY_LISTS
from prd.errors import Problem, quoted
from prd.tree import Kind, Member, Node

MAX_STORIES = 5_000
EXAMPLE = '{"userStories": [{"id": "US-001", "title": "Add login page", "passes": false}]}'


@dataclass
class StoryLists:
    """`holder` is the object that has the PRD's own keys, None when the file is a list; `lists` hold the stories, in order."""

    holder: Node | None
    key: str = ""
    lists: Sequence[Node] = ()
    entries: Sequence[Node] = ()
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_stories(root: Node) -> StoryLists:
    if root.kind is Kind.LIST:
        return _in_list(StoryLists(None), root)
    if root.kind is not Kind.OBJECT:
        found = StoryLists(None)
        what = f"the file is {root.in_words}, not an object with stories"
        found.problems.append(Problem(root.start, what, f"Write it like {EXAMPLE}"))
        return found
    inner = root.get("prd")
    if inner is None or any(_has_objects(member.value) for member in _candidates(root)):
        return _in_object(root)
    if inner.kind is Kind.LIST:
        return _in_list(StoryLists(root, "prd"), inner)
    return _in_object(inner if inner.kind is Kind.OBJECT else root)


def _candidates(holder: Node) -> list[Member]:
    """The members that are called like a list of stories, in the order in which they are preferred."""
    members = [member for member in holder.members if member.key.text in STORY_LISTS]
    return sorted(members, key=lambda member: STORY_LISTS.index(member.key.text))


def _in_object(holder: Node) -> StoryLists:
    candidates = _candidates(holder)
    with_objects = [member for member in candidates if _has_objects(member.value)]
    found = StoryLists(holder)
    if not candidates:
        _note_no_list(found, holder)
        return found
    chosen = (with_objects or candidates)[0]
    found.key = chosen.key.text
    if chosen.value.kind is not Kind.LIST:
        what = f'the PRD: "{found.key}" is {chosen.value.in_words}, not a list of stories'
        found.problems.append(Problem(chosen.value.start, what, f'Write "{found.key}": [...].'))
        return found
    found.notes += _note_of_others(chosen, with_objects[1:])
    return _in_list(found, chosen.value)


def _has_objects(node: Node) -> bool:
    return node.kind is Kind.LIST and any(item.kind is Kind.OBJECT for item in node.items)


def _note_of_others(chosen: Member, others: Sequence[Member]) -> Iterable[str]:
    if others:
        names = ", ".join(f'"{other.key.text}" ({len(other.value.items)})' for other in others)
        yield f'the stories are read from "{chosen.key.text}" ({len(chosen.value.items)}), not from {names}'


def _in_list(found: StoryLists, node: Node) -> StoryLists:
    phases = [_list_in_phase(item) if found.key == "phases" else None for item in node.items]
    found.lists = [node, *(inner for inner in phases if inner)]
    found.entries = [
        entry for item, inner in zip(node.items, phases, strict=True) for entry in (inner.items if inner else (item,))
    ]
    found.notes += _notes_of_phases(node.items, phases)
    if len(found.entries) > MAX_STORIES:
        what = f"there are {len(found.entries)} stories, and Ralph takes at most {MAX_STORIES}"
        found.problems.append(Problem(node.start, what, "Split it into several PRDs."))
        found.entries = ()
        return found
    if not found.entries:
        where = f' in "{found.key}"' if found.key else ""
        found.problems.append(Problem(node.start, f"there is no story{where}", f"Add one: {EXAMPLE}"))
    return found


def _list_in_phase(phase: Node) -> Node | None:
    lists = (phase.get(key) for key in LISTS_IN_A_PHASE)
    return next((node for node in lists if node is not None and node.kind is Kind.LIST), None)


def _notes_of_phases(phases: Iterable[Node], lists: Iterable[Node | None]) -> Iterable[str]:
    for number, (phase, inner) in enumerate(zip(phases, lists, strict=True), 1):
        flags = Flags(phase, f"phase {number}")
        if inner and (flags.passes or flags.held):
            yield f'phase {number} says "{"done" if flags.passes else flags.held}"; what counts is what its stories say'


def _note_no_list(found: StoryLists, holder: Node) -> None:
    fields = Fields(holder, "the PRD", {"userStories": Field(STORIES.key, STORIES.example, (), STORIES.other_names)})
    if fields.note_near_misses():
        found.problems += fields.problems
        return
    wrapper = next((member for member in holder.members if _candidates(member.value)), None)
    if wrapper is None:
        what, remedy = 'there is no "userStories"', f"Add a list of stories: {EXAMPLE}"
        found.problems.append(Problem(holder.start, what, remedy))
        return
    key, outer = _candidates(wrapper.value)[0].key.text, quoted(wrapper.key.text)
    remedy = f"Move what is inside {outer} up to the outermost object."
    found.problems.append(Problem(wrapper.key.start, f'"{key}" stands inside {outer}', remedy))
