"""Runs on PRDs that are not a prd.json: GitHub's issues, and plans of which one has to be chosen."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

World = Any


def has_issues(folder: Path, *closed: bool) -> None:
    """A program called gh whose issues are closed, or not, in this order."""
    issues = [
        {
            "body": f"- [ ] src/{number}.txt exists\r\n",
            "labels": [{"name": "ralph"}],
            "number": number,
            "state": "CLOSED" if is_closed else "OPEN",
            "title": f"Story {number}",
            "url": f"https://github.com/sam/shop/issues/{number}",
        }
        for number, is_closed in enumerate(closed, 1)
    ]
    folder.mkdir(exist_ok=True)
    (folder / "list.json").write_text(json.dumps(issues))
    (folder / "gh").write_text('#!/bin/sh\ncat "$(dirname "$0")/list.json"\n')
    (folder / "gh").chmod(0o755)


def start(world: World, tools: Any, *plans: tuple[str, str]) -> None:
    world.start_repo(tools.a_story(1))
    world.git("rm", "-q", "prd.json")
    for name, text in plans:
        world.write(name, text)
    world.commit()


@pytest.mark.slow
def test_issues_are_worked_on_once_and_again_when_one_is_opened_again(
    world: World, tools: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh = tmp_path / "bin"
    monkeypatch.setenv("PATH", f"{gh}{os.pathsep}{os.environ['PATH']}")
    start(world, tools)
    branch = "ralph/sam-shop-issues-ralph"

    has_issues(gh, False, True)
    first = world.ralph("--from-issues", "sam/shop", script=tools.solves(1))
    assert first.exit_code == 0, first.out + first.err
    assert "note: the issues are kept in " in first.err
    assert world.stories_on(branch) == ["GH-1"]
    assert world.git("log", "-1", "--format=%s", branch) == "feat: [GH-1] - Story 1"
    assert "src/1.txt exists" in json.dumps(first.model.requests[0])

    again = world.ralph("--from-issues", "sam/shop")
    assert (again.exit_code, again.model.requests) == (0, [])
    has_issues(gh, True, True)
    assert world.ralph("--from-issues", "sam/shop").exit_code == 0

    has_issues(gh, False, True)
    opened = world.ralph("--from-issues", "sam/shop", script=tools.solves(2))
    assert opened.exit_code == 0, opened.out + opened.err
    assert world.stories_on(branch) == ["GH-1", "GH-1"]
    world.assert_clean()


def test_the_first_plan_with_an_open_task_is_worked_on_and_the_run_says_what_it_took(world: World, tools: Any) -> None:
    start(
        world,
        tools,
        ("PRD.md", "Only words.\n"),
        ("docs/plans/1-old.md", "### Task 1: Old\n- [x] done\n"),
        ("docs/plans/2-new.md", "# Shop\n\n### Task 1: Story 1\n- [ ] src/1.txt exists\n"),
        ("docs/plans/3-later.md", "### Task 1: Later\n- [ ] later\n"),
    )
    done = world.ralph(script=tools.solves(1))
    assert done.exit_code == 0, done.out + done.err
    assert "passed over PRD.md: no story in it" in done.out
    assert "took docs/plans/2-new.md, one of 3 at its place" in done.out
    assert world.show("ralph/shop:docs/plans/2-new.md") == b"# Shop\n\n### Task 1: Story 1\n- [x] src/1.txt exists\n"
    status = world.command("status")
    assert "took docs/plans/2-new.md" in status.out
    dry = world.ralph("--dry-run", "docs/plans/3-later.md")
    assert "PRD:    docs/plans/3-later.md\n" in dry.out
    assert "took" not in dry.out
