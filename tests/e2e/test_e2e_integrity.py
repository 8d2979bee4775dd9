"""Work that passes every check and is not believed: what the agent is told, when its story is parked, what `ralph verify` says."""

import json
import sys
from contextlib import closing
from typing import Any

import pytest

from ralph.replay.scripted import Turn, calls, finish_blocked, finish_done
from tracing.store import TraceStore

World = Any
CHECKS = f'[[checks]]\nname = "tests"\ncommand = "{sys.executable} -m pytest -q -p no:cacheprovider"\n'
PRODUCT = "def total(items):\n    return 0\n"
RIGHT = "def total(items):\n    return sum(items)\n"
TESTS = "from cart import total\n\n\ndef test_empty():\n    assert total([]) == 0\n"
RED = f"{TESTS}\n\ndef test_total():\n    assert total([3, 4]) == 7\n"
BENT = f"{TESTS}\n\ndef test_total():\n    assert total([3, 4]) is not None\n"
STORY = {
    "id": "US-001",
    "title": "Carts have a total",
    "description": "",
    "acceptanceCriteria": ["total adds up the items", "tests/test_cart.py passes"],
    "priority": 1,
    "passes": False,
    "notes": "",
    "dependsOn": [],
}


@pytest.fixture
def shop(world: World) -> World:
    """A repo with one green and one red test."""
    world.start_repo(STORY, checks=CHECKS)
    world.write("conftest.py", "")
    world.write("cart.py", PRODUCT)
    world.write("tests/test_cart.py", RED)
    world.commit()
    return world


def write(path: str, text: str) -> Turn:
    return calls("write", {"file_path": path, "content": text})


def cheat(tests: str) -> list[Turn]:
    return [
        calls("read", {"file_path": "tests/test_cart.py"}),
        write("tests/test_cart.py", tests),
        finish_done("Done."),
    ]


def judgements(world: World) -> list[Any]:
    """What the spans of the guard hold, oldest first."""
    with closing(TraceStore.open(world.home / "traces.db")) as store:
        spans = [span for row in store.traces() for span in store.trace(row.trace_id).spans]
        return [
            span.output() for span in sorted(spans, key=lambda span: span.started_at_ns) if span.name == "integrity"
        ]


def settings(world: World, text: str) -> None:
    world.write("ralph.toml", text + CHECKS)
    world.commit()


def test_deleting_a_failing_test_is_refused_with_reasons_and_a_second_refusal_parks_the_story(
    shop: World, play: Any
) -> None:
    played = play([*cheat(TESTS), write("tests/test_cart.py", BENT), finish_done("Done.")])
    assert played.outcome.exit_code == 1
    told = str(played.model.requests[3]["messages"])
    assert "the test test_total was deleted" in told
    assert "blocked" in told
    assert shop.stories_on("main") == []
    assert "ralph/work" not in shop.branches()
    assert "the integrity guard refuses" in shop.command("status").out
    words = shop.command("explain", "US-001").out
    kept = words.partition("git show refs/ralph/attempts/")[2].split()[0]
    assert words.count(f"git show refs/ralph/attempts/{kept}\n") == 2
    assert "Say at prd.json:" in " ".join(words.split())
    assert shop.git("cherry-pick", "--no-commit", f"refs/ralph/attempts/{kept}") == ""
    shop.git("reset", "--hard", "-q")
    seen = judgements(shop)
    assert [one["refused"] for one in seen] == [True, True]
    assert seen[0]["findings"][0]["rule"] == "test-deleted"
    assert play([]).model.requests == []
    shop.assert_clean()


@pytest.mark.slow
def test_work_that_is_mended_after_a_refusal_is_committed(shop: World, play: Any) -> None:
    mended = [write("tests/test_cart.py", RED), calls("read", {"file_path": "cart.py"}), write("cart.py", RIGHT)]
    played = play([*cheat(TESTS), *mended, finish_done("Now it adds up.")])
    assert played.outcome.exit_code == 0, played.events
    assert shop.stories_on() == ["US-001"]
    assert shop.show("ralph/work:tests/test_cart.py").decode() == RED
    assert [one["refused"] for one in judgements(shop)] == [True, False]


@pytest.mark.slow
def test_blocked_after_a_refusal_is_an_honest_end_that_burns_no_attempt(shop: World, play: Any) -> None:
    played = play([*cheat(TESTS), finish_blocked("the test asks for what the story does not say")])
    assert [result.status for result in played.outcome.results] == ["blocked"]
    assert shop.stories_on("main") == []
    status = shop.command("status")
    assert "the test asks for what the story does not say" in status.out


@pytest.mark.slow
def test_refusals_are_counted_over_attempts_until_the_story_is_unblocked(shop: World, play: Any) -> None:
    settings(shop, "[agent]\nattempts = 3\nrepairs = 0\n")
    played = play([*cheat(TESTS), *cheat(BENT)])
    assert [result.status for result in played.outcome.results] == ["error", "error"]
    assert len(played.model.requests) == 6
    assert play([]).model.requests == []
    assert shop.command("unblock", "US-001").exit_code == 0
    again = play(
        [*cheat(TESTS), calls("read", {"file_path": "cart.py"}), write("cart.py", RIGHT), finish_done("Done.")]
    )
    assert again.outcome.exit_code == 0


def test_verify_tells_a_cheating_commit_from_an_honest_one(shop: World) -> None:
    shop.write("tests/test_cart.py", TESTS)
    shop.git("commit", "-qam", "Make the tests pass")
    cheating = shop.command("verify", "HEAD", "--story", "US-001")
    assert "tried    never, so far\n" in shop.command("explain", "US-001").out
    assert cheating.exit_code == 1, cheating.err
    assert "the test test_total was deleted" in cheating.out + cheating.err
    shop.write("tests/test_cart.py", RED)
    shop.write("cart.py", RIGHT)
    shop.git("commit", "-qam", "Add up the items")
    honest = shop.command("verify", "HEAD~2..HEAD", "--story", "US-001", "--json")
    assert honest.exit_code == 0, honest.out + honest.err
    assert json.loads(honest.out.splitlines()[-1])["passed"] is True
