"""What an untrusted `ralph.toml` asks for beyond what the user allows. A repo may tighten, not loosen.

Compares two already valid settings; knows nothing about files or hashes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ralph.checks.check import Check
from ralph.settings.catalogue import entries, generic
from ralph.settings.kinds import Repo
from ralph.settings.places import Path
from ralph.settings.schema import Settings

LOOSE_FIRST = {"tracing.content": ("full", "preview", "hash", "none")}
TIGHTER_SANDBOX = {  # than what the user allows; a level by its name may be less than "auto" would have taken
    "none": {"auto", "required", "bwrap", "landlock", "seatbelt"},
    "auto": {"required", "bwrap"},
    "landlock": {"required", "bwrap"},
    "seatbelt": {"required", "bwrap"},
    "required": {"bwrap"},
    "bwrap": set(),
}
ATTRIBUTES = {
    "max_duration": "max_duration_s",
    "copy": "copy_files",
    "memory": "memory_bytes",
    "file_size": "file_size_bytes",
    "failed_every": "failed_every_s",
    "session_median": "session_median_s",
    "session_p95": "session_p95_s",
    "call_median": "call_median_s",
    "call_p95": "call_p95_s",
    "latency_window": "latency_window_s",
    "tool_window": "tool_window_s",
    "schedule_grace": "schedule_grace_s",
    "traces": "traces_s",
    "texts": "texts_s",
    "traces_size": "traces_bytes",
    "failed_work": "failed_work_s",
    "runs": "runs_s",
}
Scale = float | set[str]


@dataclass(frozen=True)
class Loosening:
    """One value that goes too far: what the repo asks for, and what the user allows."""

    path: Path
    allowed: object


def loosenings(
    repo: Settings, user: Settings, set_by_repo: Mapping[Path, object], decided: set[Path]
) -> list[Loosening]:
    """What `repo` loosens against `user`; a path in `decided` was set on the command line, so the repo's word is moot."""
    found: list[Loosening] = []
    for path in set_by_repo:
        if path not in decided:
            found += [*_commands(path, repo, user), *_values(path, repo, user)]
    return found


def _values(path: Path, repo: Settings, user: Settings) -> Iterator[Loosening]:
    entry = entries().get(generic(path[:1] if path[0] == "prices" else path))
    if entry is None or path[0] in {"checks", "setup"}:
        return
    allowed = _value(user, path)
    if _goes_too_far(entry.name, entry.about.repo, _value(repo, path), allowed):
        yield Loosening(path, allowed)


def _commands(path: Path, repo: Settings, user: Settings) -> Iterator[Loosening]:
    if user.run.allow_network:
        return
    wanted: list[tuple[Path, Check]] = []
    if path == ("checks",):
        wanted = [(("checks", number), check) for number, check in enumerate(repo.checks or ())]
    elif path == ("setup",) and repo.setup:
        wanted = [(path, repo.setup)]
    for place, check in wanted:
        if check.network:
            yield Loosening((*place, "network"), allowed=False)


def _goes_too_far(name: str, may: Repo, wanted: object, allowed: object) -> bool:
    if wanted == allowed or may is Repo.ANY:
        return False
    if may is Repo.NEVER:
        return True
    if name == "sandbox":
        return wanted not in TIGHTER_SANDBOX[str(allowed)]
    loose, limit = _scale(name, wanted), _scale(name, allowed)
    if isinstance(loose, set) and isinstance(limit, set):
        return not loose <= limit
    return bool(loose > limit)  # type: ignore[operator]


def _scale(name: str, value: object) -> Scale:
    """More is looser; no limit is the loosest."""
    if name in LOOSE_FIRST:
        return -float(LOOSE_FIRST[name].index(str(value)))
    if isinstance(value, tuple):
        return set(value)
    return float("inf") if value is None else float(str(int(value) if isinstance(value, bool) else value))


def _value(settings: Settings, path: Path) -> object:
    value: object = settings
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else getattr(value, ATTRIBUTES.get(str(step), str(step)))
    return value
