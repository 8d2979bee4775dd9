"""`ralph log` beside real runs: the same lines after a run, and each new one while it goes on."""

import json
import subprocess
import sys
from typing import Any

World = Any


def without_times(text: str) -> list[str]:
    return [line[len("12:34:56 ") :] for line in text.splitlines()]


def test_the_log_shows_the_lines_that_the_run_printed(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1))
    ran = world.ralph(script=tools.solves(1))
    assert ran.exit_code == 0, ran.err
    logged = world.command("log")
    title, *lines = logged.out.splitlines()
    assert title.endswith(f" (ended): prd.json of {world.root}, on ralph/work")
    assert without_times("\n".join(lines)) == without_times(ran.out)
    assert (
        json.loads(world.command("log", "--json", "-n", "1").out)["event"]
        == json.loads((next((world.home / "runs").glob("*/events.jsonl"))).read_text().splitlines()[-1])["event"]
    )
    assert "last run: every story passes" in world.command("status").out


def test_a_run_is_followed_to_its_end(world: World, tools: Any) -> None:
    world.start_repo(tools.a_story(1), tools.a_story(2))
    with world.started(script=tools.solves(1, 2)) as run:
        run.wait_for_line("US-001")
        follow = [sys.executable, "-m", "ralph", "log", "-f"]
        with subprocess.Popen(follow, cwd=world.root, stdout=subprocess.PIPE, text=True) as following:
            code, printed = run.end()
            seen, _ = following.communicate(timeout=20)
    assert (code, following.returncode) == (0, 0)
    assert without_times(seen)[1:] == without_times(printed)
