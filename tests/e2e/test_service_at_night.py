"""A night's run whose model service is away, limited or refuses: the real SDK against a server that comes and goes.

The run's clock is the test's: it moves when the run waits, so hours pass in no time.
"""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ralph.assembly import open_run
from ralph.errors import ExitCode
from ralph.events import Event, EventKind
from ralph.model.pace import Pace
from ralph.replay.scripted import ScriptedModel, Turn, calls, fails
from ralph.replay.server import serve
from ralph.run import Outcome
from ralph.survey import RunRequest

World = Any
pytestmark = pytest.mark.usefixtures("in_utc")
HOUR_S = 3600.0
TWO_AT_NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
SEVEN = TWO_AT_NIGHT + timedelta(hours=5)
WRITE = ("write", {"file_path": "src/1.txt", "content": "good\n"})


def a_free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Night:
    """A clock, a server that is there or away, and what a run over the night told."""

    world: World
    model: ScriptedModel
    port: int = field(default_factory=a_free_port)
    night_began: datetime = TWO_AT_NIGHT
    now_s: float = 0.0
    back_at_s: float | None = None
    goes_after: EventKind | None = None
    slept: timedelta | None = None  # after the first tool
    waits_s: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    _server: ExitStack = field(default_factory=ExitStack)

    def arrive(self) -> None:
        self._server.enter_context(serve(self.model, self.port))

    def leave(self) -> None:
        self._server.close()

    def run(self, *, until: datetime | None = None, **overrides: object) -> Outcome:
        self.events.clear()
        self.waits_s.clear()
        named = {name.replace("__", "."): value for name, value in overrides.items()}
        request = RunRequest(repo=self.world.root, until=until, overrides=named)
        pace = Pace(clock=lambda: self.now_s, sleep=self._sleep, dice=lambda: 1.0, now=self.now)
        with open_run(request, self._report, pace=pace) as loop:
            return loop.run()

    def now(self) -> datetime:
        return self.night_began + timedelta(seconds=self.now_s)

    def ended(self) -> Event:
        return next(event for event in self.events if event.kind is EventKind.RUN_ENDED)

    def retries(self) -> list[str]:
        return [event.text for event in self.events if event.kind is EventKind.MODEL_RETRY]

    def attempt(self) -> object:
        """Of the story that was begun last: which one it is, after those that are used up."""
        return [event.fields["attempt"] for event in self.events if event.kind is EventKind.STORY_STARTED][-1]

    def _sleep(self, seconds: float, _cancel: object) -> None:
        self.waits_s.append(seconds)
        self.now_s += seconds
        if self.back_at_s is not None and self.now_s >= self.back_at_s:
            self.back_at_s = None
            self.arrive()

    def _report(self, event: Event) -> None:
        self.events.append(event)
        if event.kind is EventKind.TOOL and self.slept:
            self.night_began, self.slept = self.night_began + self.slept, None
        if event.kind is self.goes_after:
            self.goes_after = None
            self.leave()


@pytest.fixture
def night(world: World, tools: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Sequence[Turn]], Night]]:
    """A repository with one story, and a night over it."""
    world.start_repo(tools.a_story(1))
    with ExitStack() as stack:

        def made(script: Sequence[Turn]) -> Night:
            found = Night(world, ScriptedModel(script))
            monkeypatch.setenv("ANTHROPIC_API_KEY", "fake-key-for-tests")
            monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{found.port}")
            stack.callback(found.leave)
            return found

        yield made


def test_a_network_that_is_gone_for_three_hours_costs_no_attempt_and_is_told_in_a_few_lines(
    night: Any, tools: Any
) -> None:
    found = night([calls(*WRITE), *tools.solves(1)[1:]])
    found.arrive()
    found.goes_after, found.back_at_s = EventKind.TURN, 3 * HOUR_S
    outcome = found.run(until=SEVEN)
    assert outcome.exit_code == ExitCode.ALL_DONE, outcome
    assert found.world.stories_on() == ["US-001"]
    first, lasts = found.retries()
    assert first.startswith("the model service could not be reached (ConnectError: ")
    assert first.endswith("trying again in 2 s")
    assert lasts.startswith("the model service could not be reached for 62 s now (ConnectError: ")
    (back,) = [event.text for event in found.events if "answers again" in event.text]
    assert back == "the model service answers again, after 3 h 01 min"
    assert max(found.waits_s) == 120
    assert len(found.waits_s) < 110
    assert found.world.charged_micros() == tools.billed_micros(found.model)
    (span,) = [
        span
        for detail in found.world.traces()
        for span in detail.spans
        if "ralph.call.attempt_errors" in span.attributes
    ]
    assert span.attributes["ralph.call.attempts"] == len(found.waits_s) + 1
    assert len(span.attributes["ralph.call.attempt_errors"]) == 60
    assert sum(event.name == "attempt_failed" for event in span.events) == 60


@pytest.mark.slow
def test_a_network_that_stays_away_until_the_deadline_uses_no_attempt_and_the_next_run_goes_on(
    night: Any, tools: Any
) -> None:
    found = night([calls(*WRITE), *tools.solves(1)])
    found.arrive()
    found.goes_after = EventKind.TURN
    outcome = found.run(until=SEVEN)
    assert outcome.exit_code == ExitCode.SERVICE, outcome
    assert 5 * HOUR_S - 120 <= found.now_s < 5 * HOUR_S
    ended = found.ended()
    assert (ended.fields["trouble"], "again_at" in ended.fields) == ("offline", False)
    assert "The model service could not be reached" in ended.text
    assert "until the run's time was over" in ended.text
    assert "Check this machine's connection, then `ralph run` goes on; the work is kept" in ended.text
    assert len(found.retries()) == 2
    (kept,) = found.world.attempts()
    assert found.world.show(f"{kept}:src/1.txt") == b"good\n"
    found.arrive()
    assert found.run().exit_code == ExitCode.ALL_DONE
    assert found.attempt() == 1


@pytest.mark.slow
def test_a_network_that_goes_away_just_before_the_deadline_is_no_trouble_of_the_service(night: Any) -> None:
    found = night([])
    outcome = found.run(until=TWO_AT_NIGHT + timedelta(minutes=10))
    assert outcome.exit_code == ExitCode.LIMIT
    assert "trouble" not in found.ended().fields


@pytest.mark.slow
def test_without_a_deadline_patience_is_a_quarter_of_an_hour_as_ever(night: Any) -> None:
    found = night([])
    assert found.run().exit_code == ExitCode.SERVICE
    assert (found.now_s, found.ended().fields["trouble"]) == (902, "offline")
    assert len(found.retries()) == len(found.waits_s) == 19


@pytest.mark.slow
def test_a_name_that_nobody_knows_is_offline_too(night: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = night([])
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://no-such-host.invalid")
    assert found.run().exit_code == ExitCode.SERVICE
    assert found.ended().fields["trouble"] == "offline"


CREDIT = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."
MONTH = "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."
MONTH_DAY = "You have reached your specified API usage limits. You will regain access on 2026-12-01."


@pytest.mark.slow  # each is a whole run; tests/ralph/test_model_outage.py has the table
@pytest.mark.parametrize(
    ("turn", "trouble", "again_at", "words"),
    [
        pytest.param(
            fails(429, retry_after=6 * 3600), "rate", "2026-11-22T08:00:00+00:00",
            "rate limited until 2026-11-22 08:00 UTC (in 6 h 00 min), which is past the run's time", id="retry-after",
        ),
        pytest.param(
            fails(429, message="5-hour limit reached, resets 7pm (Europe/Berlin)"), "rate", "2026-11-22T18:00:00+00:00",
            "rate limited until 2026-11-22 18:00 UTC", id="resets-7pm",
        ),
        pytest.param(fails(429, headers={"x-should-retry": "false"}), "rate", None, "Run again later", id="told-not-to"),
        pytest.param(fails(400, message=CREDIT), "spent", None, "Add credit to the account", id="credit"),
        pytest.param(fails(402), "spent", None, "Add credit to the account", id="402"),
        pytest.param(fails(429, error_code="enforced_spend_limit_reached"), "spent", None, "Add credit", id="spend-429"),
        pytest.param(fails(403, error_code="organization_on_hold"), "spent", None, "Add credit", id="on-hold-403"),
        pytest.param(
            fails(400, message=MONTH), "spent", "2026-12-01T00:00:00+00:00",
            "Without that the limit ends on 2026-12-01 00:00 UTC", id="spend-400-with-a-date",
        ),
        pytest.param(
            fails(403, message=MONTH_DAY), "spent", "2026-12-01T00:00:00+00:00",
            "Without that the limit ends on 2026-12-01 00:00 UTC", id="spend-403-with-a-day",
        ),
        pytest.param(fails(401), "refused", None, "Set ANTHROPIC_API_KEY to a valid key", id="401"),
        pytest.param(fails(403), "refused", None, "Check that the key may use this model", id="403"),
        pytest.param(fails(404), "refused", None, "Check the model's name", id="404"),
    ],
)  # fmt: skip
def test_a_limit_and_a_refusal_end_the_night_at_once_in_their_own_words(
    night: Any, turn: Turn, trouble: str, again_at: str | None, words: str
) -> None:
    found = night([turn])
    found.arrive()
    outcome = found.run(until=SEVEN)
    assert (outcome.exit_code, found.waits_s, len(found.model.requests)) == (ExitCode.SERVICE, [], 1)
    ended = found.ended()
    assert ended.fields["trouble"] == trouble
    told = ended.fields.get("again_at")
    assert (told and datetime.fromisoformat(str(told))) == (again_at and datetime.fromisoformat(again_at))
    assert words in ended.text
    assert "the work is kept" in ended.text.lower()


@pytest.mark.slow
def test_an_overloaded_service_is_borne_until_the_deadline_and_is_down(night: Any) -> None:
    found = night([fails(529)] * 400)
    found.arrive()
    assert found.run(until=SEVEN).exit_code == ExitCode.SERVICE
    assert found.ended().fields["trouble"] == "down"
    assert len(found.retries()) == 2
    assert found.world.charged_micros() == 0


@pytest.mark.parametrize(
    "turn",
    [
        pytest.param(fails(429, message="limit reached, resets 5am (UTC)"), id="rate"),
        pytest.param(fails(400, message=MONTH.replace("12-01 at 00", "11-22 at 05")), id="allowance"),
    ],
)  # fmt: skip
def test_a_limit_that_ends_before_seven_is_waited_for(night: Any, tools: Any, turn: Turn) -> None:
    found = night([turn, *tools.solves(1)])
    found.arrive()
    outcome = found.run(until=SEVEN)
    assert outcome.exit_code == ExitCode.ALL_DONE
    assert found.waits_s == [3 * HOUR_S]


@pytest.mark.slow
def test_a_scheduled_run_gives_the_facts_and_leaves_to_its_schedule_when_it_goes_on(
    night: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RALPH_DUE_RUN", "nightly/7")
    found = night([fails(429, retry_after=6 * 3600)])
    found.arrive()
    assert found.run(until=SEVEN).exit_code == ExitCode.SERVICE
    assert "`ralph run`" not in found.ended().text
    assert "rate limited until" in found.ended().text


@pytest.mark.slow
def test_a_machine_that_slept_past_seven_ends_the_run_when_it_wakes(night: Any, tools: Any) -> None:
    found = night([calls(*WRITE), *tools.solves(1)])
    found.arrive()
    found.slept = timedelta(hours=6)  # the clock of the machine stood still meanwhile, that on the wall did not
    outcome = found.run(until=SEVEN)
    assert outcome.exit_code == ExitCode.LIMIT
    assert "the run's time is over" in outcome.reason
    assert (found.now_s, len(found.model.requests)) == (0, 1)
    assert len(found.world.attempts()) == 1


@pytest.mark.slow
def test_until_is_told_at_the_start_and_by_a_dry_run(night: Any, world: World) -> None:
    found = night([])
    soon = (datetime.now().astimezone() + timedelta(hours=2)).replace(second=0, microsecond=0)
    found.run(until=soon, run__max_duration="10m")
    started = next(event for event in found.events if event.kind is EventKind.RUN_STARTED)
    assert f"to do, on ralph/work until {soon:%H:%M}; model" in started.text
    assert started.fields["until"] == soon.isoformat(timespec="seconds")
    dry = world.ralph("--dry-run", "--until", f"{soon:%H:%M}")
    assert f"\nuntil:  {soon:%Y-%m-%d %H:%M}\n" in dry.out
    assert (
        f'"until": "{soon.isoformat(timespec="seconds")}"'
        in world.ralph("--dry-run", "--json", "--until", f"{soon:%H:%M}").out
    )
    refused = world.ralph("--until", "tomorrow")
    assert (refused.exit_code, refused.model.requests) == (2, [])
    assert '--until cannot be "tomorrow". Write a time of day such as 07:00' in refused.err


def test_sigterm_ends_a_wait_for_hours_at_once(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    with world.started("--max-duration", "6h", script=[calls(*WRITE), fails(429, retry_after=4 * 3600)]) as run:
        run.wait_for_line("waiting for the model service until")
        run.process.terminate()
        exit_code, said = run.end()
    assert exit_code == ExitCode.TERMINATED
    assert "the work is kept at" in said
