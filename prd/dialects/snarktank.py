"""The dialect of snarktank/ralph (`prd.json`: `userStories` with `id`, `title`, `passes`), with `dependsOn` and `name` of ralph-tui.

Keys that it does not know belong to somebody else and stay untouched; a near-miss of a known key that is missing is an error,
because reading past it would lose what the user wrote.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prd.branch_name import branch_fault, proposed_branch
from prd.dependencies import find_cycles
from prd.dialects.fields import Field, Fields
from prd.document import Document, Edit
from prd.errors import Problem, quoted
from prd.json_text import parse_json
from prd.source import Source
from prd.spelling import same_but_for_spelling
from prd.story import Prd, Story
from prd.tree import Kind, Node

MAX_ID_CHARS = 100

PRD_FIELDS: Mapping[str, Field] = {
    known.key: known
    for known in (
        Field("project", '"My project"'),
        Field("name", '"My project"'),
        Field("branchName", '"ralph/my-feature"', ("branch",)),
        Field("description", '"What this is about"'),
        Field("userStories", "[...]", ("stories", "tasks", "features", "items")),
    )
}
STORY_FIELDS: Mapping[str, Field] = {
    known.key: known
    for known in (
        Field("id", '"US-001"', ("key", "storyId", "taskId", "identifier")),
        Field("title", '"Add login page"', ("name", "summary")),
        Field("description", '"As a user, I want to log in"'),
        Field("acceptanceCriteria", '["Typecheck passes"]', ("acceptance", "criteria", "acceptanceTests")),
        Field("priority", "1", ("prio",)),
        Field(
            "passes", "true or false", ("pass", "passed", "passing", "done", "completed", "complete", "status", "state")
        ),
        Field("notes", '""'),
        Field("dependsOn", '["US-001"]', ("dependencies", "deps", "depends", "blockedBy")),
    )
}
_EXAMPLE = '{"userStories": [{"id": "US-001", "title": "Add login page", "passes": false}]}'


@dataclass(frozen=True)
class _Read:
    """A story and the node that it comes from; `where` is how a message calls it."""

    story: Story
    node: Node
    where: str


def read_snarktank(root: Node) -> tuple[Prd, tuple[Problem, ...]]:
    """The PRD as far as it can be read, and everything that is wrong with it: only without problems may the PRD be used."""
    if root.kind is not Kind.OBJECT:
        return Prd(stories=()), (
            Problem(
                root.start, f"the file is {root.in_words}, not an object with stories", f"Write it like {_EXAMPLE}"
            ),
        )
    fields = Fields(root, "the PRD", PRD_FIELDS)
    stories, problems = _stories(fields, misspelt=fields.note_near_misses())
    prd = Prd(
        project=_project(fields),
        branch_name=_branch_name(fields),
        description=fields.text("description"),
        stories=tuple(read.story for read in stories),
    )
    return prd, (*fields.problems, *problems)


def read_snarktank_document(source: Source) -> Document:
    """Raises: PrdError for a text that cannot be read to its end."""
    tree = parse_json(source.text)
    root = tree.root
    if root is None:
        raise source.refusal(tree.problems)
    prd, problems = read_snarktank(root)

    def set_done(story_id: str, done: bool) -> tuple[Edit, ...]:
        if tree.problems:
            raise source.refusal(tree.problems)
        found = story_nodes(root, story_id)
        if len(found) > 1:
            what = f"the id {quoted(story_id)} is used by {len(found)} stories"
            raise source.refusal([Problem(found[1].start, what, "Give each story an id of its own.")])
        story, flag = found[0], found[0].get("passes")
        if flag is None:
            last = story.members[-1]
            indent = source.text[len(source.text[: last.key.start].rstrip(" \t\r\n")) : last.key.start]
            colon = source.text[last.key.end : last.value.start]
            end = last.value.end
            return (Edit(end, end, f',{indent}"passes"{colon}true'),) if done else ()
        if flag.kind not in {Kind.TRUE, Kind.FALSE}:
            what = f'story {quoted(story_id)}: "passes" is {flag.in_words}'
            raise source.refusal([Problem(flag.start, what, "Write true or false, without quotes.")])
        return () if (flag.kind is Kind.TRUE) is done else (Edit(flag.start, flag.end, "true" if done else "false"),)

    def append(_story: Story) -> tuple[Edit, ...]:
        raise source.refusal([Problem(0, "stories cannot be added yet", "Add it by hand.")])

    places = {story.id: story_nodes(root, story.id)[0].start for story in prd.stories if story_nodes(root, story.id)}
    return Document(prd, "JSON", (*tree.problems, *problems), set_done, append, places)


def story_nodes(root: Node, story_id: str) -> tuple[Node, ...]:
    """The objects of the stories with that id."""
    stories = root.get("userStories")
    ids = ((node, node.get("id")) for node in (stories.items if stories else ()))
    return tuple(
        node for node, found in ids if found is not None and found.kind is Kind.TEXT and found.text == story_id
    )


def _project(fields: Fields) -> str:
    return fields.text("project") or fields.text("name")


def _branch_name(fields: Fields) -> str | None:
    node, name = fields.value("branchName"), fields.text("branchName")
    if node is None or node.kind is not Kind.TEXT:
        return None
    if fault := branch_fault(name):
        fields.note(node, f"the branch name {quoted(name)} {fault}", f"Write {quoted(proposed_branch(name))}.")
    return name


def _stories(fields: Fields, misspelt: frozenset[str]) -> tuple[list[_Read], list[Problem]]:
    node = fields.node.get("userStories")
    if node is None:
        if "userStories" not in misspelt:
            _note_no_list(fields)
        return [], []
    if node.kind is not Kind.LIST:
        fields.wrong_type("userStories", node, "a list of stories")
        return [], []
    if not node.items:
        fields.note(node, 'there is no story in "userStories"', f"Add one: {_EXAMPLE}")
    return _read_all(node.items)


def _note_no_list(fields: Fields) -> None:
    wrapper = next((m for m in fields.node.members if m.value.get("userStories")), None)
    if wrapper:
        what = f'"userStories" stands inside {quoted(wrapper.key.text)}'
        fields.note(wrapper.key, what, f"Move what is inside {quoted(wrapper.key.text)} up to the outermost object.")
    else:
        fields.note(fields.node, 'there is no "userStories"', f"Add a list of stories: {_EXAMPLE}")


def _read_all(nodes: Sequence[Node]) -> tuple[list[_Read], list[Problem]]:
    stories: list[_Read] = []
    problems: list[Problem] = []
    for number, node in enumerate(nodes, 1):
        if node.kind is Kind.OBJECT:
            read, wrong = _read_story(node, number)
            stories.append(read)
            problems += wrong
        else:
            what = f"story {number} is {node.in_words}, not an object"
            problems.append(Problem(node.start, what, f"Write an object with {_shown('id', 'title')}."))
    return stories, [*problems, *_double_ids(stories), *_unknown_dependencies(stories), *_cycles(stories)]


def _read_story(node: Node, number: int) -> tuple[_Read, list[Problem]]:
    story_id = node.get("id")
    named = story_id is not None and story_id.kind is Kind.TEXT and story_id.text
    fields = Fields(node, f"story {quoted(named)}" if named else f"story {number}", STORY_FIELDS)
    misspelt = fields.note_near_misses()
    story = Story(
        id=_required(fields, "id", misspelt),
        title=_required(fields, "title", misspelt),
        description=fields.text("description"),
        acceptance_criteria=tuple(entry.text for entry in fields.texts("acceptanceCriteria")),
        priority=fields.whole_number("priority"),
        passes=fields.flag("passes"),
        notes=fields.text("notes"),
        depends_on=tuple(entry.text for entry in fields.texts("dependsOn")),
    )
    _check_id(fields)
    return _Read(story, node, fields.where), fields.problems


def _required(fields: Fields, key: str, misspelt: frozenset[str]) -> str:
    """A text that has to be there, on one line, not blank."""
    node = fields.node.get(key)
    shown = fields.known[key].shown
    if node is None:
        if key not in misspelt:
            fields.note(fields.node, f'{fields.where} has no "{key}"', f"Add one, for example {shown}.")
    elif node.kind is not Kind.TEXT:
        fields.wrong_type(key, node, "a text")
    elif not node.text.strip():
        fields.note(node, f'{fields.where} has an empty "{key}"', f"Write something, for example {shown}.")
    elif odd := _odd_character(node.text):
        fields.note(node, f'{fields.where}: "{key}" has {odd} in it', "Write it on one line of visible characters.")
    return node.text if node else ""


def _odd_character(text: str) -> str | None:
    for char in text:
        if char in "\r\n\u0085\u2028\u2029":
            return "a line break"
        if unicodedata.category(char) == "Cc":
            return f"the control character U+{ord(char):04X}"
    return None


def _check_id(fields: Fields) -> None:
    node = fields.node.get("id")
    if node is None or node.kind is not Kind.TEXT or not node.text.strip():
        return
    if node.text != node.text.strip():
        fields.note(
            node, f"the id {quoted(node.text)} has white space at an end", f"Write {quoted(node.text.strip())}."
        )
    if hidden := next((char for char in node.text if unicodedata.category(char) == "Cf"), None):
        fields.note(node, f"{fields.where}: the id has the invisible character U+{ord(hidden):04X} in it", "Remove it.")
    if len(node.text) > MAX_ID_CHARS:
        fields.note(node, f"{fields.where}: the id has {len(node.text)} characters", f"Use at most {MAX_ID_CHARS}.")


def _double_ids(stories: Iterable[_Read]) -> Iterable[Problem]:
    seen: set[str] = set()
    for read in stories:
        node = read.node.get("id")
        if node and read.story.id in seen:
            yield Problem(
                node.start,
                f"the id {quoted(read.story.id)} is used by an earlier story",
                "Give this story an id of its own.",
            )
        if read.story.id:
            seen.add(read.story.id)


def _unknown_dependencies(stories: Sequence[_Read]) -> Iterable[Problem]:
    known = {read.story.id: None for read in stories if read.story.id}
    for read in stories:
        for entry in _entries(read):
            if entry.text not in known:
                what = f"{read.where} depends on {quoted(entry.text)}, which is no story of this PRD"
                yield Problem(entry.start, what, _which_story(entry.text, known))


def _which_story(wrong: str, known: Iterable[str]) -> str:
    if meant := same_but_for_spelling(wrong, known):
        return f"Write {quoted(meant)}."
    return "Write the id of a story, or remove it."


def _cycles(stories: Iterable[_Read]) -> Iterable[Problem]:
    reads = {read.story.id: read for read in stories}
    for cycle in find_cycles({key: read.story.depends_on for key, read in reads.items()}):
        first = reads[cycle[0]]
        entry = next(entry for entry in _entries(first) if entry.text == cycle[1])
        circle = " -> ".join(quoted(story_id) for story_id in cycle)
        what = (
            f"the stories depend on each other in a circle: {circle}"
            if len(cycle) > 2
            else f"{first.where} depends on itself"
        )
        yield Problem(
            entry.start,
            what,
            f"Remove {quoted(entry.text)} here." if len(cycle) == 2 else 'Remove one of these from a "dependsOn".',
        )


def _entries(read: _Read) -> tuple[Node, ...]:
    node = read.node.get("dependsOn")
    return tuple(item for item in (node.items if node else ()) if item.kind is Kind.TEXT)


def _shown(*keys: str) -> str:
    return ", ".join(STORY_FIELDS[key].shown for key in keys)
