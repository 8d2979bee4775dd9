"""One model call: each attempt is reserved, streamed, settled, and on a passing failure tried again.

The span covers all attempts; its cost is what the ledger was charged for them together. Knows nothing about tools.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ralph.deadline import Left, forever
from ralph.model.cache_health import CacheHealth
from ralph.model.call_span import MOST_TOLD, Attempts, costed, describe
from ralph.model.client import credential_errors, decoding_errors
from ralph.model.concessions import UNSUPPORTED, Concessions, Feature, Taken
from ralph.model.dialogue import CACHED, Dialogue
from ralph.model.failures import (
    BrokenStreamError,
    Charge,
    ContextTooLongError,
    Failure,
    Verdict,
    WorstCaseError,
    classify,
)
from ralph.model.pace import CONNECT_S, Pace, Streak, Wakes
from ralph.model.reply import Assembly, Reply
from ralph.model.retry_notice import Outage
from tracing import attributes as names
from tracing.budget import Limit, UnreconciledError
from tracing.failpoint import effect, failpoint
from tracing.meter import Grant, Meter
from tracing.span import SpanKind

if TYPE_CHECKING:
    from ralph.model.client import Client
    from ralph.settings.kinds import Provider
    from tracing.tracer import Span, Trace


@dataclass(frozen=True)
class CallTerms:
    """What one call may use."""

    limits: Callable[[], Sequence[Limit]]  # asked before each attempt: at midnight the day's limit is another one
    max_tokens: int
    effort: str | None = None  # None: the model has no such setting
    left_s: Left = forever
    cancel: Wakes = field(default_factory=threading.Event)
    attempt_failed: Callable[[int, Failure, float], None] = lambda _attempt, _failure, _wait_s: None
    """Told before a wait that is news; also, with no wait, when the request goes out again without what was refused."""
    outage: Callable[[Failure | None, float], None] = lambda _failure, _away_s: None
    """Told once when an outage lasts, and (None) when it is over: for how many seconds it lasted."""


class Model:
    """Calls one model of one service. `client` is asked once, at the first call: importing the SDK takes a second."""

    def __init__(
        self,
        client: "Callable[[], Client]",
        meter: Meter,
        name: str,
        *,
        pace: Pace | None = None,
        provider: "Provider" = "anthropic",
    ) -> None:
        self._make_client = client
        self._client: Client | None = None
        self._meter = meter
        self.name = name
        self._provider = provider
        self._concessions = Concessions(name, set(UNSUPPORTED.get(provider, ())))
        self._learning = threading.Lock()
        self.pace = pace or Pace()

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def call(self, dialogue: Dialogue, terms: CallTerms, *, trace: "Trace", health: CacheHealth) -> Reply:
        """The model's next turn; `dialogue` is not changed.

        Raises:
            OverBudgetError: the limits do not pay for another attempt.
            ContextTooLongError: the service refuses a conversation of this length.
            ServiceError: the service refuses for good, or stays away too long.
            DeadlineError: the time was over first.
            CallCancelledError: the run was asked to stop while waiting.
            WorstCaseError: this call, or one before it, cost more than its reservation.
        """
        self._check_worst_case()
        request = names.llm_request_attributes(
            model=self.name,
            max_tokens=self._concessions.max_tokens(terms.max_tokens),
            reasoning_level=self._concessions.effort(terms.effort),
        )
        with trace.span(f"chat {self.name}", kind=SpanKind.LLM, attributes=request) as span:
            span.set_request(dialogue.recorded.head, dialogue.system, dialogue.tools)
            attempts = Attempts(self.pace.clock(), Streak(self.pace.clock()))
            with costed(span, attempts, self._meter):
                reply = self._persist(dialogue, terms, trace.trace_id, attempts, span)
            describe(span, reply, attempts, ended_s=self.pace.clock(), price_version=self._meter.price_version)
            self._note_cache(
                span, dialogue=dialogue, terms=terms, reply=reply, started_s=attempts.started_s, health=health
            )
        self._check_worst_case()
        return reply

    def _check_worst_case(self) -> None:
        if broken := self._meter.broken_assumptions:
            raise WorstCaseError(broken[0])

    def _persist(self, dialogue: Dialogue, terms: CallTerms, trace_id: str, attempts: Attempts, span: "Span") -> Reply:
        """Attempt until one succeeds or trying again makes no sense."""
        outage = Outage(self.pace.clock, terms.left_s, terms.attempt_failed, terms.outage)
        while True:
            if terms.left_s() <= 0:
                raise self.pace.out_of_time(attempts.streak)
            sent = self._concessions.taken()
            outcome = self._attempt(dialogue, terms, trace_id, attempts)
            if isinstance(outcome, Reply):
                outage.over()
                return outcome
            attempts.note(outcome.text)
            self._check_worst_case()
            if dropped := self._concede(outcome, terms, sent):
                span.event("feature_dropped", {"features": dropped, "error": outcome.text})
                outage.tell(attempts.failed, replace(outcome, dropped=tuple(dropped)), 0.0)
                continue
            attempts.streak.add(outcome)
            wait_s = self._wait_s(outcome, attempts, terms)
            if attempts.failed <= MOST_TOLD:
                span.event("attempt_failed", {"error": outcome.text, "wait_s": wait_s, "attempt": attempts.failed})
            self.pace.check_wanted(terms.left_s(), terms.cancel)  # before a next attempt is promised
            outage.tell(attempts.failed, outcome, wait_s)
            self.pace.pause(wait_s, terms.cancel)

    def _concede(self, failure: Failure, terms: CallTerms, sent: Taken) -> list[str]:
        """What the service refused and is not sent any more; the request can go out again at once."""
        if not failure.refused_request:
            return []
        with self._learning:
            if since := self._concessions.given_up_since(sent):
                return [str(feature) for feature in since]  # another thread's call has learnt it meanwhile
            too_long = failure.verdict is Verdict.TOO_LONG
            learn = self._concessions.learn_window if too_long else self._concessions.learn
            return [str(feature) for feature in learn(failure.text, self._concessions.max_tokens(terms.max_tokens))]

    def _wait_s(self, failure: Failure, attempts: Attempts, terms: CallTerms) -> float:
        if failure.verdict is Verdict.TOO_LONG:
            raise ContextTooLongError(failure.text)
        if self.pace.gives_up(failure, terms.left_s()):
            raise self.pace.refused(failure)
        return self.pace.wait_s(failure, attempts.streak, terms.left_s())

    def _attempt(self, dialogue: Dialogue, terms: CallTerms, trace_id: str, attempts: Attempts) -> Reply | Failure:
        """One reservation, one request, one settlement."""
        client = self._connected()
        grant = self._admit(dialogue, terms, trace_id)
        attempts.sent += 1
        seen = Assembly()
        try:
            played_by = self._stream(client, dialogue=dialogue, terms=terms, grant=grant, seen=seen, attempts=attempts)
        except _ways_to_break() as error:
            return self._failed(error, grant, seen, attempts)
        except BaseException:
            self._charge_broken(grant, seen, attempts)
            raise
        cost_micros = self._charge(grant, seen)
        usage = None if seen.is_counted else seen.bound(grant.input_bound_tokens, grant.max_tokens)
        return seen.reply(cost_micros=cost_micros, max_tokens=grant.max_tokens, played_by=played_by, bound=usage)

    def _admit(self, dialogue: Dialogue, terms: CallTerms, trace_id: str) -> Grant:
        try:
            return self._meter.admit(
                self.name,
                input_bound_tokens=dialogue.input_bound_tokens,
                max_tokens=self._concessions.max_tokens(terms.max_tokens),
                limits=terms.limits(),
                trace_id=trace_id,
                still_wanted=lambda: self.pace.check_wanted(terms.left_s(), terms.cancel),
            )
        except UnreconciledError as error:  # of another process, or of an earlier run
            raise WorstCaseError(error.broken) from error

    def _failed(self, error: Exception, grant: Grant, seen: Assembly, attempts: Attempts) -> Failure:
        failure = classify(error, self.pace.now(), self._provider)
        if failure.charge is Charge.NOTHING:
            self._meter.release(grant)
        else:
            self._charge_broken(grant, seen, attempts)
        return failure

    def _charge_broken(self, grant: Grant, seen: Assembly, attempts: Attempts) -> None:
        micros = self._charge(grant, seen)
        attempts.broken_micros += micros
        attempts.unseen_micros += 0 if seen.is_counted or seen.complete else micros

    def _charge(self, grant: Grant, seen: Assembly) -> int:
        """Exact when the final count came before the break, else the worst that may have been billed."""
        if seen.is_counted:
            assert seen.usage is not None
            return self._meter.settle_exact(grant, seen.usage)
        seen_input = seen.usage if seen.usage is not None and seen.usage.input_tokens else None
        return self._meter.settle_broken(grant, usage_seen=seen_input, ended=seen.complete)

    def _stream(
        self,
        client: "Client",
        *,
        dialogue: Dialogue,
        terms: CallTerms,
        grant: Grant,
        seen: Assembly,
        attempts: Attempts,
    ) -> str:
        """Send, and take every event; returns who answered when it was no real model ("" otherwise)."""
        import httpx2  # noqa: PLC0415

        timeout = httpx2.Timeout(self.pace.read_timeout_s(terms.left_s()), connect=CONNECT_S)
        with effect("request"):
            stream = client.messages.create(**self._request(dialogue, terms, grant), timeout=timeout, stream=True)
        with closing(stream):
            for event in stream:
                if attempts.first_token_s is None and event.type == "content_block_delta":
                    attempts.first_token_s = self.pace.clock()
                seen.take(event)
                failpoint(f"reply {event.type}")
                self.pace.check(terms.left_s())
        if not seen.complete:
            raise BrokenStreamError("the stream ended without message_stop")
        return str(stream.response.headers.get("ralph-model", ""))

    def _request(self, dialogue: Dialogue, terms: CallTerms, grant: Grant) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self.name,
            "max_tokens": grant.max_tokens,
            "system": dialogue.wire_system(marked=self._concessions.marks_blocks),
            "tools": dialogue.tools,
            "messages": dialogue.wire_messages(
                marked=self._concessions.marks_blocks, tail=self._concessions.marks_tail
            ),
        }
        if Feature.MOVING_CACHE not in self._concessions.given_up:
            request["cache_control"] = dict(CACHED)
        effort = self._concessions.effort(terms.effort)
        return request | ({"output_config": {"effort": effort}} if effort else {})

    def _connected(self) -> "Client":
        if self._client is None:
            self._client = self._make_client()
        return self._client

    def _note_cache(
        self, span: "Span", *, dialogue: Dialogue, terms: CallTerms, reply: Reply, started_s: float, health: CacheHealth
    ) -> None:
        cause = health.look(
            dialogue,
            model=self.name,
            effort=terms.effort or "",
            usage=reply.usage,
            started_s=started_s,
            tail=dialogue.messages[-1]["content"][-1],
        )
        if cause:
            span.set({names.CACHE_BREAK: cause})


def _ways_to_break() -> tuple[type[Exception], ...]:
    """What an attempt can fail with: the SDK's errors, the transport's, bad JSON, a missing key or a missing end."""
    import anthropic  # noqa: PLC0415
    import httpx2  # noqa: PLC0415

    from_sdk = (anthropic.AnthropicError, httpx2.HTTPError, ValueError, TypeError, KeyError, BrokenStreamError)
    return (*from_sdk, *credential_errors(), *decoding_errors())
