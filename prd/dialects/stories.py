"""The dialect of story lists in JSON and YAML: snarktank/ralph and its cousins, by whatever keys they go (see `keys`).

Keys that it does not know belong to somebody else and stay untouched; a near-miss of a known key that is missing is an error,
because reading past it would lose what the user wrote.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from prd.branch_name import branch_fault, proposed_branch
from prd.dialects.fields import Fields
from prd.dialects.flags import FlagWriter
from prd.dialects.keys import COMMANDS, PRD_FIELDS, STORY_FIELDS
from prd.dialects.links import linked, problems_between
from prd.dialects.new_story import members_for
from prd.dialects.one_story import ReadStory, read_story, with_id
from prd.dialects.story_lists import StoryLists, find_stories
from prd.document import Document, Edit
from prd.errors import Problem, quoted
from prd.layout import Layout, flags_in
from prd.source import Source
from prd.story import Prd, Story
from prd.tree import Kind, Node, Tree


def read_stories(source: Source, tree: Tree, *, yaml: bool) -> Document:
    """Raises: PrdError for a text that cannot be read to its end."""
    if tree.root is None:
        raise source.refusal(tree.problems)
    found = find_stories(tree.root)
    reads, problems = _read_all(found.entries)
    prd, of_prd = _read_prd(found, reads)
    writer = _Writer(source, tree, found, reads, yaml)
    return Document(
        prd=prd,
        dialect=_dialect(found, "YAML" if yaml else "JSON"),
        problems=(*tree.problems, *found.problems, *of_prd, *problems),
        set_done=writer.set_done,
        append=writer.append,
        places={read.story.id: read.node.start for read in reversed(reads) if read.story.id},
        notes=(*found.notes, *(read.flags.note for read in reads if read.flags.note), *_commands(found, reads)),
    )


def _dialect(found: StoryLists, language: str) -> str:
    return f"{language}, stories under {found.key}" if found.key else f"{language}, a list of stories"


def _read_all(nodes: Sequence[Node]) -> tuple[list[ReadStory], list[Problem]]:
    reads: list[ReadStory] = []
    problems: list[Problem] = []
    for number, node in enumerate(nodes, 1):
        if node.kind is Kind.OBJECT:
            reads.append(read_story(node, number))
            problems += reads[-1].problems
        else:
            what = f"story {number} is {node.in_words}, not an object"
            shown = f"{STORY_FIELDS['id'].shown}, {STORY_FIELDS['title'].shown}"
            problems.append(Problem(node.start, what, f"Write an object with {shown}."))
    reads = linked(_with_ids(reads))
    return reads, [*problems, *problems_between(reads)]


def _with_ids(reads: Sequence[ReadStory]) -> list[ReadStory]:
    taken = {read.story.id for read in reads if read.id_node is not None}
    named = []
    for read in reads:
        named.append(with_id(read, taken))
        taken.add(named[-1].story.id)
    return named


def _read_prd(found: StoryLists, reads: Sequence[ReadStory]) -> tuple[Prd, list[Problem]]:
    stories = tuple(read.story for read in reads)
    if found.holder is None:
        return Prd(stories=stories), []
    fields = Fields(found.holder, "the PRD", PRD_FIELDS)
    fields.note_near_misses()
    project, branch = fields.text("project"), _branch_name(fields)
    prd = Prd(project=project, branch_name=branch, description=fields.text("description"), stories=stories)
    return prd, fields.problems


def _branch_name(fields: Fields) -> str | None:
    name = fields.text("branchName")
    member = next(fields.given("branchName"), None)
    if member is None or member.value.as_text is None:
        return None
    if fault := branch_fault(name):
        fields.note(member.value, f"the branch name {quoted(name)} {fault}", f"Write {quoted(proposed_branch(name))}.")
    return name


def _commands(found: StoryLists, reads: Sequence[ReadStory]) -> tuple[str, ...]:
    """A note that names the commands of the PRD, which nobody runs."""
    holders = ([found.holder] if found.holder else []) + [read.node for read in reads]
    values = (member.value for holder in holders for member in holder.members if member.key.text in COMMANDS)
    texts = (node.text for value in values for node in (value, *value.items) if node.kind is Kind.TEXT)
    commands = list(dict.fromkeys(text for text in texts if text.strip()))
    if not commands:
        return ()
    shown = ", ".join(quoted(command) for command in commands[:5])
    more = f" and {len(commands) - 5} more" if len(commands) > 5 else ""
    return (f"the PRD names quality commands: {shown}{more}; Ralph does not run them, put them into ralph.toml",)


@dataclass(frozen=True)
class _Writer:
    """The edits of one file as it was read."""

    source: Source
    tree: Tree
    found: StoryLists
    reads: Sequence[ReadStory]
    yaml: bool

    @cached_property
    def layout(self) -> Layout:
        flags = (m.value for read in self.reads for m in read.flags.members.values())
        return Layout(self.source.text, self.yaml, flags_in(flags))

    @cached_property
    def flags(self) -> FlagWriter:
        return FlagWriter(self.layout, [read.flags for read in self.reads])

    def set_done(self, story_id: str, done: bool) -> tuple[Edit, ...]:
        """Raises: PrdError for a story that is there twice, or whose flag cannot be understood."""
        self._check_language()
        named = [read for read in self.reads if read.story.id == story_id]
        if len(named) != 1:
            what = f"the id {quoted(story_id)} is used by {len(named)} stories"
            raise self._refusal(named[-1].node.start if named else 0, what, "Give each story an id of its own.")
        if named[0].flags.problem:
            raise self.source.refusal([named[0].flags.problem])
        return self.flags.edits(named[0].flags, done=done)

    def append(self, story: Story) -> tuple[Edit, ...]:
        """Raises: PrdError for a file without a list to add it to."""
        self._check_language()
        lists = [node for node in self.found.lists if node.kind is Kind.LIST]
        if not lists:
            raise self.source.refusal(self.found.problems)
        items = next((node for node in reversed(lists) if self._holds_last(node)), lists[0])
        members: Mapping[str, str | bool | int | Sequence[str]] = members_for(story, self.reads, self.flags)
        return (self.layout.added_item(items, members),)

    def _holds_last(self, items: Node) -> bool:
        return bool(self.reads) and any(item is self.reads[-1].node for item in items.items)

    def _check_language(self) -> None:
        if self.tree.problems:
            raise self.source.refusal(self.tree.problems)

    def _refusal(self, at: int, what: str, remedy: str) -> Exception:
        return self.source.refusal([Problem(at, what, remedy)])
