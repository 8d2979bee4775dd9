"""Services that a check may have missed: which one a port or a need speaks of, how it is started, whether it is up."""

import socket
import tomllib
from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from ralph.detect.proposal import Need, NeedKind
from ralph.detect.services import COMPOSE_FILES, KNOWN, service_need
from ralph.prepare.services import Service

ANSWER_S = 0.5


def is_open(port: str) -> bool:
    """Whether something on this machine answers there."""
    if not port.isdigit():
        return False
    for host in ("127.0.0.1", "::1"):
        try:
            with socket.create_connection((host, int(port)), ANSWER_S):
                return True
        except OSError:
            continue
    return False


def need_for(port: str, needs: Sequence[Need]) -> Need | None:
    """What is known of the service on this port: by the port's usual use, else the only one that the repo itself starts."""
    services = [need for need in needs if need.kind is NeedKind.SERVICE]
    names = {service.name for service in KNOWN.values() if port == str(service.port)}
    only = [need for need in services if is_from_compose(need)] or services
    return (
        next((need for need in services if need.name in names), None)
        or next((_usual(name, port) for name in sorted(names)), None)
        or (only[0] if len(only) == 1 else None)
    )


def _usual(name: str, port: str) -> Need | None:
    return service_need(name, "", f"port {port} is the usual one of {name}")


def service_of(need: Need) -> Service | None:
    """The service as ralph.toml would have it."""
    try:
        [table] = tomllib.loads(need.remedy)["services"]
        return Service.model_validate(table)
    except (tomllib.TOMLDecodeError, KeyError, ValueError, ValidationError):
        return None


def is_from_compose(need: Need) -> bool:
    """The repo itself says how the service is started; anything else is an example."""
    return need.where in COMPOSE_FILES


def first_of_each(needs: Iterable[Need]) -> tuple[Need, ...]:
    return tuple({need.name: need for need in reversed(list(needs))}.values())[::-1]
