"""Services that a check may have missed: which one a port or a need speaks of, how it is started, whether it is up."""

import socket
import tomllib
from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from ralph.detect.proposal import Need, NeedKind
from ralph.detect.services import COMPOSE_FILES, KNOWN, service_need
from ralph.services import Service

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
    """What detection knows of the service on this port; without a port, the only service it knows of."""
    services = [need for need in needs if need.kind is NeedKind.SERVICE]
    if not port.isdigit():
        return services[0] if len(services) == 1 else None
    names = {service.name for service in KNOWN.values() if service.port == int(port)}
    known = next((need for need in services if need.name in names), None)
    made = (service_need(name, "", f"port {port} is the usual one of {name}") for name in sorted(names))
    return known or next((need for need in made if need), None)


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
