"""The native agent's turn loop: model <-> tools, until an ending. What a stop reason means is `stop_reasons.NEXT_STEP`.

Knows nothing about git, checks or commits; requests, retries and money live in `ralph.model`, tools in `ralph.agents.tool_calls`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ralph.agents.endings import ending_of, finish_after
from ralph.agents.loop_guard import NUDGE_AT_IDLE_TURNS, STOP_AT_FORMAT_ERRORS, LoopGuard
from ralph.agents.task import Task
from ralph.agents.telling import Telling
from ralph.agents.tool_calls import FINISH, ToolCalls, Tools, answer
from ralph.agents.verdicts import nudge_words, why_stopped
from ralph.events import Event, EventKind, Reporter
from ralph.finish import Ending, Finish, finish_of
from ralph.model.blocks import Block, text, with_words
from ralph.model.cache_health import CacheHealth
from ralph.model.call import CallTerms, Model
from ralph.model.dialogue import Dialogue
from ralph.model.failures import CallCancelledError, ContextTooLongError, DeadlineError, WorstCaseError
from ralph.model.reply import Reply
from ralph.model.stop_reasons import NEXT_STEP, NextStep
from ralph.model.trouble import ServiceError
from ralph.prompts import SYSTEM, prompt
from ralph.spending import Spending
from ralph.steer.steering import Helm, as_said
from tracing.budget import OverBudgetError
from tracing.finding import Verdict

if TYPE_CHECKING:
    from tracing.tracer import Trace, Tracer

MOST_NUDGES = 2
MOST_RESUMES = 5
MOST_REFUSAL_CHARS = 300
MAX_TOKENS = 64_000
MAX_TOKENS_AFTER_A_CUT = 128_000
CUT_OFF = "Not run: your turn was cut off at the output limit before this call was complete. Call it again, in smaller pieces."
NOT_HANDED_OVER = "Not run: the turn ended before its calls were handed over."
STOPPED = "Not run: the run was stopped."


class TurnLoop:
    """One conversation about one story; `work` goes on where it ended before."""

    def __init__(
        self,
        task: Task,
        *,
        model: Model,
        tools: Tools,
        tracer: "Tracer",
        trace: "Trace",
        spending: Spending,
        report: Reporter,
    ) -> None:
        self._task, self._model, self._tools, self._tracer, self._trace = task, model, tools, tracer, trace
        self._spending, self._report = spending, report
        self._turns = self._nudges = self._resumes = self._cuts = 0
        self._first_message = self._failures = ""
        self._pending_finish: Block | None = None
        self._compacted = False
        self._unsent: list[Block] = []  # the next user message, until the moment it goes out
        self._helm = Helm(task.control, task.story_id, trace, report, task.cancel)
        self._telling = Telling(task.story_id, spending, model.pace, report)
        self._steps: dict[NextStep, Callable[[Reply], Finish | None]] = {
            NextStep.RUN_TOOLS: self._run_tools,
            NextStep.NUDGE: self._nudge,
            NextStep.CONTINUE_CUT: self._continue_cut,
            NextStep.RESUME: self._resume,
            NextStep.GIVE_UP_REFUSED: lambda reply: Finish(
                Ending.REFUSED, detail=f"the model refused ({reply.refusal})"
            ),
            NextStep.COMPACT: lambda _reply: self._compact("the service's context window is full"),
            NextStep.GIVE_UP_CUT: lambda reply: Finish(
                Ending.CUT, detail=f'unknown stop reason "{reply.raw_stop_reason}"'
            ),
        }
        self._start_afresh()

    def work(self, message: str) -> Finish:
        """Work until an ending; called again, `message` answers the `finish` call that is still open."""
        self._hear(message)
        try:
            while True:
                if finish := self._ordered() or self._limit_reached() or self._judged() or self._turn():
                    return finish
        finally:
            self._helm.leave()

    def _ordered(self) -> Finish | None:
        wait = self._model.pace.sleep
        return self._helm.order(lambda seconds: wait(seconds, self._task.cancel), self._time_is_up)

    def _turn(self) -> Finish | None:
        try:
            reply = self._ask()
        except ContextTooLongError as error:
            return self._compact(str(error))
        except WorstCaseError as error:
            self._report(Event(EventKind.WARNING, str(error), {"reservation": error.broken.reservation_id}))
            return Finish(ending_of(error), detail=str(error))
        except CallCancelledError as error:
            return finish_after(error) if self._task.cancel.is_set() else None  # None: the user's order is looked at
        except (OverBudgetError, DeadlineError, ServiceError) as error:
            return finish_after(error)
        return self._steps[NEXT_STEP[reply.stop_reason]](reply)

    def _limit_reached(self) -> Finish | None:
        """Checked before each call; each answer has been dealt with by then."""
        task = self._task
        if task.cancel.is_set():
            return Finish(Ending.INTERRUPTED, detail="the run was stopped")
        if self._time_is_up():
            return Finish(Ending.DEADLINE, detail="the run's time is over")
        if self._turns >= task.turns:
            return Finish(Ending.TURN_LIMIT, detail=f"{task.turns} turns were not enough (`turns` raises the limit)")
        if self._dialogue.reported_tokens >= task.context_cap_tokens:
            return self._compact(f"the conversation has {self._dialogue.reported_tokens} tokens")
        return None

    def _judged(self) -> Finish | None:
        """What the detectors want before the next call: nothing, a word to the agent, or an end."""
        finding = self._trace.watch.due()
        if finding is None:
            return None
        if finding.verdict is Verdict.STOP:
            return Finish(Ending.STUCK, detail=why_stopped(finding))
        self._unsent = with_words(self._unsent, nudge_words(finding))
        return None

    def _ask(self) -> Reply:
        task = self._task
        self._send()
        terms = CallTerms(
            limits=task.limits,
            max_tokens=MAX_TOKENS_AFTER_A_CUT if self._cuts else MAX_TOKENS,
            effort=task.effort,
            left_s=task.left_s,
            cancel=self._helm.wakes,
            attempt_failed=self._telling.retry,
            outage=self._telling.outage,
        )
        reply = self._model.call(self._dialogue, terms, trace=self._trace, health=self._health)
        self._dialogue.answered(reply.content, reply.usage)
        self._helm.answered()
        self._turns += 1
        self._telling.turn(self._turns, reply, self._dialogue.reported_tokens)
        return reply

    def _send(self) -> None:
        """Hand over the next user message: tool results first, then what the user said meanwhile."""
        if not self._unsent:
            return  # a turn of the service's own tools goes back as it is
        words = self._helm.words()
        self._dialogue.hear([*self._unsent, *([text(words)] if words else [])])
        self._unsent = []

    def _run_tools(self, reply: Reply) -> Finish | None:
        self._nudges = self._resumes = self._cuts = 0
        if self._task.cancel.is_set():
            self._answer([answer(call, STOPPED, is_error=True) for call in reply.tool_calls])
            return None
        if finish := self._finished(reply):
            return finish
        batch = self._calls.run(reply.tool_calls, reply.malformed)
        if not batch.results:
            return self._nudge(reply)
        gives_up = self._guard.too_many_format_errors(malformed=not batch.well_formed)
        self._answer(batch.results, self._note())
        if gives_up:
            why = " ".join(batch.refusal.split())[:MOST_REFUSAL_CHARS].rstrip(".")
            said = f"{STOP_AT_FORMAT_ERRORS} turns in a row without a valid tool call, the last one: {why}"
            return Finish(Ending.FORMAT_ERRORS, detail=said)
        return None

    def _note(self) -> str:
        """What the harness says of the turn as a whole."""
        if self._guard.turn_idled():
            return prompt("nudge_no_progress", turns=NUDGE_AT_IDLE_TURNS)
        return prompt("nudge_invalid") if self._guard.one_more_format_error_ends_it else ""

    def _finished(self, reply: Reply) -> Finish | None:
        """The `finish` call, when it is valid and alone; it stays unanswered until the checks have run."""
        call = reply.tool_calls[0] if len(reply.tool_calls) == 1 else None
        if call is None or call["name"] != FINISH or call["id"] in reply.malformed:
            return None
        if self._tools.validate(FINISH, call["input"]):
            return None
        self._pending_finish = call
        return finish_of(call["input"])

    def _nudge(self, reply: Reply) -> Finish | None:
        """The turn ended without a call: ask for `finish`, twice at most."""
        self._nudges += 1
        gives_up = self._nudges > MOST_NUDGES
        self._answer_or_say(reply, NOT_HANDED_OVER, "" if gives_up else prompt("nudge_finish"))
        if gives_up:
            return Finish(
                Ending.NO_FINISH, summary=_last_words(reply), detail="it stopped working without calling finish"
            )
        return None

    def _continue_cut(self, reply: Reply) -> Finish | None:
        """Once, with room for a longer answer; calls of a cut turn are never run."""
        self._cuts += 1
        self._answer_or_say(reply, CUT_OFF, prompt("nudge_cut"))
        if self._cuts > 1:
            return Finish(
                Ending.CUT, detail=f"two answers in a row were cut off, the last at {reply.max_tokens} tokens"
            )
        return None

    def _resume(self, reply: Reply) -> Finish | None:
        """Sent back unchanged while a tool of the service is at work; else a conversation must end with the user."""
        self._resumes += 1
        if not any(block["type"] == "server_tool_use" for block in reply.content):
            self._answer_or_say(reply, NOT_HANDED_OVER, prompt("nudge_finish"))
        return (
            Finish(Ending.CUT, detail="the service paused the turn again and again")
            if self._resumes > MOST_RESUMES
            else None
        )

    def _compact(self, why: str) -> Finish | None:
        """Start a fresh conversation from the story and the state of the work; once in a session."""
        if self._compacted:
            return Finish(Ending.CONTEXT, detail=f"too long again after a compaction: {why}")
        self._compacted = True
        self._telling.note(f"starting the conversation afresh: {why}")
        self._start_afresh()
        progress = self._task.progress()
        words = prompt("compacted", first_message=self._first_message, progress=progress, failures=self._failures)
        said = as_said(self._helm.said)
        self._unsent = [text(words), *([text(said)] if said else [])]
        return None

    def _start_afresh(self) -> None:
        self._dialogue = Dialogue(prompt(SYSTEM), self._tools.schemas, self._tracer.conversation())
        self._health = CacheHealth()
        self._guard = LoopGuard()
        self._pending_finish = None
        self._calls = ToolCalls(
            self._tools, self._trace, self._guard, self._report, self._task.left_s, story_id=self._task.story_id
        )

    def _hear(self, message: str) -> None:
        if self._first_message:
            self._failures = message
        self._first_message = self._first_message or message
        self._nudges = self._resumes = self._cuts = 0
        if self._pending_finish is None:
            self._unsent.append(text(message))
            return
        self._answer([answer(self._pending_finish, message, is_error=False)])
        self._pending_finish = None

    def _answer(self, results: list[Block], note: str = "") -> None:
        """All results in one message, results only; what else is to be said goes into the last of them."""
        notes = [words for words in (note, self._spending.warning()) if words]
        self._unsent += with_words(results, "\n\n".join(notes)) if results and notes else results

    def _answer_or_say(self, reply: Reply, refusal: str, words: str) -> None:
        if reply.tool_calls:
            self._answer([answer(call, refusal, is_error=True) for call in reply.tool_calls])
        elif words:
            self._unsent.append(text("\n\n".join(filter(None, (words, self._spending.warning())))))

    @property
    def cache_hit_ratio(self) -> float:
        """Share of all input so far that came from the prompt cache [0, 1]."""
        return self._telling.cache_hit_ratio

    def _time_is_up(self) -> bool:
        return self._task.left_s() <= 0


def _last_words(reply: Reply) -> str:
    return "\n\n".join(block["text"] for block in reply.content if block["type"] == "text").strip()
