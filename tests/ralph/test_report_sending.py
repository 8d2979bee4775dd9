"""The report by a channel: once a day whatever happens, and at once when somebody asks for it."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from ralph.cli.main import cli
from ralph.errors import RalphError
from ralph.home import Home
from ralph.report.gather import gather
from ralph.report.message import as_message, channels_for, send_if_due, send_now
from ralph.report.sent import last_sent
from ralph.settings.load import user_settings
from ralph.settings.schema import Settings
from tracing.alerts.message import Kind
from tracing.alerts.outbox import Outbox

pytestmark = pytest.mark.usefixtures("in_utc")
HALF_PAST_SEVEN_NS = 1_795_332_600 * 10**9  # Sun 22 Nov 2026, 07:30 UTC
MINUTE_NS = 60 * 10**9
DAY_NS = 86_400 * 10**9
CONFIG = """
[report]
at = "07:30"
[[channels]]
name = "hook"
kind = "webhook"
address = "http://127.0.0.1:{port}/"
private = true
[[channels]]
name = "desk"
kind = "desktop"
"""


def settings(home: Home, text: str = CONFIG.format(port=9)) -> Settings:
    home.config.write_text(text)
    return user_settings(home)


def put(home: Home) -> list[tuple[str, str]]:
    with closing(Outbox.open(home.ledger_db)) as outbox:
        return sorted((entry.message.id, entry.channel) for entry in outbox.history())


def test_it_is_put_once_a_day_when_its_time_has_come(home: Home) -> None:
    found = settings(home)
    times = [-MINUTE_NS, 0, MINUTE_NS, 600 * MINUTE_NS, DAY_NS - MINUTE_NS, DAY_NS + MINUTE_NS]
    assert [send_if_due(home, found, lambda at=at: HALF_PAST_SEVEN_NS + at) for at in times] == [False, True, False, False, False, True]  # type: ignore[misc]  # fmt: skip
    assert put(home) == [(f"report:2026-11-{day}", channel) for day in (22, 23) for channel in ("desk", "hook")]


@pytest.mark.parametrize("at", ["7:30", "07:30"])
def test_its_time_is_read_as_people_write_it(home: Home, at: str) -> None:
    found = settings(home, CONFIG.format(port=9).replace("07:30", at))
    assert not send_if_due(home, found, lambda: HALF_PAST_SEVEN_NS - MINUTE_NS)
    assert send_if_due(home, found, lambda: HALF_PAST_SEVEN_NS)


@pytest.mark.parametrize("at", ["24:00", "7", "0\u0667:30", "7:30 am"])
def test_what_is_no_time_of_day_is_refused(home: Home, at: str) -> None:
    with pytest.raises(RalphError, match="a time of day such as 07:30"):
        settings(home, CONFIG.format(port=9).replace("07:30", at))


def test_a_machine_that_was_off_sends_it_when_it_wakes(home: Home) -> None:
    assert send_if_due(home, settings(home), lambda: HALF_PAST_SEVEN_NS + 300 * MINUTE_NS)


def test_one_that_lost_its_mark_is_not_sent_again(home: Home) -> None:
    found = settings(home)
    assert send_if_due(home, found, lambda: HALF_PAST_SEVEN_NS)
    (home.root / "report-sent.json").unlink()
    assert not send_if_due(home, found, lambda: HALF_PAST_SEVEN_NS + MINUTE_NS)
    assert len(put(home)) == 2
    assert last_sent(home) is not None


def test_two_daemons_at_once_send_one(home: Home) -> None:
    found, barrier, sent = settings(home), threading.Barrier(2), list[bool]()
    gather(home, now_ns=HALF_PAST_SEVEN_NS)

    def serve() -> None:
        barrier.wait()
        sent.append(send_if_due(home, found, lambda: HALF_PAST_SEVEN_NS))

    threads = [threading.Thread(target=serve) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sent) == [False, True]
    assert len(put(home)) == 2


@pytest.mark.parametrize("text", ["", '[report]\nat = "07:30"\n', CONFIG.format(port=9).replace("at", "# at", 1)])
def test_without_a_time_or_a_channel_nothing_is_sent(home: Home, text: str) -> None:
    assert not send_if_due(home, settings(home, text), lambda: HALF_PAST_SEVEN_NS)
    assert not home.ledger_db.exists() or put(home) == []


def test_it_goes_to_the_channels_that_the_setting_names(home: Home) -> None:
    text = CONFIG.format(port=9).replace("[report]", '[report]\nto = ["desk"]')
    assert send_if_due(home, settings(home, text), lambda: HALF_PAST_SEVEN_NS)
    assert put(home) == [("report:2026-11-22", "desk")]


@pytest.fixture
def received() -> Iterator[tuple[int, list[bytes]]]:
    bodies: list[bytes] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, bodies
    server.shutdown()
    thread.join()
    server.server_close()


def test_send_sends_now_whatever_was_sent_today(home: Home, received: tuple[int, list[bytes]]) -> None:
    port, bodies = received
    found = settings(home, CONFIG.format(port=port))
    for _ in range(2):
        done = CliRunner().invoke(cli, ["report", "--send", "hook"])
        assert (done.exit_code, done.output.startswith("hook: sent")) == (0, True)
    assert [b'"version":1' in body.replace(b" ", b"") for body in bodies] == [True, True]
    assert {entry[1] for entry in put(home)} == {"hook"}
    assert found.report.at == "07:30"


def test_sending_by_one_channel_gives_up_nothing_that_waits_for_another(
    home: Home, received: tuple[int, list[bytes]]
) -> None:
    away = '[[channels]]\nname = "away"\nkind = "webhook"\naddress = "http://127.0.0.1:9/"\nprivate = true\n'
    found = settings(home, CONFIG.format(port=received[0]) + away)
    with closing(Outbox.open(home.ledger_db, lambda: time.time_ns() - 2 * DAY_NS)) as outbox:
        outbox.put(as_message(gather(home, now_ns=HALF_PAST_SEVEN_NS)), ["away"])
    assert send_now(home, found, gather(home), "hook")[0].startswith("hook: sent")
    with closing(Outbox.open(home.ledger_db)) as outbox:
        assert [entry.channel for entry in outbox.waiting()] == ["away"]


@pytest.mark.parametrize(
    ("text", "channel", "words"),
    [
        pytest.param("", "", "no channel is set up to send by.", id="none"),
        pytest.param(CONFIG.format(port=9), "mail", 'there is no channel "mail". Those there are: hook, desk.', id="other"),
    ],
)  # fmt: skip
def test_a_channel_that_is_not_there_is_said(home: Home, text: str, channel: str, words: str) -> None:
    found = settings(home, text)
    with pytest.raises(RalphError, match=words.replace("[", r"\[")):
        send_now(home, found, gather(home, now_ns=HALF_PAST_SEVEN_NS), channel)


def test_a_report_sent_by_hand_finds_a_key_that_is_in_the_env_file_alone(
    home: Home, received: tuple[int, list[bytes]]
) -> None:
    found = settings(home, CONFIG.format(port=received[0]).replace("private", 'key = "env:ONLY_THERE"\nprivate', 1))
    path = home.root / "env"
    path.write_text("ONLY_THERE=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", encoding="utf-8")
    path.chmod(0o600)
    assert send_now(home, found, gather(home), "hook") == ["hook: sent"]


def test_without_a_choice_pagerduty_gets_no_report(home: Home) -> None:
    ringing = '[[channels]]\nname = "on-call"\nkind = "pagerduty"\nkey = "env:KEY"\n'
    assert channels_for(settings(home, CONFIG.format(port=9) + ringing)) == ("hook", "desk")


def test_the_kind_of_message_is_a_report(home: Home) -> None:
    send_if_due(home, settings(home), lambda: HALF_PAST_SEVEN_NS)
    with closing(Outbox.open(home.ledger_db)) as outbox:
        assert {entry.message.kind for entry in outbox.history()} == {Kind.REPORT}


def test_the_command_prints_writes_and_refuses_what_does_not_go_together(home: Home, tmp_path: Path) -> None:
    run = CliRunner()
    told = run.invoke(cli, ["report"])
    assert (told.exit_code, told.output.splitlines()[0]) == (0, "Nothing ran")
    assert run.invoke(cli, ["report", "--since", "yesterday", "--format", "json"]).output.startswith("{")
    file = tmp_path / "report.html"
    assert run.invoke(cli, ["report", "--format", "html", "-o", str(file)]).exit_code == 0
    assert file.read_text().startswith("<!doctype html>")
    both = run.invoke(cli, ["report", "--pr", "--format", "html"], standalone_mode=False)
    assert "go alone" in str(both.exception)
    assert "is not a time" in str(run.invoke(cli, ["report", "--since", "soon"], standalone_mode=False).exception)
