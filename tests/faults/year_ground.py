"""What a simulated year stands on: repositories, the calendar, a zone for the process, and how large a state folder is."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from prd.read import read_prd
from ralph.home import Home
from ralph.workspace.repo import Repo
from tests.faults.year_night import S_NS, Place
from tracing.sqlite import connect


@dataclass(frozen=True)
class Size:
    """Of a state folder."""

    bytes: int
    files: int
    rows: dict[str, int]  # by table

    @classmethod
    def of(cls, home: Home) -> "Size":
        files = [path for path in home.root.rglob("*") if path.is_file()]
        rows: dict[str, int] = {}
        for path in (home.ledger_db, home.traces_db):
            with closing(connect(path, synchronous="FULL")) as db:
                tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'")
                for [name] in tables.fetchall():
                    rows[f"{path.stem}.{name}"] = db.execute(f"SELECT count(*) FROM [{name}]").fetchone()[0]
        return cls(sum(path.stat().st_size for path in files), len(files), rows)


def ns(moment: datetime) -> int:
    return int(moment.timestamp()) * S_NS


def due_times(start: datetime, hour: int, minute: int, zone: str, days: int) -> set[int]:
    """By the calendar; an hour that is skipped comes an hour later."""
    first = start.astimezone(ZoneInfo(zone)).date()
    dates = [first + timedelta(days=number) for number in range(days + 2)]
    times = [datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone)) for day in dates]
    return {ns(at) for at in times if start < at.astimezone(UTC) <= start + timedelta(days=days)}


def memory() -> Path | None:
    """A folder in memory where the system offers one: a year is many thousands of commits."""
    shm = Path("/dev/shm")
    return shm if shm.is_dir() else None


def a_place(root: Path) -> Place:
    root.mkdir(parents=True)
    words = {"description": "As a user", "acceptanceCriteria": ["it works"], "passes": False, "notes": ""}
    stories = [
        {"id": f"US-{number:03}", "title": f"Story {number}", "priority": number, **words} for number in range(1, 9)
    ]
    prd = {"project": root.name, "branchName": "ralph/work", "description": "d", "userStories": stories}
    (root / "prd.json").write_text(json.dumps(prd), encoding="utf-8")
    for words_ in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-qm", "Start")):
        subprocess.run(["git", *words_], cwd=root, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, check=True, capture_output=True, text=True)
    found, _ = read_prd(root / "prd.json")
    return Place(root.resolve(), Repo.open(root).id, head.stdout.strip(), found.stories)


@contextmanager
def an_environment(**values: str) -> Iterator[None]:
    """With TZ, also the zone of this process."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    time.tzset()
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        time.tzset()
