"""Peak memory of a whole `ralph run`: the installed command, real git, tools and SDK; the model is a server over here."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.startup import ralph
from ralph.replay.scripted import ScriptedModel
from ralph.replay.server import serve
from ralph.replay.turn import Turn, calls, finish_done

PEAK_MB = 150.0
# A small process in between: a child's peak begins at the size of the process that it was forked from.
WATCHER = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
STORY = {
    "id": "US-001",
    "title": "Say hello",
    "description": "As a user I want a greeting.",
    "acceptanceCriteria": ["hello.txt says hello"],
    "priority": 1,
    "passes": False,
    "notes": "",
}


def measure(folder: Path, *, turns: int = 50) -> list[Figure]:
    repo = _repo(folder / "repo")
    with serve(ScriptedModel(_script(turns))) as url:
        service = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "none", "RALPH_HOME": str(folder / "home")}
        peak_mb = _peak_mb([*ralph(), "run", "--max-cost", "1000", "--repo", str(repo)], service)
    sdk_mb = _peak_mb([sys.executable, "-c", "import anthropic"], {})
    return [Figure(f"peak memory of ralph run, {turns} turns", peak_mb, "MB", sdk_mb, "import anthropic", PEAK_MB)]


def _script(turns: int) -> list[Turn]:
    reads = [
        calls("read", {"file_path": "big.txt", "offset": 1 + 10 * turn, "limit": 200}) for turn in range(turns - 2)
    ]
    return [*reads, calls("write", {"file_path": "hello.txt", "content": "hello\n"}), finish_done("Said hello.")]


def _repo(root: Path) -> Path:
    root.mkdir(parents=True)
    prd = {"project": "Hello", "branchName": "ralph/hello", "description": "", "userStories": [STORY]}
    (root / "prd.json").write_text(json.dumps(prd, indent=2), encoding="utf-8")
    (root / "ralph.toml").write_text('[[checks]]\nname = "greets"\ncommand = "grep -q hello hello.txt"\n', "utf-8")
    (root / "big.txt").write_text("".join(f"line {n} of a file that is read in parts\n" for n in range(2_000)), "utf-8")
    who = ("-c", "user.name=Bench", "-c", "user.email=bench@example.org")
    for command in (["init", "-qb", "main"], ["add", "-A"], [*who, "commit", "-qm", "Start"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    for name, value in (("user.name", "Bench"), ("user.email", "bench@example.org")):
        subprocess.run(["git", "config", name, value], cwd=root, check=True)
    return root


def _peak_mb(command: Sequence[str], extra: Mapping[str, str]) -> float:
    """Of the largest process of the command's tree."""
    watcher = [sys.executable, "-I", "-S", "-c", WATCHER, *command]
    done = subprocess.run(watcher, env={**os.environ, **extra}, capture_output=True, text=True, check=True)
    code, peak = map(int, done.stdout.split())
    assert code == 0, f"{' '.join(command)} left with {code}:\n{done.stderr}"
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
