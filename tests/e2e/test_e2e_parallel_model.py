"""`--jobs N`: calls side by side that the service refuses in part, and calls that wait for money when the run is stopped."""

import os
import signal
import threading
import time
from typing import Any

from ralph.replay.scripted import Request, Turn, fails

World = Any
LONGEST_S = 10.0


def test_what_a_service_does_not_take_is_learnt_from_two_refusals_at_once(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2))
    script, together = tools.each_story({f"US-00{n}": tools.solves(n) for n in (1, 2)}), threading.Barrier(2)

    def without_effort(request: Request) -> Turn:
        if "output_config" in request.body:
            together.wait(LONGEST_S)
            return fails(400, "output_config: Extra inputs are not permitted")
        turn: Turn = script(request)
        return turn

    assert play(without_effort, run__jobs=2).outcome.exit_code == 0


def test_a_call_that_waits_for_money_is_not_made_when_the_run_is_stopped_meanwhile(
    world: World, play: Any, tools: Any
) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2))
    script = tools.each_story({f"US-00{n}": tools.solves(n) for n in (1, 2)})

    def stops(request: Request) -> Turn:
        time.sleep(0.5)  # the other one waits for room meanwhile
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.5)
        turn: Turn = script(request)
        return turn

    played = play(stops, run__jobs=2, limits__per_run_usd=1.6)
    assert (played.outcome.exit_code, len(played.model.requests)) == (143, 1)
