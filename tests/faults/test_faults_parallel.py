"""A run that works on two stories at once is killed or stopped; the work of both is kept and the next run finishes."""

import os
import re
import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ralph.replay.scripted import Request, Turn, stalls

World = Any
pytestmark = pytest.mark.slow
TWO_AT_ONCE = ("--set", "run.jobs=2")


class EachStory:
    """Each story's own turns."""

    def __init__(self, turns: Mapping[str, Sequence[Turn]]) -> None:
        self._left = {story_id: list(script) for story_id, script in turns.items()}

    def __call__(self, request: Request) -> Turn:
        found = re.search(r"Story: (US-\d+)", str(request.messages[0]["content"]))
        assert found
        return self._left[found[1]].pop(0)


@pytest.fixture
def repo(world: World, tools: Any) -> World:
    world.start_repo(tools.a_story(1), tools.a_story(2))
    world.before = world.checkout_hash()
    return world


@pytest.fixture
def half_done(tools: Any) -> EachStory:
    return EachStory({f"US-00{number}": [tools.writes(number), stalls()] for number in (1, 2)})


def assert_both_are_kept_and_the_next_run_finishes(repo: World, tools: Any) -> None:
    assert sorted(detail.trace.status for detail in repo.traces()) == ["interrupted", "interrupted"]
    done = repo.ralph(script=tools.solves(1, 2))
    assert done.exit_code == 0, done.out + done.err
    kept = {path for ref in repo.attempts() for path in repo.git("diff", "--name-only", f"{ref}^", ref).split()}
    assert kept == {"src/1.txt", "src/2.txt"}
    assert repo.stories_on() == ["US-001", "US-002"]
    assert repo.checkout_hash() == repo.before
    repo.assert_clean()


def test_killed_with_two_stories_under_way(repo: World, tools: Any, half_done: EachStory) -> None:
    with repo.started(*TWO_AT_ONCE, script=half_done) as run:
        run.wait_until(lambda: run.model.stalls.count == 2)
        run.kill()
    done = repo.ralph(script=tools.solves(1, 2))
    assert done.exit_code == 0, done.out + done.err
    kept = {path for ref in repo.attempts() for path in repo.git("diff", "--name-only", f"{ref}^", ref).split()}
    assert kept == {"src/1.txt", "src/2.txt"}
    assert sorted(detail.trace.status for detail in repo.traces()) == [
        "interrupted",
        "interrupted",
        "success",
        "success",
    ]
    assert repo.stories_on() == ["US-001", "US-002"]
    assert repo.checkout_hash() == repo.before
    repo.assert_clean()


def test_asked_once_both_stories_are_stopped_and_their_work_is_kept(
    repo: World, tools: Any, half_done: EachStory
) -> None:
    with repo.started(*TWO_AT_ONCE, script=half_done) as run:
        run.wait_until(lambda: run.model.stalls.count == 2)
        os.kill(run.process.pid, signal.SIGTERM)
        run.model.release()
        code, out = run.end()
    assert code == 143, out
    assert_both_are_kept_and_the_next_run_finishes(repo, tools)


def test_asked_twice_it_does_not_wait_for_a_service_that_stands_still(
    repo: World, tools: Any, half_done: EachStory
) -> None:
    with repo.started(*TWO_AT_ONCE, script=half_done) as run:
        run.wait_until(lambda: run.model.stalls.count == 2)
        os.kill(run.process.pid, signal.SIGINT)
        time.sleep(0.2)
        os.kill(run.process.pid, signal.SIGINT)
        code, out = run.end()
    assert code == 130, out
    done = repo.ralph(script=tools.solves(1, 2))
    assert done.exit_code == 0, done.out + done.err
    kept = {path for ref in repo.attempts() for path in repo.git("diff", "--name-only", f"{ref}^", ref).split()}
    assert kept == {"src/1.txt", "src/2.txt"}
    repo.assert_clean()
