"""The words that settings are described in: what is told about one, how far a repo may go with it, and kinds of values."""

from dataclasses import dataclass
from enum import StrEnum
from os.path import normpath
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from ralph.durations import parse_duration_s, time_of_day
from ralph.settings.sizes import MIB, parse_size_bytes


class Repo(StrEnum):
    """What an untrusted `ralph.toml` may do with a setting."""

    ANY = "set it"
    TIGHTEN = "tighten it"
    NEVER = "not set it"


class Effort(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


SandboxLevel = Literal["auto", "required", "bwrap", "landlock", "seatbelt", "none"]
Provider = Literal["anthropic", "bedrock", "vertex"]
Content = Literal["full", "preview", "hash", "none"]
ToolName = Literal["bash", "read", "edit", "write", "grep", "glob", "finish"]
CREDENTIALS = (
    *(".ssh", ".aws", ".gnupg", ".kube", ".docker", ".azure", ".netrc", ".password-store", ".git-credentials"),
    *(".config/gh", ".config/glab-cli", ".config/gcloud", ".config/git", ".local/share/keyrings", ".mozilla"),
    *("Library/Keychains", ".local/state/ralph"),
)
NEVER = "never"
TOOLS: tuple[ToolName, ...] = ("bash", "read", "edit", "write", "grep", "glob", "finish")


@dataclass(frozen=True)
class About:
    """What a person is told about a setting; `write` completes "Write ...", `example` is TOML."""

    meaning: str
    write: str
    example: str
    unit: str = ""
    repo: Repo = Repo.ANY
    unset: str = ""  # what it means when it is not set; empty when there is a default


def _as_seconds(value: object) -> object:
    return parse_duration_s(value) if isinstance(value, str) else value


def _as_time_of_day(text: str) -> str:
    """With two digits of hours, so that texts compare as times do."""
    found = time_of_day(text)
    if found is None:
        raise ValueError(text)
    return f"{found:%H:%M}"


def _none_of_never(value: object) -> object:
    return None if value == NEVER else value


def _below_the_root(pattern: str) -> str:
    path = PurePosixPath(pattern)
    if not pattern.strip() or path.is_absolute() or {"..", ".git"} & set(path.parts):
        raise ValueError(pattern)
    return pattern


def _as_bytes(value: object) -> object:
    return parse_size_bytes(value) if isinstance(value, str) else value


def _fit_to_be_written(folder: str) -> str:
    """Not all there is, not a home, and neither a folder with credentials nor one around it."""
    path = Path(normpath(Path(folder).expanduser()))
    home = Path.home()
    secret = [home / name for name in CREDENTIALS]
    around = any(one.is_relative_to(path) for one in (home, *secret))
    if not path.is_absolute() or around or any(path.is_relative_to(one) for one in secret):
        raise ValueError(folder)
    return folder


Usd = Annotated[float, Field(strict=True, ge=1e-6, le=1e6, allow_inf_nan=False)]
DurationSeconds = Annotated[StrictInt, Field(ge=1), BeforeValidator(_as_seconds)]
TimeOfDay = Annotated[str, Field(strict=True), AfterValidator(_as_time_of_day)]
ModelName = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$")]
OrNever = BeforeValidator(_none_of_never)  # of a value that is None where the setting is switched off
SizeBytes = Annotated[StrictInt, Field(ge=MIB), BeforeValidator(_as_bytes)]
CacheFolder = Annotated[str, Field(strict=True), AfterValidator(_fit_to_be_written)]
FilePattern = Annotated[str, Field(strict=True), AfterValidator(_below_the_root)]
USD = "a number of US dollars from 0.000001 to 1000000 (never 0, negative, inf or nan)"
LENGTH = "a length of time such as 30d, 12h or 5m"
OR_NEVER = f', or "{NEVER}"'
EFFORTS = "one of " + ", ".join(f'"{effort}"' for effort in Effort)


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
