"""Fresh repositories of several languages: checks are found without a setting, run in the sandbox, and a story is committed."""

import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from ralph.errors import RalphError
from ralph.replay.scripted import Turn, calls, finish_done

World = Any
pytestmark = pytest.mark.slow
GO_TEST = (
    'package s\n\nimport "testing"\n\nfunc TestOne(t *testing.T) {\n\tif One() != 1 {\n\t\tt.Fatal("no")\n\t}\n}\n'
)
NODE_TEST = 'const test = require("node:test");\nconst one = require("./one");\ntest("one", () => { if (one !== 1) throw 1; });\n'


@dataclass(frozen=True)
class Sample:
    """A repository, the change that does its story, one that breaks it, and the checks that are found."""

    tool: str
    files: Mapping[str, str]
    good: tuple[str, str]
    bad: tuple[str, str]
    checks: tuple[str, ...]


SAMPLES = {
    "python": Sample(
        "python3",
        {
            "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['.']\n",
            "one.py": "ONE = 1\n",
            "tests/test_one.py": "from one import ONE\n\n\ndef test_one() -> None:\n    assert ONE == 1\n",
        },
        ("two.py", "TWO = 2\n"),
        ("one.py", "ONE = 3\n"),
        ("pytest",),
    ),
    "node": Sample(
        "npm",
        {
            "package.json": '{"name": "s", "scripts": {"test": "node --test"}}\n',
            "one.js": "module.exports = 1;\n",
            "one.test.js": NODE_TEST,
        },
        ("two.js", "module.exports = 2;\n"),
        ("one.js", "module.exports = 3;\n"),
        ("test",),
    ),
    "go": Sample(
        "go",
        {
            "go.mod": "module example.com/s\n\ngo 1.19\n",
            "s.go": "package s\n\nfunc One() int { return 1 }\n",
            "s_test.go": GO_TEST,
        },
        ("two.go", "package s\n\nfunc Two() int { return 2 }\n"),
        ("s.go", "package s\n\nfunc One() int { return 3 }\n"),
        ("go vet", "go test"),
    ),
    "rust": Sample(
        "cargo",
        {
            "Cargo.toml": '[package]\nname = "s"\nversion = "0.1.0"\nedition = "2021"\n',
            "Cargo.lock": 'version = 3\n\n[[package]]\nname = "s"\nversion = "0.1.0"\n',
            ".gitignore": "target\n",
            "src/lib.rs": "pub fn one() -> i32 { 1 }\n\n#[test]\nfn is_one() { assert_eq!(one(), 1); }\n",
        },
        ("src/two.rs", "pub fn two() -> i32 { 2 }\n"),
        ("src/lib.rs", "pub fn one() -> i32 { 3 }\n\n#[test]\nfn is_one() { assert_eq!(one(), 1); }\n"),
        ("cargo test",),
    ),
    "monorepo": Sample(
        "npm",
        {
            "package.json": '{"name": "all", "private": true}\n',
            "web/package.json": '{"name": "web", "scripts": {"test": "node --test"}}\n',
            "web/one.js": "module.exports = 1;\n",
            "web/one.test.js": NODE_TEST,
            "api/pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['.']\n",
            "api/one.py": "ONE = 1\n",
            "api/tests/test_one.py": "from one import ONE\n\n\ndef test_one() -> None:\n    assert ONE == 1\n",
        },
        ("api/two.py", "TWO = 2\n"),
        ("web/one.js", "module.exports = 3;\n"),
        ("api: pytest", "web: test"),
    ),
}


def write(file: tuple[str, str]) -> list[Turn]:
    """As an agent does it: a file that is there has to be read first."""
    path, text = file
    return [calls("read", {"file_path": path}), calls("write", {"file_path": path, "content": text})]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_story_is_repaired_and_committed_in_a_fresh_repo_of(name: str, world: World, play: Any, tools: Any) -> None:
    sample = SAMPLES[name]
    if shutil.which(sample.tool) is None:
        pytest.skip(f"no {sample.tool} on this machine")
    world.start_repo(tools.a_story(1), checks="")
    for path, text in sample.files.items():
        world.write(path, text)
    world.commit()
    broken, mended = sample.bad, (sample.bad[0], sample.files[sample.bad[0]])
    script = [*write(broken), finish_done("Sure."), *write(mended), *write(sample.good), finish_done("Done.")]
    played = play(script)
    assert played.outcome.exit_code == 0, played.events
    told = [event.fields["check"] for event in played.events if event.kind == "check" and "before" in event.text]
    assert sorted(told) == sorted(sample.checks)
    assert [event.kind for event in played.events].count("repair") == 1, "the broken work was seen"
    assert world.show(f"ralph/work:{sample.good[0]}").decode() == sample.good[1]
    changed = world.git("diff", "--name-only", "main", "ralph/work").split()
    assert sorted(changed) == sorted(["prd.json", sample.good[0]]), "no build output, no caches"
    world.assert_clean()


def test_a_repo_without_checks_is_told_what_to_add(world: World, play: Any, tools: Any) -> None:
    world.start_repo(tools.a_story(1), checks="")
    world.write("tool.py", "print('hi')\n")
    world.commit()
    with pytest.raises(RalphError, match=r"tests/test_smoke\.py(.|\n)*\[\[checks\]\]"):
        play([])


def test_a_service_is_up_while_the_checks_run_and_down_at_the_end(world: World, play: Any, tools: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    up = f"python3 -m http.server {port} --bind 127.0.0.1 >/dev/null 2>&1 & echo $! > {world.home}/service.pid; sleep 0.5"
    connects = f"python3 -c 'import socket; socket.create_connection((\\\"127.0.0.1\\\", {port}), 5)'"
    world.start_repo(tools.a_story(1), checks="")
    world.home.mkdir(parents=True, exist_ok=True)
    (world.home / "config.toml").write_text(
        f'[[checks]]\nname = "talks"\ncommand = "{connects}"\nnetwork = true\n\n'
        f'[[services]]\nname = "web"\nup = "{up}"\ndown = "kill $(cat {world.home}/service.pid)"\n'
    )
    played = play(tools.solves(1))
    assert played.outcome.exit_code == 0, [event.text for event in played.events]
    with socket.socket() as after:
        assert after.connect_ex(("127.0.0.1", port)) != 0, "the service is down again"
