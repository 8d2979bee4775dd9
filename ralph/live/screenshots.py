"""Screens for the documentation: the recorded events of a real run of the demo, drawn as SVG files.

python -m ralph.live.screenshots docs/screens         draw them
python -m ralph.live.screenshots --record             run the demo again and keep its events beside this file
"""

import io
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.text import Text

from ralph.events import Event, EventKind, EventValue
from ralph.live.panel import Panel
from ralph.live.render import Size, last_lines_of, lines
from ralph.live.state import ViewState

EVENTS = Path(__file__).with_name("recorded_run.jsonl")
SIZE = Size(80, 23)
WEB_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # a picture must not fetch anything


@dataclass(frozen=True)
class Recorded:
    """An event, and how many seconds after the first one it came."""

    at_s: float
    event: Event

    @property
    def story(self) -> str:
        return str(self.event.fields.get("story", ""))


def load(path: Path = EVENTS) -> list[Recorded]:
    return [_recorded(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def draw(folder: Path) -> list[Path]:
    """Write one SVG file for each scene."""
    folder.mkdir(parents=True, exist_ok=True)
    events = load()
    written = []
    for name, scene in SCENES.items():
        path = folder / f"{name}.svg"
        path.write_text(svg(Group(*scene(events)), "ralph run"), encoding="utf-8")
        written.append(path)
    return written


def running(events: Sequence[Recorded]) -> list[Text]:
    """A story is done, and the next one's agent runs a command."""
    return _picture(_until(events, "US-002", EventKind.TOOL_STARTED, "bash"))


def repair(events: Sequence[Recorded]) -> list[Text]:
    """A check failed, and the agent mends its work."""
    begun = next(place for place, one in enumerate(events) if one.event.kind is EventKind.REPAIR)
    story = events[begun].story
    turned = next(
        place
        for place in range(begun, len(events))
        if events[place].event.kind is EventKind.TOOL and events[place].story == story
    )
    return _picture(events[: turned + 1])


def parallel(events: Sequence[Recorded]) -> list[Text]:
    """Two stories at once: those that were recorded one after the other, as if they had begun together."""
    together = side_by_side(events, "US-002", "US-003")
    return _picture(_until(together, "US-002", EventKind.TOOL_STARTED, "bash"))


def finished(events: Sequence[Recorded]) -> list[Text]:
    """What stays on the screen."""
    return last_lines_of(_state(events), SIZE.width)[1:]


SCENES: dict[str, Callable[[Sequence[Recorded]], list[Text]]] = {
    "running": running,
    "repair": repair,
    "parallel": parallel,
    "finished": finished,
}


def side_by_side(events: Sequence[Recorded], one: str, other: str) -> list[Recorded]:
    """The events with those of `other` moved to where `one` begins."""
    begins = {
        recorded.story: recorded.at_s for recorded in reversed(events) if recorded.event.kind is EventKind.STORY_STARTED
    }
    earlier_s = begins[other] - begins[one]
    moved = [
        Recorded(recorded.at_s - (earlier_s if recorded.story == other else 0.0), recorded.event) for recorded in events
    ]
    return sorted(moved, key=lambda recorded: recorded.at_s)


def record(path: Path = EVENTS) -> None:
    """Run the demo with its recorded model, and write its events with their times."""
    from ralph.assembly import open_run  # noqa: PLC0415  # a whole run; drawing needs none of it
    from ralph.demo.make import make_demo  # noqa: PLC0415
    from ralph.demo.play import RECORDING  # noqa: PLC0415
    from ralph.survey import RunRequest  # noqa: PLC0415

    kept: list[str] = []
    began_s = time.monotonic()

    def keep(event: Event) -> None:
        facts = {"at_s": round(time.monotonic() - began_s, 3), "event": event.kind.value, "text": event.text}
        kept.append(json.dumps({**facts, **event.fields}, ensure_ascii=False))

    with tempfile.TemporaryDirectory() as folder:
        os.environ["RALPH_HOME"] = str(Path(folder) / "home")
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        request = RunRequest(repo=make_demo(Path(folder) / "kitty"), recording=RECORDING)
        with open_run(request, keep) as loop:
            loop.run()
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")


def _recorded(facts: dict[str, EventValue]) -> Recorded:
    at_s, kind, text = facts.pop("at_s"), facts.pop("event"), facts.pop("text")
    assert isinstance(at_s, int | float)
    return Recorded(float(at_s), Event(EventKind(str(kind)), str(text), facts))


def _until(events: Sequence[Recorded], story: str, kind: EventKind, tool: str) -> list[Recorded]:
    """Up to the first such event of the story."""
    for place, recorded in enumerate(events):
        event = recorded.event
        if event.kind is kind and recorded.story == story and event.fields.get("tool") == tool:
            return list(events[: place + 1])
    raise ValueError(f"{EVENTS.name} has no {kind} of {tool} in {story}: record it again with --record")


def _state(events: Sequence[Recorded]) -> ViewState:
    state = ViewState(repo="kitty")
    for recorded in events:
        state = state.after(recorded.event, recorded.at_s)
    return state


def _picture(events: Sequence[Recorded]) -> list[Text]:
    return lines(_state(events), Panel(), SIZE, events[-1].at_s + 1.0)


def svg(picture: RenderableType, title: str) -> str:
    """What a terminal of 80 columns shows."""
    console = Console(record=True, width=SIZE.width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(picture)
    return WEB_FONTS.sub("", console.export_svg(title=title))


def _main(arguments: Sequence[str]) -> Iterator[str]:
    if arguments == ["--record"]:
        record()
        yield f"recorded {len(load())} events in {EVENTS}"
    elif len(arguments) == 1 and not arguments[0].startswith("-"):
        yield from (str(path) for path in draw(Path(arguments[0])))
    else:
        yield "usage: python -m ralph.live.screenshots FOLDER | --record"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in _main(sys.argv[1:]))
