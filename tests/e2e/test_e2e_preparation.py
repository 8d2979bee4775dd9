"""Runs in repos whose checks need more than the commit: ignored files, a setup with a lock file, a service."""

from typing import Any

import pytest

from ralph.errors import RalphError
from ralph.replay.scripted import calls, finish_done

World = Any
INSTALL = "set -e\nsed 's/^/locked /' deps/package.json > deps/package-lock.json\nmkdir -p node_modules\ncp deps/package.json node_modules/\n"
SETTINGS = (
    '[setup]\ncommand = "bash install.sh"\n'
    '[[checks]]\nname = "installed"\ncommand = "cmp deps/package.json node_modules/package.json && grep -q locked deps/package-lock.json"\n'
)


def a_repo(world: World, tools: Any, settings: str = SETTINGS) -> None:
    world.start_repo(tools.a_story(1), checks=settings)
    world.write(".gitignore", "node_modules/\n.env\nlog\n")
    world.write("install.sh", INSTALL)
    world.write("deps/package.json", '{"dependencies": {"a": "1"}}\n')
    world.write("deps/package-lock.json", 'locked {"dependencies": {"a": "1"}}\n')
    world.commit()


def test_a_new_dependency_is_installed_checked_and_committed_with_setups_lock_file(
    world: World, play: Any, tools: Any
) -> None:
    a_repo(world, tools)
    manifest = '{"dependencies": {"a": "1", "b": "2"}}'
    edit = calls("bash", {"command": f"echo '{manifest}' > deps/package.json; echo by hand > deps/package-lock.json"})
    played = play([edit, finish_done("Added b.")])
    assert played.outcome.exit_code == 0, played.events
    assert world.show("ralph/work:deps/package-lock.json").decode() == f"locked {manifest}\n"
    answer = str(played.model.requests[1]["messages"])
    assert "only `setup` writes lock files" in answer
    assert "deps/package.json changed, so `setup` ran again and succeeded." in answer
    spans = [span.name for detail in world.traces() for span in detail.spans]
    assert spans.count("setup") == 2


def test_a_setup_that_fails_ends_the_run_before_a_model_call(world: World, play: Any, tools: Any) -> None:
    a_repo(world, tools, SETTINGS.replace("bash install.sh", "echo no network; exit 9"))
    with pytest.raises(RalphError, match=r"setup failed on the commit .*exit code 9[\s\S]*no network"):
        play([])
    assert [detail.trace.status for detail in world.traces()] == ["error"]
    world.assert_clean()


def test_an_ignored_file_and_a_service_are_there_for_the_checks_and_gone_after_them(
    world: World, play: Any, tools: Any
) -> None:
    settings = (
        '[[checks]]\nname = "needs both"\ncommand = "grep -q KEY .env && test -e \\"$UP\\""\n'
        f'env = {{ UP = "{world.root}/log" }}\n'
    )
    a_repo(world, tools, settings)
    world.write(".env", "KEY=1\n")
    before = world.checkout_hash()
    service = {"name": "database", "up": "echo up >> log", "down": "rm log"}
    played = play(tools.solves(1), copy=[".env"], services=[service], sandbox="none")
    assert played.outcome.exit_code == 0, [event.text for event in played.events]
    assert not any("red before" in event.text for event in played.events)
    assert b".env" not in world.show("ralph/work:")
    assert world.checkout_hash() == before
