"""What a report finds in real stores: logs, traces, commits, the ledger, schedules; and what it says where little is left."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import pytest

from prd.read import read_prd
from ralph.events import Event, EventKind
from ralph.history.event_log import EventLog, RunHead
from ralph.home import Home, find_home
from ralph.model.trouble import Trouble
from ralph.report.facts import Report, Why
from ralph.report.gather import gather, window_of
from ralph.report.logs import KILLED, TROUBLES
from ralph.report.money import usual_micros
from ralph.report.render import Form, rendered
from ralph.report.sent import Sent, note_sent
from ralph.report.window import DAY_NS, evening_before, evenings
from ralph.schedule.store import Schedules
from ralph.state import StoryStates
from ralph.workspace.repo import Repo
from tracing import Tracer, TraceStore
from tracing import attributes as names
from tracing.budget import Ledger, Limit, day_scope
from tracing.finding import Finding, Severity, Waste
from tracing.span import SpanKind, TraceStatus
from tracing.sqlite import connect
from tracing.store.writes import PutFindings

pytestmark = pytest.mark.usefixtures("in_utc")
NOW_NS = 1_795_332_600 * 10**9  # Sun 22 Nov 2026, 07:30 UTC
HOUR_NS = 3600 * 10**9
NIGHT_NS = NOW_NS - 5 * HOUR_NS
PRD = {
    "project": "Shop",
    "branchName": "ralph/shop",
    "userStories": [
        {"id": f"US-00{number}", "title": title, "description": "", "acceptanceCriteria": ["works"], "priority": number, "passes": False}
        for number, title in enumerate(("Cart", "Delivery date", "Invoice", "Search"), 1)
    ],
}  # fmt: skip


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "prd.json").write_text(json.dumps(PRD))
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Start")
    return folder


def git(folder: Path, *args: str) -> str:
    return subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def a_commit(repo: Path, story: str, title: str, body: str) -> str:
    """On the branch that the PRD names, as Ralph makes them."""
    git(repo, "switch", "-q", *(["-c"] if not git(repo, "branch", "--list", "ralph/shop") else []), "ralph/shop")
    (repo / f"{story}.txt").write_text(title)
    git(repo, "add", ".")
    git(repo, "commit", "-qm", f"feat: [{story}] - {title}\n\n{body}\n\nRalph-Story: {story}\nRalph-Cost-USD: 0.1")
    sha = git(repo, "rev-parse", "HEAD")
    git(repo, "switch", "-q", "main")
    return sha


def a_run(home: Home, repo: Path, *, at_ns: int = NIGHT_NS, name: str = "20261122-023000-aaaaaa", end: dict[str, object] | None = None) -> EventLog:  # fmt: skip
    """Its log, with what it said at its end; None: it was killed."""
    clock = iter(range(at_ns, at_ns + DAY_NS, 60 * 10**9))
    log = EventLog(home, RunHead(name, Repo.open(repo).id, str(repo), "ralph/shop", "prd.json", os.getpid()), clock_ns=lambda: next(clock))  # fmt: skip
    log(Event(EventKind.RUN_STARTED, "begun", {"limit_usd": 5.0}))
    if end is not None:
        text = "no story that is left can be worked on now; `ralph status` says why: 2 of 4 stories done, $0.2000 of $5.00 spent"
        log(Event(EventKind.RUN_ENDED, text, {"exit_code": 1, **end}))  # type: ignore[dict-item]
        log.close()
    return log


def a_try(
    store: TraceStore, repo: Path | str, story: str, status: TraceStatus, *, at_ns: int = NIGHT_NS, usd: float = 0.1, run: str = "20261122-023000-aaaaaa", commit: str = "", title: str = "Cart"
) -> str:  # fmt: skip
    clock = iter(range(at_ns, at_ns + 10**9, 10**6))
    facts: dict[str, object] = {"ralph.story.id": story, "ralph.story.title": title, "ralph.repo": str(repo)}
    trace = Tracer(store, clock=lambda: next(clock)).start_trace("invoke_agent ralph", agent_id="ralph", session_id=run, metadata=facts)  # fmt: skip
    trace.add_span("turn", kind=SpanKind.LLM, attributes={names.COST_MICROS: round(usd * 1e6)})
    if commit:
        trace.set_metadata({"ralph.commit": commit})
    trace.end(status, error=None if status is TraceStatus.SUCCESS else "tests failed: 2 of 148")
    return trace.trace_id


@pytest.fixture
def store(home: Home) -> Iterator[TraceStore]:
    with closing(TraceStore.open(home.traces_db)) as opened:
        yield opened


def park(home: Home, repo: Path, number: int, reason: str) -> None:
    story = read_prd(repo / "prd.json")[0].stories[number - 1]
    with closing(StoryStates.open(home.ledger_db)) as states:
        states.park(Repo.open(repo).id, story, reason)


def reported(home: Home, repo: Path | None = None) -> Report:
    return gather(home, repo, now_ns=NOW_NS)


def whys(report: Report) -> list[Why]:
    return [need.why for need in report.needs]


def test_a_night_is_told_from_its_commits_traces_log_and_prd(home: Home, repo: Path, store: TraceStore) -> None:
    sha = a_commit(repo, "US-001", "Cart", "The cart is kept between\nvisits, e.g. on a phone. It is merged later.")
    a_try(store, repo, "US-001", TraceStatus.ERROR)
    a_try(store, repo, "US-001", TraceStatus.SUCCESS, commit=sha, at_ns=NIGHT_NS + 10**10)
    a_try(store, repo, "US-003", TraceStatus.BLOCKED, title="Invoice", usd=0.05)
    a_try(store, repo, "US-004", TraceStatus.ERROR, title="Search", usd=0.07)
    park(home, repo, 3, "the agent says it is blocked: Which countries?")
    a_run(home, repo, end={})
    with closing(Ledger.open(home.ledger_db, clock=lambda: NIGHT_NS)) as ledger:
        limits = [Limit("run:20261122-023000-aaaaaa", 5_000_000), Limit(day_scope(date(2026, 11, 22)), 10**9)]
        ledger.settle(ledger.reserve(400_000, limits, model="m"), 320_000)
    report = reported(home)
    (work,) = report.works
    (done,) = work.done
    assert (done.story, done.commit, done.tries, done.cost.known_micros) == ("US-001", sha, 2, 200_000)
    assert done.sentence == "The cart is kept between visits, e.g. on a phone."
    assert [(one.story, one.why) for one in work.parked] == [
        ("US-003", "the agent says it is blocked: Which countries?")
    ]
    assert [(one.story, one.why) for one in work.open] == [("US-004", "tests failed: 2 of 148")]
    assert (work.next.story if work.next else "", work.stories, work.stories_done) == ("US-002", 4, 1)
    (run,) = work.runs
    assert (run.words, run.is_early, run.cost.known_micros, run.limit_micros) == ("no story that is left can be worked on now", False, 320_000, 5_000_000)  # fmt: skip
    assert whys(report) == [Why.BLOCKED, Why.MERGE]
    assert report.needs[1].command == f"git -C {repo} merge ralph/shop"
    assert (report.change.done, report.change.tried) == (1, 3)
    assert report.days[0].known_micros == 320_000


def test_what_is_parked_is_read_from_the_home_that_was_asked_for(repo: Path, tmp_path: Path) -> None:
    other = Home(tmp_path / "other-home")
    park(find_home(), repo, 1, "parked in the home of the environment")
    park(other, repo, 3, "parked in this one")
    with closing(TraceStore.open(other.traces_db)) as store:
        a_try(store, repo, "US-003", TraceStatus.ERROR, title="Invoice")
    a_run(other, repo, end={})

    (work,) = reported(other).works

    assert [(one.story, one.why) for one in work.parked] == [("US-003", "parked in this one.")]


def test_a_repository_that_is_gone_is_told_from_what_is_known(home: Home, repo: Path, store: TraceStore) -> None:
    sha = a_commit(repo, "US-001", "Cart", "It works.")
    a_try(store, repo, "US-001", TraceStatus.SUCCESS, commit=sha)
    log = a_run(home, repo)
    facts = {"ids": ["US-001", "US-003"], "titles": ["Cart", "Invoice"], "states": ["done", "parked"], "reasons": ["done", "parked: Which countries?"]}  # fmt: skip
    log(Event(EventKind.STORIES, "1 of 2", facts))
    log.close()
    shutil.rmtree(repo)
    (work,) = reported(home).works
    assert "is not there any more" in work.problem
    assert [(one.story, one.title, one.commit) for one in work.done] == [("US-001", "Cart", sha)]
    assert [(one.story, one.why) for one in work.parked] == [("US-003", "Which countries?")]


def test_a_run_that_was_killed_needs_a_look_and_one_that_goes_on_does_not(home: Home, repo: Path, store: TraceStore) -> None:  # fmt: skip
    a_try(store, repo, "US-001", TraceStatus.INTERRUPTED)
    log = a_run(home, repo)
    going = reported(home)
    assert [run.words for run in going.runs] == ["still running"]
    assert going.needs == ()
    log.close()
    killed = reported(home)
    assert [(run.words, run.is_early, run.ended_at_ns) for run in killed.runs] == [(KILLED, True, None)]
    assert whys(killed) == [Why.DIED]


@pytest.mark.parametrize(
    ("fields", "words", "need"),
    [
        pytest.param({"trouble": "rate", "again_at": "2026-11-22T09:00:00+00:00"}, "the model service's rate limit was reached; the service is expected back Sun 09:00", [], id="rate"),
        pytest.param({"trouble": "spent"}, "the account's credit or spend limit is used up", [Why.CREDIT], id="spent"),
        pytest.param({"trouble": "refused"}, "the model service refused the key or the request", [Why.REFUSED], id="refused"),
        pytest.param({"trouble": "offline"}, "the machine was offline", [], id="offline"),
        pytest.param({"trouble": "down"}, "the model service was down", [], id="down"),
    ],
)  # fmt: skip
def test_why_the_service_ended_a_run_is_said(home: Home, repo: Path, fields: dict[str, object], words: str, need: list[Why]) -> None:  # fmt: skip
    a_run(home, repo, end={"exit_code": 4, **fields})
    report = reported(home)
    assert [(run.words, run.is_early) for run in report.runs] == [(words, True)]
    assert whys(report) == need


def test_every_trouble_of_the_service_has_its_words() -> None:
    assert set(TROUBLES) == set(Trouble)


def test_unknown_and_overcharged_calls_stand_first_and_apart(home: Home, repo: Path, store: TraceStore) -> None:
    a_run(home, repo, end={})
    limits = [Limit("run:20261122-023000-aaaaaa", 5_000_000)]
    with closing(Ledger.open(home.ledger_db, clock=lambda: NIGHT_NS)) as ledger:
        ledger.settle(ledger.reserve(250_000, limits, model="m"), 250_000, seen=False)
        ledger.settle(ledger.reserve(1_000_000, limits, model="m"), 1_200_000)
    report = reported(home)
    assert whys(report) == [Why.OVERCHARGED, Why.UNKNOWN]
    assert report.needs[0].command == "ralph costs reconcile 2 --accept"
    assert (report.cost.known_micros, report.cost.unknown_micros) == (1_200_000, 250_000)


def test_a_ledger_that_cannot_be_read_is_said_and_the_rest_is_told(home: Home, repo: Path, store: TraceStore) -> None:
    a_try(store, repo, "US-001", TraceStatus.SUCCESS)
    a_run(home, repo, end={})
    home.ledger_db.write_bytes(b"no database at all, and long enough to be looked at as one" * 20)
    report = reported(home)
    assert whys(report)[0] is Why.LEDGER
    assert report.done == 1


@pytest.mark.parametrize(
    ("last_ns", "since_ns", "why"),
    [
        pytest.param(None, NOW_NS - 13 * HOUR_NS - HOUR_NS // 2, "yesterday evening", id="never"),
        pytest.param(NOW_NS - HOUR_NS, NOW_NS - 13 * HOUR_NS - HOUR_NS // 2, "yesterday evening", id="today"),
        pytest.param(NOW_NS - 3 * DAY_NS, NOW_NS - 3 * DAY_NS, "the last report", id="after a weekend"),
        pytest.param(NOW_NS - 60 * DAY_NS, NOW_NS - 7 * DAY_NS, "the last report", id="after a holiday"),
    ],
)
def test_nothing_falls_between_two_reports(home: Home, last_ns: int | None, since_ns: int, why: str) -> None:
    if last_ns is not None:
        note_sent(home, Sent("some day", last_ns))
    window = window_of(home, NOW_NS)
    assert (window.since_ns, window.why) == (since_ns, why)


def test_a_run_that_went_on_through_the_evening_is_told_whole(home: Home, repo: Path) -> None:
    began_ns = evening_before(NOW_NS, 1) - 2 * HOUR_NS
    log = a_run(home, repo, at_ns=began_ns, name="20261121-160000-bbbbbb")
    assert window_of(home, NOW_NS).since_ns == began_ns
    log.close()


def test_an_evening_is_18_o_clock_in_summer_and_winter(monkeypatch: pytest.MonkeyPatch) -> None:
    after_the_change_ns = 1_792_915_200 * 10**9 + 6 * HOUR_NS  # Sun 25 Oct 2026, when the clock went back
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        began = [datetime.fromtimestamp(at_ns / 1e9) for at_ns in evenings(after_the_change_ns, 7)]  # noqa: DTZ006
    assert {moment.hour for moment in began} == {18}
    assert len({moment.date() for moment in began}) == 7


def test_a_night_is_compared_with_those_before(home: Home, repo: Path, store: TraceStore) -> None:
    for back, usd in ((1, 1.0), (2, 2.0), (3, 9.0), (5, 3.0)):
        a_try(store, repo, f"US-{back}", TraceStatus.SUCCESS, at_ns=NIGHT_NS - back * DAY_NS, usd=usd, run=f"r{back}")
        a_try(store, repo, f"US-{back}b", TraceStatus.ERROR, at_ns=NIGHT_NS - back * DAY_NS, usd=0, run=f"r{back}")
    a_try(store, repo, "US-001", TraceStatus.SUCCESS, usd=0.5)
    report = reported(home)
    assert [(night.done, night.tried) for night in report.nights] == [(1, 2), (0, 0), (1, 2), (1, 2), (1, 2), (1, 1)]
    assert (report.change.done_before, report.change.tried_before, report.change.nights) == (4, 8, 4)
    assert (report.change.per_story_micros, report.change.per_story_before_micros) == (500_000, 3_750_000)
    assert usual_micros(report.nights) == 2_500_000


def test_a_story_that_is_done_at_the_second_try_counts_once(home: Home, repo: Path, store: TraceStore) -> None:
    a_try(store, repo, "US-001", TraceStatus.ERROR)
    a_try(store, repo, "US-001", TraceStatus.SUCCESS)
    assert (reported(home).change.done, reported(home).change.tried) == (1, 1)


def test_findings_are_the_gravest_first_with_what_they_wasted(home: Home, repo: Path, store: TraceStore) -> None:
    first, second = a_try(store, repo, "US-001", TraceStatus.ERROR), a_try(store, repo, "US-002", TraceStatus.ERROR)
    drift = Finding("drift", Severity.WARNING, "Dear", "4 times the usual", "Look", ("c" * 16,), Waste(0, 5_000_000, 0))
    loop = Finding("loop", Severity.CRITICAL, "Repeats itself", "9 times", "Stop it", ("a" * 16,))
    store.write([PutFindings(first, (drift,), 1, NIGHT_NS), PutFindings(second, (loop,), 1, NIGHT_NS)])
    found = reported(home).findings
    assert [(one.title, one.wasted_micros, one.about) for one in found] == [("Repeats itself", 0, "US-002"), ("Dear", 5_000_000, "US-001")]  # fmt: skip


def test_traces_of_somebody_elses_machine_are_no_work_of_the_night(home: Home, repo: Path, store: TraceStore) -> None:
    trace_id = a_try(store, repo, "US-001", TraceStatus.SUCCESS, commit="f" * 40)
    store.write([PutFindings(trace_id, (Finding("loop", Severity.CRITICAL, "t", "e", "r", (), Waste()),), 1, NIGHT_NS)])
    with closing(connect(home.traces_db, synchronous="NORMAL")) as file:
        file.execute("UPDATE trace SET imported_ns = 5")
    report = reported(home)
    assert (report.works, report.findings, report.others, report.change.tried) == ((), (), (), 0)


def test_one_repository_is_told_alone(home: Home, repo: Path, store: TraceStore, tmp_path: Path) -> None:
    a_try(store, repo, "US-001", TraceStatus.SUCCESS)
    a_try(store, "/gone/other", "US-9", TraceStatus.SUCCESS, run="other", title="Elsewhere")
    assert {work.name for work in reported(home).works} == {"shop", "other"}
    alone = reported(home, repo)
    assert [work.name for work in alone.works] == ["shop"]
    assert "Elsewhere" not in rendered(alone, Form.JSON)
    assert reported(home, tmp_path / "never").works == ()


def a_schedule(home: Home, repo: Path, at_ns: int, **options: object) -> None:
    with closing(Schedules(home, clock=lambda: at_ns)) as schedules:
        schedules.add("nightly", repo, "0 2 * * *", timezone="UTC", **options)  # type: ignore[arg-type]


def test_without_a_schedule_it_says_how_to_make_one(home: Home) -> None:
    report = reported(home)
    assert "ralph schedule add" in report.quiet
    assert report.works == ()


def test_a_schedule_that_nobody_carries_out_needs_a_person(home: Home, repo: Path) -> None:
    a_schedule(home, repo, NOW_NS - DAY_NS)
    report = reported(home)
    assert whys(report) == [Why.MISSED]
    assert report.needs[0].title == "nightly was due Sun 02:00 and has not begun"
    assert report.quiet == "nightly was due. The daemon, which carries schedules out, is not running."


def test_a_run_is_late_when_the_setting_says_so(home: Home, repo: Path) -> None:
    a_schedule(home, repo, NOW_NS - DAY_NS)
    home.config.write_text('[alerts]\nschedule_grace = "12h"\n')
    assert whys(reported(home)) == []
    home.config.write_text("[alerts\n")
    assert Why.MISSED in whys(reported(home))


def test_a_run_that_could_not_start_is_told_with_its_last_words(home: Home, repo: Path) -> None:
    a_schedule(home, repo, NOW_NS - DAY_NS)
    with closing(Schedules(home, clock=lambda: NIGHT_NS)) as schedules:
        schedules.materialise()
        run = schedules.claim()
        assert run
        home.folder("schedule").joinpath(f"nightly-20261122T020000Z-{run.id}.log").write_text(
            "Ralph 1\nralph: ralph.toml: loosens sandbox. Run: ralph trust\n"
        )
        schedules.finish(run, 2)
    (need,) = reported(home).needs
    assert (need.why, need.title) == (Why.NOT_STARTED, "nightly of Sun 02:00: could not start")
    assert need.text == "ralph.toml: loosens sandbox. Run: ralph trust"
    assert need.command.startswith("less ")
    assert reported(home).schedules[0].last == "Sun 02:30: could not start"


def test_a_schedule_that_was_not_due_explains_a_quiet_night(home: Home, repo: Path) -> None:
    a_schedule(home, repo, NOW_NS - HOUR_NS)
    report = reported(home)
    assert report.quiet == "No schedule was due."
    assert report.schedules[0].next_at_ns == NOW_NS + 18 * HOUR_NS + HOUR_NS // 2


def test_a_repo_without_a_schedule_is_told_so_by_its_name(home: Home, repo: Path) -> None:
    elsewhere = repo.parent / "elsewhere"
    said = f'No schedule is set for {elsewhere}. To make one: ralph schedule add nightly --repo {elsewhere} --cron "0 2 * * *"'
    assert gather(home, elsewhere, now_ns=NOW_NS).quiet == said


def test_nothing_is_changed_by_a_report(home: Home, repo: Path, store: TraceStore) -> None:
    a_commit(repo, "US-001", "Cart", "It works.")
    a_try(store, repo, "US-001", TraceStatus.SUCCESS)
    a_run(home, repo, end={})
    reported(home)
    before = {path: path.read_bytes() for path in (repo / ".git").rglob("*") if path.is_file()}
    status = git(repo, "status", "--porcelain")
    reported(home)
    assert {path: path.read_bytes() for path in (repo / ".git").rglob("*") if path.is_file()} == before
    assert git(repo, "status", "--porcelain") == status


@pytest.mark.slow
def test_a_thousand_traces_in_a_year_of_nights_take_less_than_a_second(home: Home, repo: Path, store: TraceStore) -> None:  # fmt: skip
    for night in range(365):
        name = f"{datetime.fromtimestamp((NIGHT_NS - night * DAY_NS) / 1e9):%Y%m%d-%H%M%S}-aaaaaa"  # noqa: DTZ006
        a_run(home, repo, at_ns=NIGHT_NS - night * DAY_NS, name=name, end={})
        for story in range(3):
            a_try(store, repo, f"US-00{story}", TraceStatus.SUCCESS, at_ns=NIGHT_NS - night * DAY_NS, run=name)
    reported(home)
    began = time.perf_counter()
    text = rendered(reported(home), Form.HTML)
    assert time.perf_counter() - began < 1.0
    assert len(text) < 60_000
