"""What init may switch on: asked on a terminal, granted by options, else not. Knows nothing about how the question is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Permission(StrEnum):
    """What reaches further than a command in the sandbox."""

    SETUP_NETWORK = "setup_network"
    NETWORK = "network"
    COPY = "copy"
    SECRET = "secret"  # noqa: S105 - the name of a permission
    SERVICE = "service"


SUGGESTED = {Permission.SETUP_NETWORK, Permission.COPY}  # what Enter says yes to


@dataclass(frozen=True)
class Consent:
    """`ask` puts a question with its default to a person; None: nobody is there."""

    ask: Callable[[str, bool], bool] | None = None
    yes: bool = False  # to everything but secrets
    copy_env: bool = False

    def allows(self, permission: Permission, question: str) -> bool:
        if permission is Permission.SECRET and (self.copy_env or self.yes):
            return self.copy_env
        if self.yes:
            return True
        return self.ask is not None and self.ask(question, permission in SUGGESTED)
