"""A launchd agent that runs the daemon from login on, and starts it again when it dies."""

import plistlib
from pathlib import Path

from ralph.schedule.install.plan import MARK, Command, File, Plan, Service
from ralph.schedule.install.systemd import STOP_S

DOMAIN = "there is a session on the Mac's own screen to start it in? Log in there once, and install again"


def installation(service: Service, agents: Path, uid: int) -> Plan:
    """`agents` is ~/Library/LaunchAgents."""
    path = plist_path(service, agents)
    return Plan(
        manager="launchd",
        files=(File(path, plist_text(service)),),
        commands=(
            Command(("launchctl", "bootout", f"gui/{uid}/{label(service)}"), may_fail=True),
            Command(("launchctl", "bootstrap", f"gui/{uid}", str(path)), remedy=DOMAIN),
        ),
        notes=(
            f"how it is: launchctl print gui/{uid}/{label(service)}",
            f"its lines:  tail -f {service.log}",
            "macOS starts it when you log in; a Mac that sleeps runs what it missed when it wakes",
        ),
    )


def removal(service: Service, agents: Path, uid: int) -> Plan:
    return Plan(
        manager="launchd",
        files=(File(plist_path(service, agents), ""),),
        before=(Command(("launchctl", "bootout", f"gui/{uid}/{label(service)}"), may_fail=True),),
    )


def label(service: Service) -> str:
    return f"{service.name}.daemon"


def plist_path(service: Service, agents: Path) -> Path:
    return agents / f"{label(service)}.plist"


def plist_text(service: Service) -> str:
    """The property list, with MARK as a comment behind the first line, where XML allows one."""
    job = {
        "Label": label(service),
        "ProgramArguments": list(service.command),
        "EnvironmentVariables": service.environment,
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 30,
        "ExitTimeOut": STOP_S,
        "AbandonProcessGroup": True,  # a run outlives its daemon, and the next one takes it over
        "StandardOutPath": str(service.log),
        "StandardErrorPath": str(service.log),
    }
    first, rest = plistlib.dumps(job, sort_keys=False).decode().split("\n", 1)
    return f"{first}\n<!-- {MARK} -->\n{rest}"
