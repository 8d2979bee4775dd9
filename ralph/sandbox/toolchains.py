"""What a command needs to read so that real toolchains work: the system's folders, interpreters, package stores, PATH.

Everything else stays out of sight: the user's checkout and other repositories, data of services, other disks.
Folders that are known to hold credentials (`.cargo` itself, `.local/share` as a whole) are not among them.
"""

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ralph.sandbox.hidden import holds_token, secret_places

SYSTEM = ("/usr", "/etc", "/opt", "/nix", "/gnu", "/snap", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SYSTEM_PARTS = (  # few: each costs every command a tenth of a millisecond
    "/run/current-system",  # NixOS keeps its programs there
    "/run/wrappers",
    "/run/opengl-driver",
    "/sys/devices/system/cpu",  # how many processors there are
    "/var/guix/profiles",
    "/var/lib/ca-certificates",  # openSUSE: where links in /etc/ssl lead to
    "/var/lib/gems",
    "/var/lib/ghc",
    "/var/lib/texmf",
)
KNOWN = (
    ".pyenv",
    ".nvm",
    ".rustup",
    ".cargo/bin",
    ".cargo/registry",
    ".cargo/git",
    ".local/bin",
    ".local/lib",
    ".local/pipx",
    ".local/share/pipx",
    ".local/share/uv",
    ".local/share/mise",
    ".local/share/pnpm",
    ".local/share/fnm",
    ".asdf",
    ".rbenv",
    ".nodenv",
    ".goenv",
    ".jenv",
    ".volta",
    ".bun/bin",
    ".deno/bin",
    ".dotnet",
    ".ghcup",
    ".opam",
    ".m2/repository",
    ".sdkman/candidates",
    ".npm-global",
    ".linuxbrew",
    "go/bin",
    "go/pkg",
    "miniconda3",
    "anaconda3",
    "miniforge3",
)
SETTINGS = (".cargo/config.toml", ".cargo/config")
NAMED = (
    *("JAVA_HOME", "GOROOT", "GOMODCACHE", "PYENV_ROOT", "NVM_DIR", "RUSTUP_HOME", "VOLTA_HOME", "CONDA_PREFIX"),
    *("ASDF_DATA_DIR", "RBENV_ROOT", "PNPM_HOME", "MISE_DATA_DIR", "UV_PYTHON_INSTALL_DIR"),
)
CARGO_PARTS = ("bin", "registry", "git")
CREDENTIALS_BESIDE = (".local", ".cargo", ".bun", ".deno", ".docker", ".config")
WINDOWS_DISK = re.compile(r"/mnt/[a-z](/|$)")


def system_folders(root: Path = Path("/")) -> list[Path]:
    """The system's own folders that are there. A link among them (`/bin -> usr/bin`) is to be a link again."""
    parts = (*SYSTEM, *SYSTEM_PARTS)
    return [path for path in (root / part.lstrip("/") for part in parts) if path.is_symlink() or path.exists()]


def toolchain_folders(
    homes: Sequence[Path],
    environ: Mapping[str, str] | None = None,
    *,
    shown: Iterable[Path] = (),
    hide: Iterable[Path] = (),
) -> list[Path]:
    """Existing folders that commands need to read and that are not below `shown`: those of toolchains in the homes, on
    PATH, named by a toolchain's own variable, and our own Python. `hide`: folders that are not shown, wherever they lie.
    """
    source = os.environ if environ is None else environ
    system, apart = tuple(shown), tuple(hide)
    known = [home / part for home in homes for part in KNOWN]
    settings = [home / part for home in homes for part in SETTINGS if not holds_token(home / part)]
    on_path = [folder for entry in source.get("PATH", "").split(os.pathsep) if entry for folder in _tool(Path(entry))]
    named = [Path(source[name]) for name in NAMED if source.get(name)]
    cargo = [Path(source["CARGO_HOME"]) / part for part in CARGO_PARTS] if source.get("CARGO_HOME") else []
    python = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent]
    secret = secret_places(homes)
    chosen = {*known, *settings, *named, *cargo, *python}
    guessed = {path for path in on_path if not os.access(path / ".git", os.F_OK)}  # a whole checkout is nobody's tool
    useful = {
        path
        for path in chosen | guessed
        if not _is_within(path, secret)
        and (_is_within(path, apart) or not _is_within(path, system))
        and path not in apart
        and _may_be_shown(path, [*homes, Path.home()])
    }
    return sorted(path for path in useful if not useful.intersection(path.parents))


def _tool(entry: Path) -> list[Path]:
    """The folder on PATH, and its parent where that is the toolchain's own folder (`~/.venv` of `~/.venv/bin`)."""
    if not entry.is_absolute():
        return []
    parent = entry.parent
    has_libraries = any(os.access(parent / part, os.R_OK) for part in ("pyvenv.cfg", "lib", "libexec"))
    if has_libraries and parent.name not in CREDENTIALS_BESIDE and not os.access(parent / ".git", os.F_OK):
        return [entry, parent]
    return [entry]


def _may_be_shown(path: Path, homes: Sequence[Path]) -> bool:
    """Readable, and neither a home (nor what holds one) nor on a Windows disk."""
    holds_home = any(home == path or path in home.parents for home in homes)
    return path.is_absolute() and not holds_home and not WINDOWS_DISK.match(f"{path}/") and os.access(path, os.R_OK)


def _is_within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path == folder or folder in path.parents for folder in folders)
