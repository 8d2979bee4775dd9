"""What a new story is written with: the keys that the file's other stories have. Knows nothing of layout."""

from collections.abc import Mapping, Sequence

from prd.dialects.flags import FlagWriter
from prd.dialects.keys import STORY_FIELDS
from prd.dialects.one_story import ReadStory
from prd.layout import Value
from prd.naming import derived_id
from prd.story import Story


def members_for(story: Story, reads: Sequence[ReadStory], flags: FlagWriter) -> Mapping[str, Value]:
    """The members in the order of the last story's; what it has no key for, and the new one needs, comes behind them."""
    values = _values(story, reads, flags)
    model = [member.key.text for member in reads[-1].node.members] if reads else []
    keys = {key: _field_of(key) for key in model}
    names = {field: key for key, field in reversed(keys.items()) if field in values}
    wanted = {field: names.get(field, field) for field in values if field in names or _is_needed(values, field, reads)}
    first = [field for field in ("id", "title") if field in wanted and field not in names]
    order = [*first, *(field for field in keys.values() if field in wanted), *wanted]
    return {wanted[field]: values[field] for field in dict.fromkeys(order)}


def _field_of(key: str) -> str:
    """The first name of the field that the key stands for; other people's keys stand for themselves."""
    return next((known.key for known in STORY_FIELDS.values() if key in known.names), key)


def _is_needed(values: Mapping[str, Value], field: str, reads: Sequence[ReadStory]) -> bool:
    if field == "id":
        return not _makes_ids(reads) or values["id"] != derived_id(str(values["title"]), {r.story.id for r in reads})
    return field == "title" or (field == "passes" and not reads) or values[field] not in {"", (), None, False}


def _makes_ids(reads: Sequence[ReadStory]) -> bool:
    """Whether the ids of the file's stories are made from their titles."""
    return bool(reads) and all(read.id_node is None for read in reads)


def _values(story: Story, reads: Sequence[ReadStory], flags: FlagWriter) -> dict[str, Value]:
    values: dict[str, Value] = {
        "id": int(story.id) if _are_numbers(story.id, reads) else story.id,
        "title": story.title,
        "description": story.description,
        "acceptanceCriteria": story.acceptance_criteria,
        "passes": story.passes,
        "notes": story.notes,
        "dependsOn": story.depends_on,
    }
    if story.priority is not None:
        values["priority"] = story.priority
    if groups := [read.group[0] for read in reads if read.group]:
        values["parallel_group"] = max(groups)  # without one it would come before all others
    if any("status" in read.flags.members for read in reads):
        values["status"] = flags.word(None, done=story.passes)
    return values


def _are_numbers(story_id: str, reads: Sequence[ReadStory]) -> bool:
    """Whether ids in this file are numbers without quotes."""
    nodes = [read.id_node for read in reads if read.id_node is not None]
    return story_id.isascii() and story_id.isdigit() and bool(nodes) and all(node.text.isdigit() for node in nodes)
