"""Real `ralph daemon`s over several repositories on a busy machine, while everything that they start is killed at random.

    python -m tests.faults.daemon_soak --minutes 10 --seed 1

Every minute a run is due in each repository, others are asked for. Daemons, keepers, runs and whole groups get SIGKILL, daemons and
runs SIGTERM; sometimes two daemons are started. Then all is left to end. What has to be true is in `Soak.assert_sound`.
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ralph.errors import ExitCode
from ralph.events import EventKind
from ralph.history.event_log import RunFolders
from ralph.home import Home
from ralph.replay.scripted import Request, ScriptedModel, Turn, finish_done
from ralph.replay.server import serve
from ralph.schedule.rows import Outcome, State
from ralph.schedule.store import Schedules
from tests.e2e import conftest as whole_runs
from tests.faults.crashing import living
from tests.faults.deaths import isolate
from tests.tracing.alerts.receivers import Received, Receiver, Reply, http_receiver
from tracing.budget import Ledger

REPOS = 3
BUSY = 2  # processes that do nothing but keep a processor busy
STORIES_A_MINUTE = 12  # more than a repository's runs can do
OPTIONS = ("--max-iterations", "4", "--plain")
PER_DAY, PER_RUN = 40_000_000, 5_000_000  # micro-dollars
PATIENCE_S = 240.0
CONFIG = """
sandbox = "none"
[limits]
per_day_usd = 40.0
per_run_usd = 5.0
[schedules]
at_once = 3
[[channels]]
name = "hook"
kind = "webhook"
address = "{url}/"
private = true
"""
BLOWS = {  # how often, beside each other
    "kill daemon": 5,
    "kill daemon's group": 2,
    "kill keeper": 3,
    "kill run": 4,
    "kill keeper's group": 4,
    "stop daemon": 3,
    "stop run": 2,
    "two daemons": 2,
    "ask for a run": 4,
}
DAEMONS_END = {  # killed, asked to stop once, twice, or before Python could listen; the second of two
    -signal.SIGKILL,
    ExitCode.TERMINATED,
    ExitCode.INTERRUPTED,
    -signal.SIGTERM,
    ExitCode.BUSY,
}
ENDS_WELL = {ExitCode.ALL_DONE, ExitCode.STORIES_REMAIN, ExitCode.LIMIT}


@dataclass
class Soak:
    """The machine: repositories, daemons, and the dice."""

    folder: Path
    home: Home
    worlds: list[Any]
    model: ScriptedModel
    receiver: Receiver
    environment: dict[str, str]
    dice: random.Random
    daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)
    blows: Counter[str] = field(default_factory=Counter)
    exits: Counter[int] = field(default_factory=Counter)  # of daemons
    got: list[dict[str, Any]] = field(default_factory=list)  # messages

    def __post_init__(self) -> None:
        self.receiver.answer = self._take
        self.store = Schedules(self.home)

    # blows

    def play(self, minutes: float) -> None:
        end_s = time.monotonic() + 60 * minutes
        while time.monotonic() < end_s:
            if not self.living_daemons():
                time.sleep(self.dice.choice([0, 0.2, 1, 3]))
                self.start()
            time.sleep(self.dice.choice([0.3, 1, 2, 5]))
            [blow] = self.dice.choices(list(BLOWS), list(BLOWS.values()))
            if getattr(self, "_" + blow.replace(" ", "_").replace("'", ""))():
                self.blows[blow] += 1

    def start(self) -> None:
        with (self.folder / "daemons.log").open("ab") as log:
            command = [sys.executable, "-P", "-m", "ralph", "daemon"]
            self.daemons.append(
                subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, start_new_session=True)
            )

    def living_daemons(self) -> list[subprocess.Popen[bytes]]:
        for one in [one for one in self.daemons if one.poll() is not None]:
            self.exits[one.returncode] += 1
            self.daemons.remove(one)
        return self.daemons

    def _kill_daemon(self) -> bool:
        return signalled([one.pid for one in self.living_daemons()[:1]], signal.SIGKILL)

    def _kill_daemons_group(self) -> bool:
        return signalled([-one.pid for one in self.living_daemons()[:1]], signal.SIGKILL)

    def _stop_daemon(self) -> bool:
        return signalled([one.pid for one in self.living_daemons()[:1]], signal.SIGTERM)

    def _kill_keeper(self) -> bool:
        return signalled(self._one_of("ralph.schedule.keeper"), signal.SIGKILL)

    def _kill_keepers_group(self) -> bool:
        """A keeper and its run, and what that has started: as when the power goes."""
        return signalled([-pid for pid in self._one_of("ralph.schedule.keeper")], signal.SIGKILL)

    def _kill_run(self) -> bool:
        return signalled(self._one_of("-m\0ralph\0run", "keeper"), signal.SIGKILL)

    def _stop_run(self) -> bool:
        return signalled(self._one_of("-m\0ralph\0run", "keeper"), signal.SIGTERM)

    def _two_daemons(self) -> bool:
        self.start()
        return True

    def _ask_for_a_run(self) -> bool:
        self.store.enqueue(f"of-{self.dice.randrange(REPOS)}")
        return True

    def _one_of(self, words: str, but: str = "-") -> list[int]:
        found = sorted(processes(self.home, words, but))
        return [self.dice.choice(found)] if found else []

    # the end

    def let_end(self) -> None:
        """No more blows, and nothing new: what is open is taken up and ends; then one run more in each repository, alone."""
        for number in range(REPOS):
            self.store.pause(f"of-{number}")
        self._until_idle()
        for number in range(REPOS):
            self.store.resume(f"of-{number}")
            self.store.enqueue(f"of-{number}")
        self._until_idle()
        for number in range(REPOS):
            self.store.pause(f"of-{number}")
        self._until_idle()
        time.sleep(18)  # the alerts look every 15 s
        for one in self.living_daemons():
            one.terminate()
        for one in list(self.daemons):
            one.wait(PATIENCE_S)
        self.living_daemons()

    def _until_idle(self) -> None:
        give_up_s = time.monotonic() + PATIENCE_S
        while any(one.state in {State.PENDING, State.RUNNING} for one in self.outcomes()):
            if not self.living_daemons():
                self.start()
            assert time.monotonic() < give_up_s, [one for one in self.outcomes() if one.state is State.RUNNING]
            time.sleep(0.5)

    def outcomes(self) -> list[Outcome]:
        return [one for number in range(REPOS) for one in self.store.history(f"of-{number}", 10_000)]

    # what has to be true

    def assert_sound(self) -> dict[str, object]:
        """Returns figures."""
        assert (left := living(str(self.home.root))) == [], left
        assert self.exits.keys() <= DAEMONS_END, self.exits
        figures = self._assert_runs() | self._assert_stories() | self._assert_money() | self._assert_told()
        for path in (self.home.ledger_db, self.home.traces_db):
            with closing(sqlite3.connect(path)) as db:
                assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        with closing(sqlite3.connect(self.home.traces_db)) as db:
            assert db.execute("SELECT count(*) FROM trace WHERE ended_at_ns IS NULL").fetchone() == (0,)
        for world in self.worlds:
            world.assert_clean()
        return {"blows": dict(self.blows), "daemons": dict(self.exits)} | figures

    def _assert_runs(self) -> dict[str, object]:
        """Each due time has one row that is done; what ended by itself has said so once, in the log of the last process."""
        outcomes = self.outcomes()
        assert {one.state for one in outcomes} <= {State.DONE, State.SKIPPED}
        ends: dict[str, list[int]] = {}
        logs = [folder for folder in RunFolders(self.home).all() if folder.head]
        for folder in logs:
            kinds = [logged.event for _, logged in folder.events() if logged.event.kind is EventKind.RUN_ENDED]
            assert len(kinds) <= 1, f"{folder.path} ended twice"
            ends.setdefault(folder.head.due if folder.head else "", []).extend(
                int(str(event.fields["exit_code"])) for event in kinds
            )
        twice = 0
        for one in outcomes:
            said = ends.get(f"{one.schedule}/{one.id}", [])
            finals = [code for code in said if code in ENDS_WELL]
            twice += len(finals) > 1
            if one.exit_code in ENDS_WELL:
                assert one.exit_code in finals, f"{one}: {said}"
        assert not twice, f"{twice} runs were carried out twice"
        codes = Counter(str(one.exit_code) for one in outcomes)
        again = sum(one.owners > 1 for one in outcomes)
        return {
            "due": len(outcomes),
            "exit codes": dict(codes),
            "processes": len(logs),
            "taken up again": again,
            "twice": twice,
        }

    def _assert_stories(self) -> dict[str, object]:
        done = {world.root.name: world.stories_on() for world in self.worlds}
        for stories in done.values():
            assert [story for story, count in Counter(stories).items() if count > 1] == []
        assert sum(map(len, done.values())) > 0
        return {"stories": {name: len(stories) for name, stories in done.items()}}

    def _assert_money(self) -> dict[str, object]:
        with closing(sqlite3.connect(self.home.ledger_db)) as db:
            scopes = [scope for (scope,) in db.execute("SELECT scope FROM scope_totals")]
        with closing(Ledger.open(self.home.ledger_db)) as ledger:
            spent = {scope: ledger.spent(scope).total_micros for scope in scopes}
        counted = sum(micros for scope, micros in spent.items() if scope.startswith("day:"))
        assert all(micros <= PER_DAY for scope, micros in spent.items() if scope.startswith("day:"))
        assert all(micros <= PER_RUN for scope, micros in spent.items() if scope.startswith("run:"))
        billed = whole_runs.billed_micros(self.model)
        assert billed <= counted
        return {"billed": billed / 1e6, "counted": counted / 1e6}

    def _assert_told(self) -> dict[str, object]:
        """Each run that could not do its work once, by the id of the message; a kill between answer and note sends it again."""
        by_id = {one["webhook-id"]: one["data"]["data"] for one in self.got}
        told = Counter(facts["key"] for facts in by_id.values() if facts.get("rule") == "schedule_failed")
        assert told == Counter(one.schedule for one in self.outcomes() if is_bad(one))
        return {"messages": len(by_id), "sent again under their id": len(self.got) - len(by_id)}

    def _take(self, received: Received) -> Reply:
        self.got.append(received.json | {"webhook-id": received.headers["webhook-id"]})
        return Reply(204, "")


def is_bad(one: Outcome) -> bool:
    went_well = {*ENDS_WELL, ExitCode.HUNG_UP, ExitCode.INTERRUPTED, ExitCode.TERMINATED}
    return one.state is State.SKIPPED or one.exit_code not in went_well


def answers(request: Request) -> Turn:
    """A story's file, then its end; each after a while, so that a blow may come meanwhile."""
    first = str(request.messages[0]["content"])
    number = int(first.partition("Story: US-")[2][:3])
    time.sleep(0.1 + 0.4 * random.random())
    if len(request.messages) == 1:
        return whole_runs.writes(number)
    return finish_done(f"Wrote number {number}.")


def processes(home: Home, words: str, but: str) -> Iterator[int]:
    """Those of this state folder whose command line has the words."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (entry / "cmdline").read_bytes().decode(errors="replace")
            if (
                words in line
                and but not in line.split("\0")
                and f"RALPH_HOME={home.root}".encode() in (entry / "environ").read_bytes()
            ):
                yield int(entry.name)


def signalled(pids: Sequence[int], number: signal.Signals) -> bool:
    """A negative one is a whole group."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number) if pid > 0 else os.killpg(-pid, number)
    return bool(pids)


@contextmanager
def busy() -> Iterator[None]:
    """A machine that has other things to do."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: sum(range(10000))"]) for _ in range(BUSY)]
    try:
        yield
    finally:
        for one in others:
            one.kill()
            one.wait()


@contextmanager
def a_soak(folder: Path, minutes: float, seed: int) -> Iterator[Soak]:
    home = Home(folder / "home")
    home.root.mkdir(mode=0o700)
    count = max(int(STORIES_A_MINUTE * minutes), 12)
    worlds = [whole_runs.World(folder / f"repo-{number}", home.root) for number in range(REPOS)]
    for world in worlds:
        world.start_repo(*(whole_runs.a_story(number) for number in range(1, count + 1)))
    model = ScriptedModel(answers)
    with ExitStack() as stack:
        url = stack.enter_context(serve(model))
        receiver = stack.enter_context(http_receiver())
        stack.enter_context(busy())
        home.config.write_text(CONFIG.format(url=receiver.url), encoding="utf-8")
        keys = {"RALPH_HOME": str(home.root), "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "fake-key-for-tests"}
        soak = Soak(folder, home, worlds, model, receiver, os.environ | keys, random.Random(seed))
        stack.callback(soak.store.close)
        for number, world in enumerate(worlds):
            soak.store.add(f"of-{number}", world.root, "* * * * *", OPTIONS, "UTC")
            soak.store.enqueue(f"of-{number}")
        try:
            yield soak
        finally:
            signalled([-one.pid for one in soak.living_daemons()], signal.SIGKILL)
            signalled([-pid for pid in processes(home, "ralph.schedule.keeper", "-")], signal.SIGKILL)


def soaked(folder: Path, minutes: float, seed: int) -> dict[str, object]:
    with a_soak(folder, minutes, seed) as soak:
        soak.play(minutes)
        soak.let_end()
        return soak.assert_sound()


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        isolate(Path(name))
        sys.stdout.write(json.dumps(soaked(Path(name), chosen.minutes, chosen.seed), indent=1) + "\n")


if __name__ == "__main__":
    main()
