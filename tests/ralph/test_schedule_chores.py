"""What a daemon does beside its schedules while config.toml is wrong."""

import logging
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from ralph.home import Home
from ralph.housekeeping.daily import MARK
from ralph.nightly import chores
from ralph.report.sent import last_sent
from ralph.schedule.chores import do
from ralph.schedule.own_settings import own_settings
from tracing.alerts.outbox import Outbox

NS = 10**9
MORNING_NS = int(datetime(2026, 11, 22, 8, 0).astimezone().timestamp()) * NS
GOOD = """
[report]
at = "07:30"

[[channels]]
name = "hook"
kind = "webhook"
address = "http://127.0.0.1:9/"
private = true
"""


def test_all_of_it_goes_on_by_the_settings_that_were_read_last_and_the_log_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home, told = Home(tmp_path), dict[int, str]()
    now_ns = MORNING_NS - 2 * 3600 * NS
    home.config.write_text(GOOD)
    settings = own_settings(home)
    beside = chores(home, settings, clock=lambda: now_ns)
    settings()
    home.config.write_text(GOOD + "report = 3\n")
    with caplog.at_level(logging.WARNING):
        for wait_s in (0, 2 * 3600, 1):
            now_ns += wait_s * NS
            settings()
            for number, chore in enumerate(beside):
                do(chore, number, told)

    with closing(Outbox.open(home.ledger_db)) as outbox:
        assert any(entry.message.id.startswith("report:") for entry in outbox.history(9))
    assert last_sent(home) is not None
    assert (home.root / MARK).exists()
    assert [record.getMessage().partition(": ")[0] for record in caplog.records] == [
        "the settings before stay in force"
    ]
    assert told == {}
