"""Where messages go: one `[[channels]]` table of the user's own settings, validated. Sends nothing.

A secret is never in the settings: it is named, as `env:NAME` or as `file:PATH` of a file that only its owner can read.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, model_validator

from tracing.finding import Severity

ChannelKind = Literal["email", "slack", "pagerduty", "webhook", "desktop", "apprise"]
SeverityName = Literal["note", "warning", "critical"]
NAMED_PLACE = 'the place of a secret: "env:NAME" or "file:PATH"'


def _names_a_place(text: str) -> str:
    kind, _, place = text.partition(":")
    if kind not in {"env", "file"} or not place.strip():
        raise ValueError(
            f'a secret is named, not written down: "env:NAME" for a variable, "file:PATH" for a file of mode 0600. Found {len(text)} characters of something else.'
        )
    return text


Secret = Annotated[StrictStr, AfterValidator(_names_a_place)]
ALWAYS = {"name", "kind", "rules", "least"}
FIELDS: dict[ChannelKind, tuple[set[str], set[str]]] = {  # needed, possible beside them
    "email": ({"host", "sender", "to"}, {"port", "security", "username", "password", "private"}),
    "slack": ({"url"}, {"private"}),
    "pagerduty": ({"key"}, {"address", "private"}),
    "webhook": ({"address"}, {"key", "private"}),
    "desktop": (set(), set()),
    "apprise": ({"url"}, set()),
}
RINGING: frozenset[ChannelKind] = frozenset(("pagerduty", "desktop", "apprise"))  # a note is no reason to wake anybody


class Channel(BaseModel):
    """One place that messages go to. Which settings belong to which kind is in `FIELDS`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")
    kind: ChannelKind
    rules: tuple[StrictStr, ...] = ()  # only of these rules; empty: of all
    least: SeverityName | None = None  # and only what is at least so grave; None: as `RINGING` says
    to: tuple[StrictStr, ...] = ()
    sender: StrictStr | None = None
    host: StrictStr | None = None
    port: Annotated[StrictInt, Field(ge=1, le=65_535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: StrictStr | None = None
    password: Secret | None = None
    url: Secret | None = None  # an address that is a secret itself: Slack's, apprise's
    key: Secret | None = None  # PagerDuty's routing key; what signs a webhook
    address: Annotated[StrictStr, Field(pattern=r"^https?://[^\s]+$")] | None = None
    private: StrictBool = False  # may lead to this machine or its network

    @property
    def least_severity(self) -> Severity:
        return Severity[(self.least or ("warning" if self.kind in RINGING else "note")).upper()]

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> "Channel":
        needed, possible = FIELDS[self.kind]
        given = self.model_fields_set
        if missing := sorted(name for name in needed if not getattr(self, name)):
            raise ValueError(f'channel "{self.name}" of kind "{self.kind}" needs {" and ".join(missing)}.')
        if strange := sorted(given - ALWAYS - needed - possible):
            usable = ", ".join(sorted(needed | possible)) or "no further settings"
            raise ValueError(
                f'channel "{self.name}" of kind "{self.kind}" has no {" or ".join(strange)}. It takes {usable}.'
            )
        return self
