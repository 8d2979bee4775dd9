"""Canaries in all places where a run meets secrets, and a search for them in everything that it leaves behind."""

import base64
import json
import random
import sqlite3
import subprocess
import urllib.parse
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ralph.replay.scripted import Turn, calls
from tests.tracing.redaction.kinds import ALNUM, BY_NAME, chars
from tracing.store import TraceStore

World = Any


def _canaries() -> Mapping[str, str]:
    dice = random.Random("canary")
    made = {name: BY_NAME[name].make(dice).secret for name in ("github-classic", "stripe", "anthropic", "groq", "npm")}
    return {
        "environment": chars(dice, ALNUM, 26),
        "passed through": chars(dice, ALNUM, 26),
        "env file": chars(dice, ALNUM, 26),
        "url": chars(dice, ALNUM, 20),
        "tracked file": made["github-classic"],
        "tool output": made["stripe"],
        "json in json": made["groq"],
        "base64": made["npm"],
        "said": made["anthropic"],
    }


CANARIES = _canaries()
URL = f"https://deploy:{CANARIES['url']}@git.example.com/a.git"  # its password says what it is only inside of it


def _needles(canary: str) -> set[bytes]:
    """As it is, and in the middle of Base64 at each alignment."""
    raw = canary.encode()
    cores = {base64.b64encode(b"\0" * skip + raw)[4 : (skip + len(raw)) // 3 * 4] for skip in range(3)}
    return {raw, raw.hex().encode(), urllib.parse.quote(canary, safe="").encode(), *cores}


def _found_in(data: bytes) -> set[str]:
    return {name for name, canary in CANARIES.items() if any(needle in data for needle in _needles(canary))}


def _columns(database: Path) -> Iterator[bytes]:
    """Every value of every table, unpacked where it is compressed."""
    with closing(sqlite3.connect(database)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    data = value if isinstance(value, bytes) else str(value).encode(errors="replace")
                    yield data
                    if isinstance(value, bytes):
                        yield _unpacked(value)


def _unpacked(data: bytes) -> bytes:
    for window in (15, -15, 31):
        try:
            return zlib.decompress(data, window)
        except zlib.error:
            continue
    return b""


def _leaks_in_state(home: Path) -> dict[str, set[str]]:
    leaks = {}
    for path in home.rglob("*"):
        if path.is_file() and (found := _found_in(path.read_bytes())):
            leaks[str(path.relative_to(home))] = found
    for database in home.glob("*.db"):
        for data in _columns(database):
            if found := _found_in(data):
                leaks[f"{database.name}, unpacked"] = found
    return leaks


def _told(home: Path) -> str:
    """The traces as the store gives them back."""
    with closing(TraceStore.open(home / "traces.db")) as store:
        spans = [span for row in store.traces() for span in store.trace(row.trace_id).spans]
        return json.dumps([[span.name, span.attributes, span.input(), span.output()] for span in spans], default=str)


def _leaks_in_git(world: World, since: str) -> set[str]:
    """Messages and contents of all objects that the run made."""
    names = [line.split()[0] for line in world.git("rev-list", "--objects", "--all", "--not", since).splitlines()]
    listed = subprocess.run(
        ["git", "cat-file", "--batch"], cwd=world.root, input="\n".join(names).encode(), capture_output=True, check=True
    )
    return _found_in(listed.stdout)


def _shell(command: str) -> Turn:
    return calls("bash", {"command": command})


def _script() -> list[Turn]:
    nested = json.dumps({"arguments": json.dumps({"env": {"GROQ": CANARIES["json in json"]}})})
    packed = base64.b64encode(f"NPM_TOKEN={CANARIES['base64']}\n".encode()).decode()
    said = f"The key is {CANARIES['said']}."
    return [
        _shell("printenv; cat src/settings.py .env; true"),
        calls("read", {"file_path": "src/settings.py"}, saying=said),
        _shell(f"echo {CANARIES['tool output']}; echo pushing to {URL}; echo '{nested}'; echo {packed}"),
        _shell(
            "cp .env /tmp/copy; cp .env $HOME/copy; cat .env | base64; cut -d= -f2 .env | xxd -p | tr -d '\\n'; true"
        ),
        calls("write", {"file_path": "src/leak.py", "content": f"KEY = '{CANARIES['said']}'\n"}),
        calls("write", {"file_path": "src/1.txt", "content": "good\n"}),
    ]


def _finish(status: str) -> Turn:
    told = ", ".join([URL, *(value for name, value in CANARIES.items() if name != "url")])
    given = {
        "status": status,
        "summary": f"I found {told}.",
        "criteria": [{"criterion": "src/1.txt exists", "evidence": f"it holds {told}"}],
        "learnings": [f"the key is {CANARIES['environment']}"],
        "patterns": [f"keys look like {CANARIES['env file']}"],
    }
    if status == "blocked":
        given["blocked_reason"] = f"{told} is refused"
    return calls("finish", given)


@pytest.fixture
def guarded(world: World, tools: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("ACME_API_KEY", CANARIES["environment"])
    monkeypatch.setenv("DEPLOY_TOKEN", CANARIES["passed through"])
    check = f'[[checks]]\nname = "sound"\ncommand = "printenv; cat .env; ! grep -rn broken src"\n[checks.env]\nDEPLOY_TOKEN = "{CANARIES["passed through"]}"\n'
    world.start_repo(tools.a_story(1), checks=check)
    world.write(".gitignore", ".env\n")
    world.write("src/settings.py", f"TOKEN = '{CANARIES['tracked file']}'\n")
    world.commit()
    world.write(".env", f"DB_PASSWORD={CANARIES['env file']}\n")
    return world


@pytest.mark.parametrize("ending", ["done", pytest.param("blocked", marks=pytest.mark.slow)])
def test_no_canary_is_left_anywhere_after_a_run(guarded: World, ending: str) -> None:
    since = guarded.git("rev-parse", "HEAD")
    mend = [_shell("rm src/leak.py"), _finish("done")] if ending == "done" else []
    done = guarded.ralph("--set", 'copy=[".env"]', script=[*_script(), _finish(ending), *mend])
    assert done.exit_code == (0 if ending == "done" else 1), done.out + done.err
    told = _told(guarded.home)
    assert "[redacted: " in told
    assert _found_in(told.encode()) == set()
    assert _leaks_in_state(guarded.home) == {}
    assert _leaks_in_git(guarded, since) == set()
    assert _found_in(done.out.encode() + done.err.encode()) == set()


@pytest.mark.slow
def test_the_trace_says_what_was_cut_and_that_the_call_cannot_be_replayed_exactly(guarded: World) -> None:
    guarded.ralph("--set", 'copy=[".env"]', script=[*_script(), _finish("blocked")])
    spans = [span for trace in guarded.traces() for span in trace.spans]
    cut = [span.name for span in spans if span.attributes.get("ralph.redacted")]
    assert any(name.startswith("execute_tool bash") for name in cut), cut


def test_no_canary_is_left_anywhere_after_verify_and_its_folder_goes_with_those_of_its_day(guarded: World) -> None:
    guarded.home.mkdir(parents=True, exist_ok=True)
    (guarded.home / "config.toml").write_text('copy = [".env"]\n')
    guarded.write("src/leak.py", f"KEY = 'broken {CANARIES['tracked file']}'\n")
    guarded.commit()
    done = guarded.command("verify", "HEAD", "--story", "US-001")
    assert done.exit_code == 1, done.out + done.err
    assert _found_in(done.out.encode() + done.err.encode()) == set()
    assert _leaks_in_state(guarded.home) == {}
    assert [run.name[:2] for run in (guarded.home / "runs").iterdir()] == ["20"]
