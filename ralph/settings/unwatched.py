"""The sections about what goes on while nobody looks: schedules, alerts, the report, how long things are kept. All of them are
the user's own; a repo has no say. Nothing here reads a file.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr

from ralph.settings.kinds import USD, About, DurationSeconds, Repo, Section, SizeBytes, Usd
from ralph.settings.sizes import EXAMPLE as SIZE
from tracing.alerts.thresholds import Thresholds
from tracing.finding import Severity

TIME = "a length of time such as 30d, 12h or 5m"
OF_DAY = r"^([01]\d|2[0-3]):[0-5]\d$"
DEFAULTS = Thresholds()


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


class Alerts(Section):
    """When a person is told, and from where on. Where messages go is in `[[channels]]`."""

    off: Annotated[
        tuple[StrictStr, ...],
        About(
            "Rules that say nothing; `ralph alerts list` names them all.",
            "a list of rules",
            '["story_parked"]',
            repo=Repo.NEVER,
        ),
    ] = ()
    failed_every_s: Annotated[
        DurationSeconds,
        Field(alias="failed_every"),
        About(
            "At most one message an agent in so long about traces that ended badly; the rest is counted in the next one.",
            TIME,
            '"5m"',
            "time with its unit",
            Repo.NEVER,
        ),
    ] = DEFAULTS.failed_every_s
    session_usd: Annotated[
        Usd | None,
        About("Told when one session costs more.", USD, "10.00", "US dollars", Repo.NEVER, "never"),
    ] = DEFAULTS.session_usd
    day_usd: Annotated[
        Usd | None,
        About(
            "What a day is expected to cost.",
            USD,
            "20.00",
            "US dollars",
            Repo.NEVER,
            "the mean of the last 14 days that cost anything",
        ),
    ] = DEFAULTS.day_usd
    day_over_percent: Annotated[
        StrictFloat | StrictInt,
        Field(ge=0, le=10_000),
        About(
            "Told when a day costs so much more than expected.", "a number from 0 to 10000", "20", "percent", Repo.NEVER
        ),
    ] = DEFAULTS.day_over_percent
    limit_percents: Annotated[
        tuple[Annotated[StrictInt, Field(ge=1, le=100)], ...],
        About(
            "Told, once a period, when so much of a limit is used.",
            "a list of whole numbers from 1 to 100",
            "[80, 95]",
            "percent",
            Repo.NEVER,
        ),
    ] = DEFAULTS.limit_percents
    unknown_usd: Annotated[
        Usd | None,
        About(
            "Told when more is reserved of which nobody knows whether it was spent.",
            USD,
            "1.00",
            "US dollars",
            Repo.NEVER,
            "never",
        ),
    ] = DEFAULTS.unknown_usd
    session_median_s: Annotated[
        DurationSeconds | None,
        Field(alias="session_median"),
        About(
            "Told when an agent's median session takes longer.",
            TIME,
            '"20m"',
            "time with its unit",
            Repo.NEVER,
            "never",
        ),
    ] = DEFAULTS.session_median_s
    session_p95_s: Annotated[
        DurationSeconds | None,
        Field(alias="session_p95"),
        About("Told when one session in twenty takes longer.", TIME, '"2h"', "time with its unit", Repo.NEVER, "never"),
    ] = DEFAULTS.session_p95_s
    call_median_s: Annotated[
        DurationSeconds | None,
        Field(alias="call_median"),
        About(
            "Told when an agent's median model call takes longer.",
            TIME,
            '"1m"',
            "time with its unit",
            Repo.NEVER,
            "never",
        ),
    ] = DEFAULTS.call_median_s
    call_p95_s: Annotated[
        DurationSeconds | None,
        Field(alias="call_p95"),
        About(
            "Told when one model call in twenty takes longer.", TIME, '"5m"', "time with its unit", Repo.NEVER, "never"
        ),
    ] = DEFAULTS.call_p95_s
    latency_window_s: Annotated[
        DurationSeconds,
        Field(alias="latency_window"),
        About("How far back medians look.", TIME, '"1h"', "time with its unit", Repo.NEVER),
    ] = DEFAULTS.latency_window_s
    latency_least: Annotated[
        StrictInt,
        Field(ge=1),
        About("With fewer in the window nothing is said.", "a whole number above 0", "20", repo=Repo.NEVER),
    ] = DEFAULTS.latency_least
    tool_error_percent: Annotated[
        StrictFloat | StrictInt | None,
        Field(ge=0, le=100),
        About(
            "Told when more of an agent's tool calls fail in the window.",
            "a number from 0 to 100",
            "5",
            "percent",
            Repo.NEVER,
            "never",
        ),
    ] = DEFAULTS.tool_error_percent
    tool_window_s: Annotated[
        DurationSeconds,
        Field(alias="tool_window"),
        About("The rolling window of tool calls.", TIME, '"15m"', "time with its unit", Repo.NEVER),
    ] = DEFAULTS.tool_window_s
    tool_least: Annotated[
        StrictInt,
        Field(ge=1),
        About("With fewer tool calls in the window nothing is said.", "a whole number above 0", "20", repo=Repo.NEVER),
    ] = DEFAULTS.tool_least
    findings: Annotated[
        Literal["note", "warning", "critical", "none"],
        About(
            "The least severity of a detector's finding that is told.",
            'one of "note", "warning", "critical", "none"',
            '"warning"',
            repo=Repo.NEVER,
        ),
    ] = "critical"
    finding_kinds: Annotated[
        tuple[StrictStr, ...],
        About(
            "Detectors whose findings are told whatever their severity.",
            "a list of detectors",
            '["retry_loop"]',
            repo=Repo.NEVER,
        ),
    ] = ()
    scores: Annotated[
        Mapping[str, StrictFloat | StrictInt],
        About(
            "Told when the average of a score falls below this.",
            "a table of scores and numbers",
            "{ helpful = 0.7 }",
            repo=Repo.NEVER,
        ),
    ] = Field(default_factory=dict)
    score_last: Annotated[
        StrictInt,
        Field(ge=1),
        About(
            "Of how many of the latest scores the average is taken.", "a whole number above 0", "20", repo=Repo.NEVER
        ),
    ] = DEFAULTS.score_last
    schedule_grace_s: Annotated[
        DurationSeconds,
        Field(alias="schedule_grace"),
        About(
            "Told when a scheduled run has not begun so long after it was due.",
            TIME,
            '"30m"',
            "time with its unit",
            Repo.NEVER,
        ),
    ] = DEFAULTS.schedule_grace_s

    def thresholds(self) -> Thresholds:
        """The same as the rules want it."""
        severity = None if self.findings == "none" else Severity[self.findings.upper()]
        same = set(Thresholds.__dataclass_fields__) & set(type(self).model_fields)
        return Thresholds(finding_severity=severity, **{name: getattr(self, name) for name in same})


class Report(Section):
    """The morning report: when it is sent by itself, and where."""

    at: Annotated[
        str | None,
        Field(strict=True, pattern=OF_DAY),
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
            "The channels it goes to.", "a list of channels by name", '["mail"]', repo=Repo.NEVER, unset="all of them"
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
    """How long things are kept. What a person or a run still needs (an open trace, a kept attempt of an open story) stays."""

    traces_s: Annotated[
        DurationSeconds | None,
        Field(alias="traces"),
        About("Traces.", TIME, '"365d"', "time with its unit", Repo.NEVER, "for ever"),
    ] = 180 * 86_400
    texts_s: Annotated[
        DurationSeconds | None,
        Field(alias="texts"),
        About(
            "The texts of traces (prompts, answers, outputs); the spans, times and costs stay.",
            TIME,
            '"60d"',
            "time with its unit",
            Repo.NEVER,
            "as long as their traces",
        ),
    ] = 60 * 86_400
    traces_bytes: Annotated[
        SizeBytes | None,
        Field(alias="traces_size"),
        About(
            "The largest size of traces.db: beyond it the oldest texts go first, then the oldest traces.",
            f"a size such as {SIZE}",
            '"4GB"',
            "size with its unit",
            Repo.NEVER,
            "no limit",
        ),
    ] = 4 * 2**30
    failed_work_s: Annotated[
        DurationSeconds | None,
        Field(alias="failed_work"),
        About(
            "Work of attempts that failed (`refs/ralph/attempts/`), once its story is done or gone from the PRD.",
            TIME,
            '"30d"',
            "time with its unit",
            Repo.NEVER,
            "for ever",
        ),
    ] = 30 * 86_400
    runs_s: Annotated[
        DurationSeconds | None,
        Field(alias="runs"),
        About(
            "Logs and outputs of runs, the outputs of scheduled runs, and which alerts were sent.",
            TIME,
            '"60d"',
            "time with its unit",
            Repo.NEVER,
            "for ever",
        ),
    ] = 60 * 86_400
