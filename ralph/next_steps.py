"""What a person can do about a story, by what it is waiting for: a table, complete over all verdicts."""

from collections.abc import Mapping
from dataclasses import dataclass

from prd.pick import Verdict


@dataclass(frozen=True)
class Step:
    """`command` is what to type, or the place in the PRD to go to."""

    what: str
    command: str


RUN = Step("start a run", "ralph run")
RUN_THIS = Step("work on this story, whatever comes first", "ralph run --story {story}")
HINT = Step("give the agent a hint", 'ralph say --story {story} "..."')

STEPS: Mapping[Verdict, tuple[Step, ...]] = {
    Verdict.NEXT: (RUN, HINT),
    Verdict.LATER: (RUN, RUN_THIS, HINT),
    Verdict.NOT_CHOSEN: (RUN_THIS,),
    Verdict.OPTIONAL: (Step("an optional story is worked on when it is asked for", "ralph run --story {story}"),),
    Verdict.WAITS_FOR: (Step("see why what it waits for is not done", "ralph status"), RUN),
    Verdict.HELD: (Step("change its status in the PRD when it may be worked on", "{place}"),),
    Verdict.PARKED: (
        Step("make it smaller, or say there what the agent did not know: an edit gives it a fresh start", "{place}"),
        Step("have it tried again as it is", "ralph unblock {story}"),
        HINT,
    ),
    Verdict.RUNNING: (
        Step("watch it", "ralph log -f"),
        HINT,
        Step("set it aside", "ralph skip {story}"),
    ),
    Verdict.DONE: (
        Step(
            "not right? with its commit in your checkout, take its done flag back, say there what is missing, and run",
            "{place}",
        ),
    ),
}


def next_steps(verdict: Verdict, story: str, place: str) -> tuple[Step, ...]:
    """With the story's id (quoted for a shell) and its place in the PRD filled in."""
    return tuple(Step(step.what, step.command.format(story=story, place=place)) for step in STEPS[verdict])
