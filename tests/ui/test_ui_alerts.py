"""The page of alerts: what fires, what was told to whom and whether it arrived, rules and channels; looking changes nothing."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ralph.home import find_home
from ralph.ui.alerts import alerts_view
from tests.browser.nights import CHANNELS, some_alerts
from tracing import Tracer, TraceStore
from tracing.alerts.outbox import State
from tracing.web.page import Query


def query(store: TraceStore, **args: str) -> Query:
    return Query(store, args=args, now_ns=time.time_ns())


@pytest.fixture
def trace_id(store: TraceStore) -> str:
    with Tracer(store).start_trace("work", agent_id="ralph") as trace:
        return trace.trace_id


@pytest.fixture
def told(store: TraceStore, trace_id: str) -> TraceStore:
    home = find_home()
    home.config.write_text(CHANNELS, encoding="utf-8")
    some_alerts(home, time.time_ns(), trace_id, "ab" * 8)
    return store


def test_looking_creates_no_ledger(store: TraceStore, browse: Callable[[str], str]) -> None:
    page = browse("/alerts")
    assert "Nothing yet." in page
    assert "No channel is set up" in page
    assert not find_home().ledger_db.exists()


def test_what_fires_says_since_when_and_the_rule_says_its_threshold(told: TraceStore) -> None:
    view = alerts_view(query(told), find_home())
    assert [one.rule for one in view.firing] == ["limit_used", "tool_errors"]
    rules = {rule.name: rule for rule in view.rules}
    assert rules["call_latency"].silenced_until_ns is not None
    assert dict(rules["tool_errors"].thresholds) == {"tool_error_percent": "5 %"}


def test_each_message_says_whether_it_arrived_and_why_not(told: TraceStore) -> None:
    view = alerts_view(query(told), find_home())
    states = {(one.rule, one.word): [(to.channel, to.state) for to in one.deliveries] for one in view.told}
    assert states["finding", "critical"] == [("mail", State.SENT), ("team", State.FAILED)]
    assert states["limit_used", "resolved"] == [("mail", State.SENT)]
    [waiting] = next(one for one in view.told if one.rule == "tool_errors").deliveries
    assert waiting.next_at_ns is not None
    assert "connection refused" in waiting.note
    mail, team = view.channels
    assert (mail.waiting, team.failed) == (1, 1)


def test_an_alert_leads_to_the_guilty_span_while_its_trace_is_kept(
    told: TraceStore, trace_id: str, browse: Callable[[str], str]
) -> None:
    assert f'href="/traces/{trace_id}?span={"ab" * 8}"' in browse("/alerts")


def test_an_alert_whose_trace_is_gone_leads_nowhere(store: TraceStore, browse: Callable[[str], str]) -> None:
    some_alerts(find_home(), time.time_ns(), "f" * 32)
    assert "the same bash call brought the same result" in browse("/alerts")
    assert "f" * 32 not in browse("/alerts")


def test_earlier_messages_are_asked_for_by_a_link(told: TraceStore, browse: Callable[[str], str]) -> None:
    assert 'href="/alerts?limit=10"' in browse("/alerts?limit=2")
    assert len(json.loads(browse("/alerts.json?limit=2"))["told"]) == 2


def test_settings_and_a_ledger_that_cannot_be_read_are_said(told: TraceStore, browse: Callable[[str], str]) -> None:
    find_home().config.write_text("alerts = 3\n", encoding="utf-8")
    assert "Not everything can be told" in browse("/alerts")
    ledger: Path = find_home().ledger_db
    ledger.with_name("ledger.db-wal").unlink(missing_ok=True)
    ledger.write_bytes(b"no database at all" * 100)
    assert "cannot be read" in browse("/alerts")
    assert "cannot be read" in browse("/schedules")
    assert "Report" in browse("/report")
