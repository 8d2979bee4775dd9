"""Whole runs, as processes, through each provider's own client against loopback; and two models in one run."""

from collections.abc import Sequence
from typing import Any

import pytest

from ralph.replay.scripted import ScriptedModel, Turn, calls, finish_done
from ralph.replay.server import serve
from tracing.prices import PriceBook, TokenUsage

World = Any
BEDROCK_MODEL = "us.anthropic.claude-opus-5-5-v1:0"
BROKEN = calls("write", {"file_path": "src/1.txt", "content": "broken\n"})


@pytest.fixture(autouse=True)
def no_access(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-aws-credentials"))


def run(world: World, tools: Any, config: str, script: Sequence[Turn]) -> tuple[Any, ScriptedModel]:
    world.start_repo(tools.a_story(1))
    model = ScriptedModel(script)
    with serve(model) as url:
        world.home.mkdir(parents=True, exist_ok=True)
        (world.home / "config.toml").write_text(f'base_url = "{url}"\n{config}')
        return world.command("run"), model


def billed_micros(model: ScriptedModel) -> int:
    fields = TokenUsage.__dataclass_fields__
    usages = [(bill.model, TokenUsage(**{name: getattr(bill.usage, name) for name in fields})) for bill in model.bills]
    return sum(PriceBook().cost_micros(name, usage) for name, usage in usages)


def test_a_story_is_done_through_bedrock(world: World, tools: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"REGION": "us-east-1", "ACCESS_KEY_ID": "AKIDEXAMPLE", "SECRET_ACCESS_KEY": "none"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    done, model = run(world, tools, f'provider = "bedrock"\n[agent]\nmodel = "{BEDROCK_MODEL}"\n', tools.solves(1))
    assert done.exit_code == 0, done.out + done.err
    assert {body["model"] for body in model.requests} == {BEDROCK_MODEL}
    assert world.stories_on() == ["US-001"]
    assert world.charged_micros() == billed_micros(model) > 0


def test_bedrock_without_credentials_is_said_before_anything_is_sent(
    world: World, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    config = f'provider = "bedrock"\n[agent]\nmodel = "{BEDROCK_MODEL}"\n'
    done, model = run(world, tools, config, tools.solves(1))
    assert done.exit_code == 2
    assert "no AWS credentials for Bedrock. Run `aws sso login`" in done.out + done.err
    assert model.requests == []


def test_a_story_is_done_by_a_local_model_that_has_no_key_and_costs_nothing(world: World, tools: Any) -> None:
    config = '[agent]\nmodel = "qwen3-coder"\n[prices."qwen3-coder"]\ninput = 0\noutput = 0\n'
    done, model = run(world, tools, config, tools.solves(1))
    assert done.exit_code == 0, done.out + done.err
    assert {body["model"] for body in model.requests} == {"qwen3-coder"}
    assert world.stories_on() == ["US-001"]
    assert world.charged_micros() == 0


def test_a_second_attempt_is_made_by_the_model_for_retries(world: World, tools: Any) -> None:
    config = (
        '[agent]\nmodel = "claude-sonnet-5-5"\neffort_first = "low"\nmodel_retry = "claude-opus-5-5"\neffort_retry = "max"\n'
        "attempts = 2\nrepairs = 0\n"
    )
    done, model = run(world, tools, config, [BROKEN, finish_done("Wrote it."), *tools.solves(1)])
    assert done.exit_code == 0, done.out + done.err
    used = [(body["model"], body["output_config"]["effort"]) for body in model.requests]  # type: ignore[index]
    assert used == [("claude-sonnet-5-5", "low")] * 2 + [("claude-opus-5-5", "max")] * 2
    assert world.charged_micros() == billed_micros(model) > 0
