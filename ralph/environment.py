"""The environment that commands of the agent and of the checks get: an allow-list, so a new secret is never in it.

HOME is a private folder; toolchains that live in the user's real home are named by their own variables instead.

Ralph's own virtual environment is not on PATH: `python` would be the one that Ralph was installed with, which lacks the
project's packages and has Ralph's instead, so tests would pass or fail for reasons that nobody else can see. It stays where
it is the project's own (it lies in a checkout, as `.venv` does when somebody adds Ralph to it), and where there is no
other Python. Who wants it all the same names it in a check's `env`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

ALLOWED = ("PATH", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "JAVA_HOME", "GOROOT")
NEVER = ("ANTHROPIC_", "RALPH_")
FIXED = {
    "TERM": "dumb",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "MANPAGER": "cat",
    "LESS": "-R",
    "PIP_PROGRESS_BAR": "off",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "TQDM_DISABLE": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "true",
    "GIT_OPTIONAL_LOCKS": "0",
    "EDITOR": "true",
    "CI": "1",
    "NO_COLOR": "1",
    "DEBIAN_FRONTEND": "noninteractive",
    "PYTHONDONTWRITEBYTECODE": "1",
}
TOOLCHAINS = {
    "RUSTUP_HOME": ".rustup",
    "CARGO_HOME": ".cargo",
    "PYENV_ROOT": ".pyenv",
    "PYTHONUSERBASE": ".local",
    "NVM_DIR": ".nvm",
    "VOLTA_HOME": ".volta",
    "GOMODCACHE": "go/pkg/mod",
}
GO_TIMEOUT_S = 10
OF_A_PROJECT = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")


def clean_env(
    extra: Mapping[str, str] | None = None,
    *,
    home: Path | None = None,
    own_stores: bool = False,
    pass_through: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The allow-listed part of `environ` (default: ours), fixed settings that keep tools quiet, and `extra` over it.

    `home` becomes HOME; None leaves the user's own. With `own_stores` packages are kept below `home`, where new ones can be
    added; otherwise the user's stores are used, which a sandbox shows read-only. `pass_through` names further variables to let in; those of Ralph
    and of the model's key are never let in.
    """
    source = os.environ if environ is None else environ
    names = {*ALLOWED, *pass_through, *(name for name in source if name.startswith("LC_"))}
    env = {name: source[name] for name in sorted(names) if name in source and not name.startswith(NEVER)}
    if "PATH" in env:
        env["PATH"] = without_environment(env["PATH"], Path(sys.prefix), is_virtual=sys.prefix != sys.base_prefix)
    env["HOME"] = str(home) if home else source.get("HOME", str(Path.home()))
    if home:
        env |= _toolchains(source)
        env |= _stores(home, env) if own_stores else {}
    return {**env, **FIXED, **(extra or {})}


@cache
def without_environment(path: str, prefix: Path, *, is_virtual: bool) -> str:
    """PATH without the scripts of the virtual environment `prefix`, unless it is a project's or has the only Python."""
    if not is_virtual or _is_in_a_project(prefix):
        return path
    scripts = os.path.realpath(prefix / "bin")
    rest = os.pathsep.join(entry for entry in path.split(os.pathsep) if os.path.realpath(entry) != scripts)
    has_python = any(shutil.which(name, path=rest) for name in ("python", "python3"))
    return rest if has_python else path


def _is_in_a_project(prefix: Path) -> bool:
    is_beside_manifest = any((prefix.parent / name).is_file() for name in OF_A_PROJECT)
    return is_beside_manifest or any((folder / ".git").exists() for folder in prefix.parents)


def _toolchains(source: Mapping[str, str]) -> dict[str, str]:
    real_home = Path(source.get("HOME") or Path.home())
    named = {name: source.get(name) or str(real_home / folder) for name, folder in TOOLCHAINS.items()}
    return {name: path for name, path in named.items() if os.access(path, os.X_OK)}


def _stores(home: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Package stores of tools that keep them outside of HOME. Go still finds what the user's own store has."""
    known = f"file://{env['GOMODCACHE']}/cache/download," if "GOMODCACHE" in env else ""
    return {
        "CARGO_HOME": str(home / ".cargo"),
        "GOMODCACHE": str(home / "go/pkg/mod"),
        "GOPROXY": known + _go_proxy(env.get("PATH", os.defpath)),
        "GOFLAGS": "-modcacherw",  # or nobody could remove it again
    }


@cache
def _go_proxy(path: str) -> str:
    """Where Go gets modules by the user's own settings; from their repositories where it does not say."""
    program = shutil.which("go", path=path)
    if program is None:
        return "direct"
    argv = [program, "env", "GOPROXY"]
    env = {**os.environ, "GOTOOLCHAIN": "local"}
    try:  # not in the user's repository: its go.mod and go.work may name another Go, which would be downloaded and run
        done = subprocess.run(argv, cwd="/", env=env, capture_output=True, text=True, timeout=GO_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "direct"
    return done.stdout.strip() or "direct"
