"""Joins what was found in each folder into one proposal: unique names, one setup, nothing that another check covers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from ralph.checks.check import Check
from ralph.detect.found import SETUP_TIMEOUT_S, Found, word
from ralph.detect.proposal import Need, NeedKind, Proposal

MAX_CHECKS = 40


@dataclass(frozen=True)
class Placed:
    """A finding, and the folder it speaks of."""

    folder: str
    found: Found

    def place(self, name: str) -> str:
        return str(PurePosixPath(self.folder) / name)


def joined(places: Sequence[Placed]) -> Proposal:
    """`places` with the root first, folders before those below them."""
    alone = [placed for placed in places if not any(_covers(above, placed) for above in places)]
    checks = list(_checks(alone))
    setups = list(_setups(alone))
    prepared = {".", *(folder for folder, _ in setups)}
    used = [placed for placed in alone if placed.found.checks or placed.folder in prepared]
    hints = [hint for placed in alone for hint in placed.found.hints]
    if len(checks) > MAX_CHECKS:
        hints.append(f"{len(checks) - MAX_CHECKS} more checks of further folders were left out.")
    hints += [f"{folder}: no check found there, so nothing vouches for changes in it" for folder in _unchecked(alone)]
    return Proposal(
        ecosystems=_unique(placed.found.ecosystem for placed in alone),
        checks=tuple(checks[:MAX_CHECKS]),
        setup=_one_setup(setups),
        manifests=_unique(placed.place(name) for placed in used for name in placed.found.manifests),
        lock_files=_unique(placed.place(name) for placed in alone for name in placed.found.lock_files),
        needs=merged_needs(
            [*_network(setups, checks, used), *(need for placed in used for need in placed.found.needs)]
        ),
        hints=_unique(hints),
    )


def _unchecked(places: Sequence[Placed]) -> list[str]:
    """Packages below the root without a check, where none at the root covers them."""
    checked = {placed.folder for placed in places if placed.found.checks}
    if "." in checked or not checked:
        return []
    return sorted({placed.folder for placed in places} - checked - {"."})


def merged_needs(needs: Iterable[Need]) -> tuple[Need, ...]:
    """One for each thing, the first that names it."""
    first: dict[tuple[NeedKind, str], Need] = {}
    for need in needs:
        first.setdefault((need.kind, need.name), need)
    return tuple(first.values())


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))


def _covers(above: Placed, placed: Placed) -> bool:
    """The same ecosystem runs it from a folder above, and it needs no setup of its own."""
    runs = _is_named(placed, above, above.found.covers) and not placed.found.lock_files
    return runs and (placed.found.setup is None or _installs(above, placed))


def _installs(above: Placed, placed: Placed) -> bool:
    return above.found.setup is not None and _is_named(placed, above, above.found.installs)


def _is_named(placed: Placed, above: Placed, globs: Iterable[str]) -> bool:
    if above.found.ecosystem != placed.found.ecosystem or not _is_below(placed.folder, above.folder):
        return False
    inside = str(PurePosixPath(placed.folder).relative_to(above.folder))
    return any(fnmatchcase(inside, glob) or inside == glob.removesuffix("/**") for glob in globs)


def _is_below(folder: str, above: str) -> bool:
    return folder != above and PurePosixPath(folder).is_relative_to(above)


def _setups(places: Sequence[Placed]) -> Iterator[tuple[str, Check]]:
    """Those that a check in the folder or below it may need, each once."""
    for placed in places:
        if placed.found.setup is None or any(_installs(above, placed) for above in places):
            continue
        if any(
            other.found.checks
            for other in places
            if other.folder == placed.folder or _is_below(other.folder, placed.folder)
        ):
            yield placed.folder, placed.found.setup


def _checks(places: Sequence[Placed]) -> Iterator[Check]:
    taken: set[str] = set()
    for placed in places:
        for _, check in placed.found.checks:
            for name in _names(placed, check):
                if name not in taken:
                    taken.add(name)
                    yield check.model_copy(update={"name": name, "cwd": placed.folder})
                    break


def _names(placed: Placed, check: Check) -> Iterator[str]:
    """From the shortest to one that nothing else in the repo has."""
    if placed.folder != ".":
        yield f"{PurePosixPath(placed.folder).name}: {check.name}"
        yield f"{placed.folder}: {check.name}"
        yield f"{placed.folder}: {check.name} ({placed.found.ecosystem})"
        return
    yield check.name
    yield f"{check.name} ({placed.found.ecosystem})"


def _one_setup(setups: Sequence[tuple[str, Check]]) -> Check | None:
    if not setups:
        return None
    if len(setups) == 1:
        folder, only = setups[0]
        return only.model_copy(update={"cwd": folder})
    commands = [_at(folder, each.command) for folder, each in setups]
    env = {name: value for _, each in setups for name, value in each.env.items()}
    return Check(name="setup", command=" && ".join(commands), timeout_s=SETUP_TIMEOUT_S, env=env, network=True)


def _at(folder: str, command: str) -> str:
    """The command in a folder below, as a part of a longer one."""
    whole = f"{{ {command}; }}" if "||" in command else command
    return whole if folder == "." else f"(cd {word(folder)} && {whole})"


def _network(setups: Sequence[tuple[str, Check]], checks: Sequence[Check], places: Sequence[Placed]) -> Iterator[Need]:
    if setups:
        manifest = next((placed.place(name) for placed in places for name in placed.found.manifests), ".")
        yield Need(
            NeedKind.NETWORK,
            "setup",
            "setup downloads what the checks depend on",
            manifest,
            "Give it `network = true` in ralph.toml. An untrusted repo may not; `ralph trust` allows it.",
        )
    for check in checks:
        if check.network:
            yield Need(
                NeedKind.NETWORK, check.name, f"`{check.command}` downloads what it needs", check.cwd, "network = true"
            )
