"""Why a sandbox does not work on this machine, and the command that mends it. Knows nothing about probes."""

import shutil
from pathlib import Path

INSTALLERS = {
    "apt-get": "sudo apt-get install",
    "dnf": "sudo dnf install",
    "pacman": "sudo pacman -S",
    "zypper": "sudo zypper install",
    "apk": "sudo apk add",
}
APPARMOR = (
    "On Ubuntu 24.04 and later allow it with: sudo apt-get install apparmor-profiles && "
    "sudo cp /usr/share/apparmor/extra-profiles/bwrap-userns-restrict /etc/apparmor.d/ && "
    "sudo apparmor_parser -r /etc/apparmor.d/bwrap-userns-restrict"
)
CONTAINER = "In a container, start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
NAMESPACES_OFF = "This kernel forbids user namespaces. Allow them with: sudo sysctl -w {setting}"
SEE_WHY = "To see why: bwrap --unshare-all --ro-bind / / true"
CONTAINER_OR_VM = "Run Ralph in a Linux container or virtual machine"
OTHER_KERNEL = "Run Ralph on Linux 6.2 or newer, or install bubblewrap"
SWITCHES = {"user/max_user_namespaces": "15000", "kernel/unprivileged_userns_clone": "1"}


def install_command(package: str, path: str | None) -> str:
    """The command of the package manager that is on `path`."""
    for program, command in INSTALLERS.items():
        if shutil.which(program, path=path):
            return f"Install it with: {command} {package}"
    return f"Install the package {package}."


def mend_bubblewrap(root: Path = Path("/")) -> str:
    """What lets an installed bubblewrap work; the machine is looked at below `root`."""
    if any((root / mark).exists() for mark in (".dockerenv", "run/.containerenv")):
        return CONTAINER
    for name, wanted in SWITCHES.items():
        if _switch(root, name) == "0":
            return NAMESPACES_OFF.format(setting=f"{name.replace('/', '.')}={wanted}")
    return APPARMOR if _switch(root, "kernel/apparmor_restrict_unprivileged_userns") == "1" else SEE_WHY


def _switch(root: Path, name: str) -> str:
    """A kernel setting; "" where there is none of this name."""
    try:
        return (root / "proc/sys" / name).read_text(encoding="ascii").strip()
    except OSError:
        return ""
