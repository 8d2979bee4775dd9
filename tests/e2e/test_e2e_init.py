"""From a repo that has never seen Ralph to a commit: `ralph init`, then `ralph run` on a model that plays a script."""

import shutil
import tomllib
from typing import Any

import pytest

from ralph.replay.scripted import calls, finish_done

World = Any
PYTHON = "python" if shutil.which("python") else "python3"
TEST = "from pathlib import Path\nimport json\n\ndef test_it():\n    assert json.loads(Path('local.json').read_text())\n    assert 'broken' not in Path('shop.py').read_text()\n"


@pytest.fixture
def newcomer(world: World, tools: Any) -> World:
    """A Python repo whose tests read an ignored file."""
    world.start_repo(tools.a_story(1))
    world.write("shop.py", "price = 1\n")
    world.write("test_shop.py", TEST)
    world.write(".gitignore", "local.json\n__pycache__/\n.pytest_cache/\n")
    world.write("local.json", '{"a": 1}')
    (world.root / "ralph.toml").unlink()
    world.commit()
    return world


def test_init_and_run_end_with_a_commit(newcomer: World) -> None:
    made = newcomer.command("init", "--yes")
    assert made.exit_code == 0, made.err + made.out
    assert tomllib.loads((newcomer.root / "ralph.toml").read_text()) == {
        "copy": ["local.json"],
        "checks": [{"name": "pytest", "command": f"{PYTHON} -m pytest -q"}],
    }
    before = newcomer.checkout_hash()
    breaks = calls("bash", {"command": "echo broken = 1 > shop.py"})
    mends = calls("bash", {"command": "echo price = 2 > shop.py"})
    done = newcomer.ralph("--json", script=[breaks, finish_done("Done."), mends, finish_done("Mended.")])
    assert done.exit_code == 0, done.err + done.out
    assert newcomer.stories_on() == ["US-001"]
    assert newcomer.show("ralph/work:shop.py") == b"price = 2\n"
    assert newcomer.checkout_hash() == before
    newcomer.assert_clean()


def test_init_leaves_nothing_but_its_file(newcomer: World) -> None:
    made = newcomer.command("init", "--yes", "--json")
    assert made.exit_code == 0, made.err
    assert newcomer.git("status", "--porcelain") == "?? ralph.toml"
    assert newcomer.branches() == ["main"]
    newcomer.assert_clean()
