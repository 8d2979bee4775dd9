"""A systemd user unit that runs the daemon from boot on, and starts it again when it dies."""

from pathlib import Path

from ralph.schedule.install.plan import MARK, Command, File, Plan, Service

STOP_S = 300  # a step of a run, its checks among them, may take minutes; then SIGKILL, which loses nothing
UNIT = """\
# {mark}
# Changes made here are lost at the next install; `systemctl --user edit {name}.service` keeps yours.
[Unit]
Description=Ralph: scheduled runs of {home}
StartLimitIntervalSec=0

[Service]
Type=simple
ExecStart={command}
{environment}
# also after a wrong setting or beside another daemon: it serves as soon as that is mended or gone
Restart=on-failure
RestartSec=30
SuccessExitStatus=130 143
# SIGTERM goes to the daemon, which has its runs finish their step; what is left after TimeoutStopSec is killed
KillMode=mixed
TimeoutStopSec={stop_s}

[Install]
WantedBy=default.target
"""
LINGER = (
    "without it the service runs only while you are logged in. Let an administrator allow it: "
    "sudo loginctl enable-linger {user}"
)


def installation(service: Service, config: Path, user: str) -> Plan:
    """`config` is the user's configuration folder, ~/.config where nobody says otherwise."""
    unit = f"{service.name}.service"
    return Plan(
        manager="systemd",
        files=(File(unit_path(service, config), unit_text(service)),),
        commands=(
            Command(("systemctl", "--user", "daemon-reload")),
            Command(("systemctl", "--user", "enable", unit)),
            Command(("systemctl", "--user", "restart", unit), remedy=f"systemctl --user status {unit} says why"),
            Command(("loginctl", "enable-linger", user), remedy=LINGER.format(user=user), may_fail=True),
        ),
        notes=(
            f"how it is: systemctl --user status {unit}",
            f"its lines:  journalctl --user -u {unit} -f",
        ),
    )


def removal(service: Service, config: Path) -> Plan:
    unit = f"{service.name}.service"
    return Plan(
        manager="systemd",
        files=(File(unit_path(service, config), ""),),
        before=(Command(("systemctl", "--user", "disable", "--now", unit), may_fail=True),),
        commands=(Command(("systemctl", "--user", "daemon-reload"), may_fail=True),),
        notes=("lingering (loginctl) is left as it is: other services of yours may need it",),
    )


def unit_path(service: Service, config: Path) -> Path:
    return config / "systemd" / "user" / f"{service.name}.service"


def unit_text(service: Service) -> str:
    variables = (f"Environment={quoted(f'{name}={value}')}" for name, value in service.environment.items())
    return UNIT.format(
        mark=MARK,
        name=service.name,
        home=_escaped(str(service.home)),
        command=command_line(service.command),
        environment="\n".join(variables),
        stop_s=STOP_S,
    )


def command_line(words: tuple[str, ...]) -> str:
    """ExecStart's value. A `$` would be a variable: the prefix ":" (systemd 244) says that there are none."""
    prefix = ":" if any("$" in word for word in words) else ""
    return prefix + " ".join(quoted(word) for word in words)


def quoted(word: str) -> str:
    """Between double quotes, where systemd reads C escapes and %-specifiers."""
    return f'"{_escaped(word)}"'


def _escaped(text: str) -> str:
    for plain, escape in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("\n", "\\n")):
        text = text.replace(plain, escape)
    return text
