"""`ralph run --dry-run`: what a run would start with. Calls nothing, changes nothing."""

import json
from contextlib import closing
from dataclasses import dataclass

from prd.story import Story
from ralph.agents.turns import MAX_TOKENS
from ralph.board import read_board
from ralph.brief.briefing import Brief, first_message
from ralph.checks.check import Check
from ralph.notes.notebook import Notebook
from ralph.notes.progress import find_progress
from ralph.prompts import SYSTEM, prompt
from ralph.screen_text import one_line
from ralph.state import StoryStates
from ralph.survey import RunRequest, survey, wanted_branch
from ralph.tools.schema import all_schemas
from tracing.budget import MICROS_PER_USD


@dataclass(frozen=True)
class DryRun:
    """What a run would start with."""

    story: Story | None
    reason: str
    branch: str
    checks: tuple[Check, ...]
    prompt_bytes: int
    worst_first_call_usd: float
    limit_usd: float
    prd: str
    notes: tuple[str, ...]  # which PRD was taken, and how it was read

    def lines(self) -> str:
        notes = "".join(f"note:   {one_line(note)}\n" for note in self.notes)
        if self.story is None:
            return f"{notes}{self.prd}: no story can be worked on now: {self.reason}"
        checks = "\n".join(f"  {check.name}: {check.command}" for check in self.checks) or "  none (unchecked)"
        return (
            f"{notes}PRD:    {self.prd}\nstory:  {self.story.id} {self.story.title} ({self.reason})\nbranch: {self.branch}\nchecks:\n{checks}\n"
            f"prompt: {self.prompt_bytes} bytes (system text, tools, first message)\n"
            f"cost:   at most ${self.worst_first_call_usd:.4f} for the first call, at most ${self.limit_usd:.2f} for the run\n"
            "nothing was called and nothing was changed"
        )

    def as_json(self) -> str:
        story = self.story and {"id": self.story.id, "title": self.story.title}
        facts = {
            "prd": self.prd,
            "notes": list(self.notes),
            "story": story,
            "reason": self.reason,
            "branch": self.branch,
            "checks": [check.model_dump() for check in self.checks],
        }
        return json.dumps(
            {
                **facts,
                "prompt_bytes": self.prompt_bytes,
                "worst_first_call_usd": self.worst_first_call_usd,
                "limit_usd": self.limit_usd,
            }
        )


def dry_run_report(request: RunRequest, *, as_json: bool) -> str:
    """The story, the checks, the prompt's size and the worst-case cost. Calls nothing, changes nothing."""
    report = dry_run(request)
    return report.as_json() if as_json else report.lines()


def dry_run(request: RunRequest) -> DryRun:
    ground = survey(request)
    settings = ground.loaded.settings
    with closing(StoryStates.open(ground.home.ledger_db)) as states:
        board = read_board(ground.repo, ground.place, ground.plan, states)
        choice = board.pick(request.story)
        size_bytes = 0
        if choice.story:
            notebook = Notebook(
                find_progress(ground.repo, ground.place.name), states, wanted_branch(ground.repo, ground.prd)
            )
            brief = Brief(
                choice.story,
                ground.checks,
                ground.plan.name,
                ground.plan.tip,
                ground.repo.root,
                progress=notebook.shown(ground.plan.tip),
                previous=states.learnings(ground.repo.id, choice.story),
                prd=board.prd,
                done=board.done,
                checkout=ground.repo.root,
            )
            tools = json.dumps([tool for tool in all_schemas() if tool["name"] in settings.agent.tools])
            size_bytes = sum(len(text.encode()) for text in (prompt(SYSTEM), tools, first_message(brief)))
    worst = ground.prices.worst_case_micros(settings.agent.model, size_bytes, MAX_TOKENS)
    nothing = "every story passes" if board.all_done else "`ralph status` says why"
    reason = choice.reasons[choice.story.id].text if choice.story else nothing
    return DryRun(
        choice.story,
        reason,
        ground.plan.name,
        ground.checks,
        size_bytes,
        min(worst / MICROS_PER_USD, settings.limits.per_run_usd),
        settings.limits.per_run_usd,
        ground.place.name,
        ground.notes,
    )
