"""The picture of a run: it fits any terminal, and says everything without colour."""

import io
import re
from itertools import product
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from ralph.events import Event, EventKind, EventValue
from ralph.live.panel import Action, Order, Panel
from ralph.live.region import Region
from ralph.live.render import Size, last_lines_of, lines, screen
from ralph.live.screenshots import SCENES, Recorded, draw, load, side_by_side
from ralph.live.state import ViewState
from ralph.screen_text import last_lines, on_screen, one_line

SIZES = [Size(80, 24), Size(40, 10), Size(200, 60), Size(79, 23), Size(20, 4), Size(8, 2), Size(1, 1)]
PANELS = [
    Panel(),
    Panel(has_keys=False),
    Panel(shows_help=True),
    Panel(asks=Action.SAY, typed="use the helper " * 20),
    Panel(asks=Action.SKIP, typed="US-001"),
    Panel(told="US-002 gets it at its next turn"),
]


def states() -> list[ViewState]:
    """After every event of the recorded run, alone and with two stories at a time; and of a large PRD."""
    found = [ViewState(), large(0), large(1), large(16)]
    for events in (load(), side_by_side(load(), "US-002", "US-003")):
        state = ViewState(repo="kitty")
        for recorded in events:
            state = state.after(recorded.event, recorded.at_s)
            found.append(state)
    return found


def large(at_work: int) -> ViewState:
    """A hundred stories, with wide characters in them."""
    ids = [f"US-{number:03}" for number in range(100)]
    fields: dict[str, EventValue] = {
        "ids": ids,
        "titles": ["漢字の長い題名" * 9] * 100,
        "states": ["done"] * 50 + ["open"] * 50,
        "reasons": [""] * 100,
    }
    state = ViewState(repo="r" * 90, branch="b").after(Event(EventKind.STORIES, "", fields), 0.0)
    for story in ids[50 : 50 + at_work]:
        state = state.after(Event(EventKind.STORY_STARTED, f"{story} T", {"story": story}), 1.0)
        turn: dict[str, EventValue] = {
            "story": story,
            "turn": 3,
            "cost_usd": 0.1,
            "spent_usd": 99.0,
            "limit_usd": 5.0,
            "context_tokens": 12_345,
        }
        state = state.after(Event(EventKind.TURN, "", turn), 2.0)
        call: dict[str, EventValue] = {
            "story": story,
            "tool": "bash",
            "call": "c",
            "outcome": "exit 1",
            "lines": ["x" * 300] * 5,
        }
        state = state.after(Event(EventKind.TOOL, "bash make: exit 1", call), 3.0)
    return state


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size.width}x{size.height}")
def test_the_view_never_is_wider_or_higher_than_the_terminal(size: Size) -> None:
    for state, panel in product(states()[::3], PANELS):
        found = lines(state, panel, size, 4_000.0)
        assert len(found) <= size.height
        assert all(line.cell_len <= size.width for line in found)
        assert all(line.plain.isprintable() for line in found)
    for state in states()[::9]:
        assert all(line.cell_len <= size.width for line in last_lines_of(state, size.width))


def test_rich_draws_it_as_it_is() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True)
    picture = screen(states()[-9], Panel(), Size(80, 24), 40.0)
    console.print(picture)
    assert len(out.getvalue().splitlines()) <= 24


def shown(scene: str) -> str:
    return "\n".join(line.plain for line in SCENES[scene](load()))


def test_a_running_story_shows_its_turn_tool_context_cache_hits_and_cost() -> None:
    text = shown("running")
    assert re.search(r"^done +US-001 .*\$0\.\d{4}$", text, re.MULTILINE)
    assert re.search(r"^runs +US-002 .* attempt 1, turn \d+$", text, re.MULTILINE)
    assert re.search(r"^ +bash .* \d+s$", text, re.MULTILINE)
    assert re.search(r"context \d+\.\dk, \d+% from the cache, \$0\.\d{4}", text)
    assert re.search(r"\$0\.\d\d of \$5\.00 \(simulated\) .* about \d+s, \$0\.\d\d to go", text)
    assert "p pause  s say  k skip  q stop  ? help" in text


def test_a_repair_is_counted_and_the_last_lines_of_a_tool_are_shown() -> None:
    assert ", repair 1" in shown("repair")
    assert "US-002: repair 1 of 2" in shown("repair")


def test_stories_at_work_side_by_side_have_a_block_each() -> None:
    assert len(re.findall(r"^runs ", shown("parallel"), re.MULTILINE)) == 2


def test_at_the_end_every_story_is_there() -> None:
    assert re.findall(r"^(\w+) +US-\d+", shown("finished"), re.MULTILINE) == [
        "done",
        "done",
        "done",
        "parked",
        "parked",
    ]


def test_stories_that_do_not_fit_are_counted_and_those_at_work_are_in_sight() -> None:
    text = "\n".join(line.plain for line in lines(large(1), Panel(), Size(80, 24), 9.0))
    assert "runs     US-050" in text
    assert "done     US-049" in text
    assert re.search(r"… \d+ more: \d+ done, \d+ open", text)


def test_what_is_only_reserved_is_no_money_spent() -> None:
    fields: dict[str, EventValue] = {"spent_usd": 0.03, "held_usd": 1.31, "limit_usd": 5.0}
    state = large(0).after(Event(EventKind.TURN, "", fields), 1.0)
    text = lines(state, Panel(), Size(100, 24), 9.0)[1].plain
    assert "$0.03 of $5.00 + up to $1.31 reserved" in text
    assert " 1%" in text


def test_an_id_made_from_the_title_leaves_room_for_it_and_what_is_left_out_is_counted_apart() -> None:
    fields: dict[str, EventValue] = {
        "ids": ["resolve-an-ambiguous-name", "US-2"],
        "titles": ["Resolve an ambiguous name", "Two"],
        "states": ["done", "left out"],
        "reasons": ["", "optional: run it with --story US-2"],
    }
    state = ViewState(repo="r").after(Event(EventKind.STORIES, "", fields), 0.0)
    text = "\n".join(line.plain for line in lines(state, Panel(), Size(80, 24), 9.0))
    assert "done     resolve-an-ambi…  Resolve an ambiguous name" in text
    assert "left out US-2              Two" in text
    assert "1 of 1 done, 1 left out" in text


def test_the_screens_of_the_documentation_are_drawn_and_fetch_nothing(tmp_path: Path) -> None:
    written = draw(tmp_path)
    assert [path.stem for path in written] == ["running", "repair", "parallel", "finished"]
    assert all("font-face" not in path.read_text() and "https://cdn" not in path.read_text() for path in written)


def test_a_recording_that_is_moved_keeps_every_event() -> None:
    moved = side_by_side(load(), "US-002", "US-003")
    assert len(moved) == len(load())
    assert [one.at_s for one in moved] == sorted(one.at_s for one in moved)
    assert all(isinstance(one, Recorded) for one in moved)


# keys


def pressed(keys: str, state: ViewState, panel: Panel | None = None) -> tuple[Panel, list[Order]]:
    panel, orders = panel or Panel(), []
    for key in keys:
        panel, order = panel.after(key, state)
        orders += [order] if order else []
    return panel, orders


@pytest.mark.parametrize(
    ("keys", "orders"),
    [
        pytest.param("p", [Order(Action.PAUSE)], id="pause"),
        pytest.param("q", [Order(Action.STOP)], id="stop"),
        pytest.param("sgo on\r", [Order(Action.SAY, "go on")], id="say"),
        pytest.param("sgonx\x7f\x7f on\n", [Order(Action.SAY, "go on")], id="say-with-a-slip"),
        pytest.param("snonsense\x15yes\r", [Order(Action.SAY, "yes")], id="say-from-the-start"),
        pytest.param("spqk\x1b", [], id="say-dropped"),
        pytest.param("s  \r", [], id="say-nothing"),
        pytest.param("k\r", [Order(Action.SKIP, "US-050")], id="skip"),
        pytest.param("k\x15US-051\r", [Order(Action.SKIP, "US-051")], id="skip-another"),
        pytest.param("k\x1b", [], id="skip-dropped"),
        pytest.param("xyz\x01?", [], id="other-keys"),
    ],
)
def test_keys_give_orders(keys: str, orders: list[Order]) -> None:
    assert pressed(keys, large(1))[1] == orders


def test_p_on_a_paused_run_has_it_go_on() -> None:
    paused = large(1).after(Event(EventKind.PAUSED, "", {"story": "US-050"}), 5.0)
    assert pressed("p", paused)[1] == [Order(Action.RESUME)]


def test_help_comes_and_goes() -> None:
    assert pressed("?", large(0))[0].shows_help
    assert not pressed("??", large(0))[0].shows_help


# the region


def painted(width: int, *pictures: list[str], columns: int | None = None) -> str:
    out = io.StringIO()
    region = Region.on(out)
    for number, picture in enumerate(pictures):
        region.paint([Text(line) for line in picture], columns if columns and number else width)
    return out.getvalue()


def test_an_unchanged_picture_is_not_written_again() -> None:
    assert painted(20, ["a", "b"]) == painted(20, ["a", "b"], ["a", "b"])


def test_a_picture_is_painted_over_the_one_before() -> None:
    assert painted(20, ["a", "b", "c"], ["d"]).endswith("\r\x1b[2K\x1b[A\r\x1b[2K\x1b[A\r\x1b[2Kd")


def test_a_terminal_that_became_narrower_shows_the_old_lines_on_more_rows() -> None:
    assert painted(20, ["x" * 20, "y" * 15], ["z"], columns=10).count("\x1b[A") == 3


def test_the_log_is_written_above_for_good_and_the_cursor_comes_back() -> None:
    out = io.StringIO()
    region = Region.on(out)
    region.paint([Text("view")], 20)
    region.paint([Text("view")], 20, ["log 1"])
    region.end([], 20, ["log 2"])
    assert out.getvalue().endswith("log 2\n\x1b[?25h")
    assert out.getvalue().count("log 1\n") == 1


def test_a_terminal_without_unicode_gets_plain_signs_of_the_same_width() -> None:
    raw = io.BytesIO()
    region = Region.on(io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    region.paint([Text("██░ cut… · │ é")], 20)
    assert raw.getvalue().endswith(b"##- cut~ - | ?")


def test_there_is_no_colour_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    out = io.StringIO()
    region = Region.on(out)
    for state in states()[::5]:
        region.paint(lines(state, Panel(), Size(80, 24), 40.0), 80)
    assert not re.search(r"\x1b\[[\d;]*[34]\d[;m]", out.getvalue())


# text from elsewhere


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        pytest.param("\x1b[31mred\x1b[0m", "red", id="colour"),
        pytest.param("a\x1b]0;title\x07b", "ab", id="title"),
        pytest.param("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink", id="link"),
        pytest.param("a\x9b2Jb\x00c", "ab c", id="eight-bit"),
        pytest.param("a\x1bPq...\x1b\\b\x1bc", "ab", id="device"),
        pytest.param("bell\x07 \u202eback", "bell back", id="bidi"),
        pytest.param("cut \x1b[", "cut", id="cut-off"),
    ],
)
def test_text_from_elsewhere_cannot_steer_the_terminal(raw: str, clean: str) -> None:
    assert one_line(raw) == clean


def test_the_last_lines_are_few_short_and_as_a_terminal_would_show_them() -> None:
    assert last_lines("1\n2\n3\n4\n\n5\n6\n") == ("2", "3", "4", "5", "6")
    assert last_lines("10%\r50%\r100%\r\n") == ("100%",)
    assert len(last_lines("x" * 9_000)[0]) == 240
    assert last_lines([{"type": "image"}, {"type": "text", "text": "seen"}]) == ("seen",)


def test_a_line_keeps_its_spaces_and_breaks() -> None:
    assert on_screen("a  b\n  c\x1b[2J") == "a  b\n  c"


def test_on_a_narrow_terminal_help_and_notes_are_wrapped_and_nothing_of_them_is_lost() -> None:
    note = "the commits are on ralph/work; to take them over: git merge ralph/work"
    state = ViewState().after(Event(EventKind.NOTE, note), 1.0)
    size = Size(40, 24)
    shown = [line.plain for line in lines(state, Panel(shows_help=True), size, 2.0)]
    assert not any(line.endswith("…") for line in shown)
    assert " ".join(" ".join(shown).split()).endswith("the same from another terminal: ralph say, pause, resume, skip")
    shown = [line.plain for line in lines(state, Panel(told=note), size, 2.0)]
    assert " ".join(shown).count(note) == 2
