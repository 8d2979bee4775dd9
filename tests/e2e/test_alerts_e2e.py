"""A story that is parked reaches a person: signed, once, with the trace, also when the run is killed right behind it."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from ralph.alerts.service import Alerting
from ralph.home import Home
from ralph.replay.scripted import finish_blocked
from tests.tracing.alerts.receivers import Receiver, http_receiver, verified

World = Any
SECRET = f"whsec_{base64.b64encode(b'a secret of 24 bytes....').decode()}"
KEY = "ALERTS_KEY"
CONFIG = """
[[channels]]
name = "hook"
kind = "webhook"
address = "{url}/alerts"
key = "env:ALERTS_KEY"
private = true
rules = ["story_parked"]
"""


@pytest.fixture
def receiver(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv(KEY, SECRET)
    with http_receiver() as receiver:
        world.home.mkdir(parents=True, exist_ok=True)
        (world.home / "config.toml").write_text(CONFIG.format(url=receiver.url), encoding="utf-8")
        yield receiver


def parked_once(world: World, receiver: Receiver) -> dict[str, Any]:
    """The one alert that came, after seeing that it is whole."""
    assert len(receiver.got) == 1
    (received,) = receiver.got
    assert verified(received, SECRET)
    sent: dict[str, Any] = received.json["data"]
    (trace,) = world.traces()
    assert received.json["type"] == "alert.happened"
    assert sent["rule"] == "story_parked"
    assert sent["data"]["trace_id"] == trace.trace.trace_id
    return sent


def test_a_parked_story_arrives_signed_when_the_run_ends(world: World, tools: Any, receiver: Receiver) -> None:
    world.start_repo(tools.a_story(1))

    done = world.ralph(script=[finish_blocked("needs a password")])

    assert done.exit_code == 1, done.err
    sent = parked_once(world, receiver)
    assert sent["title"] == "repo: US-001 is parked: Story 1"
    assert sent["text"].startswith("The agent says it is blocked: needs a password.")
    assert f"ralph unblock US-001 --repo {world.root}" in sent["text"]
    assert any(link["command"].startswith("ralph trace ") for link in sent["links"])
    history = json.loads(world.command("alerts", "history", "--json").out)
    assert [(row["rule"], row["channel"], row["state"]) for row in history if row["channel"]] == [
        ("story_parked", "hook", "sent")
    ]


def test_a_run_that_is_killed_right_after_it_parked_a_story_is_told_of_by_the_next_process_once(
    world: World, tools: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.start_repo(tools.a_story(1))
    assert world.command("alerts", "list").exit_code == 0  # rules speak of what happens since they were first asked
    with monkeypatch.context() as patched:
        patched.setenv("RALPH_FAILPOINT", "kill:after story park#1")
        with world.started(script=[finish_blocked("needs a password")]) as run:
            run.process.wait(60)
    assert receiver.got == []

    for _ in range(2):
        alerting = Alerting(Home(world.home))
        alerting.once()
        alerting.close()

    parked_once(world, receiver)


def test_a_receiver_that_is_away_holds_up_no_run_and_loses_nothing(
    world: World, tools: Any, receiver: Receiver
) -> None:
    address = world.home / "config.toml"
    whole = address.read_text("utf-8")
    address.write_text(whole.replace("/alerts", "").replace(receiver.url, "http://127.0.0.1:9"), encoding="utf-8")
    world.start_repo(tools.a_story(1))

    done = world.ralph(script=[finish_blocked("needs a password")])

    assert (done.exit_code, receiver.got) == (1, [])
    waiting = json.loads(world.command("alerts", "list", "--json").out)["channels"]
    assert [(one["name"], one["waiting"]) for one in waiting] == [("hook", 1)]
