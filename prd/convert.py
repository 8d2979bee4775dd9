"""A PRD of any dialect as snarktank's prd.json, which most loops and tools read. Knows nothing of where it is written to.

What that format has no key for, Ralph's own reader and some others know under the keys used here: `dependsOn`, `optional`, `status` and
`blocked`. Because the rest do not, the notes of such a story say it too.
"""

import json

from prd.errors import PrdError
from prd.read import parse_prd
from prd.story import Prd, Story
from prd.words import State, is_dropped, state_of

OPTIONAL_NOTE = "Optional: the work is complete without it."


def to_snarktank(prd: Prd, *, name: str = "the converted PRD") -> str:
    """The text of a prd.json that reads as the same PRD, but for what the notes of held and optional stories say besides.

    `name` is what a message calls it.

    Raises: PrdError when some text cannot be kept.
    """
    text = snarktank_text(prd)
    wanted = prd.model_copy(update={"stories": tuple(_noted(story) for story in prd.stories)})
    found = parse_prd(text.encode(), name)
    for one, other in zip(wanted.stories, found.stories, strict=True):
        if _but_for_the_words(one) != _but_for_the_words(other):
            raise PrdError(f'story "{one.id}" cannot be kept as it is in a prd.json: {_difference(one, other)}.')
    return text


def snarktank_text(prd: Prd) -> str:
    """The same, not read again: its stories may depend on others that stand elsewhere."""
    head = {"project": prd.project, **({"branchName": prd.branch_name} if prd.branch_name else {})}
    stories = [_members(_noted(story)) for story in prd.stories]
    whole = {**head, "description": prd.description, "userStories": stories}
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def _members(story: Story) -> dict[str, object]:
    """With a key for everything where the story has keys of its own, so that none of these is taken for a misspelt one."""
    extra = dict(line.split(": ", 1) for line in story.more)
    return {
        "id": story.id,
        "title": story.title,
        "description": story.description,
        "acceptanceCriteria": list(story.acceptance_criteria),
        **({"priority": story.priority} if extra or story.priority is not None else {}),
        "passes": story.passes,
        "notes": story.notes,
        **({"dependsOn": list(story.depends_on)} if extra or story.depends_on else {}),
        **({"optional": True} if story.optional else {}),
        **_held(story),
        **extra,
    }


def _held(story: Story) -> dict[str, object]:
    """As a status where that word says no more than this: "cancelled" would make the story optional too."""
    word = story.held
    if word and state_of(word) is State.HELD and (story.optional or not is_dropped(word)):
        return {"status": word}
    return {"blocked": word.removeprefix("blocked: ")} if word else {}


def _noted(story: Story) -> Story:
    """With what other loops have no key for in the notes, unless it stands there already."""
    said = [OPTIONAL_NOTE] if story.optional else []
    said += [f'Not to be worked on: "{story.held}".'] if story.held else []
    notes = [story.notes, *(line for line in said if line not in story.notes)]
    return story.model_copy(update={"notes": "\n".join(filter(None, notes))})


def _but_for_the_words(story: Story) -> Story:
    """Why a story is held may be said in other words: a Markdown box has none, as `[-]`."""
    return story.model_copy(update={"held": "held" if story.held else ""})


def _difference(one: Story, other: Story) -> str:
    fields = [name for name in Story.model_fields if getattr(one, name) != getattr(other, name)]
    name = fields[0]
    return f"its {name.replace('_', ' ')} would be read as {getattr(other, name)!r}"
