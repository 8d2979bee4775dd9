"""`RALPH_HOME/env`: the variables of runs that no shell starts, above all the model's key.

One KEY=VALUE a line, the file readable by its owner alone. What the environment has already is left as it is. A value is
never shown, not even in a message about its own line. Knows nothing about who needs which variable.
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from ralph.errors import RalphError
from ralph.home import Home

FILE = "env"
OTHERS = stat.S_IRWXG | stat.S_IRWXO
DUE_RUN = "RALPH_DUE_RUN"  # of a run that a schedule started: which due run it is ("nightly/12")
NEVER = ("RALPH_HOME", DUE_RUN)  # read before this file, or not the user's to choose
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)", re.ASCII | re.DOTALL)
_QUOTED = re.compile(r"""(?:'([^']*)'|"((?:[^"\\]|\\.)*)")\s*(?:#.*)?""")


class EnvFileError(RalphError):
    """The file cannot be used; the message says which line, and no value."""


@dataclass(frozen=True)
class Layered(Mapping[str, str]):
    """The first as it is at the moment, the second where it has nothing."""

    first: Mapping[str, str]
    second: Mapping[str, str] = field(repr=False)

    def __getitem__(self, name: str) -> str:
        return self.first[name] if name in self.first else self.second[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self.second, **self.first})

    def __len__(self) -> int:
        return len({**self.second, **self.first})


class FileVariables:
    """What the file has put into an environment, so that an edit of the file takes effect at the next `refresh`."""

    def __init__(self, home: Home, environ: MutableMapping[str, str] | None = None) -> None:
        self._path = env_file(home)
        self._environ = os.environ if environ is None else environ
        self._ours: dict[str, str] = {}

    def refresh(self) -> tuple[str, ...]:
        """Read the file again and bring the environment up to date; the names that come from the file.

        Raises:
            EnvFileError: others can read it, or a line of it is wrong; the environment is as it was.
        """
        named = read_variables(self._path)
        for name, value in self._ours.items():
            if self._environ.get(name) == value:
                del self._environ[name]
        self._ours = {name: value for name, value in named.items() if name not in self._environ}
        self._environ.update(self._ours)
        return tuple(self._ours)


def with_file(home: Home, environment: Mapping[str, str]) -> Mapping[str, str]:
    """What is set, and behind it what the file names: for who only reads, such as a channel's key.

    Raises:
        EnvFileError: others can read the file, or a line of it is wrong.
    """
    return Layered(environment, read_variables(env_file(home)))


def env_file(home: Home) -> Path:
    return home.root / FILE


def read_variables(path: Path) -> dict[str, str]:
    """The file's variables; none where there is no file.

    Raises:
        EnvFileError: others can read it, or a line of it is wrong.
    """
    try:
        with path.open("rb") as file:
            _refuse_open(path, os.fstat(file.fileno()))
            text = file.read().decode()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise EnvFileError(f"{path} cannot be read: {error.strerror}. It holds the keys of scheduled runs.") from error
    except UnicodeDecodeError as error:
        raise EnvFileError(f"{path} is no UTF-8 text. Write KEY=VALUE lines into it.") from error
    return dict(
        _variable(path, number, line) for number, line in enumerate(text.splitlines(), 1) if _says_something(line)
    )


def _refuse_open(path: Path, found: os.stat_result) -> None:
    if found.st_uid not in {os.getuid(), 0}:
        raise EnvFileError(f"{path} belongs to another user, who could choose your keys. Write it anew yourself.")
    if found.st_mode & OTHERS:
        mode = stat.S_IMODE(found.st_mode)
        raise EnvFileError(
            f"{path} holds keys, and others on this machine may read it (mode {mode:04o}): chmod 600 {path}"
        )


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _variable(path: Path, number: int, line: str) -> tuple[str, str]:
    found = _LINE.fullmatch(line.strip())
    if found is None:
        raise EnvFileError(f"{path}:{number}: this is no KEY=VALUE line. Comments begin with #.")
    if found[1] in NEVER:
        raise EnvFileError(
            f"{path}:{number}: {found[1]} cannot be set here. Set it where Ralph is started, and remove this line."
        )
    return found[1], _value(path, number, found[2])


def _value(path: Path, number: int, text: str) -> str:
    """Without quotes around it, or the comment behind it; no `$` is expanded."""
    if text[:1] not in {"'", '"'}:
        return "" if text.startswith("#") else re.split(r"\s#", text, maxsplit=1)[0].rstrip()
    quoted = _QUOTED.fullmatch(text)
    if quoted is None:
        raise EnvFileError(
            f"{path}:{number}: the quotes do not match. Put the whole value between two quotes of one kind."
        )
    return quoted[1] if quoted[1] is not None else re.sub(r"\\(.)", r"\1", quoted[2])
