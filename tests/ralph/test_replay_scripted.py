"""The scripted model, seen through the real SDK."""

from collections.abc import Iterator

import anthropic
import pytest

from ralph.replay.scripted import ScriptedModel
from ralph.replay.turn import Turn, calls, finish_done, says


def ask(client: anthropic.Anthropic, text: str = "Hello") -> anthropic.types.Message:
    with client.messages.stream(
        model="claude-opus-5-5", max_tokens=64_000, messages=[{"role": "user", "content": text}]
    ) as stream:
        return stream.get_final_message()


@pytest.fixture
def close() -> Iterator[list[anthropic.Anthropic]]:
    opened: list[anthropic.Anthropic] = []
    yield opened
    for client in opened:
        client.close()


def answers(*turns: Turn) -> list[anthropic.types.Message]:
    with ScriptedModel(turns).client() as client:
        return [ask(client) for _ in turns]


def test_a_script_is_played_turn_by_turn_through_the_sdk() -> None:
    first, second, third = answers(
        says("Looking."), calls("bash", {"command": "ls"}, ("read", {"file_path": "a.py"})), finish_done("It works.")
    )
    assert first.content[0].type == "text"
    assert first.content[0].text == "Looking."
    assert first.stop_reason == "end_turn"
    assert [block.name for block in second.content if block.type == "tool_use"] == ["bash", "read"]
    assert second.stop_reason == "tool_use"
    assert third.content[0].type == "tool_use"
    shown = [{"criterion": "what the story asks", "evidence": "the diff"}]
    assert third.content[0].input == {"status": "done", "summary": "It works.", "criteria": shown}
