"""The values that must never leave this machine in a trace, a log or a commit: those of the environment and of env files.

An agent that runs `printenv` or reads what `copy` gave it shows a value without its name; only who knows it can find it.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from ralph.errors import RalphError
from ralph.home import Home
from ralph.schedule.environment import env_file, read_variables
from ralph.settings.load import user_settings
from ralph.workspace.secrets import HARMLESS_NAMES
from tracing.alerts.secrets import values_of
from tracing.redact import secret_values

ENV_FILES = (".env", ".env.*", "*.env", ".envrc", "*/.env", "*/.env.*")
MOST_BYTES = 64 * 1024
_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$", re.MULTILINE)


def known_secrets(environ: Mapping[str, str], root: Path, home: Home) -> frozenset[str]:
    """What variables with key-like names hold, in the environment and in the env files of the checkout `root`; and the user's own."""
    found = own_secrets(environ, home)
    for file in _env_files(root):
        found |= secret_values(_variables(file))
    return found


def own_secrets(environ: Mapping[str, str], home: Home) -> frozenset[str]:
    """Without any checkout: those of the environment, of RALPH_HOME/env, and of the channels, whatever their variables are called."""
    variables = dict(environ)
    with suppress(RalphError):  # whoever needs the file says what is wrong with it
        variables = read_variables(env_file(home)) | variables
    found = secret_values(environ) | secret_values(variables)
    with suppress(RalphError):
        found |= values_of(user_settings(home).channels, variables)
    return found


def _env_files(root: Path) -> Iterator[Path]:
    for pattern in ENV_FILES:
        for file in root.glob(pattern):
            if not any(fnmatch(file.name.lower(), harmless) for harmless in HARMLESS_NAMES):
                yield file


def _variables(file: Path) -> dict[str, str]:
    """The file's assignments; none where it cannot be read or is no text of a sensible size."""
    try:
        with file.open("rb") as opened:
            text = opened.read(MOST_BYTES).decode(errors="replace")
    except OSError:
        return {}
    return {name: _bare(value) for name, value in _LINE.findall(text)}


def _bare(value: str) -> str:
    """Without quotes around it, or the comment behind it."""
    if value[:1] in {"'", '"'}:
        return value[1:].partition(value[0])[0]
    return value.split(" #", 1)[0].rstrip()
