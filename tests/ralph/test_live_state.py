"""What the live view knows: a state that each event turns into the next one."""

from typing import Any

import pytest

from ralph.events import Event, EventKind
from ralph.live.estimate import estimate
from ralph.live.state import LOG_LINES, STEPS, ViewState
from ralph.standings import StoryState

STORIES = Event(
    EventKind.STORIES,
    "0 of 3 stories done",
    {
        "ids": ["US-001", "US-002", "US-003"],
        "titles": ["One", "Two", "Three"],
        "states": ["open", "open", "waits"],
        "reasons": ["next", "later", "waits for US-001 (not done)"],
    },
)


def event(kind: str, text: str = "", **fields: Any) -> Event:
    return Event(EventKind(kind), text or kind, fields)


def turn(story: str = "US-001", number: int = 1, cost_usd: float = 0.1, **fields: Any) -> Event:
    return event("turn", story=story, turn=number, cost_usd=cost_usd, spent_usd=0.4, limit_usd=5.0, **fields)


def after(*timed: tuple[float, Event], state: ViewState | None = None) -> ViewState:
    state = state or ViewState(repo="kitty")
    for now_s, happened in timed:
        state = state.after(happened, now_s)
    return state


@pytest.fixture
def started() -> ViewState:
    return after(
        (0.0, STORIES),
        (0.0, event("run_started", run="r1", branch="main", limit_usd=5.0)),
        (1.0, event("story_started", "US-001 One  (trace ab)", story="US-001")),
    )


def test_a_run_begins_with_its_name_branch_and_limit(started: ViewState) -> None:
    assert (started.run, started.branch, started.limit_usd, started.is_simulated) == ("r1", "main", 5.0, False)
    assert [row.state for row in started.stories] == [StoryState.RUNNING, StoryState.OPEN, StoryState.WAITS]


def test_a_turn_brings_its_numbers(started: ViewState) -> None:
    state = after((2.0, turn(context_tokens=5_300, cache_hit_ratio=0.57, tools=["bash"])), state=started)
    working = state.working["US-001"]
    assert (working.turn, working.context_tokens, working.cache_hit_ratio, working.cost_usd) == (1, 5_300, 0.57, 0.1)
    assert (state.spent_usd, state.limit_usd) == (0.4, 5.0)


def test_a_tool_runs_from_its_start_to_its_end_and_then_its_last_lines_are_known(started: ViewState) -> None:
    call = {"story": "US-001", "tool": "bash", "call": "c1"}
    state = after((2.0, event("tool_started", "bash make", **call)), state=started)
    assert [(tool.text, tool.since_s) for tool in state.working["US-001"].tools.values()] == [("bash make", 2.0)]
    ended = event("tool", "bash make: exit 2", outcome="exit 2", is_error=True, lines=["a", "  b"], **call)
    state = after((9.0, ended), state=state)
    last = state.working["US-001"].last
    assert last is not None
    assert (last.text, last.outcome, last.is_error, last.lines) == ("bash make", "exit 2", True, ("a", "  b"))
    assert state.working["US-001"].tools == {}


def test_tools_side_by_side_are_kept_apart(started: ViewState) -> None:
    first, second = ({"story": "US-001", "tool": "read", "call": name} for name in ("c1", "c2"))
    state = after(
        (2.0, event("tool_started", "read a", **first)),
        (2.0, event("tool_started", "read b", **second)),
        (3.0, event("tool", "read a: ok", outcome="ok", **first)),
        state=started,
    )
    assert [tool.text for tool in state.working["US-001"].tools.values()] == ["read b"]


def test_after_finish_ralph_runs_the_checks_and_shows_each(started: ViewState) -> None:
    state = after(
        (2.0, turn(tools=["finish"])),
        (3.0, event("check", "check style: passed", check="style", passed=True)),
        (4.0, event("check", "check tests: failed", check="tests", passed=False)),
        state=started,
    )
    working = state.working["US-001"]
    assert working.doing == "Ralph runs the checks"
    assert working.last is not None
    assert (working.last.outcome, working.last.lines) == ("failed", ("check style: passed", "check tests: failed"))
    assert after((5.0, event("repair", story="US-001", repair=1)), state=state).working["US-001"].repair == 1


def test_a_commit_makes_a_story_done_with_what_it_took(started: ViewState) -> None:
    state = after((5.0, turn()), (11.0, event("committed", story="US-001", commit="abc")), state=started)
    row = state.row("US-001")
    assert row is not None
    assert (row.state, row.took_s, row.cost_usd) == (StoryState.DONE, 10.0, 0.1)
    assert state.working == {}


def test_a_failed_attempt_leaves_the_story_open_and_the_next_one_counts_on(started: ViewState) -> None:
    state = after(
        (5.0, turn()),
        (6.0, event("story_ended", story="US-001", reason="failed: tests")),
        (7.0, event("story_started", "US-001 One", story="US-001")),
        state=started,
    )
    row = state.row("US-001")
    assert row is not None
    assert (row.took_s, row.cost_usd, state.working["US-001"].attempt) == (5.0, 0.1, 2)


def test_a_pause_and_a_wait_are_said(started: ViewState) -> None:
    state = after((2.0, event("paused", story="US-001")), state=started)
    assert (state.working["US-001"].paused, state.working["US-001"].doing) == (True, "paused")
    state = after((3.0, event("resumed", story="US-001")), state=state)
    assert not state.working["US-001"].paused
    state = after((4.0, event("model_retry", story="US-001", wait_s=9)), state=state)
    assert state.working["US-001"].doing == "waiting for the model service"


def test_the_last_lines_stay_and_older_ones_are_handed_to_the_scrollback(started: ViewState) -> None:
    assert [line.text for line in started.scrolled] == []
    state = started
    gone: list[str] = []
    for number in range(LOG_LINES + 2):
        state = state.after(event("note", f"note {number}"), 2.0)
        gone += [line.text for line in state.scrolled]
    assert [line.text for line in state.log] == ["note 2", "note 3", "note 4"]
    assert gone == ["note 0", "note 1"]
    assert state.after(turn(), 3.0).scrolled == ()


def test_a_line_that_does_not_name_its_story_gets_the_name(started: ViewState) -> None:
    state = after((2.0, event("repair", "repair 1 of 2", story="US-001", repair=1)), state=started)
    assert state.log[-1].text == "US-001: repair 1 of 2"


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_event_is_taken_even_when_it_says_nothing(started: ViewState, kind: EventKind) -> None:
    for state in (ViewState(), started):
        assert state.after(Event(kind, "", {}), 2.0)
        assert state.after(Event(kind, "x\x1b[2J", {"story": "nobody"}), 2.0)


def test_every_step_is_for_an_event_that_there_is() -> None:
    assert set(STEPS) <= set(EventKind)


def test_nothing_that_moves_a_cursor_comes_in(started: ViewState) -> None:
    call = {"story": "US-001", "tool": "bash", "call": "c1"}
    state = after(
        (2.0, event("tool_started", "bash \x1b[31mred\x1b[0m\x07", **call)),
        (2.0, event("note", "a\x1b]0;title\x07b\r\nc")),
        state=started,
    )
    assert state.working["US-001"].tools["c1"].text == "bash red"
    assert state.log[-1].text == "ab c"


def test_there_is_no_estimate_before_the_first_story_is_done(started: ViewState) -> None:
    assert estimate(started, 100.0) is None


def test_the_rest_is_the_median_story_times_those_that_are_left(started: ViewState) -> None:
    state = after(
        (5.0, turn(cost_usd=0.2)),
        (11.0, event("committed", story="US-001")),
        (11.0, event("story_started", "US-002 Two", story="US-002")),
        state=started,
    )
    rest = estimate(state, 15.0)
    assert rest is not None
    assert rest.seconds == 2 * 10.0 - 4.0
    assert rest.usd == pytest.approx(0.4)


def test_stories_at_work_side_by_side_share_the_time_that_is_left(started: ViewState) -> None:
    state = after(
        (11.0, event("committed", story="US-001")),
        (11.0, event("story_started", "US-002 Two", story="US-002")),
        (11.0, event("story_started", "US-003 Three", story="US-003")),
        state=started,
    )
    rest = estimate(state, 11.0)
    assert rest is not None
    assert rest.seconds == 10.0


def test_a_parked_story_is_not_left(started: ViewState) -> None:
    parked = Event(STORIES.kind, "", {**STORIES.fields, "states": ["done", "parked", "parked"]})
    state = after((11.0, event("committed", story="US-001")), (11.0, parked), state=started)
    assert estimate(state, 20.0) is None
