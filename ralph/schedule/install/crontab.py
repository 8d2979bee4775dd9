"""A crontab line that starts the daemon every five minutes unless one runs.

`@reboot` would start it once, and a daemon that was killed would stay away until the next boot; `ralph schedule once` every
five minutes would send no alert and no report. A second daemon leaves at once, so that a line every five minutes is a start
at boot and a restart in one. What it needs around it is in a script of its own: a crontab's line may be 1,000 characters long.
"""

import shlex
from pathlib import Path

from ralph.schedule.install.plan import MARK, Command, File, InstallError, Plan, Service
from ralph.schedule.serving import lock_of

EVERY = "*/5 * * * *"
SCRIPT = """\
#!/bin/sh
# {mark}
{environment}
exec {command} --unless-running >>{log} 2>&1
"""


def installation(service: Service, current: str) -> Plan:
    """`current` is the crontab as it stands."""
    script = script_path(service)
    return Plan(
        manager="cron",
        files=(File(script, script_text(service)),),
        commands=(
            Command(("crontab", "-"), remedy="is cron there and allowed for you?", stdin=with_block(current, service)),
        ),
        notes=(f"cron starts it within five minutes, and again whenever it has died; its lines: {service.log}",),
    )


def removal(service: Service, current: str) -> Plan:
    rest = without_block(current, service)
    lock = shlex.quote(str(lock_of(service.home)))
    write = Command(("crontab", "-"), stdin=rest) if rest else Command(("crontab", "-r"))
    return Plan(
        manager="cron",
        files=(File(script_path(service), ""),),
        before=(write,) if rest != current else (),
        notes=(f"a daemon that cron has started goes on until the next boot; to end it: kill $(cat {lock})",),
    )


def script_path(service: Service) -> Path:
    return service.home / "schedule" / "cron.sh"


def script_text(service: Service) -> str:
    variables = (f"export {name}={shlex.quote(value)}" for name, value in service.environment.items())
    return SCRIPT.format(
        mark=MARK,
        environment="\n".join(variables),
        command=shlex.join(service.command),
        log=shlex.quote(str(service.log)),
    )


def with_block(current: str, service: Service) -> str:
    """The crontab with our lines in their place; every other byte as it was.

    Raises:
        InstallError: our first line is there and our last one is not.
    """
    head, tail, _ = _around(current, service)
    gap = "\n" if head and not head.endswith("\n") else ""
    return head + gap + block(service) + tail


def without_block(current: str, service: Service) -> str:
    """Raises: InstallError when our first line is there and our last one is not."""
    head, tail, is_there = _around(current, service)
    return head + tail if is_there else current


def block(service: Service) -> str:
    return f"{_begin(service)}\n{EVERY} /bin/sh {_in_crontab(str(script_path(service)))}\n{_end(service)}\n"


def _around(current: str, service: Service) -> tuple[str, str, bool]:
    """What stands before our lines and behind them, and whether they are there."""
    lines = current.splitlines(keepends=True)
    bare = [line.rstrip("\r\n") for line in lines]
    if _begin(service) not in bare:
        return current, "", False
    first = bare.index(_begin(service))
    if _end(service) not in bare[first:]:
        raise InstallError(
            f'the crontab has the line "{_begin(service)}", but none "{_end(service)}" behind it, so nobody knows where Ralph\'s '
            "lines end. Remove them by hand: crontab -e"
        )
    last = bare.index(_end(service), first)
    return "".join(lines[:first]), "".join(lines[last + 1 :]), True


def _begin(service: Service) -> str:
    return f"# >>> {service.name}: {MARK}"


def _end(service: Service) -> str:
    return f"# <<< {service.name}"


def _in_crontab(path: str) -> str:
    r"""A word for the shell, in which cron's own `%` (a new line) is written as `\%`: cron takes that backslash away again."""
    return shlex.quote(path).replace("%", r"\%")
