"""An outage of the model service in numbers: how long it is borne, what it may cost, and how often it is told."""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from ralph.model.failures import Charge, DeadlineError, Failure, Verdict
from ralph.model.pace import Pace, Streak
from ralph.model.retry_notice import Outage, outage_notice, retry_notice
from ralph.model.trouble import FAILED, GOES_ON, Halt, ServiceError, Trouble

NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
AWAY = Failure(Verdict.RETRY, Charge.NOTHING, "ConnectError: refused", trouble=Trouble.OFFLINE)
BROKEN = Failure(Verdict.RETRY, Charge.WORST, "ReadError: cut")
BUSY = Failure(Verdict.RETRY, Charge.NOTHING, "429", trouble=Trouble.RATE, retry_after_s=60)
SPENT = Failure(Verdict.GIVE_UP, Charge.NOTHING, "400", "Add credit.", Trouble.SPENT, retry_after_s=3600)


@dataclass
class Call:
    """One call whose attempts all fail, on a clock that moves with its waits."""

    ends_s: float = math.inf
    now_s: float = 0.0
    told: list[str] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = lambda: self.now_s  # noqa: E731
        self.pace = Pace(clock=clock, dice=lambda: 0.5, now=lambda: NIGHT + timedelta(seconds=self.now_s))
        self.streak = Streak(0.0)
        self.outage = Outage(clock, self.left_s, self._failed, self._lasted)

    def left_s(self) -> float:
        return self.ends_s - self.now_s

    def fail(self, failure: Failure) -> None:
        self.streak.add(failure)
        wait_s = self.pace.wait_s(failure, self.streak, self.left_s())
        self.outage.tell(len(self.waits_s) + 1, failure, wait_s)
        self.waits_s.append(wait_s)
        self.now_s += wait_s

    def fail_to_the_end(self, *failures: Failure) -> None:
        """As often as it takes."""
        for _ in range(1000):
            for failure in failures:
                self.fail(failure)

    def _failed(self, number: int, failure: Failure, wait_s: float) -> None:
        self.told.append(retry_notice(number, failure, wait_s, NIGHT)[0])

    def _lasted(self, failure: Failure | None, away_s: float) -> None:
        self.told.append(outage_notice(failure, away_s)[0])


def test_free_attempts_go_on_until_the_deadline_and_become_calm() -> None:
    call = Call(ends_s=5 * 3600)
    with pytest.raises(ServiceError, match="until the run's time was over") as caught:
        call.fail_to_the_end(AWAY)
    assert caught.value.halt == Halt(Trouble.OFFLINE)
    assert set(call.waits_s[-100:]) == {90.0}
    assert len(call.told) == 2


@pytest.mark.parametrize("ends_s", [math.inf, 5 * 3600.0])
def test_attempts_that_may_have_been_billed_stay_bounded_whatever_comes_between(ends_s: float) -> None:
    call = Call(ends_s)
    with pytest.raises(ServiceError, match="10 of them perhaps billed"):
        call.fail_to_the_end(BROKEN, BUSY)
    assert call.streak.charged == 10


def test_an_outage_that_begins_just_before_the_deadline_is_the_runs_time() -> None:
    call = Call(ends_s=300)
    with pytest.raises(DeadlineError, match=r"the run's time is over; the service last answered: ConnectError"):
        call.fail_to_the_end(AWAY)


def test_a_wait_that_is_told_again_and_again_is_told_twice_and_once_when_it_is_over() -> None:
    call = Call(ends_s=5 * 3600)
    for _ in range(120):
        call.fail(BUSY)
    call.outage.over()
    assert call.told[0].startswith("waiting for the model service until ")
    assert call.told[1:] == ["the model service answers again, after 2 h 00 min"]


def test_each_trouble_is_told_when_it_comes_up_for_the_first_time() -> None:
    call = Call(ends_s=5 * 3600)
    for failure in (AWAY, AWAY, BROKEN, AWAY, BROKEN):
        call.fail(failure)
    assert [text.partition(";")[0] for text in call.told] == [
        "the model service could not be reached (ConnectError: refused)",
        "the model service failed (ReadError: cut)",
    ]
    call.outage.over()
    assert len(call.told) == 2


@pytest.mark.parametrize(
    ("left_s", "waits_for_reset", "gives_up"),
    [
        pytest.param(2 * 3600.0, True, False, id="before-the-deadline"),
        pytest.param(1800.0, True, True, id="after-it"),
        pytest.param(math.inf, True, True, id="no-deadline"),
        pytest.param(2 * 3600.0, False, True, id="not-wanted"),
    ],
)
def test_an_allowance_is_waited_for_only_where_it_begins_anew_before_a_deadline(
    left_s: float, waits_for_reset: bool, gives_up: bool
) -> None:
    assert Pace(wait_for_reset=waits_for_reset).gives_up(SPENT, left_s) is gives_up


def test_every_trouble_has_words_for_what_happened_and_how_it_goes_on() -> None:
    assert set(FAILED) == set(GOES_ON) == set(Trouble)


@pytest.mark.parametrize(
    ("halt", "message"),
    [
        pytest.param(Halt(Trouble.OFFLINE), "It. Check this machine's connection, then `ralph run` goes on; the work is kept.", id="offline"),
        pytest.param(Halt(Trouble.DOWN), "It. Run again later; the work is kept.", id="down"),
        pytest.param(Halt(Trouble.RATE), "It. Run again later; the work is kept.", id="rate-without-a-time"),
        pytest.param(Halt(Trouble.RATE, NIGHT), "It. `ralph run` goes on after that; the work is kept.", id="rate"),
        pytest.param(Halt(Trouble.SPENT, None, "Pay."), "It. Pay. The work is kept, and `ralph run` goes on from it.", id="spent"),
        pytest.param(Halt(Trouble.REFUSED, None, "Mend it."), "It. Mend it. The work is kept, and `ralph run` goes on from it.", id="refused"),
    ],
)  # fmt: skip
def test_the_end_says_what_to_do_and_how_it_goes_on(halt: Halt, message: str) -> None:
    assert str(ServiceError("It.", halt)) == message
