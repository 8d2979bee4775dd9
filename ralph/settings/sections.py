"""The sections of the settings: type, range, default, meaning, and how far a repo may go with each. Nothing here reads a file."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, field_validator

from ralph.durations import EXAMPLE
from ralph.settings.kinds import (
    EFFORTS,
    TOOLS,
    USD,
    About,
    Content,
    DurationSeconds,
    Effort,
    ModelName,
    Repo,
    Section,
    SizeBytes,
    ToolName,
    Usd,
)
from ralph.settings.sizes import EXAMPLE as SIZE

MODEL = "the name of a model"


class Limits(Section):
    """Money. The run's limit always exists; each of the others holds when it is set."""

    per_call_usd: Annotated[
        Usd | None,
        About("The most one model call may cost.", USD, "1.00", "US dollars", Repo.TIGHTEN, "no limit of its own"),
    ] = None
    per_story_usd: Annotated[
        Usd | None,
        About(
            "The most one story may cost, over all its attempts in all runs.",
            USD,
            "2.50",
            "US dollars",
            Repo.TIGHTEN,
            "no limit of its own",
        ),
    ] = None
    per_run_usd: Annotated[
        Usd, About("The most one run may cost. There is always such a limit.", USD, "5.00", "US dollars", Repo.TIGHTEN)
    ] = 5.00
    per_day_usd: Annotated[
        Usd | None,
        About(
            "The most that all runs of this user may cost in one day (UTC).",
            USD,
            "20.00",
            "US dollars",
            Repo.TIGHTEN,
            "no limit of its own",
        ),
    ] = None

    prices_max_age_days: Annotated[
        int,
        Field(ge=1),
        About(
            "The age at which prices that came with Ralph are not trusted any more. `[prices]` of your own do not age.",
            "a whole number above 0",
            "400",
            "days",
            Repo.TIGHTEN,
        ),
    ] = 180

    def micros(self, name: Literal["per_call_usd", "per_story_usd", "per_run_usd", "per_day_usd"]) -> int | None:
        """A limit in whole micro-dollars, rounded down; None where there is no such limit."""
        usd: float | None = getattr(self, name)
        return None if usd is None else int(Decimal(str(usd)) * 1_000_000)


class Agent(Section):
    """The agent that implements a story, and how often it may try."""

    model: Annotated[ModelName, About("The model.", MODEL, '"claude-opus-5-5"')] = "claude-opus-5-5"
    model_retry: Annotated[
        ModelName | None,
        About("The model of every later attempt.", MODEL, '"claude-opus-5-5"', unset="as `model`"),
    ] = None
    effort_first: Annotated[Effort, About("Effort of a story's first attempt.", EFFORTS, '"medium"')] = Effort.MEDIUM
    effort_retry: Annotated[Effort, About("Effort of every later attempt.", EFFORTS, '"high"')] = Effort.HIGH
    attempts: Annotated[
        StrictInt,
        Field(ge=1, le=20),
        About("Attempts before a story is parked.", "a whole number from 1 to 20", "3", "attempts", Repo.TIGHTEN),
    ] = 3
    repairs: Annotated[
        StrictInt,
        Field(ge=0, le=20),
        About(
            "How often one attempt gets its failing checks back to repair; 0 is never.",
            "a whole number from 0 to 20",
            "2",
            "repairs",
            Repo.TIGHTEN,
        ),
    ] = 2
    turns: Annotated[
        StrictInt,
        Field(ge=1, le=1000),
        About("Model turns in one attempt.", "a whole number from 1 to 1000", "150", "turns", Repo.TIGHTEN),
    ] = 150
    context_cap_tokens: Annotated[
        StrictInt,
        Field(ge=20_000, le=1_000_000),
        About(
            "At this size the conversation is compacted, once an attempt.",
            "a whole number from 20000 to 1000000",
            "200000",
            "tokens",
            Repo.TIGHTEN,
        ),
    ] = 200_000
    tools: Annotated[
        tuple[ToolName, ...],
        About(
            "The tools the agent is given.",
            'a list of names with "finish" among them',
            '["bash", "read", "edit", "finish"]',
            repo=Repo.TIGHTEN,
        ),
    ] = TOOLS

    @field_validator("tools")
    @classmethod
    def _finish_is_there(cls, tools: tuple[ToolName, ...]) -> tuple[ToolName, ...]:
        if "finish" not in tools or len(set(tools)) != len(tools):
            raise ValueError("finish")
        return tools


class Judge(Section):
    """The model that drafts and judges PRDs: `ralph prd new` and `ralph prd lint --judge`."""

    model: Annotated[
        ModelName | None, About("The model.", MODEL, '"claude-opus-5-5"', unset="as `model` of `[agent]`")
    ] = None
    effort: Annotated[Effort, About("Its effort.", EFFORTS, '"medium"')] = Effort.MEDIUM


class Run(Section):
    """One run: how far it goes and where its branch starts."""

    max_iterations: Annotated[
        StrictInt,
        Field(ge=1, le=10_000),
        About("Story attempts in one run.", "a whole number from 1 to 10000", "10", "attempts", Repo.TIGHTEN),
    ] = 10
    max_duration_s: Annotated[
        DurationSeconds | None,
        Field(alias="max_duration"),
        About(
            "The longest a run may take, checks included.",
            f"a length of time such as {EXAMPLE}",
            '"2h"',
            "time with its unit",
            Repo.TIGHTEN,
            "no limit of time",
        ),
    ] = None
    jobs: Annotated[
        StrictInt,
        Field(ge=1, le=16),
        About(
            "Stories that are worked on at the same time, each in a worktree of its own.",
            "a whole number from 1 to 16",
            "3",
            "stories",
            Repo.TIGHTEN,
        ),
    ] = 1
    wait_for_reset: Annotated[
        StrictBool,
        About(
            "Whether to wait when the model service says when its limit ends, and that lies before the end of the run.",
            "true or false",
            "false",
            repo=Repo.TIGHTEN,
        ),
    ] = True
    base: Annotated[
        str | None,
        Field(strict=True, pattern=r"^[^-\s][^\s]*$"),
        About("The commit or branch where a new branch starts.", "a commit or branch", '"main"', unset="`HEAD`"),
    ] = None
    allow_unchecked: Annotated[
        StrictBool,
        About(
            "Work without any check. Commits are marked unchecked and the story stays open.",
            "true or false",
            "true",
            repo=Repo.TIGHTEN,
        ),
    ] = False
    allow_network: Annotated[
        StrictBool,
        About(
            "Whether a repo's own checks and setup may have the network when they ask for it (`network = true`).",
            "true or false",
            "true",
            repo=Repo.TIGHTEN,
        ),
    ] = False


class Resources(Section):
    """What one command may take of the machine, where the sandbox can limit it."""

    memory_bytes: Annotated[
        SizeBytes | None,
        Field(alias="memory"),
        About(
            "The most memory that a command may take.",
            f"a size such as {SIZE}",
            '"4GB"',
            "size with its unit",
            Repo.TIGHTEN,
            "the sandbox's own limit",
        ),
    ] = None
    processes: Annotated[
        StrictInt | None,
        Field(ge=16, le=1_000_000),
        About(
            "The most processes and threads that a command may have at once.",
            "a whole number from 16 to 1000000",
            "2000",
            "processes",
            Repo.TIGHTEN,
            "the sandbox's own limit",
        ),
    ] = None
    file_size_bytes: Annotated[
        SizeBytes | None,
        Field(alias="file_size"),
        About(
            "The largest file that a command may write.",
            f"a size such as {SIZE}",
            '"2GB"',
            "size with its unit",
            Repo.TIGHTEN,
            "the sandbox's own limit",
        ),
    ] = None


class Tracing(Section):
    """What traces keep."""

    content: Annotated[
        Content,
        About(
            "How much of requests, answers and tool results is stored.",
            'one of "full", "preview", "hash", "none"',
            '"preview"',
            repo=Repo.TIGHTEN,
        ),
    ] = "full"


class Ui(Section):
    """Where the viewer is found."""

    port: Annotated[
        StrictInt | None,
        Field(ge=0, le=65_535),
        About(
            "The port of 127.0.0.1 that `ralph ui` listens at; 0 takes any that is free.",
            "a whole number from 0 to 65535",
            "7007",
            repo=Repo.NEVER,
            unset="7007, or the next that is free",
        ),
    ] = None
    public_url: Annotated[
        str | None,
        Field(strict=True, pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?$"),
        About(
            "Where people reach the viewer through a proxy of yours. Links lead there, and requests for this host are answered.",
            "an address that starts with http:// or https:// and does not end with /",
            '"https://ralph.example.com"',
            repo=Repo.NEVER,
            unset="it is reached at 127.0.0.1 only",
        ),
    ] = None
