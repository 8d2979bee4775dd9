"""What one object of a structured file says about one story. Knows nothing of the other stories."""

import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from prd.dialects.fields import Fields
from prd.dialects.flags import Flags
from prd.dialects.keys import COMMANDS, MAY_BE_ANYTHING, NO_PART_OF_THE_WORK, ONE_LINE_TITLES, STORY_FIELDS
from prd.errors import Problem, quoted
from prd.naming import derived_id, headline
from prd.story import Story
from prd.tree import Kind, Member, Node
from prd.words import PRIORITY_WORDS, priority_of

MAX_ID_CHARS = 100
MAX_NUMBER_CHARS = 9


@dataclass(frozen=True)
class ReadStory:
    """A story and where what it says stands; `where` is how a message calls it."""

    story: Story
    node: Node
    where: str
    flags: Flags
    id_node: Node | None
    """None: the id was made from the title."""
    depends_on: tuple[Node, ...]
    group: tuple[int, Node] | None
    """Its parallel group and where that stands."""
    problems: tuple[Problem, ...]


def read_story(node: Node, number: int) -> ReadStory:
    """The story as far as it can be read. Without an id of its own its id is empty: see `with_id`."""
    id_member = next(Fields(node, "", STORY_FIELDS).given("id"), None)
    named = _id_text(id_member.value) if id_member else ""
    where = f"story {quoted(named)}" if named else f"story {number}"
    fields = Fields(node, where, STORY_FIELDS)
    flags = Flags(node, where)
    misspelt = fields.note_near_misses(needless=("passes", "status") if flags.members else ())
    if id_member:
        _check_id(fields, id_member)
    title, description = _title_and_description(fields, misspelt)
    entries = tuple(entry for member in _lists(fields, "dependsOn") for entry in _dependencies(fields, member))
    group = next(fields.given("parallel_group"), None)
    group_number = _whole_number(fields, group) if group else None
    story = Story(
        id=named,
        title=title,
        description=description,
        acceptance_criteria=_criteria(fields),
        priority=_priority(fields),
        passes=flags.passes,
        notes=fields.text("notes"),
        depends_on=tuple(dict.fromkeys(entry.text for entry in entries)),
        more=tuple(_more(node, misspelt)),
        optional=_is_true(node, "optional") or flags.is_dropped,
        held=flags.held,
    )
    if flags.problem:
        fields.problems.append(flags.problem)
    return ReadStory(
        story=story,
        node=node,
        where=where,
        flags=flags,
        id_node=id_member.value if id_member else None,
        depends_on=entries,
        group=(group_number, group.value) if group and group_number is not None else None,
        problems=tuple(fields.problems),
    )


def with_id(read: ReadStory, taken: Collection[str]) -> ReadStory:
    """The same, with an id made from its title if it has none of its own."""
    if read.id_node is not None:
        return read
    return replace(read, story=read.story.model_copy(update={"id": derived_id(read.story.title, taken)}))


def _more(node: Node, misspelt: Collection[str]) -> Iterator[str]:
    """Texts and lists of texts under keys of somebody else's."""
    ours = {name for known in STORY_FIELDS.values() for name in (*known.names, *known.other_names)}
    for member in node.members:
        key = member.key.text
        if (
            key in ours
            or key in misspelt
            or key in NO_PART_OF_THE_WORK
            or key in COMMANDS
            or key.endswith(("At", "_at"))
        ):
            continue
        items = member.value.items if member.value.kind is Kind.LIST else (member.value,)
        texts = [item.text.strip() for item in items if item.kind is Kind.TEXT]
        if any(texts) and len(texts) == len(items):
            yield f"{key}: {'; '.join(texts)}"


def _is_true(node: Node, key: str) -> bool:
    found = node.get(key)
    return found is not None and found.kind is Kind.TRUE


def _id_text(node: Node) -> str:
    return node.text if node.kind is Kind.NUMBER else node.as_text or ""


def _check_id(fields: Fields, member: Member) -> None:
    node, key = member.value, member.key.text
    if node.kind is not Kind.NUMBER and node.as_text is None:
        fields.wrong_type(key, node, "a text or a number")
        return
    if not _is_one_line(fields, key, node):
        return
    if node.text != node.text.strip():
        fields.note(
            node, f"the id {quoted(node.text)} has white space at an end", f"Write {quoted(node.text.strip())}."
        )
    if hidden := next((char for char in node.text if unicodedata.category(char) == "Cf"), None):
        fields.note(node, f"{fields.where}: the id has the invisible character U+{ord(hidden):04X} in it", "Remove it.")
    if len(node.text) > MAX_ID_CHARS:
        fields.note(node, f"{fields.where}: the id has {len(node.text)} characters", f"Use at most {MAX_ID_CHARS}.")


def _is_one_line(fields: Fields, key: str, node: Node) -> bool:
    if not node.text.strip():
        shown = next(known.example for known in STORY_FIELDS.values() if key in known.names)
        fields.note(node, f'{fields.where} has an empty "{key}"', f'Write something, for example "{key}": {shown}.')
    elif odd := _odd_character(node.text):
        fields.note(node, f'{fields.where}: "{key}" has {odd} in it', "Write it on one line of visible characters.")
    else:
        return True
    return False


def _odd_character(text: str) -> str | None:
    for char in text:
        if char in "\r\n\u0085\u2028\u2029":
            return "a line break"
        if unicodedata.category(char) in {"Cc", "Cs"}:
            return f"the control character U+{ord(char):04X}"
    return None


def _title_and_description(fields: Fields, misspelt: Collection[str]) -> tuple[str, str]:
    """A title that is given, else the first line or sentence of what the story says, which then is its description too."""
    description = fields.text("description")
    given = list(fields.given("title"))
    strict = next((member for member in given if member.key.text in ONE_LINE_TITLES), None)
    if strict is not None:
        text = strict.value.as_text
        if text is None:
            fields.wrong_type(strict.key.text, strict.value, "a text")
            return "", description
        _is_one_line(fields, strict.key.text, strict.value)
        return text, description
    loose = next((member.value.as_text for member in given if member.value.as_text), "")
    title = headline(loose) or headline(description)
    if not title and "title" not in misspelt:
        _note_no_title(fields)
    return title, description or (loose if loose != title else "")


def _note_no_title(fields: Fields) -> None:
    null = fields.node.get("title")
    if null is not None:
        fields.wrong_type("title", null, "a text")
    else:
        shown = STORY_FIELDS["title"].shown
        fields.note(fields.node, f'{fields.where} has no "title"', f"Add one, for example {shown}.")


def _lists(fields: Fields, key: str) -> Iterator[Member]:
    """The members that hold texts or lists, and the first one whatever it holds; beside it the rest is somebody's own."""
    for at, member in enumerate(fields.given(key)):
        may_be_anything = member.key.text in MAY_BE_ANYTHING
        as_text = member.value.as_text is not None and (member.value.kind is Kind.TEXT or not may_be_anything)
        if as_text or member.value.kind is Kind.LIST or (at == 0 and not may_be_anything):
            yield member


def _criteria(fields: Fields) -> tuple[str, ...]:
    """Every list of criteria counts, so that nothing that was asked for is lost."""
    members = _lists(fields, "acceptanceCriteria")
    return tuple(dict.fromkeys(entry.text for member in members for entry in fields.texts(member)))


def _dependencies(fields: Fields, member: Member) -> tuple[Node, ...]:
    """The ids that are named, as texts or numbers; one alone needs no list."""
    node = member.value
    if node.kind is Kind.LIST and all(item.kind is Kind.NUMBER or item.as_text is not None for item in node.items):
        return node.items
    return (node,) if node.kind is Kind.NUMBER else fields.texts(member)


def _priority(fields: Fields) -> int | None:
    """A whole number, "P0" to "P4", or a word."""
    member = next(fields.given("priority"), None)
    if member is None:
        return None
    word = member.value.as_text
    if word is None or word.strip().lstrip("-").isdigit():
        return _whole_number(fields, member)
    level = priority_of(word)
    if level is None and word.strip():
        what = f'{fields.where}: "priority" is {member.value.in_words}, which is no priority'
        words = ", ".join(PRIORITY_WORDS)
        fields.note(member.value, what, f"Write a whole number (1 is first), P0 to P4, or one of {words}.")
    return level


def _whole_number(fields: Fields, member: Member) -> int | None:
    text = member.value.text.strip() if member.value.kind in {Kind.NUMBER, Kind.TEXT} else ""
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= MAX_NUMBER_CHARS:
        return int(text)
    fields.wrong_type(member.key.text, member.value, f"a whole number of at most {MAX_NUMBER_CHARS} digits")
    return None
