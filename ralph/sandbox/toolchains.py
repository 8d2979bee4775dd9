"""Which folders of a hidden home must stay readable so that real toolchains work: interpreters, package stores, PATH.

Folders that are known to hold credentials (`.cargo` itself, `.local/share` as a whole) are not among them.
"""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

KNOWN = (
    ".pyenv",
    ".nvm",
    ".rustup",
    ".cargo/bin",
    ".cargo/registry",
    ".cargo/git",
    ".cargo/config.toml",
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
    ".volta",
    ".bun/bin",
    ".deno/bin",
    ".sdkman/candidates",
    ".npm-global",
    ".linuxbrew",
    "go",
    "miniconda3",
    "anaconda3",
    "miniforge3",
)
CREDENTIALS_BESIDE = (".local", ".cargo", ".bun", ".deno")


def toolchain_folders(
    homes: Sequence[Path], environ: Mapping[str, str] | None = None, *, emptied: Iterable[Path] = ()
) -> list[Path]:
    """Existing folders below `homes` that commands need to read, the ones on PATH and our own Python included.

    `emptied` are other folders that the sandbox shows empty, /tmp for one: a virtual environment may lie in there too.
    """
    source = os.environ if environ is None else environ
    known = [home / part for home in homes for part in KNOWN]
    hidden = [*homes, *emptied]
    on_path = [folder for entry in source.get("PATH", "").split(os.pathsep) if entry for folder in _tool(Path(entry))]
    python = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent]
    wanted = {path for path in (*known, *on_path, *python) if _is_below(path, hidden) and os.access(path, os.R_OK)}
    return sorted(path for path in wanted if not _is_below(path, wanted))


def _tool(entry: Path) -> list[Path]:
    """The folder on PATH, and its parent where that is the toolchain's own folder (`~/.venv` of `~/.venv/bin`)."""
    if not entry.is_absolute():
        return []
    parent = entry.parent
    has_libraries = any(os.access(parent / part, os.R_OK) for part in ("pyvenv.cfg", "lib", "libexec"))
    if has_libraries and parent.name not in CREDENTIALS_BESIDE and parent != Path.home():
        return [entry, parent]
    return [entry]


def _is_below(path: Path, folders: Iterable[Path]) -> bool:
    return any(path != folder and path.is_relative_to(folder) for folder in folders)
