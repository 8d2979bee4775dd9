"""Which model works in which role; and that the settings in docs/models.md are valid and priced."""

import re
import tomllib
from pathlib import Path

import pytest

from ralph.errors import RalphError
from ralph.model.access import price_book, require_models
from ralph.roles import Role, model_for, models_of, role_of
from ralph.settings.schema import Settings
from tracing.prices import PriceBook, UnknownPriceError

DOCS = Path(__file__).parents[2] / "docs" / "models.md"
EXAMPLES = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


def a_settings(**sections: object) -> Settings:
    return Settings.model_validate(sections)


def test_by_default_every_role_is_the_agents_model_with_more_effort_in_a_retry() -> None:
    chosen = {role: model_for(a_settings(), role) for role in Role}
    assert chosen == {
        Role.FIRST: ("claude-opus-5-5", "medium"),
        Role.RETRY: ("claude-opus-5-5", "high"),
        Role.JUDGE: ("claude-opus-5-5", "medium"),
    }
    assert models_of(a_settings()) == ("claude-opus-5-5",)


def test_each_role_may_have_its_own_model_and_effort() -> None:
    settings = a_settings(
        agent={"model": "a", "model_retry": "b", "effort_first": "low", "effort_retry": "max"},
        judge={"model": "c", "effort": "high"},
    )
    assert [model_for(settings, role) for role in Role] == [("a", "low"), ("b", "max"), ("c", "high")]
    assert models_of(settings) == ("a", "b", "c")
    assert models_of(settings, Role.FIRST, Role.RETRY) == ("a", "b")


@pytest.mark.parametrize(("attempt", "role"), [(1, Role.FIRST), (2, Role.RETRY), (7, Role.RETRY)])
def test_the_first_attempt_is_a_role_of_its_own(attempt: int, role: Role) -> None:
    assert role_of(attempt) is role


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_in_the_docs_is_valid_and_all_its_models_have_a_price(example: str) -> None:
    settings = Settings.model_validate(tomllib.loads(example))
    for name in models_of(settings):
        price_book(settings, {}).check(name)


def test_a_role_whose_model_has_no_price_is_found() -> None:
    settings = a_settings(agent={"model_retry": "nobody-knows"})
    first, retry = models_of(settings, Role.FIRST, Role.RETRY)
    price_book(settings, {}).check(first)
    with pytest.raises(UnknownPriceError, match="nobody-knows"):
        price_book(settings, {}).check(retry)


def test_a_model_that_was_nearly_named_is_suggested() -> None:
    with pytest.raises(RalphError, match=r"Did you mean claude-opus-5-5\? If not: add its prices"):
        require_models(Settings(), PriceBook(), ["claude-opus-55"], {})


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        (
            "gpt-5",
            "is another maker's (openai), and calls would go to Anthropic, who does not have it. Name a Claude model",
        ),
        ("us.anthropic.claude-opus-4-5", "Add --set provider=bedrock, or name it as Anthropic does"),
    ],
)
def test_a_model_that_anthropic_does_not_have_is_refused_where_anthropic_would_be_asked(name: str, remedy: str) -> None:
    with pytest.raises(RalphError) as refused:
        require_models(Settings(), PriceBook(), ["claude-opus-5-5", name], {})
    assert remedy in str(refused.value)
    require_models(Settings(), PriceBook(), [name], {}, played=True)
    require_models(Settings(), PriceBook(), [name], {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"})
    require_models(Settings(base_url="http://127.0.0.1:1"), PriceBook(), [name], {})
