"""`ralph run --dry-run`: what a run would start with. Calls nothing, changes nothing."""

import json
import math
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from prd.story import Story
from ralph.agents.turns import MAX_TOKENS
from ralph.announcements import lost_notes, unseen_notes
from ralph.board import Board, read_board
from ralph.brief.briefing import Brief, first_message
from ralph.checks.check import Check
from ralph.errors import ExitCode
from ralph.model.dialogue import first_call_bound
from ralph.notes.notebook import Notebook
from ralph.notes.progress import find_progress
from ralph.prompts import SYSTEM, prompt
from ralph.sandbox.choose import choose_sandbox
from ralph.screen_text import one_line
from ralph.settings.sections import Limits
from ralph.state import StoryStates
from ralph.survey import Ground, RunRequest, survey, wanted_branch
from ralph.tools.schema import all_schemas
from tracing.budget import MICROS_PER_USD
from tracing.meter import FLOOR_TOKENS

MICROS_PER_CENT = MICROS_PER_USD // 100
SLACK = 1.02  # a run's first message also tells how the checks stand before the work


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
    notes: tuple[str, ...]  # which PRD was taken, how it was read, what the agent will not see
    sandbox: str  # the level that commands would run at
    until: datetime | None = None  # when the run would end at the latest
    too_tight: str = ""  # why a limit allows no call at all, and what to do

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.LIMIT if self.too_tight else ExitCode.ALL_DONE

    def lines(self) -> str:
        notes = "".join(f"note:   {one_line(note)}\n" for note in self.notes)
        if self.story is None:
            return f"{notes}{self.prd}: no story can be worked on now: {self.reason}"
        cost = f"at most ${self.worst_first_call_usd:.4f} for the first call, at most ${self.limit_usd:.2f} for the run"
        checks = "\n".join(f"  {check.name}: {check.command}" for check in self.checks) or "  none (unchecked)"
        until = f"until:  {self.until.astimezone():%Y-%m-%d %H:%M}\n" if self.until else ""
        return (
            f"{notes}PRD:    {self.prd}\nstory:  {self.story.id} {self.story.title} ({self.reason})\nbranch: {self.branch}\nchecks:\n{checks}\n"
            f"sandbox: {self.sandbox}\n"
            f"{until}"
            f"prompt: {self.prompt_bytes} bytes (system text, tools, first message)\n"
            f"cost:   {self.too_tight or cost}\n"
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
            "sandbox": self.sandbox,
            "until": self.until and self.until.astimezone().isoformat(timespec="seconds"),
        }
        return json.dumps(
            {
                **facts,
                "prompt_bytes": self.prompt_bytes,
                "worst_first_call_usd": self.worst_first_call_usd,
                "limit_usd": self.limit_usd,
                "too_tight": self.too_tight,
            }
        )


def dry_run(request: RunRequest) -> DryRun:
    """The story, the checks, the sandbox, the prompt's size and the worst-case cost. Calls nothing, changes nothing.

    Raises:
        RalphError: a run could not begin: no usable settings, or not the sandbox that they ask for.

    """
    ground = survey(request)
    settings = ground.loaded.settings
    sandbox, warning = choose_sandbox(settings.sandbox, ground.home, limits=settings.resources, hide=[ground.repo.root])
    with closing(StoryStates.open(ground.home.ledger_db)) as states:
        board = read_board(ground.repo, ground.place, ground.plan, states)
        choice = board.pick(request.story)
        said = _said(ground, board, choice.story, states) if choice.story else ()
    worst_micros, least_micros = (
        ground.prices.worst_case_micros(settings.agent.model, first_call_bound(*said), output) if said else 0
        for output in (MAX_TOKENS, FLOOR_TOKENS)
    )
    return DryRun(
        choice.story,
        choice.reasons[choice.story.id].text if choice.story else _nothing(board, request.story),
        ground.plan.name,
        ground.checks,
        sum(len(text.encode()) for text in (said[0], json.dumps(said[1]), said[2])) if said else 0,
        min(worst_micros / MICROS_PER_USD, settings.limits.per_run_usd),
        settings.limits.per_run_usd,
        ground.place.name,
        (*ground.notes, *lost_notes(board), *unseen_notes(ground), *([warning] if warning else [])),
        sandbox.level,
        request.until,
        _too_tight(settings.limits, least_micros),
    )


def _said(ground: Ground, board: Board, story: Story, states: StoryStates) -> tuple[str, list[dict[str, object]], str]:
    """System text, tools and first message."""
    notebook = Notebook(find_progress(ground.repo, ground.place.name), states, wanted_branch(ground.repo, ground.prd))
    brief = Brief(
        story,
        ground.checks,
        ground.plan.name,
        ground.plan.tip,
        ground.repo.root,
        progress=notebook.shown(ground.plan.tip),
        previous=states.learnings(ground.repo.id, story),
        prd=board.prd,
        done=board.done,
        checkout=ground.repo.root,
    )
    tools = [tool for tool in all_schemas() if tool["name"] in ground.loaded.settings.agent.tools]
    return prompt(SYSTEM), tools, first_message(brief)


def _nothing(board: Board, only: str | None) -> str:
    if only is not None:
        return board.why_not(only)
    return "every story passes" if board.all_done else "`ralph status` says why"


def _too_tight(limits: Limits, least_micros: int) -> str:
    """Whether a limit does not pay for the first call even with the shortest answer; "" where all do."""
    cents = math.ceil(least_micros * SLACK / MICROS_PER_CENT)
    for limit_micros, remedy in (
        (limits.micros("per_run_usd"), "--max-cost "),
        (limits.micros("per_story_usd"), "--set limits.per_story_usd="),
        (limits.micros("per_call_usd"), "--set limits.per_call_usd="),
    ):
        if limit_micros is not None and limit_micros < least_micros:
            return (
                f"the first call may need up to ${least_micros / MICROS_PER_USD:.4f} at the least, so the limit of "
                f"${limit_micros / MICROS_PER_USD:.2f} allows none; give {remedy}{cents / 100:.2f} or more"
            )
    return ""
