"""The picture of a state: lines that fit the terminal, whatever its size, and say in words what colour only underlines."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from rich.cells import cell_len
from rich.console import Group
from rich.text import Text

from ralph.events import EventKind
from ralph.live.estimate import estimate
from ralph.live.panel import Action, Panel
from ralph.live.parts import LEFT, LogLine, StoryRow, Tool, Working
from ralph.live.state import ViewState
from ralph.screen_text import LAST_LINES, one_line
from ralph.standings import StoryState

BAR_CELLS = 16
BAR_MARGIN_CELLS = 10  # the share in words, and what stands between
NEARLY_SPENT = 0.85
NARROW_CELLS = 80
TALL_ROWS = 20  # from here on there is room for empty lines between the parts
MOST_ROWS_AT_END = 20
STYLES = {
    StoryState.DONE: "green",
    StoryState.RUNNING: "bold cyan",
    StoryState.PARKED: "yellow",
    StoryState.WAITS: "dim",
    StoryState.OPEN: "",
    StoryState.LEFT_OUT: "dim",
}
LOG_STYLES = {
    EventKind.WARNING: "yellow",
    EventKind.STORY_ENDED: "yellow",
    EventKind.COMMITTED: "green",
    EventKind.STEERED: "cyan",
}
STATE_CELLS = 8
ID_CELLS = 16  # of an id, which may be made from the title beside it
KEYS = "p pause  s say  k skip  q stop  ? help"
HELP = (
    "p  pause before the next turn, or go on",
    "s  say something to the agent; it reads it at its next turn",
    "k  skip a story: its session ends, its work is kept",
    "q  stop after this step, as Ctrl-C once; nothing is lost",
    "the same from another terminal: ralph say, pause, resume, skip",
)
QUESTIONS = {Action.SAY: "say: ", Action.SKIP: "skip story: "}


@dataclass(frozen=True)
class Size:
    width: int
    height: int


def screen(state: ViewState, panel: Panel, size: Size, now_s: float) -> Group:
    """All of the view, never wider or higher than `size`."""
    return Group(*lines(state, panel, size, now_s))


def lines(state: ViewState, panel: Panel, size: Size, now_s: float) -> list[Text]:
    """The view line by line."""
    tall = size.height >= TALL_ROWS
    head = list(_head(state, size.width, now_s))
    foot = _foot(state, panel, size)
    gap = [Text()] if tall else []
    room = size.height - len(head) - len(foot) - len(gap) * 2
    if room < 1:
        return _cut([*head, *foot], size)
    return _cut([*head, *gap, *_stories(state, Size(size.width, room), now_s), *gap, *foot], size)


def last_lines_of(state: ViewState, width: int) -> list[Text]:
    """What stays on the screen after the run: the header and every story."""
    size = Size(width, MOST_ROWS_AT_END)
    stories = _stories(state, size, state.ended_s)
    return _cut([Text(), *_head(state, width, state.ended_s), Text(), *stories], Size(width, MOST_ROWS_AT_END + 4))


def _cut(found: Sequence[Text], size: Size) -> list[Text]:
    kept = list(found)[: max(size.height, 0)]
    for line in kept:
        line.no_wrap = True
        line.truncate(size.width, overflow="ellipsis")
        line.rstrip()
    return kept


def _head(state: ViewState, width: int, now_s: float) -> Iterator[Text]:
    name = " · ".join(part for part in (state.repo, state.branch) if part)
    yield _row(Text.assemble(("ralph ", "bold"), name), state.run and f"run {state.run}", width)
    share = state.spent_usd / state.limit_usd if state.limit_usd else 0.0
    elapsed_s = (state.ended_s or now_s) - state.started_s
    simulated = " (simulated)" if state.is_simulated else ""
    held = f" + up to ${state.held_usd:.2f} reserved" if state.held_usd >= 0.005 else ""
    spent = f"{_length(elapsed_s)}  ${state.spent_usd:.2f} of ${state.limit_usd:.2f}{simulated}{held}"
    rest = _rest(state, now_s)
    free = width - cell_len(spent) - cell_len(rest) - BAR_MARGIN_CELLS
    yield _row(Text.assemble(spent, "  ", _bar(share, min(BAR_CELLS, max(0, free)))), rest, width)


def _bar(share: float, cells: int) -> Text:
    """So many cells, and the share in words."""
    full = min(cells, round(share * cells))
    style = "green" if share < NEARLY_SPENT else "yellow"
    return Text.assemble(("█" * full, style), ("░" * (cells - full), "dim"), f" {share:.0%}")


def _rest(state: ViewState, now_s: float) -> str:
    rest = estimate(state, now_s)
    if state.ended or rest is None:
        done = sum(row.state is StoryState.DONE for row in state.stories)
        left_out = sum(row.state is StoryState.LEFT_OUT for row in state.stories)
        apart = f", {left_out} left out" if left_out else ""
        return f"{done} of {len(state.stories) - left_out} done{apart}" if state.stories else ""
    return f"about {_length(rest.seconds)}, ${rest.usd:.2f} to go"


def _stories(state: ViewState, size: Size, now_s: float) -> list[Text]:
    """In the PRD's order: those at work with what they do, and as many of the others as there is room for."""
    if not state.stories:
        return [Text("starting ...", "dim")]
    at_work = [row for row in state.stories if row.id in state.working]
    others = [row for row in state.stories if row.id not in state.working]
    least = min(len(others), max(1, size.height // 3)) if size.height > len(at_work) else 0
    each = (size.height - least) // len(at_work) if at_work else 0
    blocks = {row.id: _block(row, state.working[row.id], Size(size.width, max(1, each)), now_s) for row in at_work}
    room = size.height - sum(len(block) for block in blocks.values())
    shown = set(_nearest(state, others, room if room >= len(others) else room - 1))
    ids = min(max(cell_len(row.id) for row in state.stories), ID_CELLS)
    parts = [
        blocks.get(row.id) or [_story(row, ids, size.width)]
        for row in state.stories
        if row.id in blocks or row.id in shown
    ]
    hidden = [row for row in others if row.id not in shown]
    return [*chain.from_iterable(parts), *([_more(hidden)] if hidden and room > 0 else [])]


def _nearest(state: ViewState, others: Sequence[StoryRow], count: int) -> list[str]:
    """The stories next to those at work, or to the first one that is left."""
    places = {row.id: place for place, row in enumerate(state.stories)}
    focus = [places[name] for name in state.working if name in places] or [
        next((places[row.id] for row in others if row.state in LEFT), len(places))
    ]
    by_distance = sorted(others, key=lambda row: min(abs(places[row.id] - place) for place in focus))
    return [row.id for row in by_distance[: max(count, 0)]]


def _more(hidden: Sequence[StoryRow]) -> Text:
    counts = {state: sum(row.state is state for row in hidden) for state in StoryState}
    words = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return Text(f"… {len(hidden)} more: {words}", "dim")


def _story(row: StoryRow, id_cells: int, width: int) -> Text:
    title = one_line(row.title)
    why = row.reason if row.state in {StoryState.PARKED, StoryState.WAITS} else ""
    text = Text.assemble(
        (f"{row.state:<{STATE_CELLS}} ", STYLES[row.state]),
        (_fitted(row.id, id_cells), "bold" if row.state is StoryState.RUNNING else ""),
        f"  {title}",
        (f"  {one_line(why)}" if why else "", "dim"),
    )
    return _row(text, f"{_length(row.took_s)}  ${row.cost_usd:.4f}" if row.took_s else "", width)


def _block(row: StoryRow, working: Working, size: Size, now_s: float) -> list[Text]:
    """A story at work, on at most so many lines: first what it is, then what it does, its numbers, its output."""
    parts = [("attempt", working.attempt), ("turn", working.turn), ("repair", working.repair)]
    step = ", ".join(f"{name} {count}" for name, count in parts if count)
    title = Text.assemble(
        (f"{'runs':<{STATE_CELLS}} ", STYLES[StoryState.RUNNING]),
        (_fitted(row.id, min(cell_len(row.id), ID_CELLS)), "bold"),
        f"  {row.title}",
    )
    block = [_row(title, step, size.width)]
    tools = list(working.tools.values())
    doing = [_indented(_doing(tool), _length(now_s - tool.since_s), size.width) for tool in tools]
    if not doing:
        style = "yellow" if working.paused else ""
        waits = _length(now_s - working.doing_since_s)
        doing = [_indented(Text(working.doing, style), waits, size.width)]
    since = _length(now_s - working.since_s)
    numbers = [_indented(Text(_numbers(working), "dim"), since, size.width)] if working.turn else []
    output = [] if tools else list(_output(working.last, size.width))
    most = size.height - len(block) - len(numbers)
    if most < 1:
        return [*block, *doing][: size.height]
    doing = doing[:most]
    room = min(most - len(doing), LAST_LINES + 1)
    shown = [*output[:1], *output[1:][-(room - 1) :]] if room > 1 else output[:room]
    return [*block, *shown, *doing, *numbers]


def _doing(tool: Tool) -> Text:
    name, _, rest = tool.text.partition(" ")
    return Text.assemble((name, "cyan"), " ", rest)


def _output(tool: Tool | None, width: int) -> Iterator[Text]:
    """The last call: what it was, how it ended, and its last lines."""
    if tool is None:
        return
    yield _indented(_doing(tool), Text(tool.outcome, "red" if tool.is_error else "dim"), width)
    for line in tool.lines:
        yield _indented(Text.assemble(("│ ", "dim"), line), "", width)


def _numbers(working: Working) -> str:
    cached = f"{working.cache_hit_ratio:.0%} from the cache"
    return f"context {_tokens(working.context_tokens)}, {cached}, ${working.cost_usd:.4f}"


def _foot(state: ViewState, panel: Panel, size: Size) -> list[Text]:
    if panel.asks is not None:
        question = QUESTIONS[panel.asks]
        room = max(1, size.width - cell_len(question) - 2)
        help_words = "Enter sends it, Esc drops it" if panel.asks is Action.SAY else "Enter skips it, Esc does not"
        typed = Text.assemble((question, "bold"), _tail(panel.typed, room), ("▏", "bold"))
        return [typed, *([Text(help_words, "dim")] if size.height >= TALL_ROWS else [])]
    if panel.shows_help:
        return [part for line in HELP for part in _wrapped(Text(line), size.width, indent=3)][
            : max(1, size.height // 2)
        ]
    told = Text(panel.told, "cyan") if panel.told else Text(KEYS if panel.has_keys else "", "dim")
    return [*_log(state, size), *(_wrapped(told, size.width) if told else [])]


def _log(state: ViewState, size: Size) -> list[Text]:
    """The last lines of the log; on a narrow terminal wrapped, and the newest whole before older ones."""
    count = 3 if size.height >= TALL_ROWS else 1 if size.height >= 10 else 0
    most = count * 2 if size.width < NARROW_CELLS else count
    shown: list[Text] = []
    for line in reversed(state.log[-count:] if count else []):
        parts = _wrapped(_logged(line), size.width) if size.width < NARROW_CELLS else [_logged(line)]
        if len(shown) + len(parts) > most and shown:
            break
        shown = [*parts[:most], *shown]
    return shown


def _logged(line: LogLine) -> Text:
    mark = "! " if line.kind is EventKind.WARNING else ""
    return Text(f"{mark}{line.text}", LOG_STYLES.get(line.kind, "dim"))


def _wrapped(text: Text, width: int, *, indent: int = 0) -> list[Text]:
    """At words; as one line where it fits."""
    if text.cell_len <= width:
        return [text]
    parts = textwrap.wrap(text.plain, max(width, indent + 1), subsequent_indent=" " * indent, break_on_hyphens=False)
    return [Text(part, text.style) for part in parts]


def _row(left: Text, right: str | Text, width: int) -> Text:
    """`left`, cut where it must be, and `right` at the end of the line; on a narrow line `left` alone."""
    end = right if isinstance(right, Text) else Text(right)
    room = width - end.cell_len - 2
    if not end.cell_len or room < min(left.cell_len, width // 2):
        return left
    left.truncate(room, overflow="ellipsis")
    return Text.assemble(left, " " * (width - left.cell_len - end.cell_len), end)


def _indented(left: Text, right: str | Text, width: int) -> Text:
    return Text.assemble(" " * (STATE_CELLS + 1), _row(left, right, max(1, width - STATE_CELLS - 1)))


def _fitted(text: str, cells: int) -> str:
    """In just so many cells."""
    found = Text(text)
    found.truncate(cells, overflow="ellipsis", pad=True)
    return found.plain


def _tail(text: str, cells: int) -> str:
    while cell_len(text) > cells:
        text = text[1:]
    return text


def _tokens(count: int) -> str:
    return f"{count / 1000:.1f}k" if count >= 1000 else str(count)


def _length(seconds: float) -> str:
    minutes, rest_s = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest_s:02}s" if minutes else f"{rest_s}s"
