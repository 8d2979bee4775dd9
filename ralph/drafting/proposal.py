"""From what the model proposes to a PRD, and from the text that a person made of that.

Knows nothing about conversations and terminals.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prd.branch_name import branch_fault, proposed_branch
from prd.convert import snarktank_text
from prd.errors import PrdError, quoted
from prd.read import parse_prd
from prd.story import Prd, Story
from ralph.drafting.target import Target, with_stories

MOST_STORIES = 30


def draft_of(given: Mapping[str, Any], target: Target) -> Prd:
    """The PRD with the proposed stories alone.

    Raises: PrdError with a line for each thing that is wrong with the proposal.
    """
    stories = given["stories"]
    if problems := _problems(stories, {story.id for story in target.stories}):
        raise PrdError("\n".join(problems))
    ids = target.ids([story["title"] for story in stories])
    first = target.first_priority
    draft = Prd(
        project=_flat(given["project"]),
        branch_name=_branch(given["branch"]),
        description=given["description"].strip(),
        stories=tuple(
            _story(story, ids, number, None if first is None else first + number)
            for number, story in enumerate(stories)
        ),
    )
    target.check(draft, snarktank_text(draft))
    return draft


def edited(text: str, target: Target) -> Prd:
    """What a person made of the draft.

    Raises: PrdError with the place of everything that is wrong in the text.
    """
    name = "draft.json"
    whole = parse_prd(with_stories(text.encode(), target.stories, name), name)  # those that are there may be needed
    own = whole.stories[: len(whole.stories) - len(target.stories)]
    if not own:
        raise PrdError(f"{name}: there is no story left. Leave at least one, or answer n to write nothing.")
    draft = whole.model_copy(update={"stories": own})
    target.check(draft, snarktank_text(draft))
    return draft


def _story(given: Mapping[str, Any], ids: Sequence[str], number: int, priority: int | None) -> Story:
    return Story(
        id=ids[number],
        title=_flat(given["title"]),
        description=given["description"].strip(),
        acceptance_criteria=tuple(_flat(one) for one in given["acceptanceCriteria"]),
        priority=priority,
        depends_on=tuple(dict.fromkeys(_meant(one, ids) for one in given.get("dependsOn", []))),
    )


def _problems(stories: Sequence[Mapping[str, Any]], existing: set[str]) -> list[str]:
    if not 1 <= len(stories) <= MOST_STORIES:
        return [f"stories: {len(stories)} of them. Propose 1 to {MOST_STORIES}; leave the rest for another PRD."]
    return [
        f"story #{number}: {problem}"
        for number, story in enumerate(stories, 1)
        for problem in _problems_of(story, number, existing)
    ]


def _problems_of(story: Mapping[str, Any], number: int, existing: set[str]) -> list[str]:
    criteria, problems = story["acceptanceCriteria"], []
    if not story["title"].strip():
        problems.append("the title is empty.")
    if not criteria or not all(one.strip() for one in criteria):
        problems.append("it needs at least one acceptance criterion, and none may be empty.")
    earlier = existing | {f"#{before}" for before in range(1, number)}
    problems += [
        f"dependsOn {quoted(one)} is neither an earlier story of this proposal (#1 is the first) nor a story of the PRD."
        for one in story.get("dependsOn", [])
        if one not in earlier
    ]
    return problems


def _meant(reference: str, ids: Sequence[str]) -> str:
    return ids[int(reference[1:]) - 1] if reference.startswith("#") and reference[1:].isdigit() else reference


def _branch(name: str) -> str:
    return proposed_branch(name) if branch_fault(name) else name


def _flat(text: str) -> str:
    return " ".join(text.split())
