"""When a person is told: what the rules of alerts compare with. The user's own; a repo has no say. Nothing here reads a file."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StrictInt, StrictStr

from ralph.settings.kinds import LENGTH, OR_NEVER, USD, About, DurationSeconds, OrNever, Repo, Section, Usd
from tracing.alerts.thresholds import Thresholds
from tracing.finding import Severity

DEFAULTS = Thresholds()
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


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
            LENGTH,
            '"5m"',
            "time with its unit",
            Repo.NEVER,
        ),
    ] = DEFAULTS.failed_every_s
    session_usd: Annotated[
        Usd | None,
        OrNever,
        About("Told when one session costs more.", USD + OR_NEVER, "10.00", "US dollars", Repo.NEVER, "never"),
    ] = DEFAULTS.session_usd
    day_usd: Annotated[
        Usd | None,
        About(
            "What a day is expected to cost.",
            USD + '; `off = ["day_cost"]` switches the rule off',
            "20.00",
            "US dollars",
            Repo.NEVER,
            "a dear day of the last 14 that cost anything",
        ),
    ] = DEFAULTS.day_usd
    day_over_percent: Annotated[
        Number,
        Field(ge=0, le=10_000),
        About(
            "Told when a day costs so much more than expected.", "a number from 0 to 10000", "20", "percent", Repo.NEVER
        ),
    ] = DEFAULTS.day_over_percent
    limit_percents: Annotated[
        tuple[Annotated[StrictInt, Field(ge=1, le=100)], ...],
        About(
            "Told, once a period, when so much of a limit is used.",
            "a list of whole numbers from 1 to 100, [] for none",
            "[80, 95]",
            "percent",
            Repo.NEVER,
        ),
    ] = DEFAULTS.limit_percents
    unknown_usd: Annotated[
        Usd | None,
        OrNever,
        About(
            "Told when more is reserved of which nobody knows whether it was spent.",
            USD + OR_NEVER,
            "1.00",
            "US dollars",
            Repo.NEVER,
            "never",
        ),
    ] = DEFAULTS.unknown_usd
    session_median_s: Annotated[
        DurationSeconds | None,
        OrNever,
        Field(alias="session_median"),
        About(
            "Told when an agent's median session takes longer.",
            LENGTH + OR_NEVER,
            '"20m"',
            "time with its unit",
            Repo.NEVER,
            "never",
        ),
    ] = DEFAULTS.session_median_s
    session_p95_s: Annotated[
        DurationSeconds | None,
        OrNever,
        Field(alias="session_p95"),
        About(
            "Told when one session in twenty takes longer.",
            LENGTH + OR_NEVER,
            '"2h"',
            "time with its unit",
            Repo.NEVER,
            "never",
        ),
    ] = DEFAULTS.session_p95_s
    call_median_s: Annotated[
        DurationSeconds | None,
        OrNever,
        Field(alias="call_median"),
        About(
            "Told when an agent's median model call takes longer.",
            LENGTH + OR_NEVER,
            '"1m"',
            "time with its unit",
            Repo.NEVER,
            "never",
        ),
    ] = DEFAULTS.call_median_s
    call_p95_s: Annotated[
        DurationSeconds | None,
        OrNever,
        Field(alias="call_p95"),
        About(
            "Told when one model call in twenty takes longer.",
            LENGTH + OR_NEVER,
            '"5m"',
            "time with its unit",
            Repo.NEVER,
            "never",
        ),
    ] = DEFAULTS.call_p95_s
    latency_window_s: Annotated[
        DurationSeconds,
        Field(alias="latency_window"),
        About("How far back medians look.", LENGTH, '"1h"', "time with its unit", Repo.NEVER),
    ] = DEFAULTS.latency_window_s
    latency_least: Annotated[
        StrictInt,
        Field(ge=1),
        About("With fewer in the window nothing is said.", "a whole number above 0", "20", repo=Repo.NEVER),
    ] = DEFAULTS.latency_least
    tool_error_percent: Annotated[
        Annotated[Number, Field(ge=0, le=100)] | None,
        OrNever,
        About(
            "Told when more of an agent's tool calls fail in the window.",
            "a number from 0 to 100" + OR_NEVER,
            "5",
            "percent",
            Repo.NEVER,
            "never",
        ),
    ] = DEFAULTS.tool_error_percent
    tool_window_s: Annotated[
        DurationSeconds,
        Field(alias="tool_window"),
        About("The rolling window of tool calls.", LENGTH, '"15m"', "time with its unit", Repo.NEVER),
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
        Mapping[str, Number],
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
            LENGTH + '; `off = ["schedule_missed"]` switches the rule off',
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
