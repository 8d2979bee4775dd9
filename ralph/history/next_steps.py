"""What a person can do about a story, by what it is waiting for: a table, complete over all verdicts."""

from collections.abc import Mapping
from dataclasses import dataclass

from prd.pick import Verdict


@dataclass(frozen=True)
class Step:
    """What to do, and what to type then."""

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
    Verdict.HELD: (Step("when it may be worked on, change its status at {place}; then run", "ralph run"),),
    Verdict.PARKED: (
        Step(
            "make it smaller, or say what the agent did not know, at {place}: an edit gives it a fresh start; then run",
            "ralph run",
        ),
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
            "not right? get its commit into your checkout; at {place} take its done flag back and say what is missing; then run",
            "ralph run",
        ),
    ),
}

REFUSED = (
    Step("look at the work that the integrity guard refused", "git show {kept}"),
    Step(
        "is its change of the tests right? Say at {place} which test changes, and how: an edit gives it a fresh start; then run",
        "ralph run",
    ),
    Step("is the rest right? Take the work over by hand", "git cherry-pick --no-commit {kept}"),
    Step("have it tried again as it is", "ralph unblock {story}"),
    HINT,
)


def next_steps(verdict: Verdict, story: str, place: str, refused: str | None = None) -> tuple[Step, ...]:
    """With the story's id (quoted for a shell) and its place in the PRD filled in. `refused` is the ref of the work for
    which the integrity guard parked the story; None: it did not, or the work is gone.
    """
    facts = {"story": story, "place": place, "kept": refused}
    steps = REFUSED if verdict is Verdict.PARKED and refused else STEPS[verdict]
    return tuple(Step(step.what.format(**facts), step.command.format(**facts)) for step in steps)
