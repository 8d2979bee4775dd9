"""What has to run beside the checks: a database, a queue. Started before the first check, stopped at the end of the run."""

from pydantic import BaseModel, ConfigDict, Field


class Service(BaseModel):
    """A service as the user writes it. `down` is empty when nothing has to be run at the end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    up: str = Field(min_length=1)
    down: str = ""
    timeout_s: float = Field(default=120, gt=0)
