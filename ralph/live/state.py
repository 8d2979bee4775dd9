"""What the live view knows of a run: a state that each event turns into the next one. Knows nothing about terminals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ralph.events import Event, EventKind
from ralph.live.parts import LogLine, StoryRow, Tool, Working
from ralph.screen_text import one_line
from ralph.standings import StoryState

LOG_LINES = 3  # kept in the view; older ones belong to the scrollback
CHECKED = "finish"  # the tool after which Ralph runs the checks
THINKS = "the model is thinking"


@dataclass(frozen=True)
class ViewState:
    """Everything on the screen. Times are seconds on one clock, that of `now_s`."""

    repo: str = ""
    run: str = ""
    branch: str = ""
    started_s: float = 0.0
    is_simulated: bool = False
    spent_usd: float = 0.0
    held_usd: float = 0.0  # counts against the limit too: calls under way, or whose end was never seen
    limit_usd: float = 0.0
    stories: tuple[StoryRow, ...] = ()
    working: Mapping[str, Working] = field(default_factory=dict)
    log: tuple[LogLine, ...] = ()  # the last lines
    scrolled: tuple[LogLine, ...] = ()  # those that the last event pushed out of `log`
    ended: str = ""  # the run's last line
    ended_s: float = 0.0
    exit_code: int | None = None

    def after(self, event: Event, now_s: float) -> "ViewState":
        """The state once the event has happened."""
        step = STEPS.get(event.kind)
        state = replace(step(self, event, now_s) if step else self, scrolled=())
        return state.logging(event, now_s) if event.kind in LOGGED else state

    def logging(self, event: Event, now_s: float) -> "ViewState":
        """With its line among the last ones; the run's first line is no news and makes room at once."""
        story, text = _text(event, "story"), one_line(event.text)
        line = LogLine(now_s, text if story in text else f"{story}: {text}", event.kind)
        log = (*self.log, line)
        kept = 0 if event.kind is EventKind.RUN_STARTED else min(LOG_LINES, len(log))
        gone = len(log) - kept
        return replace(self, log=log[gone:], scrolled=log[:gone])

    def row(self, story_id: str) -> StoryRow | None:
        return next((row for row in self.stories if row.id == story_id), None)

    def with_row(self, row: StoryRow) -> "ViewState":
        if self.row(row.id) is None:
            return replace(self, stories=(*self.stories, row))
        return replace(self, stories=tuple(row if old.id == row.id else old for old in self.stories))

    def with_working(self, working: Working) -> "ViewState":
        return replace(self, working={**self.working, working.story: working})

    def without(self, story_id: str) -> "ViewState":
        return replace(self, working={name: one for name, one in self.working.items() if name != story_id})

    def at_work(self, event: Event) -> Working | None:
        """Who the event is about; one that names no story is about the only one at work."""
        story = event.fields.get("story")
        if story is None and len(self.working) == 1:
            return next(iter(self.working.values()))
        return self.working.get(str(story))


Step = Callable[[ViewState, Event, float], ViewState]


def _run_started(state: ViewState, event: Event, now_s: float) -> ViewState:
    return replace(
        state,
        run=_text(event, "run"),
        branch=_text(event, "branch"),
        limit_usd=_number(event, "limit_usd"),
        is_simulated=bool(event.fields.get("played_by")),
        started_s=now_s,
    )


def _stories(state: ViewState, event: Event, now_s: float) -> ViewState:
    del now_s
    listed = zip(*(_texts(event, name) for name in ("ids", "titles", "states", "reasons")), strict=False)
    rows = []
    for story_id, title, word, reason in listed:
        old = state.row(story_id) or StoryRow(story_id)
        known = StoryState(word) if word in set(StoryState) else StoryState.OPEN
        now = StoryState.RUNNING if story_id in state.working else known
        rows.append(replace(old, title=title, state=now, reason=reason))
    return replace(state, stories=tuple(rows))


def _story_started(state: ViewState, event: Event, now_s: float) -> ViewState:
    story = _text(event, "story")
    title = one_line(event.text.removeprefix(story).partition("  (trace ")[0])
    row = state.row(story) or StoryRow(story, title)
    row = replace(row, state=StoryState.RUNNING, attempts=row.attempts + 1, reason="")
    attempt = int(_number(event, "attempt")) or row.attempts
    return state.with_row(row).with_working(Working(story, attempt, now_s, doing_since_s=now_s))


def _turn(state: ViewState, event: Event, now_s: float) -> ViewState:
    state = replace(
        state,
        spent_usd=_number(event, "spent_usd") or state.spent_usd,
        held_usd=_number(event, "held_usd"),
        limit_usd=_number(event, "limit_usd") or state.limit_usd,
    )
    working, cost_usd = state.at_work(event), _number(event, "cost_usd")
    if working is None:
        return state
    checks = _texts(event, "tools") == (CHECKED,)
    return _charged(state, working.story, cost_usd).with_working(
        replace(
            working,
            turn=int(_number(event, "turn")),
            context_tokens=int(_number(event, "context_tokens")),
            cache_hit_ratio=_number(event, "cache_hit_ratio"),
            cost_usd=working.cost_usd + cost_usd,
            doing="Ralph runs the checks" if checks else THINKS,
            doing_since_s=now_s,
            last=None if checks else working.last,
        )
    )


def _charged(state: ViewState, story: str, cost_usd: float) -> ViewState:
    row = state.row(story)
    return state.with_row(replace(row, cost_usd=row.cost_usd + cost_usd)) if row else state


def _tool_started(state: ViewState, event: Event, now_s: float) -> ViewState:
    working = state.at_work(event)
    if working is None:
        return state
    tool = Tool(one_line(event.text), now_s)
    return state.with_working(replace(working, tools={**working.tools, _text(event, "call"): tool}))


def _tool(state: ViewState, event: Event, now_s: float) -> ViewState:
    working = state.at_work(event)
    if working is None:
        return state
    call = _text(event, "call")
    started = working.tools.get(call) or Tool(one_line(event.text).rpartition(":")[0], now_s)
    done = replace(
        started,
        outcome=_text(event, "outcome"),
        is_error=bool(event.fields.get("is_error")),
        lines=_texts(event, "lines"),
    )
    others = {name: tool for name, tool in working.tools.items() if name != call}
    return state.with_working(replace(working, tools=others, last=done, doing=THINKS, doing_since_s=now_s))


def _check(state: ViewState, event: Event, now_s: float) -> ViewState:
    working = state.at_work(event)
    if working is None:
        return state
    before = working.last.lines if working.last and working.last.text == "checks" else ()
    passed = bool(event.fields.get("passed"))
    last = Tool("checks", now_s, "passed" if passed else "failed", not passed, (*before, one_line(event.text))[-5:])
    return state.with_working(replace(working, last=last, doing_since_s=now_s))


def _repair(state: ViewState, event: Event, now_s: float) -> ViewState:
    working = state.at_work(event)
    if working is None:
        return state
    return state.with_working(
        replace(working, repair=int(_number(event, "repair")), doing="the model mends it", doing_since_s=now_s)
    )


def _retry(state: ViewState, event: Event, now_s: float) -> ViewState:
    working = state.at_work(event)
    if working is None:
        return state
    return state.with_working(replace(working, doing="waiting for the model service", doing_since_s=now_s))


def _paused(state: ViewState, event: Event, now_s: float) -> ViewState:
    working = state.at_work(event)
    if working is None:
        return state
    paused = event.kind is EventKind.PAUSED
    return state.with_working(
        replace(working, paused=paused, doing="paused" if paused else THINKS, doing_since_s=now_s)
    )


def _story_over(state: ViewState, event: Event, now_s: float) -> ViewState:
    story = _text(event, "story")
    working, row = state.working.get(story), state.row(story)
    if row is None:
        return state.without(story)
    is_done = event.kind is EventKind.COMMITTED
    took_s = row.took_s + (now_s - working.since_s if working else 0.0)
    now = StoryState.DONE if is_done else StoryState.OPEN  # parked or not: the next STORIES says it
    reason = "" if is_done else _text(event, "reason")
    return state.without(story).with_row(replace(row, state=now, took_s=took_s, reason=reason))


def _run_ended(state: ViewState, event: Event, now_s: float) -> ViewState:
    return replace(
        state,
        ended=one_line(event.text),
        ended_s=now_s,
        exit_code=int(_number(event, "exit_code")),
        spent_usd=_number(event, "spent_usd") or state.spent_usd,
        held_usd=_number(event, "held_usd"),
        working={},
    )


STEPS: Mapping[EventKind, Step] = {
    EventKind.RUN_STARTED: _run_started,
    EventKind.STORIES: _stories,
    EventKind.STORY_STARTED: _story_started,
    EventKind.TURN: _turn,
    EventKind.TOOL_STARTED: _tool_started,
    EventKind.TOOL: _tool,
    EventKind.CHECK: _check,
    EventKind.REPAIR: _repair,
    EventKind.MODEL_RETRY: _retry,
    EventKind.PAUSED: _paused,
    EventKind.RESUMED: _paused,
    EventKind.COMMITTED: _story_over,
    EventKind.STORY_ENDED: _story_over,
    EventKind.RUN_ENDED: _run_ended,
}
LOGGED = {
    EventKind.RUN_STARTED,
    EventKind.NOTE,
    EventKind.WARNING,
    EventKind.BASELINE,
    EventKind.MODEL_RETRY,
    EventKind.REPAIR,
    EventKind.STEERED,
    EventKind.PAUSED,
    EventKind.RESUMED,
    EventKind.COMMITTED,
    EventKind.STORY_ENDED,
    EventKind.RUN_ENDED,
}


def _text(event: Event, name: str) -> str:
    value = event.fields.get(name)
    return "" if value is None else one_line(str(value))


def _number(event: Event, name: str) -> float:
    """0 where the event does not say it."""
    value = event.fields.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _texts(event: Event, name: str) -> tuple[str, ...]:
    value = event.fields.get(name)
    return tuple(_keep_indent(str(one)) for one in value) if isinstance(value, list) else ()


def _keep_indent(line: str) -> str:
    """A program's own spaces say something; what moves a cursor is gone already, or goes here."""
    return line if line.isprintable() else one_line(line)
