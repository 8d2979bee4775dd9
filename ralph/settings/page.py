"""docs/settings.md, made from the schema: `python -m ralph.settings.page > docs/settings.md`. A test compares the two."""

import sys

from ralph.settings.catalogue import OF_NO_REPO, OPTIONS, Entry, default_of, entries
from ralph.settings.kinds import Repo

TITLES = {
    "": "Top of the file",
    "checks": "`[[checks]]`, one for each check",
    "setup": "`[setup]`",
    "services": "`[[services]]`, one for each service",
    "limits": "`[limits]`",
    "agent": "`[agent]`",
    "judge": "`[judge]`: the model that drafts and judges PRDs",
    "run": "`[run]`",
    "tracing": "`[tracing]`",
    "resources": "`[resources]`: what one command may take of the machine",
    "ui": "`[ui]`: the viewer, `ralph ui`",
    "schedules": "`[schedules]`: what `ralph daemon` carries out",
    "channels": "`[[channels]]`, one for each place that messages go to",
    "alerts": "`[alerts]`: when a person is told",
    "report": "`[report]`: the morning report",
    "retention": '`[retention]`: after how long things go; "never" keeps them',
    "prices": '`[prices."model"]`',
}
MAY = {Repo.ANY: "may set", Repo.TIGHTEN: "may tighten", Repo.NEVER: "may not set"}
HEAD = """# Settings

<!-- Made by `python -m ralph.settings.page > docs/settings.md`; change ralph/settings/ instead. -->

Every setting has a default: a repo without any file works when its checks are detected.

## Where settings come from

| source | for | wins over |
|---|---|---|
| the command line | this run | all below |
| `ralph.toml` at the root of the repo | everybody who works on the repo | the two below |
| `config.toml` in `RALPH_HOME` (`~/.local/state/ralph` on Linux) | this user, in every repo | the defaults |
| the defaults | | |

Each command line option below sets one value. The rest are for `ralph.toml` and `config.toml`, which have the same
format. A setting that does not exist is refused with the nearest one that does.

```toml
# ralph.toml
[[checks]]
name = "tests"
command = "python -m pytest -q"
timeout_s = 300

[[checks]]
name = "types"
command = "python -m mypy src"

[setup]
command = "python -m pip install -e ."

[limits]
per_story_usd = 1.50
```

## What a repo may decide

A repo does not vote on its own trust. Its `ralph.toml` says what to check and may *tighten* a limit; the last column of each
table says how far it may go. What goes further than you allow ends the run before it starts, with exit code 2, the line, and
three ways to let it through:

1. `ralph trust` in the repo pins `ralph.toml` as it is now, by its sha256. When a byte of it changes, it is not trusted any more.
2. The same setting in your own `config.toml`, for every repo.
3. The same setting on the command line, for one run.

What is about this machine and no repository ("config.toml alone" in the tables: channels, alerts, schedules, the report, retention, the
viewer) is refused anywhere else, trusted or not.

The bytes of `ralph.toml` are read once, before the agent starts; what the agent does to the file changes nothing in the run.

## What a fresh worktree gets

The agent works, and the checks run, in worktrees that hold what is committed and nothing else. What they need beyond that:

```toml
copy = [".env.test"]                  # ignored files, from your checkout

[setup]
command = "npm install"               # in the sandbox, in every worktree
network = true

[[services]]
name = "database"
up = "docker compose up --wait"       # outside of the sandbox, in your checkout, once a run
down = "docker compose down"
```

- `copy`: only files that git ignores, so that they never get into a commit. The agent can read them: copy test values, not
  the keys of your shop.
- `setup` runs before the agent's first turn and before the checks. When the agent changes a manifest (`package.json`,
  `pyproject.toml`, `Cargo.toml`, `go.mod` and their like), it runs again, and the agent is told how it ended. Only `setup` writes
  lock files: the agent's own edits to them are taken back. So let it be a command that updates the lock file (`npm install`,
  `uv sync`) where agents may add dependencies, and one that does not (`npm ci`, `uv sync --locked`) where they may not. A setup
  that fails on the commit where the work starts ends the run before a model is called. With `network = true` it runs what the
  agent's manifest names (an install script, say) with the network on; leave it off where that is too much.
- `services`: `up` returns when the service is ready, and does no harm when it is up already, as after a run that was killed.
  `down` is called at the end of the run however it ends; when two runs share a repo, at the end of the last one. A check
  reaches a service with `network = true`.
"""


def page() -> str:
    """The whole of docs/settings.md."""
    sections: dict[str, list[Entry]] = {}
    for entry in entries().values():
        sections.setdefault(_section(entry), []).append(entry)
    return HEAD + "".join(_table(section, sections[section]) for section in TITLES)


def _section(entry: Entry) -> str:
    return entry.name.partition(".")[0] if "." in entry.name else ""


def _table(section: str, members: list[Entry]) -> str:
    rows = [f"\n## {TITLES[section]}\n", "| setting | default | unit | meaning | a repo |", "|---|---|---|---|---|"]
    return "\n".join([*rows, *(_row(entry) for entry in members)]) + "\n"


def _row(entry: Entry) -> str:
    default = default_of(entry)
    shown = default if entry.required or default == entry.about.unset else f"`{default}`"
    meaning = f"{entry.about.meaning} Write {entry.about.write}."
    option = OPTIONS.get(entry.name)
    meaning += f" Command line: `{option}`." if option else ""
    may = "config.toml alone" if entry.name.partition(".")[0] in OF_NO_REPO else MAY[entry.about.repo]
    return f"| `{entry.key}` | {shown} | {entry.about.unit or '-'} | {meaning} | {may} |"


if __name__ == "__main__":
    sys.stdout.write(page())
