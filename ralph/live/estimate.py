"""What the rest of a run may take, from the stories that it has done: median time and cost per story, times those left."""

from dataclasses import dataclass
from statistics import median

from ralph.live.parts import LEFT
from ralph.live.state import ViewState
from ralph.standings import StoryState


@dataclass(frozen=True)
class Rest:
    seconds: float
    usd: float


def estimate(state: ViewState, now_s: float) -> Rest | None:
    """None before the first story of this run is done, and when none is left."""
    done = [row for row in state.stories if row.state is StoryState.DONE and row.took_s > 0]
    left = [row for row in state.stories if row.state in LEFT]
    if not done or not left:
        return None
    side_by_side = max(1, len(state.working))
    begun_s = sum(now_s - working.since_s for working in state.working.values())
    begun_usd = sum(working.cost_usd for working in state.working.values())
    seconds = median(row.took_s for row in done) * len(left) - begun_s
    usd = median(row.cost_usd for row in done) * len(left) - begun_usd
    return Rest(max(0.0, seconds) / side_by_side, max(0.0, usd))
