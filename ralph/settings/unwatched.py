"""The sections about what goes on while nobody looks: schedules, the report, how long things are kept. All of them are
the user's own; a repo has no say. Nothing here reads a file.
"""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr

from ralph.settings.kinds import LENGTH, OR_NEVER, About, DurationSeconds, OrNever, Repo, Section, SizeBytes, TimeOfDay
from ralph.settings.sizes import EXAMPLE as SIZE


class Schedules(Section):
    """Runs that nobody starts by hand: what `ralph daemon` does with them."""

    missed: Annotated[
        Literal["run", "skip"],
        About(
            "What becomes of a night when the machine was off: one run as soon as it is on again, or none. A schedule may "
            "say otherwise (`--missed`).",
            'one of "run", "skip"',
            '"skip"',
            repo=Repo.NEVER,
        ),
    ] = "run"
    at_once: Annotated[
        StrictInt,
        Field(ge=1, le=64),
        About(
            "Scheduled runs at the same time; one schedule never overlaps itself.",
            "a whole number from 1 to 64",
            "2",
            "runs",
            Repo.NEVER,
        ),
    ] = 4


class Report(Section):
    """The morning report: when it is sent by itself, and where."""

    at: Annotated[
        TimeOfDay | None,
        About(
            "When `ralph daemon` sends it, by this machine's clock.",
            "a time of day such as 07:30",
            '"07:30"',
            repo=Repo.NEVER,
            unset="it is not sent",
        ),
    ] = None
    to: Annotated[
        tuple[StrictStr, ...],
        About(
            "The channels it goes to.",
            "a list of channels by name",
            '["mail"]',
            repo=Repo.NEVER,
            unset="all of them but PagerDuty",
        ),
    ] = ()
    pull_request: Annotated[
        StrictBool,
        About(
            "Whether `ralph report --pr` may open and update pull requests through `gh`.",
            "true or false",
            "true",
            repo=Repo.NEVER,
        ),
    ] = False


class Retention(Section):
    """After how long things go; "never" lets none of them go. What a person or a run still needs (an open trace, a kept attempt of
    an open story) stays.
    """

    traces_s: Annotated[
        DurationSeconds | None,
        OrNever,
        Field(alias="traces"),
        About("Traces.", LENGTH + OR_NEVER, '"365d"', "time with its unit", Repo.NEVER, "for ever"),
    ] = 180 * 86_400
    texts_s: Annotated[
        DurationSeconds | None,
        OrNever,
        Field(alias="texts"),
        About(
            "The texts of traces (prompts, answers, outputs); the spans, times and costs stay.",
            LENGTH + OR_NEVER,
            '"60d"',
            "time with its unit",
            Repo.NEVER,
            "as long as their traces",
        ),
    ] = 60 * 86_400
    traces_bytes: Annotated[
        SizeBytes | None,
        OrNever,
        Field(alias="traces_size"),
        About(
            "The largest size of traces.db: beyond it the oldest texts go first, then the oldest traces.",
            f"a size such as {SIZE}" + OR_NEVER,
            '"4GB"',
            "size with its unit",
            Repo.NEVER,
            "no limit",
        ),
    ] = 4 * 2**30
    failed_work_s: Annotated[
        DurationSeconds | None,
        OrNever,
        Field(alias="failed_work"),
        About(
            "Work of attempts that failed (`refs/ralph/attempts/`), once its story is done or gone from the PRD.",
            LENGTH + OR_NEVER,
            '"30d"',
            "time with its unit",
            Repo.NEVER,
            "for ever",
        ),
    ] = 30 * 86_400
    runs_s: Annotated[
        DurationSeconds | None,
        OrNever,
        Field(alias="runs"),
        About(
            "Logs and outputs of runs, the outputs of scheduled runs, and which alerts were sent.",
            LENGTH + OR_NEVER,
            '"60d"',
            "time with its unit",
            Repo.NEVER,
            "for ever",
        ),
    ] = 60 * 86_400
