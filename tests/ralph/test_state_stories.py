from collections.abc import Iterator
from pathlib import Path

import pytest

from prd.story import Story
from ralph.state import StoryStates

STORY = Story(id="US-001", title="Add login", acceptance_criteria=("works",))


@pytest.fixture
def states(tmp_path: Path) -> Iterator[StoryStates]:
    states = StoryStates.open(tmp_path / "ledger.db", clock_ns=lambda: 7)
    yield states
    states.close()


def fail(states: StoryStates, trace_id: str, *, learnings: str = "", counted: bool = True) -> None:
    states.record_attempt(
        "repo", STORY, outcome="error", reason="red", trace_id=trace_id, learnings=learnings, counted=counted
    )


def test_attempts_count_once_each_and_only_where_they_cost_one(states: StoryStates) -> None:
    fail(states, "t1", learnings="use the other port")
    fail(states, "t1")
    fail(states, "t2", counted=False)
    assert states.attempts("repo", STORY) == 1
    assert states.learnings("repo", STORY) == ("use the other port",)
    assert [attempt.trace_id for attempt in states.history("repo", STORY)] == ["t1", "t2"]
    assert states.attempts("other repo", STORY) == 0


def test_a_story_whose_text_was_edited_starts_anew_and_flags_and_notes_are_no_text(states: StoryStates) -> None:
    fail(states, "t1")
    states.park("repo", STORY, "needs a key")
    edited = STORY.model_copy(update={"title": "Add a login page"})
    noted = STORY.model_copy(update={"notes": "hm", "passes": True})
    assert (states.attempts("repo", edited), states.parked("repo", [edited])) == (0, {})
    assert (states.attempts("repo", noted), states.parked("repo", [noted])) == (1, {"US-001": "needs a key"})


def test_unblocking_forgets_parking_attempts_and_learnings(states: StoryStates) -> None:
    fail(states, "t1", learnings="x")
    states.park("repo", STORY, "first reason")
    states.park("repo", STORY, "needs a key")
    assert states.parked("repo", [STORY]) == {"US-001": "needs a key"}
    assert states.unblock("repo", "US-001")
    assert (states.parked("repo", [STORY]), states.history("repo", STORY)) == ({}, ())
    assert not states.unblock("repo", "US-001")


def test_what_was_written_is_there_for_the_next_process(states: StoryStates, tmp_path: Path) -> None:
    states.note_flag_written("repo", STORY, "a" * 40)
    states.note_flag_written("repo", STORY, "b" * 40)
    states.append_progress("repo", "t1", "one\n")
    states.append_progress("repo", "t1", "one\n")
    states.append_progress("repo", "t2", "two\n")
    other = StoryStates.open(tmp_path / "ledger.db")
    assert other.flag_written("repo", STORY) == "b" * 40
    assert other.flag_written("other repo", STORY) is None
    assert other.progress("repo") == "one\ntwo\n"
    other.close()
