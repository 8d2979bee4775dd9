"""The tools of a draft: looking at the repo, asking the person, handing in. Keeps the proposal that was accepted."""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from prd.errors import PrdError
from prd.lint import Finding, lint
from prd.story import Prd
from ralph.drafting.proposal import draft_of
from ralph.drafting.questions import Answers, question_of
from ralph.drafting.reading import ReadingTools
from ralph.drafting.schemas import ASK, PROPOSE
from ralph.drafting.target import Target
from ralph.tools.result import ToolResult
from ralph.tools.schema import LONGEST_TIMEOUT_S, validate

MOST_RETURNS = 2  # for weak spots; a proposal that makes no PRD comes back every time


@dataclass(frozen=True)
class Draft:
    """What the model handed in, and what is still weak in it."""

    prd: Prd
    findings: tuple[Finding, ...] = ()


class DraftTools:
    """`draft` is what was accepted; None before that."""

    def __init__(self, reading: ReadingTools, answers: Answers, target: Target, checks: Collection[str]) -> None:
        self._reading, self._answers, self._target, self._checks = reading, answers, target, checks
        self.schemas = [*reading.schemas, *([ASK] if answers.can_answer else []), PROPOSE]
        self.read_only = reading.read_only
        self.draft: Draft | None = None
        self._returns = 0
        self._is_alone = True

    @property
    def is_over(self) -> bool:
        return self.draft is not None

    def turn_began(self, calls: int) -> None:
        self._is_alone = calls == 1

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
        if name == PROPOSE["name"]:
            return self._propose(given)
        if name == ASK["name"]:
            return self._ask(given)
        return self._reading.run(name, given, timeout_cap_s=timeout_cap_s, cancel=cancel)

    def close(self) -> None:
        self._reading.close()

    def _ask(self, given: Mapping[str, Any]) -> ToolResult:
        if problem := self._answers.problem(given["questions"]):
            return ToolResult(problem, is_error=True)
        return ToolResult(self._answers.ask([question_of(one) for one in given["questions"]]))

    def _propose(self, given: Mapping[str, Any]) -> ToolResult:
        if not self._is_alone:
            return ToolResult(
                "propose: look at the results of the other calls first, then propose alone.", is_error=True
            )
        try:
            prd = draft_of(given, self._target)
        except PrdError as error:
            return ToolResult(
                f"propose: this makes no PRD. Mend it and propose the whole again.\n{error}", is_error=True
            )
        findings = findings_of(prd, self._target, self._checks)
        if findings and self._returns < MOST_RETURNS:
            self._returns += 1
            return ToolResult(_weak_spots(prd, findings), is_error=True)
        self.draft = Draft(prd, tuple(findings))
        return ToolResult("Accepted. The person sees it now.")


def findings_of(draft: Prd, target: Target, checks: Collection[str]) -> list[Finding]:
    """What is weak in the new stories, seen beside those that are there."""
    own = {story.id for story in draft.stories}
    whole = draft.model_copy(update={"stories": (*target.stories, *draft.stories)})
    return [finding for finding in lint(whole, checks) if finding.story_id in own]


def _weak_spots(prd: Prd, findings: Collection[Finding]) -> str:
    numbers = {story.id: number for number, story in enumerate(prd.stories, 1)}
    lines = (f"- story #{numbers[one.story_id]}: {one.what} {one.remedy}" for one in findings)
    return (
        "propose: weak spots. Mend them and propose the whole again; what you leave is shown to the person.\n"
        + "\n".join(lines)
    )
