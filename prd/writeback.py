"""Changes one story in the bytes of a PRD and nothing else, in whatever dialect it is. Knows nothing of files and commits."""

from prd.document import apply_edits
from prd.errors import Problem, quoted
from prd.read import read_document
from prd.story import Prd, Story


def mark(data: bytes, story_id: str, *, passes: bool, name: str = "prd.json") -> bytes:
    """The bytes with the story done or open: every other byte stays, and a story that already is so changes nothing.

    A story without any flag counts as open; a flag is added where it is done.

    Raises: PrdError for a file that cannot be read, does not have the story exactly once, or has a flag that cannot be understood.
    What is wrong with other stories is passed over.
    """
    source, document = read_document(data, name)
    if story_id not in document.places:
        what = f"there is no story {quoted(story_id)}"
        raise source.refusal([Problem(0, what, "Put the story back, or start the run again.")])
    edits = document.set_done(story_id, passes)
    changed = apply_edits(source.text, edits).encode()
    if edits and not _differs_by_the_flag(document.prd, read_document(changed, name)[1].prd, story_id, passes=passes):
        what = f"the flag of story {quoted(story_id)} cannot be changed without changing more"
        raise source.refusal([Problem(document.places[story_id], what, "Change it by hand.")])
    return changed


def append_story(data: bytes, story: Story, *, name: str) -> bytes:
    """The bytes with the story added behind the last one, laid out like it: every other byte stays.

    Raises: PrdError for a file that cannot be read, or that already has a story of this id.
    """
    source, document = read_document(data, name)
    if story.id in document.places:
        what = f"there already is a story {quoted(story.id)}"
        raise source.refusal([Problem(document.places[story.id], what, "Give the new story another id.")])
    changed = apply_edits(source.text, document.append(story)).encode()
    if not _has_one_more(document.prd, read_document(changed, name)[1].prd):
        what = f"the story {quoted(story.id)} cannot be added without changing more"
        raise source.refusal([Problem(0, what, "Add it by hand.")])
    return changed


def _has_one_more(before: Prd, after: Prd) -> bool:
    """Whether one story was added, wherever it stands, and all others are as they were."""
    old, new = before.stories, after.stories
    at = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), len(old))
    return len(new) == len(old) + 1 and new[at + 1 :] == old[at:]


def _differs_by_the_flag(before: Prd, after: Prd, story_id: str, *, passes: bool) -> bool:
    flag = {"passes": passes, "held": "", "optional": False}
    wanted = [story.model_copy(update=flag) if story.id == story_id else story for story in before.stories]
    found = [
        story.model_copy(update=flag | {"passes": story.passes}) if story.id == story_id else story
        for story in after.stories
    ]
    return wanted == found
