"""`ralph costs` and `ralph costs reconcile` as a person meets them, over a real store and a real ledger."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ralph.cli.costs import costs_command
from ralph.home import Home
from tracing import attributes as names
from tracing.budget import Ledger, Limit
from tracing.redact import Redactor
from tracing.span import SpanKind
from tracing.store import TraceStore
from tracing.tracer import Tracer

DAY = Limit("day:2026-11-21", 20_000_000)
KILLED = """
import os, sys
from pathlib import Path
from tracing.budget import Ledger, Limit
Ledger.open(Path(sys.argv[1])).reserve(1_310_000, [Limit("day:2026-11-21", 20_000_000)], model="m", trace_id=sys.argv[2])
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("RALPH_HOME", str(tmp_path))
    return Home(tmp_path)


@pytest.fixture
def ledger(home: Home) -> Iterator[Ledger]:
    with closing(Ledger.open(home.ledger_db)) as ledger:
        yield ledger


@pytest.fixture
def killed(home: Home, ledger: Ledger) -> str:
    """A story with one call of $0.03 and one that was killed; the trace's id."""
    with closing(TraceStore.open(home.traces_db)) as store:
        tracer = Tracer(store, redact=Redactor())
        with tracer.start_trace("invoke_agent ralph", metadata={"ralph.story.id": "US-001"}) as trace:
            with trace.span("chat m", kind=SpanKind.LLM) as span:
                span.set({names.COST_MICROS: 30_000, names.REQUEST_MODEL: "m"})
            trace_id = trace.trace_id
    ledger.settle(ledger.reserve(30_000, [DAY], model="m", trace_id=trace_id), 30_000)
    assert subprocess.run([sys.executable, "-c", KILLED, home.ledger_db, trace_id], check=False).returncode == -9
    return trace_id


def ralph(*words: str) -> Result:
    return CliRunner().invoke(costs_command, words)


@pytest.mark.parametrize("by", ["day", "model", "story", "repo"])
def test_what_a_killed_call_had_reserved_is_told_apart_from_what_was_spent(killed: str, by: str) -> None:
    heads, row, _, *said = ralph("--by", by).output.splitlines()
    assert heads.split()[-2:] == ["cost", "unknown"]
    assert row.split()[-2:] == ["$0.0300", "$1.3100"]
    assert said == [
        "unknown: $1.3100 at most, reserved by 1 call whose end was never seen. It counts against the limits",
        "until you settle it: ralph costs reconcile",
    ]
    (facts,) = json.loads(ralph("--by", by, "--json").output)
    assert (facts["cost_usd"], facts["unknown_usd"], facts["unknown_calls"]) == (0.03, 1.31, 1)


def test_where_everything_is_known_nothing_is_said_of_it(home: Home, killed: str) -> None:
    assert ralph("reconcile", "2", "--nothing").exit_code == 0
    heads, row = ralph().output.splitlines()
    assert heads.split()[-1] == "cost"
    assert row.split()[-1] == "$0.0300"
    assert ralph("reconcile").output == "nothing is open: the cost of every call is known\n"


def test_the_list_says_what_is_open_and_how_to_settle_it(killed: str) -> None:
    shown = ralph("reconcile").output
    assert "US-001" in shown
    assert "end never seen" in shown
    assert "ralph costs reconcile ID --usd 0.0312   it cost this" in shown
    (one,) = json.loads(ralph("reconcile", "--json").output)["open"]
    assert (one["id"], one["model"], one["story"], one["counted_usd"], one["why"]) == (
        2, "m", "US-001", 1.31, "end never seen",
    )  # fmt: skip


def test_what_a_person_played_is_listed_as_simulated(home: Home, ledger: Ledger) -> None:
    with closing(TraceStore.open(home.traces_db)) as store:
        tracer = Tracer(store, redact=Redactor())
        with tracer.start_trace("invoke_agent ralph", metadata={"ralph.model.played_by": "by-hand"}) as trace:
            trace_id = trace.trace_id
    assert subprocess.run([sys.executable, "-c", KILLED, home.ledger_db, trace_id], check=False).returncode == -9
    assert "end never seen, by-hand: simulated" in ralph("reconcile").output
    assert json.loads(ralph("reconcile", "--json").output)["open"][0]["simulated"] is True


def test_an_amount_from_the_invoice_counts_from_now_on(killed: str, ledger: Ledger) -> None:
    said = ralph("reconcile", "2", "--usd", "0.031201", "--note", "invoice 12").output
    assert said.startswith("2 counts with $0.0312 from now on (correction 1, by ")
    assert ledger.spent(DAY.scope).total_micros == 30_000 + 31_201
    assert ralph().output.splitlines()[1].split()[-1] == "$0.0612"


def test_who_has_a_number_and_no_name_can_settle_too(
    killed: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 3_987_654_321)
    assert "(correction 1, by 3987654321" in ralph("reconcile", "2", "--usd", "0.031201").output


def test_all_of_them_can_be_settled_at_once(killed: str, ledger: Ledger) -> None:
    (made,) = json.loads(ralph("reconcile", "--all", "--accept", "--json").output)
    assert (made["reservation_id"], made["usd"]) == (2, 1.31)
    assert ledger.spent(DAY.scope).known_micros == 1_340_000
    assert ralph("reconcile", "--all", "--nothing").output == "nothing is open\n"


def test_a_call_dearer_than_its_worst_case_is_on_the_list_until_it_is_accepted(home: Home, ledger: Ledger) -> None:
    ledger.settle(ledger.reserve(1_000, [DAY], model="m"), 1_500)
    assert "above its $0.0010: calls stopped" in ralph("reconcile").output
    assert ralph("reconcile", "--all", "--nothing").output == "nothing is open\n"  # it wants to be named
    assert ledger.unaccepted() is not None
    assert ralph("reconcile", "1", "--accept").exit_code == 0
    assert ledger.unaccepted() is None


def test_a_clock_that_was_ahead_is_told_and_put_right(home: Home, ledger: Ledger) -> None:
    ledger.settle(ledger.reserve(1, [Limit("day:2999-01-01", 10)], model="m"), 1)
    assert "but calls were counted under 2999-01-01 already, and still are" in ralph("reconcile").output
    assert ralph("reconcile", "--clock").output == "not held against today any more: 2999-01-01\n"
    assert ralph("reconcile", "--clock").output == "the clock is not behind: nothing to do\n"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        pytest.param(["2"], "Say how: --usd AMOUNT", id="no-way"),
        pytest.param(["2", "--nothing", "--accept"], "Say how: --usd AMOUNT", id="two-ways"),
        pytest.param(["--nothing"], "Name the call: `ralph costs reconcile` lists ids.", id="no-call"),
        pytest.param(["2", "--all", "--nothing"], "Name ids or --all, not both.", id="both"),
        pytest.param(["--all", "--usd", "1"], "--all takes --nothing or --accept", id="one-amount-for-all"),
        pytest.param(["2", "--usd", "-1"], "is not an amount", id="negative"),
        pytest.param(["2", "--usd", "nan"], "is not an amount", id="nan"),
        pytest.param(["2", "--usd", "inf"], "is not an amount", id="infinite"),
        pytest.param(["2", "--usd", "1e99"], "is not an amount", id="absurd"),
        pytest.param(["2", "--usd", "0.0000001"], "at most six digits behind the point", id="too-fine"),
        pytest.param(["2", "--usd", "3,12"], "is not an amount", id="comma"),
        pytest.param(["2", "--usd", "312"], "add --above", id="cents-for-dollars"),
        pytest.param(["7", "--nothing"], "7 is not open", id="no-such-call"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(
    killed: str, ledger: Ledger, words: list[str], problem: str
) -> None:
    result = ralph("reconcile", *words)
    assert result.exit_code != 0
    assert problem in " ".join(result.output.split()) + str(result.exception)
    assert ledger.spent(DAY.scope).held_micros == 1_310_000
