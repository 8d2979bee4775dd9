"""All sources of settings put together: defaults, the user's config.toml, the repo's ralph.toml, the command line.

A later one wins; ralph.toml may go beyond what the user allows only when the user trusts it as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as FilePath

from ralph.home import Home
from ralph.settings.catalogue import OF_NO_REPO, OPTIONS, entries, generic, spelled
from ralph.settings.changes import changes
from ralph.settings.kinds import Repo
from ralph.settings.layers import Layer, Origin, SettingsFile, Source, command_line_source, file_source, merged
from ralph.settings.loosening import Loosening, loosenings
from ralph.settings.places import Path, TomlError, line_of
from ralph.settings.problems import SettingsError, as_toml, validated
from ralph.settings.schema import Settings
from ralph.trust import TrustState, Verdict, verdict

REPO_FILE = "ralph.toml"
QUOTE = '"'
UNKNOWN = Verdict(TrustState.UNKNOWN)


@dataclass(frozen=True)
class Loaded:
    """The settings of a run, where each came from, and the pinned bytes they were read from."""

    settings: Settings
    origins: Mapping[str, Origin]  # by dotted name, for every setting of the documentation
    repo_file: SettingsFile | None  # None: the repo has no ralph.toml
    user_file: SettingsFile | None
    trust: TrustState
    change: tuple[str, ...] = ()  # what differs from what was trusted, where the file was and is no more

    @property
    def repo_sha256(self) -> str | None:
        return self.repo_file.sha256 if self.repo_file else None


def load_settings(
    repo: FilePath, home: Home, overrides: Mapping[str, object] | None = None, *, data: bytes | None = None
) -> Loaded:
    """Read every source once. `overrides` are the command line's, by dotted name; None in it means not given.

    `data` are the bytes of ralph.toml when they were read before; otherwise they are read from `repo`.

    Raises:
        SettingsError: a source is wrong, or ralph.toml loosens what it may not.
    """
    path = repo / REPO_FILE
    repo_file = SettingsFile(path, data, REPO_FILE) if data is not None else read_file(path, REPO_FILE)
    user_file = read_file(home.config, str(home.config))
    trust = verdict(home, path, repo_file.data) if repo_file else UNKNOWN
    return resolve(repo_file, user_file, overrides or {}, trust=trust, user_path=home.config)


def user_settings(home: Home) -> Settings:
    """The user's own, for what is about no repository: the viewer, alerts, the report. No repo has a say in them.

    Raises:
        SettingsError: config.toml is wrong.
    """
    return _of_user(read_file(home.config, str(home.config)), home.config)


@lru_cache(maxsize=4)
def _of_user(file: SettingsFile | None, path: FilePath) -> Settings:
    """A daemon asks several times a minute; the same bytes say the same."""
    return resolve(None, file, {}, user_path=path).settings


def read_file(path: FilePath, name: str) -> SettingsFile | None:
    """The file's bytes, or None where there is no such file.

    Raises:
        SettingsError: it is there and cannot be read.
    """
    try:
        return SettingsFile(path, path.read_bytes(), name)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(
            f"{name}: cannot be read ({error.strerror}). Make it a file that you can read, or remove it."
        ) from error


def resolve(
    repo_file: SettingsFile | None,
    user_file: SettingsFile | None,
    overrides: Mapping[str, object],
    *,
    trust: Verdict = UNKNOWN,
    user_path: FilePath = FilePath("config.toml"),
) -> Loaded:
    """The same from bytes that were read before; touches no file.

    Raises:
        SettingsError: as `load_settings`.
    """
    user, repo, line = _source(Layer.USER, user_file), _source(Layer.REPO, repo_file), command_line_source(overrides)
    for source in (line, user, repo):
        validated(source)
    for source in (line, repo):
        _refuse_what_is_no_repos(source, user_path)
    change = change_lines(trust, repo_file)
    if trust.state is not TrustState.TRUSTED:
        _refuse_loosening(repo, user, line, change, user_path)
    settings = Settings.model_validate(merged(user.values(), repo.values(), line.values()))
    return Loaded(settings, _origins(user, repo, line), repo_file, user_file, trust.state, tuple(change))


def _source(layer: Layer, file: SettingsFile | None) -> Source:
    if file is None:
        return Source(layer)
    try:
        return file_source(layer, file)
    except TomlError as error:
        where = f"{file.name}:{error.line}:{error.column}"
        raise SettingsError(f"{where}: {error}. Correct it; the file is TOML (https://toml.io).") from error


def _refuse_what_is_no_repos(source: Source, user_path: FilePath) -> None:
    """What is about this user's machine is read from config.toml alone: anywhere else it would be heard by nobody."""
    found = [path for path in source.values() if path[0] in OF_NO_REPO]
    if found:
        raise SettingsError(
            "\n".join(
                f"{source.place(path)}: {spelled(path)} is about this machine and no repository, so it is not heard here. "
                f"Write it into {user_path}."
                for path in sorted(found, key=lambda path: line_of(source.lines, path))
            )
        )


def _refuse_loosening(repo: Source, user: Source, line: Source, change: list[str], user_path: FilePath) -> None:
    allowed = Settings.model_validate(merged(user.values(), line.values()))
    found = loosenings(validated(repo), allowed, repo.values(), set(line.values()))
    if found:
        sentences = [
            _loosening_text(one, repo, user_path)
            for one in sorted(found, key=lambda one: line_of(repo.lines, one.path))
        ]
        raise SettingsError("\n".join([*change, *sentences]))


def change_lines(trust: Verdict, file: SettingsFile | None) -> list[str]:
    """What changed since the file was trusted; empty where it did not."""
    if trust.state is not TrustState.CHANGED or trust.pin is None or file is None:
        return []
    head = f"{REPO_FILE} has changed since you trusted it on {trust.pin.trusted_at}, so it is not trusted now"
    if trust.pin.text is None:
        return [f"{head}. Read it again."]
    changed = changes(trust.pin.text.encode(), file.data)
    return [f"{head}:", *(f"  {line}" for line in changed)] if changed else [f"{head} (no setting differs)."]


def _loosening_text(one: Loosening, repo: Source, user_path: FilePath) -> str:
    asked = as_toml(_at(repo.tables, one.path))
    what = f"{spelled(one.path)} = {asked} {_why(one)}"
    return f"{repo.place(one.path)}: {what}. {_remedies(one.path, asked, user_path)}"


def _why(one: Loosening) -> str:
    if one.path[-1] == "network":
        return "is not for a repo to decide"
    if entries()[generic(one.path[:1] if one.path[0] == "prices" else one.path)].about.repo is Repo.NEVER:
        return "is not for a repo to decide"
    allowed = "none" if one.allowed is None else as_toml(one.allowed)
    return f"is looser than the {allowed} that you allow, and a repo may only tighten it"


def _remedies(path: Path, asked: str, user_path: FilePath) -> str:
    """How the user lets it through: vouch for the file, set it for every repo, or say it for this run."""
    if path == ("services",):
        return "Its commands run outside of the sandbox. To allow it: read them, then run `ralph trust` in this repo."
    if path[-1] == "network":
        path, asked = ("run", "allow_network"), "true"
    header = f"[{path[0]}] " if len(path) > 1 and path[0] != "prices" else ""
    key = spelled(path) if path[0] == "prices" else str(path[-1])
    option = OPTIONS.get(generic(path))
    given = f"{option} {asked.strip(QUOTE)}" if option else f"--set {_shell_quoted(f'{spelled(path)}={asked}')}"
    return f"To allow it: run `ralph trust` in this repo, or write `{header}{key} = {asked}` into {user_path}, or give {given}."


def _shell_quoted(text: str) -> str:
    return f"'{text}'" if set(text) & set(' "{}[]$') else text


def _at(tables: object, path: Path) -> object:
    value = tables
    for step in path:
        if isinstance(value, Mapping):
            value = value.get(str(step))
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step]
    return value


def _origins(user: Source, repo: Source, line: Source) -> dict[str, Origin]:
    origins = {name: Origin(Layer.DEFAULT, "default") for name in entries() if "*" not in name}
    for source in (user, repo, line):
        for path in source.values():
            origins[spelled(path)] = Origin(source.layer, source.place(path))
    return origins
