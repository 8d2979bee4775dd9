"""`ralph alerts` as a person types it: lists, a test message, history, silence, another try."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ralph.alerts.rules import every_rule
from ralph.alerts.service import Alerting
from ralph.cli.main import cli
from ralph.errors import RalphError
from ralph.home import Home
from ralph.settings.schema import Settings
from tests.tracing.alerts.receivers import Receiver, Reply, http_receiver
from tracing.alerts.outbox import Outbox
from tracing.store import TraceStore
from tracing.tracer import Tracer

HOOK = '[[channels]]\nname = "hook"\nkind = "webhook"\naddress = "{url}/"\nprivate = true\n'
PAGE = Path(__file__).parents[2] / "docs" / "alerts.md"


def ralph(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "160"}).invoke(cli, ["alerts", *arguments], standalone_mode=False)


@pytest.fixture
def receiver(home: Home) -> Iterator[Receiver]:
    with http_receiver() as receiver:
        home.config.write_text(HOOK.format(url=receiver.url), encoding="utf-8")
        yield receiver


def tell_of_a_failure(home: Home) -> None:
    Alerting(home).once()
    with closing(TraceStore.open(home.traces_db)) as store:
        Tracer(store, watch=None).start_trace("work", agent_id="helper").end("error", error="it broke")
    Alerting(home).once()


def test_a_test_message_says_that_it_was_taken(receiver: Receiver) -> None:
    result = ralph("test", "hook")

    assert (result.return_value, result.output) == (0, "hook: the receiver took it. Look whether it arrived.\n")
    assert [one.json["type"] for one in receiver.got] == ["alert.test"]


def test_a_test_message_that_is_refused_says_what_the_receiver_answered(receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(403, "no such key")

    result = ralph("test", "hook")

    assert result.return_value == 4
    assert "hook: the test message was not sent." in result.output
    assert "403" in result.output


def test_a_secret_that_is_not_there_is_named(home: Home) -> None:
    home.config.write_text('[[channels]]\nname = "team"\nkind = "slack"\nurl = "env:NOT_SET"\n', encoding="utf-8")

    result = ralph("test", "team")

    assert result.return_value == 2
    assert "env:NOT_SET: the variable is not set" in result.output


def test_an_address_that_nothing_may_be_sent_to_is_a_channel_to_mend(home: Home) -> None:
    where = 'name = "hook"\nkind = "webhook"\naddress = "http://169.254.169.254/"\nprivate = true\n'
    home.config.write_text(f"[[channels]]\n{where}", encoding="utf-8")

    result = ralph("test", "hook")

    assert result.return_value == 2
    assert "169.254.169.254: not sent, it is a link-local, metadata or multicast address." in result.output


def test_to_retry_all_where_nothing_was_given_up_is_no_mistake(home: Home) -> None:
    del home
    result = ralph("retry", "--all")

    assert (result.return_value or 0, result.output) == (0, "nothing was given up\n")


@pytest.mark.usefixtures("receiver")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(("test", "hok"), 'there is no channel "hok". Did you mean hook?', id="channel"),
        pytest.param(
            ("silence", "story-parked", "--end"),
            'there is no rule "story-parked". Did you mean story_parked?',
            id="rule",
        ),
        pytest.param(("retry", "abc"), "no message of these ids was given up.", id="message"),
    ],
)
def test_a_name_that_is_not_there_is_answered_with_the_nearest(arguments: tuple[str, ...], words: str) -> None:
    error = ralph(*arguments).exception

    assert isinstance(error, RalphError)
    assert str(error).startswith(words)


def test_without_a_channel_it_is_said_how_to_add_one() -> None:
    assert "[[channels]]" in str(ralph("test", "hook").exception)
    assert "No channel is set up" in ralph("list").output


@pytest.mark.usefixtures("receiver")
def test_a_silent_rule_is_listed_as_silent_until_the_silence_is_ended(home: Home) -> None:
    assert ralph("silence", "trace_failed", "--for", "2h").output.startswith("trace_failed is silent until ")
    tell_of_a_failure(home)
    (rule,) = (one for one in json.loads(ralph("list", "--json").output)["rules"] if one["name"] == "trace_failed")
    assert rule["silenced_until"]
    assert json.loads(ralph("history", "--json").output) == []

    assert ralph("silence", "--end", "trace_failed").output == "trace_failed speaks again\n"
    assert "silent until" not in ralph("list").output


def test_history_says_to_whom_and_whether_it_arrived_and_why_not(home: Home, receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(400, "not like this")
    tell_of_a_failure(home)

    (row,) = json.loads(ralph("history", "--json").output)
    assert (row["channel"], row["state"], row["rule"]) == ("hook", "failed", "trace_failed")
    shown = ralph("history").output
    assert row["id"][:8] in shown
    assert "failed" in shown
    assert "400" in shown

    receiver.answer = lambda _: Reply()
    assert ralph("retry", row["id"][:8]).output == "1 message taken up again\n"
    with closing(Outbox.open(home.ledger_db)) as outbox:
        assert [entry.state for entry in outbox.history()] == ["sent"]


def test_the_list_shows_the_values_of_thresholds_and_which_rules_have_none(home: Home) -> None:
    home.config.write_text(
        '[alerts]\nsession_usd = 2.5\ncall_median = "90s"\nscores = { helpful = 0.7 }\n', encoding="utf-8"
    )
    lines = {line.split()[0]: line.split(maxsplit=1)[1] for line in ralph("list").output.splitlines() if "  " in line}

    assert lines["session_cost"] == "one session costs more than $2.5000"
    assert lines["tool_errors"] == "more of an agent's tool calls fail than 5 %"
    assert "longer than 1m30s in the median" in lines["call_latency"]
    assert lines["score"] == "the average of a score falls below its bound (helpful 0.7)"
    assert lines["session_latency"].endswith("[off: no threshold is set]")
    assert [name for name, words in lines.items() if "[off" in words] == ["session_latency"]
    rules = {rule["name"]: rule for rule in json.loads(ralph("list", "--json").output)["rules"]}
    assert rules["session_latency"]["off"]
    assert rules["session_latency"]["thresholds"] == {"session_median": None, "session_p95": None}
    assert rules["call_latency"]["thresholds"] == {"call_median": "1m30s", "call_p95": "5m"}


def test_every_rule_is_in_the_docs(home: Home) -> None:
    page = PAGE.read_text("utf-8")

    assert [rule.name for rule in every_rule(home, Settings()) if f"| `{rule.name}` |" not in page] == []


def test_a_secret_may_be_in_the_file_that_scheduled_runs_read_their_keys_from(home: Home) -> None:
    with http_receiver() as receiver:
        home.config.write_text(HOOK.format(url=receiver.url) + 'key = "env:HOOK_KEY"\n', encoding="utf-8")
        file = home.root / "env"
        file.write_text("HOOK_KEY=whsec_" + "a2tr" * 8, encoding="utf-8")
        file.chmod(0o600)

        assert ralph("test", "hook").return_value == 0
        tell_of_a_failure(home)

        assert ["webhook-signature" in {name.lower() for name in one.headers} for one in receiver.got] == [True, True]
