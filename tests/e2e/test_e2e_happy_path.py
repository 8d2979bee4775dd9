"""A PRD's stories become commits, and every call, tool and check becomes a span."""

from typing import Any

import pytest

World = Any


@pytest.fixture
def done(world: World, tools: Any) -> Any:
    """Three stories, the first listed of which needs the last; the user has edits of all kinds lying about."""
    world.start_repo(tools.a_story(1, 3), tools.a_story(2), tools.a_story(3))
    world.write("progress.txt", "## Codebase Patterns\n- none")
    world.commit()
    world.write("src/app.txt", "stashed\n")
    world.git("stash")
    world.write("src/app.txt", "edited\n")
    world.write("staged.txt", "staged\n")
    world.git("add", "staged.txt")
    world.before = world.checkout_hash()
    return world.ralph(script=tools.solves(2, 3, 1))


def test_stories_become_one_commit_each_in_the_order_of_their_dependencies(world: World, done: Any) -> None:
    assert done.exit_code == 0, done.out + done.err
    assert world.stories_on() == ["US-002", "US-003", "US-001"]
    subjects = world.git("log", "--reverse", "--format=%s|%an", "main..ralph/work").splitlines()
    assert subjects == [f"feat: [US-00{n}] - Story {n}|Sam Doe" for n in (2, 3, 1)]
    body = world.git("log", "-1", "--format=%b", "ralph/work")
    for words in ("Wrote number 1.", "Ralph-Story: US-001", "Ralph-Trace: ", "Ralph-Cost-USD: 0."):
        assert words in body
    assert "git merge ralph/work" in done.out
    assert world.checkout_hash() == world.before
    world.assert_clean()
    _flags_and_notes(world)
    _spans(world)


def _flags_and_notes(world: World) -> None:
    before = world.prd.read_bytes()
    for commit, story in (("ralph/work~2", 2), ("ralph/work~1", 3), ("ralph/work", 1)):
        changed = world.git("diff-tree", "-r", "--no-commit-id", "--name-only", commit).splitlines()
        assert changed == ["prd.json", "progress.txt", f"src/{story}.txt"]
        head, tail = before.split(b'"id": "US-%03d"' % story)
        before = head + b'"id": "US-%03d"' % story + tail.replace(b'"passes": false', b'"passes": true', 1)
        assert world.show(f"{commit}:prd.json") == before
    notes = world.show("ralph/work:progress.txt").decode()
    assert notes.startswith("## Codebase Patterns\n- none\n")
    assert [notes.index(f"US-00{n}") for n in (2, 3, 1)] == sorted(notes.index(f"US-00{n}") for n in (2, 3, 1))


def _spans(world: World) -> None:
    traces = world.traces()
    assert [detail.trace.status for detail in traces] == ["success"] * 3
    for detail in traces:
        names = [span.name for span in detail.spans]
        assert names.count("chat claude-opus-5-5") == 2
        assert sum("write" in name for name in names) == 1
        assert "check sound" in names
        assert "commit" in names
        assert all(span.ended_at_ns for span in detail.spans)


def test_the_ledger_the_traces_and_the_providers_bill_agree_to_the_micro_dollar(
    world: World, done: Any, tools: Any
) -> None:
    billed = tools.billed_micros(done.model)
    assert billed == world.charged_micros() == sum(detail.trace.cost_micros for detail in world.traces()) > 0


def test_a_run_with_nothing_left_to_do_calls_nothing_and_exits_0(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1, passes=True))
    done = world.ralph()
    assert (done.exit_code, done.model.requests) == (0, [])
    assert "ralph/work" not in world.branches()
