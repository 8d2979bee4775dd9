"""Events as a person reads them line by line."""

import time

from ralph.cli.lines import Lines
from ralph.events import Event, EventKind

AT_S = time.mktime((2026, 11, 21, 7, 0, 0, 0, 0, -1))


def shown(*events: Event) -> list[str]:
    lines = Lines()
    return [line for event in events if (line := lines.line(event, AT_S)) is not None]


def about(story: str, kind: EventKind, text: str) -> Event:
    return Event(kind, text, {"story": story})


def test_one_story_at_a_time_needs_no_name_on_each_line() -> None:
    started = about("A", EventKind.STORY_STARTED, "A First  (trace 1)")
    assert shown(started, about("A", EventKind.TURN, "turn 1: read")) == [
        "07:00:00 A First  (trace 1)",
        "07:00:00     turn 1: read",
    ]


def test_while_several_are_worked_on_each_line_names_its_story() -> None:
    lines = shown(
        about("A", EventKind.STORY_STARTED, "A First"),
        about("B", EventKind.STORY_STARTED, "B Second"),
        about("A", EventKind.TURN, "turn 1: read"),
        about("A", EventKind.COMMITTED, "committed 123: A passes"),
        about("B", EventKind.TURN, "turn 1: read"),
    )
    assert lines[2:] == [
        "07:00:00     A: turn 1: read",
        "07:00:00   committed 123: A passes",
        "07:00:00     B: turn 1: read",
    ]


def test_in_a_run_with_several_jobs_each_line_names_its_story_from_the_first_on() -> None:
    begun = Event(EventKind.RUN_STARTED, "prd.json: 2 stories to do", {"jobs": 2})
    lines = shown(begun, about("A", EventKind.STORY_STARTED, "A First"), about("A", EventKind.TURN, "turn 1: read"))
    assert lines[1:] == ["07:00:00 A First", "07:00:00     A: turn 1: read"]


def test_what_is_told_for_a_view_alone_has_no_line() -> None:
    assert shown(about("A", EventKind.TOOL_STARTED, "bash ls"), Event(EventKind.STORIES, "1 of 2")) == []
