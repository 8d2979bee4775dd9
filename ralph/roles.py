"""Which model works in which role, and how hard it thinks. Knows the settings; knows nothing about calls."""

from enum import StrEnum

from ralph.settings.schema import Settings


class Role(StrEnum):
    FIRST = "first"  # a story's first attempt
    RETRY = "retry"  # every later attempt
    JUDGE = "judge"  # drafts and judges PRDs


def role_of(attempt: int) -> Role:
    """The role in which a story's attempt of this number [1..] is made."""
    return Role.FIRST if attempt <= 1 else Role.RETRY


def model_for(settings: Settings, role: Role) -> tuple[str, str]:
    """The model's name and its effort."""
    agent, judge = settings.agent, settings.judge
    return {
        Role.FIRST: (agent.model, str(agent.effort_first)),
        Role.RETRY: (agent.model_retry or agent.model, str(agent.effort_retry)),
        Role.JUDGE: (judge.model or agent.model, str(judge.effort)),
    }[role]


def models_of(settings: Settings, *roles: Role) -> tuple[str, ...]:
    """The models of these roles (none named: of all), each once; a run checks the price of each before it begins."""
    return tuple(dict.fromkeys(model_for(settings, role)[0] for role in roles or Role))
