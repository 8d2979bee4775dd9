"""What lies in the user's checkout beside the commit: ignored files, the variables they set, names of own modules.

Bounded: dependencies, caches and build results are not looked into. Of a file that may hold secrets only the names of its
variables are read.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from ralph.detect.services import ENV_EXAMPLES
from ralph.detect.tree import SKIPPED, read_text
from ralph.init.diagnose import Surroundings
from ralph.workspace.repo import Repo

MAX_FILES = 400
MAX_IN_FOLDER = 100
MAX_CHARS = 200
ENV_FILE = re.compile(r"\.env(rc|\..*)?|.*\.env")
SECRET = re.compile(
    r"secret|credential|password|passwd|token|private|id_(rsa|dsa|ecdsa|ed25519)|\.(pem|key|p12|pfx|jks|keystore)$|service[-_]?account"
)
VARIABLE = re.compile(r"^\s*(?:export\s+)?([A-Z_][A-Z0-9_]{3,})\s*=", re.MULTILINE)
EVERYWHERE = {"HOME", "PATH", "USER", "LANG", "SHELL", "NODE_ENV", "PYTHONPATH", "DEBUG", "PORT"}
MADE_BY_TOOLS = SKIPPED | {"out", "coverage", "htmlcov", "logs", "log", "tmp", "temp", "bin", "obj", "wheels", "Pods"}
JUNK = re.compile(r"\.(pyc|pyo|o|so|class|log|tsbuildinfo|swp|tmp)$|^\.DS_Store$|\.egg-info/")


def look_around(repo: Repo) -> Surroundings:
    files = tuple(name for name, _ in zip(_ignored_files(repo), range(MAX_FILES), strict=False))
    tracked = repo.git.names("ls-files", "-z")
    return Surroundings(
        files, _variables(repo.root, files), _examples(repo.root, tracked), frozenset(_own_modules(tracked))
    )


def may_hold_secrets(name: str) -> bool:
    """`.env` and its like, keys, and what is called a secret."""
    return bool(ENV_FILE.fullmatch(PurePosixPath(name).name) or SECRET.search(name.lower()))


def _ignored_files(repo: Repo) -> Iterator[str]:
    listed = repo.git.names("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
    for name in listed:
        if name.endswith("/"):
            if _is_worth_a_look(name):
                yield from _inside(repo.root, name)
        elif _is_plain(name):
            yield name


def _is_worth_a_look(folder: str) -> bool:
    path = PurePosixPath(folder)
    return not any(part in MADE_BY_TOOLS or part.startswith(".") or part.endswith(".egg-info") for part in path.parts)


def _inside(root: Path, folder: str) -> Iterator[str]:
    left = MAX_IN_FOLDER
    for place, folders, files in os.walk(root / folder):
        folders[:] = [name for name in folders if _is_worth_a_look(name)]
        names = [Path(place, name).relative_to(root).as_posix() for name in sorted(files)[:left]]
        yield from filter(_is_plain, names)
        left -= len(names)
        if left <= 0:
            return


def _is_plain(name: str) -> bool:
    return name.isprintable() and len(name) <= MAX_CHARS and not JUNK.search(name) and not set(name) & set("*?[]")


def _variables(root: Path, files: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in files:
        if ENV_FILE.fullmatch(PurePosixPath(file).name):
            for name in _names_in(root, file):
                found.setdefault(name, file)
    return found


def _examples(root: Path, tracked: Iterable[str]) -> dict[str, str]:
    """Of examples without a `.env` beside them; the file itself is named too."""
    found: dict[str, str] = {}
    for file in tracked:
        path = PurePosixPath(file)
        if path.name in ENV_EXAMPLES and not os.path.lexists(root / path.with_name(".env")):
            for name in (".env", *_names_in(root, file)):
                found.setdefault(name, file)
    return found


def _names_in(root: Path, file: str) -> list[str]:
    return [name for name in VARIABLE.findall(read_text(root, file, 64_000)) if name not in EVERYWHERE]


def _own_modules(tracked: Iterable[str]) -> Iterator[str]:
    """What code near the root is imported by: its name, or that of a folder around it."""
    for name in tracked:
        path = PurePosixPath(name)
        if path.suffix in {".py", ".rb"} and len(path.parts) <= 4:
            yield from (*path.parts[:-1], path.stem)
