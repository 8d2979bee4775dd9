"""The environment that makes runners speak on a channel. The command itself is never changed.

- pytest finds a plugin by its entry point on PYTHONPATH. `-p` in PYTEST_ADDOPTS would do too, but breaks the check where
  PYTHONPATH does not reach pytest: `PYTHONPATH=src pytest`, `python -I`, tox. The plugin's name differs from check to
  check, so that no `addopts = -p no:...` of the repo can name it.
- node, jest and vitest load a small file by NODE_OPTIONS, which looks at what the process is about to run.
- go prints every test's name with -test.v in GOFLAGS, a spelling that no other command of go knows: `-v` would make
  `go build` and `go vet` talk as well.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import copyfile, rmtree

from ralph.checks.reports.channel import Channel
from ralph.checks.reports.sessions import Heard, hear

INSTRUMENTS = Path(__file__).parent / "instruments"
SHIM = """try:
    from {name}_plugin import *
except Exception:  # a Python or a pytest that is too old: the check runs as if this were not here
    pass
"""


@dataclass
class Asked:
    """One check that is listened to; `heard` is filled when it is over."""

    env: dict[str, str] = field(default_factory=dict)
    writable: tuple[Path, ...] = ()
    read_only: tuple[Path, ...] = ()
    heard: Heard = field(default_factory=Heard)


@contextmanager
def asking(scratch: Path, env: Mapping[str, str]) -> Iterator[Asked]:
    """Listen while a check runs with `asked.env` added to its own `env`. Where no FIFO can be, nobody is asked."""
    folder = scratch.resolve() / "reports" / secrets.token_hex(8)
    try:
        asked, channel = _asked(folder, env)
    except OSError:
        yield Asked()
        return
    try:
        yield asked
    finally:
        heard = hear(channel.close())
        asked.heard = replace(heard, garbled=heard.garbled or channel.overflowed)
        rmtree(folder, ignore_errors=True)


def _asked(folder: Path, env: Mapping[str, str]) -> tuple[Asked, Channel]:
    line, tools = folder / "line", folder / "tools"
    for made in (line, tools):
        made.mkdir(parents=True, mode=0o700)
    _lay_out(tools)
    channel = Channel(line / secrets.token_hex(8))
    return Asked(_env(channel.path, tools, env), (line,), (tools,)), channel


def _lay_out(tools: Path) -> None:
    name = f"r{secrets.token_hex(6)}"
    copyfile(INSTRUMENTS / "pytest_plugin.py", tools / f"{name}_plugin.py")
    (tools / f"{name}.py").write_text(SHIM.format(name=name))
    for file in INSTRUMENTS.glob("*.[cm]js"):
        copyfile(file, tools / file.name)
    about = tools / f"{name}-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[pytest11]\n{name} = {name}\n")


def _env(channel: Path, tools: Path, env: Mapping[str, str]) -> dict[str, str]:
    """What is there already stays in force."""
    own = {
        "RUNNER_REPORTS": str(channel),
        "RUNNER_INSTRUMENTS": str(tools),
        "PYTHONPATH": _joined(str(tools), env.get("PYTHONPATH"), os.pathsep),
        "GOFLAGS": _joined("-test.v=true", env.get("GOFLAGS"), " "),
    }
    if (tools / "node_preload.cjs").exists() and not {'"', "\\"} & set(str(tools)):
        own["NODE_OPTIONS"] = _joined(f'--require "{tools}/node_preload.cjs"', env.get("NODE_OPTIONS"), " ")
    return own


def _joined(ours: str, theirs: str | None, by: str) -> str:
    return f"{ours}{by}{theirs}" if theirs else ours
