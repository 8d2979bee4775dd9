"""One conversation with the model about a PRD: turns until its tools say that it is over, within the desk's limits.

A smaller brother of `ralph.agents.turns`: nothing is finished, checked or compacted here. Knows nothing about PRDs.
"""

from collections.abc import Callable
from textwrap import shorten
from typing import Protocol

from ralph.agents.loop_guard import STOP_AT_FORMAT_ERRORS, LoopGuard
from ralph.agents.tool_calls import ToolCalls, Tools, answer
from ralph.agents.verdicts import nudge_words, why_stopped
from ralph.deadline import forever
from ralph.drafting.desk import Desk
from ralph.errors import ExitCode, RalphError
from ralph.events import Event, EventKind
from ralph.model.blocks import Block, text, with_words
from ralph.model.cache_health import CacheHealth
from ralph.model.call import CallTerms
from ralph.model.dialogue import Dialogue
from ralph.model.failures import Failure
from ralph.model.reply import Reply
from ralph.model.stop_reasons import NEXT_STEP, NextStep
from ralph.prompts import prompt
from ralph.screen_text import one_line
from tracing.finding import Verdict
from tracing.tracer import Trace

MOST_TURNS = 30
MOST_NUDGES = 2
MOST_SHOWN_CHARS = 200  # of what the model says beside its calls
MAX_TOKENS = 32_000
MAX_TOKENS_AFTER_A_CUT = 64_000
NOT_RUN = "Not run: the turn ended before this call was complete. Call it again."


class NothingCameError(RalphError):
    """The conversation ended without what it was held for."""

    exit_code = ExitCode.STORIES_REMAIN


class ChatTools(Tools, Protocol):
    """The last of the schemas is the tool that hands in."""

    @property
    def is_over(self) -> bool:
        """Whether the model has handed in what it was asked for."""
        ...

    def turn_began(self, calls: int) -> None:
        """Told before the calls of a turn are run."""


class Chat:
    """`hold` it once."""

    def __init__(self, desk: Desk, trace: Trace, tools: ChatTools, system: str) -> None:
        self._desk, self._trace, self._tools = desk, trace, tools
        self._dialogue = Dialogue(system, tools.schemas, desk.tracer.conversation())
        self._health, self._guard = CacheHealth(), LoopGuard()
        self._calls = ToolCalls(tools, trace, self._guard, desk.report, forever)
        self._nudges = self._cuts = 0
        self._was_warned = False
        self._steps: dict[NextStep, Callable[[Reply], list[Block]]] = {
            NextStep.RUN_TOOLS: self._run_tools,
            NextStep.NUDGE: self._nudge,
            NextStep.RESUME: self._nudge,
            NextStep.CONTINUE_CUT: self._continue_cut,
            NextStep.GIVE_UP_REFUSED: lambda reply: self._give_up(
                f"the model refused ({reply.refusal or 'it did not say why'})"
            ),
            NextStep.COMPACT: lambda _reply: self._give_up("the conversation became too long for the model"),
            NextStep.GIVE_UP_CUT: lambda reply: self._give_up(f'the model stopped with "{reply.raw_stop_reason}"'),
        }

    def hold(self, first_message: str) -> None:
        """Take turns until the tools say that it is over.

        Raises:
            NothingCameError: the model refused, went in circles or stopped without handing in.
            OverBudgetError, WorstCaseError, ContextTooLongError, ServiceError: as `Model.call`.
        """
        unsent = [text(first_message)]
        for _ in range(MOST_TURNS):
            self._dialogue.hear(unsent)
            reply = self._call()
            unsent = self._warned(self._steps[NEXT_STEP[reply.stop_reason]](reply))
            if self._tools.is_over:
                return
            unsent = self._judged(unsent)
        self._give_up(f"{MOST_TURNS} turns were not enough")

    def _call(self) -> Reply:
        terms = CallTerms(
            limits=self._desk.limits,
            max_tokens=MAX_TOKENS_AFTER_A_CUT if self._cuts else MAX_TOKENS,
            effort=self._desk.ground.effort,
            attempt_failed=self._tell_retry,
        )
        reply = self._desk.model.call(self._dialogue, terms, trace=self._trace, health=self._health)
        self._dialogue.answered(reply.content, reply.usage)
        self._tell_turn(reply)
        return reply

    def _run_tools(self, reply: Reply) -> list[Block]:
        self._tools.turn_began(len(reply.tool_calls))
        batch = self._calls.run(reply.tool_calls, reply.malformed)
        if self._guard.too_many_format_errors(malformed=not batch.well_formed):
            self._give_up(f"{STOP_AT_FORMAT_ERRORS} turns in a row had no valid tool call")
        self._nudges = self._cuts = 0
        return batch.results or self._nudge(reply)

    def _nudge(self, reply: Reply) -> list[Block]:
        self._nudges += 1
        if self._nudges > MOST_NUDGES:
            self._give_up(f"the model stopped without handing in. Its last words: {_last_words(reply)}")
        return self._sent_back(reply) or [text(prompt("draft_nudge", tool=self._tools.schemas[-1]["name"]))]

    def _continue_cut(self, reply: Reply) -> list[Block]:
        self._cuts += 1
        if self._cuts > 1:
            self._give_up(f"two answers in a row were cut off, the last at {reply.max_tokens} tokens")
        return self._sent_back(reply) or [text(prompt("nudge_cut"))]

    def _sent_back(self, reply: Reply) -> list[Block]:
        return [answer(call, NOT_RUN, is_error=True) for call in reply.tool_calls]

    def _warned(self, blocks: list[Block]) -> list[Block]:
        """Once, when the money is nearly spent; inside a result, since text beside results teaches to end the turn."""
        if self._was_warned or not self._desk.is_nearly_spent:
            return blocks
        self._was_warned = True
        return with_words(blocks, prompt("draft_wrap_up", tool=self._tools.schemas[-1]["name"]))

    def _judged(self, blocks: list[Block]) -> list[Block]:
        """With what the detectors have to say of the conversation so far."""
        finding = self._trace.watch.due()
        if finding is None:
            return blocks
        if finding.verdict is Verdict.STOP:
            self._give_up(why_stopped(finding).rstrip("."))
        return with_words(blocks, nudge_words(finding))

    def _give_up(self, why: str) -> list[Block]:
        raise NothingCameError(f"{why}. The conversation is kept: ralph trace {self._trace.trace_id[:8]}")

    def _tell_turn(self, reply: Reply) -> None:
        tools = [str(call["name"]) for call in reply.tool_calls]
        desk, fields = self._desk, {"cost_usd": reply.cost_micros / 1e6, "spent_usd": self._desk.spent_usd}
        what = shorten(_words(reply), MOST_SHOWN_CHARS, placeholder=" ...") or ", ".join(tools) or reply.raw_stop_reason
        words = f"{what}  (${desk.spent_usd:.2f} of ${desk.ground.settings.limits.per_run_usd:.2f})"
        desk.report(Event(EventKind.TURN, words, {"tools": tools, **fields}))

    def _tell_retry(self, attempt: int, failure: Failure, wait_s: float) -> None:
        words = f"the model service failed ({failure.text}); trying again in {wait_s:.0f} s"
        self._desk.report(
            Event(EventKind.MODEL_RETRY, words, {"attempt": attempt, "error": failure.text, "wait_s": wait_s})
        )


def _last_words(reply: Reply) -> str:
    return f'"{shorten(_words(reply), MOST_SHOWN_CHARS, placeholder=" ...")}"' if _words(reply) else "none"


def _words(reply: Reply) -> str:
    return one_line(" ".join(str(block["text"]) for block in reply.content if block["type"] == "text"))
