"""Asks a model which stories of a PRD are too big, vague or not checkable. Advice; one call when all goes well."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prd.lint import Finding
from prd.story import Prd, Story
from ralph.drafting.chat import Chat
from ralph.drafting.desk import Desk
from ralph.drafting.schemas import REPORT
from ralph.prompts import prompt
from ralph.tools.result import ToolResult
from ralph.tools.schema import LONGEST_TIMEOUT_S, validate


@dataclass(frozen=True)
class Judged:
    findings: tuple[Finding, ...]
    cost_usd: float
    trace_id: str


def judge(desk: Desk, prd: Prd, name: str) -> Judged:
    """Raises: RalphError: a limit was reached, the service is away, or the model reported nothing."""
    stories = [story for story in prd.stories if not story.passes]
    with desk.trace({"ralph.prd": name, "ralph.story.title": f"judge: {name}"}) as trace:
        tools = _Report({story.id for story in stories})
        words = "\n\n".join([f"# {name}\n{prd.description}".rstrip(), *map(_told, stories)])
        checks = ", ".join(check.name for check in desk.ground.checks) or "none"
        Chat(desk, trace, tools, prompt("judge_prd")).hold(f"{words}\n\nChecks that run after each story: {checks}")
        assert tools.findings is not None
    return Judged(tools.findings, desk.spent_usd, trace.trace_id)


class _Report:
    """The one tool; `findings` is what came, None before that."""

    read_only: frozenset[str] = frozenset()

    def __init__(self, story_ids: set[str]) -> None:
        self.schemas = [REPORT]
        self.findings: tuple[Finding, ...] | None = None
        self._story_ids = story_ids

    @property
    def is_over(self) -> bool:
        return self.findings is not None

    def turn_began(self, calls: int) -> None:
        del calls

    def validate(self, name: str, given: object) -> str | None:
        return validate(self.schemas, name, given)

    def run(
        self,
        name: str,
        given: Mapping[str, Any],
        *,
        timeout_cap_s: float = LONGEST_TIMEOUT_S,
        cancel: threading.Event | None = None,
    ) -> ToolResult:
        del name, timeout_cap_s, cancel
        unknown = {one["story"] for one in given["findings"]} - self._story_ids
        if unknown:
            return ToolResult(f"report: no open story is called {', '.join(sorted(unknown))}.", is_error=True)
        self.findings = tuple(
            Finding(one["story"], f"{one['kind'].replace('_', ' ')}: {_flat(one['what'])}", _flat(one["remedy"]))
            for one in given["findings"]
        )
        return ToolResult("Noted.")


def _told(story: Story) -> str:
    lines = [f"## {story.id} {story.title}", story.description, *(f"- {one}" for one in story.acceptance_criteria)]
    needs = f"needs {', '.join(story.depends_on)}" if story.depends_on else ""
    return "\n".join(line for line in [*lines, needs] if line)


def _flat(text: str) -> str:
    return " ".join(text.split())
