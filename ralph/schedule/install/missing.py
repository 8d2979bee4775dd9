"""What a run that no shell starts will not find: keys and variables that are set here and not in RALPH_HOME/env."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ralph.errors import RalphError
from ralph.model.access import KEY_VARIABLES, require_access
from ralph.settings.schema import Settings

WHILE_HERE = (
    *("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "no_proxy", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "ANTHROPIC_BASE_URL", "CLOUD_ML_REGION"),
    *("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    *("AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK", "ANTHROPIC_VERTEX_PROJECT_ID", "GOOGLE_CLOUD_PROJECT"),
    *("GOOGLE_APPLICATION_CREDENTIALS", "GH_TOKEN", "GITHUB_TOKEN"),
)


def lacking(
    settings: Settings, given: Mapping[str, str], shell: Mapping[str, str], schedules: Sequence[Sequence[str]] = ()
) -> dict[str, str]:
    """Variable -> what it is for. `given` is what the file names, `shell` what is set here, `schedules` the options of each one's runs."""
    found = {} if schedules and all(map(_is_played, schedules)) else dict(_keys(settings, given))
    found |= {name: f"channel {channel}" for channel, name in _of_channels(settings) if not given.get(name)}
    found |= {name: "set in this shell" for name in WHILE_HERE if shell.get(name) and name not in given}
    return found


def advice(missing: Mapping[str, str], file: Path, shell: Mapping[str, str]) -> list[str]:
    """In words, with the commands; no value is shown."""
    if not missing:
        return []
    width = max(map(len, missing))
    return [
        f"a scheduled run will not find these; it reads {file}, not your shell's settings:",
        *(f"  {name:<{width}}  {what}" for name, what in missing.items()),
        "write them there (the file is for you alone, and its values are never shown):",
        *(f"  {_append(name, file, shell)}" for name in missing),
    ]


def _append(name: str, file: Path, shell: Mapping[str, str]) -> str:
    value = f"${name}" if shell.get(name) else "..."
    return f'(umask 077; echo "{name}={value}" >> {shlex.quote(str(file))})'


def _is_played(run_args: Sequence[str]) -> bool:
    """Whether a recording is the model, which needs no key."""
    return any(word == "--recording" or word.startswith("--recording=") for word in run_args)


def _keys(settings: Settings, given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if settings.provider != "anthropic":
        return
    try:
        require_access(settings, given)
    except RalphError:
        yield KEY_VARIABLES[0], "the model's key: without it no run can begin"


def _of_channels(settings: Settings) -> Iterator[tuple[str, str]]:
    for channel in settings.channels:
        for secret in (channel.password, channel.url, channel.key):
            kind, _, place = (secret or "").partition(":")
            if kind == "env":
                yield channel.name, place
