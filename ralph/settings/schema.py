"""Which settings there are: type, range, default, meaning, and how far a repo may go with each.

Nothing here reads a file. docs/settings.md is generated from this module (`python -m ralph.settings.page`).
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from ralph.checks.check import Check
from ralph.prepare.services import Service
from ralph.settings.alerting import Alerts
from ralph.settings.kinds import (
    About,
    CacheFolder,
    FilePattern,
    Provider,
    Repo,
    SandboxLevel,
    Section,
)
from ralph.settings.sections import Agent, Judge, Limits, Resources, Run, Tracing, Ui
from ralph.settings.unwatched import Report, Retention, Schedules
from tracing.alerts.channels import Channel
from tracing.prices import ModelPrice

Named = tuple[Check, ...] | tuple[Service, ...] | tuple[Channel, ...] | None


def _named_setup(value: object) -> object:
    return {"name": "setup", **value} if isinstance(value, Mapping) else value


class Settings(Section):
    """Everything that can be set, validated; every part has a default."""

    checks: Annotated[
        tuple[Check, ...] | None,
        About(
            "The commands that must succeed before a story is committed.",
            "[[checks]] with a name and a command below it",
            "",
            unset="checks are detected",
        ),
    ] = None
    setup: Annotated[
        Check | None,
        BeforeValidator(_named_setup),
        About(
            "A command that prepares a fresh worktree: the agent's before its first turn, and that of the checks. It runs "
            "again when the agent changes a manifest such as package.json, and it alone writes lock files.",
            "[setup] with a command below it",
            "",
            unset="nothing is prepared",
        ),
    ] = None
    copy_files: Annotated[
        tuple[FilePattern, ...],
        Field(alias="copy"),
        About(
            "Files that git ignores and the work needs: copied from your checkout into each worktree. "
            "The agent can read them.",
            "a list of files or globs below the root",
            '[".env", "config/*.local.json"]',
            repo=Repo.NEVER,
        ),
    ] = ()
    services: Annotated[
        tuple[Service, ...],
        About(
            "What has to run beside the checks: started before the first of them, stopped at the end of the run. "
            "Checks reach it over the network, so they need `network = true`.",
            "[[services]] with a name and an up command below it",
            "",
            repo=Repo.NEVER,
            unset="none",
        ),
    ] = ()
    channels: Annotated[
        tuple[Channel, ...],
        About(
            "Where alerts and the morning report go.",
            "[[channels]] with a name and a kind below it",
            "",
            repo=Repo.NEVER,
            unset="nobody is told",
        ),
    ] = ()
    limits: Limits = Limits()
    agent: Agent = Agent()
    judge: Judge = Judge()
    run: Run = Run()
    tracing: Tracing = Tracing()
    resources: Resources = Resources()
    ui: Ui = Ui()
    schedules: Schedules = Schedules()
    alerts: Alerts = Alerts()
    report: Report = Report()
    retention: Retention = Retention()
    sandbox: Annotated[
        SandboxLevel,
        About(
            'How commands are confined. "auto" is the best level that is proved by attacks at start, less or none only '
            'with a warning; "required" (what scheduled runs use where you set nothing) refuses to run without one that '
            "keeps all it promises, and so does a level by its name.",
            'one of "auto", "required", "bwrap", "landlock", "seatbelt", "none"',
            '"required"',
            repo=Repo.TIGHTEN,
        ),
    ] = "auto"
    caches: Annotated[
        tuple[CacheFolder, ...],
        About(
            "Folders outside of the worktree that commands may write, for caches; point the tool there with the check's "
            "`env`. What one run writes there, the next one reads.",
            "a list of folders that start with / or ~ (not a home, nor one with credentials)",
            '["~/.cache/pip"]',
            repo=Repo.NEVER,
        ),
    ] = ()
    protected: Annotated[
        tuple[FilePattern, ...],
        About(
            "Files that the agent may not change unless the story names them, beyond those that Ralph protects anyway.",
            "a list of files or globs below the root",
            '["migrations/**", "LICENSE"]',
        ),
    ] = ()
    provider: Annotated[
        Provider,
        About(
            "Through whom the model is called; Bedrock and Vertex need their extra: "
            "`pip install 'ralph-runner[bedrock]'` or `[vertex]`.",
            'one of "anthropic", "bedrock", "vertex"',
            '"bedrock"',
            repo=Repo.NEVER,
        ),
    ] = "anthropic"
    base_url: Annotated[
        str | None,
        Field(strict=True, pattern=r"^https?://[^\s/]+"),
        About(
            "Where the model is served.",
            "an address that starts with http:// or https://",
            '"https://models.example.com"',
            repo=Repo.NEVER,
            unset="`ANTHROPIC_BASE_URL`, else Anthropic's own",
        ),
    ] = None
    prices: Annotated[
        Mapping[str, ModelPrice],
        About(
            "Prices of models that Ralph does not know.", '[prices."model"] with prices below it', "", repo=Repo.NEVER
        ),
    ] = Field(default_factory=dict)

    @field_validator("checks", "services", "channels")
    @classmethod
    def _names_differ(cls, parts: Named, info: ValidationInfo) -> Named:
        names = [part.name for part in parts or ()]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            kind = str(info.field_name).removesuffix("s")
            raise ValueError(f'two {kind}s are named "{twice}". Give each {kind} a name of its own.')
        return parts
