"""What stays hidden below anything that a sandbox shows: keys, credentials, tokens, sockets that lead outside.

A sandbox shows only what is named, so nearly all of this is out of sight anyway. What is left are secrets below the
folders that it does show: those of the system that not everybody may read (Ralph may run as root), and those in or
beside tools. Everything is looked for once, when the sandbox is made, and only by name: no tree is searched.

`.env` files in a worktree of Ralph's own are not hidden: git put them there, or the setting `copy`, or the agent.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ralph.files import write_private

HOME_SECRETS = (
    ".ssh",
    ".gnupg",
    ".password-store",
    ".aws",
    ".azure",
    ".boto",
    ".config/gcloud",
    ".config/gh",
    ".config/glab-cli",
    ".config/hub",
    ".config/git/credentials",
    ".config/op",
    ".config/sops",
    ".config/age",
    ".config/rclone",
    ".config/doctl",
    ".config/fly",
    ".config/heroku",
    ".config/netlify",
    ".config/configstore",
    ".config/containers/auth.json",
    ".config/pypoetry/auth.toml",
    ".config/anthropic",
    ".config/openai",
    ".config/google-chrome",
    ".config/chromium",
    ".mozilla",
    ".local/share/keyrings",
    ".local/share/kwalletd",
    ".local/share/uv/credentials",
    ".kube",
    ".docker",
    ".oci",
    ".terraform.d/credentials.tfrc.json",
    ".terraformrc",
    ".vault-token",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pypirc",
    ".config/pip",
    ".pip",
    ".git-credentials",
    ".gitconfig",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".gem/credentials",
    ".bundle/config",
    ".composer/auth.json",
    ".config/composer/auth.json",
    ".m2/settings.xml",
    ".m2/settings-security.xml",
    ".gradle/gradle.properties",
    ".nuget/NuGet",
    ".sbt/credentials",
    ".ivy2/.credentials",
    ".config/hf",
    ".cache/huggingface/token",
    ".huggingface",
    ".kaggle",
    ".pgpass",
    ".my.cnf",
    ".claude",
    ".claude.json",
    ".codex",
    ".gemini",
    ".bash_history",
    ".zsh_history",
    ".python_history",
    ".node_repl_history",
)
SECRET_NAMES = frozenset(
    {
        *(name for name in HOME_SECRETS if "/" not in name),
        *("credentials", "credentials.json", "credentials.toml", "auth.json"),
        *("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "etc/npmrc", "docker.sock", ".condarc", "auth.conf"),
        *(".env", ".env.local", ".env.production", ".env.development", ".env.staging", ".envrc"),
    }
)
MAY_HOLD_TOKENS = (  # shown unless a token stands in it
    "/etc/npmrc",
    "/usr/etc/npmrc",
    "/usr/local/etc/npmrc",
    "/etc/pip.conf",
    "/etc/gitconfig",
    "/etc/wgetrc",
    "/etc/environment",
)
TOKEN = re.compile(
    rb"://[^/\s:@]+:[^/\s@]+@|_authToken|_password|_auth\s*=|token\s*=|extraheader|_KEY=|_SECRET=", re.IGNORECASE
)
USER_IN_URL = re.compile(rb"(?<=://)[^/\s@]+@")
SECRET_LINE = re.compile(rb"^\s*(extraheader|password|token|[a-z]*secret)\s*=.*\n?", re.IGNORECASE | re.MULTILINE)
CONFIGS = ("config", "config.worktree")
PRIVATE_TREES = ("/etc", "/opt", "/usr/local/etc", "/usr/etc")
DEPTH, ENTRIES, LONGEST_BYTES = 4, 20_000, 1_000_000


@dataclass(frozen=True)
class Hidden:
    """One path that is shown empty."""

    path: Path
    is_folder: bool


def hidden_below(shown: Sequence[Path], homes: Iterable[Path] = ()) -> tuple[Hidden, ...]:
    """What is there to hide below the tool folders `shown` and in the system's own folders, outermost only."""
    named = [path for path in (folder / name for folder in shown for name in SECRET_NAMES) if os.access(path, os.F_OK)]
    inside = [place for path in (*named, *secret_places(homes)) for place in _as_shown(path, shown)]
    tokens = [path for path in map(Path, MAY_HOLD_TOKENS) if holds_token(path) and path.resolve() == path]
    private = [path for tree in PRIVATE_TREES for path in _private(tree, DEPTH)]
    found = {*inside, *tokens, *private}
    outermost = sorted(path for path in found if not found.intersection(path.parents))
    return tuple(Hidden(path, path.is_dir()) for path in outermost)


def secret_places(homes: Iterable[Path]) -> frozenset[Path]:
    """The places of a home that hold credentials, as far as they are there, by their names and where links lead to."""
    there = [path for home in homes for path in (home / name for name in HOME_SECRETS) if os.access(path, os.F_OK)]
    return frozenset([*there, *(path.resolve() for path in there)])


def holds_token(path: Path) -> bool:
    """Whether a key, a token or a password stands in a settings file. One that cannot be judged counts as holding it."""
    try:
        return path.stat().st_size > LONGEST_BYTES or bool(TOKEN.search(path.read_bytes()))
    except FileNotFoundError:
        return False
    except OSError:
        return os.access(path, os.R_OK)


def configs_of(git_folder: Path) -> Iterator[Path]:
    """The settings of a repository, of its worktrees and of its submodules, as far as they are there."""
    folders = [git_folder, *_git_folders(git_folder / "worktrees", 1), *_git_folders(git_folder / "modules", DEPTH)]
    files = (folder / name for folder in folders for name in CONFIGS)
    return (file for file in files if file.is_file())


def _git_folders(folder: Path, depth: int) -> Iterator[Path]:
    """Those of worktrees or submodules; a submodule's name may hold slashes, and it may have submodules of its own."""
    for entry in _entries(str(folder)) if depth else ():
        if entry.is_dir(follow_symlinks=False):
            path = Path(entry.path)
            is_whole = (path / "HEAD").exists()
            yield from [path] if is_whole else _git_folders(path, depth - 1)
            yield from _git_folders(path / "modules", depth - 1) if is_whole else ()


def config_to_show(config: Path, folder: Path) -> Path | None:
    """A copy in `folder` of a repository's settings without passwords and tokens; None where there are none in them.

    Continuous integration and pasted URLs leave them there.
    """
    try:
        text = config.read_bytes()
    except OSError:
        return None
    clean = USER_IN_URL.sub(b"", SECRET_LINE.sub(b"", text))
    if clean == text:
        return None
    copy = folder / f"shown-{hashlib.sha256(clean).hexdigest()[:16]}.gitconfig"
    if not copy.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(copy, clean, "shown git config")
    return copy


def _as_shown(secret: Path, shown: Sequence[Path]) -> Iterator[Path]:
    """The names under which a secret is seen below the folders `shown`: links are followed, as nothing can be put over one."""
    real = secret.resolve()
    for folder in shown:
        true_folder = folder.resolve()
        if true_folder in real.parents:
            yield folder / real.relative_to(true_folder)


def _private(tree: str, depth: int) -> Iterator[Path]:
    """What in `tree` we may read, but not everybody: password files, private keys, connection secrets."""
    waiting, left = [(tree, depth)], ENTRIES
    while waiting and left > 0:
        folder, levels = waiting.pop()
        for entry in _entries(folder):
            left -= 1
            found = entry.stat(follow_symlinks=False)
            mode = found.st_mode
            if _is_private(mode):
                if os.access(entry.path, os.R_OK) and (_entries(entry.path) if entry.is_dir() else found.st_size):
                    yield Path(entry.path)
            elif stat.S_ISDIR(mode) and levels > 1:
                waiting.append((entry.path, levels - 1))


def _entries(folder: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


def _is_private(mode: int) -> bool:
    wanted = stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
    return (stat.S_ISDIR(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)) and mode & wanted != wanted
