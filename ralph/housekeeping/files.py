"""Files of Ralph's own that may go: logs and outputs of runs, outputs of scheduled runs, worktrees and lock files left behind."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from ralph.durations import duration_text
from ralph.files import remove_file
from ralph.history.event_log import RunFolder, RunFolders, is_locked
from ralph.home import Home
from ralph.housekeeping.attempts import known_repos
from ralph.housekeeping.pile import Pile, each
from ralph.workspace.folders import remove_tree
from ralph.workspace.lock import try_hold
from ralph.workspace.recover import recover
from ralph.workspace.repo import Repo
from ralph.workspace.worktree import PREFIX

OF_SCHEDULE = re.compile(r".+-\d{8}T\d{6}Z-\d+(-\d+)?(\..*)?")  # a second leg has its number behind the run's
LEAST_S = 86_400


def file_piles(home: Home, runs_s: int | None, work_s: int | None, now_ns: int) -> tuple[Pile, ...]:
    piles = [_worktrees(home), *_left_worktrees(home, work_s, now_ns)]
    if runs_s is not None:
        before_s = now_ns / 1e9 - max(runs_s, LEAST_S)
        why = f"older than {duration_text(runs_s)} ([retention] runs)"
        piles += [
            _pile("logs and outputs of runs", why, _runs(home, before_s)),
            _pile("outputs of scheduled runs", why, _outputs(home, before_s)),
            _pile("lock files that nobody holds", why, _locks(home, before_s)),
        ]
    return tuple(pile for pile in piles if pile.count)


Thing = tuple[Path, Callable[[], bool]]


def _pile(what: str, why: str, things: Sequence[Thing]) -> Pile:
    ages = sorted(_touched_s(path) for path, _ in things) or [0.0]
    size = sum(map(_size, (path for path, _ in things)))
    clear = partial(each, [remove for _, remove in things])
    return Pile(what, why, len(things), size, round(ages[0] * 1e9), round(ages[-1] * 1e9), clear)


def _runs(home: Home, before_s: float) -> list[Thing]:
    folders = list(RunFolders(home).all())
    return [(one.path, partial(_remove_run, one)) for one in folders if _is_old_run(one, before_s)]


def _is_old_run(folder: RunFolder, before_s: float) -> bool:
    return _touched_s(folder.log if folder.head else folder.path) < before_s and folder.is_over


def _remove_run(folder: RunFolder) -> bool:
    if folder.is_going:
        return False
    remove_tree(folder.path, "run folder")
    return True


def _outputs(home: Home, before_s: float) -> list[Thing]:
    """Never those of one that goes on, however long it has said nothing."""
    files = [path for path in _entries(home.root / "schedule") if OF_SCHEDULE.fullmatch(path.name)]
    old = [path for path in files if _touched_s(path) < before_s and not is_locked(path.with_suffix(".lock"))]
    return [(path, partial(_remove, path)) for path in old]


def _locks(home: Home, before_s: float) -> list[Thing]:
    """Only those that were given back: what a killed run left in one, the next run on its branch reads."""
    files = [path for path in _entries(home.root / "locks") if path.suffix == ".lock"]
    return [
        (path, partial(_remove_lock, path))
        for path in files
        if _touched_s(path) < before_s and path.stat().st_size == 0
    ]


def _remove_lock(path: Path) -> bool:
    held = try_hold(path)
    if held is None:
        return False
    remove_file(path, "lock file")
    held.release()
    return True


def _worktrees(home: Home) -> Pile:
    """Of repositories that are there: the agent's work is kept before its folder goes, as the next run would do it."""
    things: list[Thing] = []
    for repo, _ in known_repos(home):
        dead = _dead(home.root / "worktrees" / repo.id[:16])
        things += [(path, partial(_recover, repo, home, path)) for path in dead]
    return _pile(
        "worktrees that killed runs left", "the work in them is kept first, under refs/ralph/attempts/", things
    )


def _recover(repo: Repo, home: Home, path: Path) -> bool:
    if path.exists():
        recover(repo, home)
    return not path.exists()


def _left_worktrees(home: Home, work_s: int | None, now_ns: int) -> Iterator[Pile]:
    """Of repositories that are gone: there is nowhere to keep the work, so it stays as long as failed work does."""
    if work_s is None:
        return
    before_s = now_ns / 1e9 - max(work_s, LEAST_S)
    folders = [folder for folder in _entries(home.root / "worktrees") if _is_of_nobody(folder)]
    old = [folder for folder in folders if _touched_s(folder) < before_s]
    why = f"their repositories are gone, for longer than {duration_text(work_s)} ([retention] failed_work)"
    yield _pile("worktrees of no repository", why, [(path, partial(_remove, path)) for path in old])


def _is_of_nobody(folder: Path) -> bool:
    """Whether each worktree in it points into a repository that is not there any more; an empty folder is anybody's."""
    pointers = [path / ".git" for path in _entries(folder) if path.name.startswith(PREFIX) and path.is_dir()]
    return bool(pointers) and not _has_living(folder) and all(map(_leads_nowhere, pointers))


def _leads_nowhere(pointer: Path) -> bool:
    try:
        target = pointer.read_text(errors="surrogateescape").removeprefix("gitdir:").strip()
    except OSError:
        return False
    return bool(target) and not Path(target).parent.parent.exists()


def _dead(folder: Path) -> list[Path]:
    names = [path for path in _entries(folder) if path.name.startswith(PREFIX) and path.is_dir() and not path.suffix]
    return [path for path in names if not is_locked(path.with_name(f"{path.name}.lock"))]


def _has_living(folder: Path) -> bool:
    return any(is_locked(path) for path in _entries(folder) if path.suffix == ".lock")


def _remove(path: Path) -> bool:
    remove_tree(path, "old file")
    return True


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _touched_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file() and not one.is_symlink()]
    try:
        return sum(file.stat().st_size for file in files)
    except OSError:
        return 0
