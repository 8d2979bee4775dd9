"""What stays of a run's folder when the run is over: its log and the outputs of its commands, without secrets.

While a run goes on, outputs lie there as they came, because the agent reads them back. HOME and the temporary files of its
commands go; a run that was killed is tidied by the next one.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from ralph.files import write_private
from ralph.history.event_log import FILE, RunFolders
from ralph.workspace.folders import remove_tree

TIDY = "tidy"
PRIVATE = ("home", "tmp", "checks-home", "checks-home.base")
MOST_BYTES = 8_000_000
END_BYTES = 500_000
Redact = Callable[[str], str]


def tidy(folder: Path, redact: Redact) -> None:
    """Redact what is kept, remove what is private. A file that cannot be read or written costs itself, not the rest."""
    if (folder / TIDY).exists() or not folder.is_dir():
        return
    for place in [folder, *(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())]:
        for name in PRIVATE:
            with suppress(OSError):
                remove_tree(place / name, "private folder")
    for file in _files(folder):
        _redact_file(file, redact)
    with suppress(OSError):
        write_private(folder / TIDY, b"", "tidy mark")


def tidy_dead_runs(runs: RunFolders, redact: Redact) -> None:
    """The folders of runs that were killed before they could do it themselves."""
    for folder in runs.all():
        if not (folder.path / TIDY).exists() and folder.is_over:
            tidy(folder.path, redact)


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if name != FILE and path.is_file() and not path.is_symlink():
                yield path


def _redact_file(file: Path, redact: Redact) -> None:
    """Any bytes: what is no text goes through as it is. A huge file keeps whole lines of both its ends."""
    try:
        data = _read(file)
        text = data.decode(errors="surrogateescape")
        redacted = redact(text)
        if redacted != text or len(data) != file.stat().st_size:
            write_private(file, redacted.encode(errors="surrogateescape"), "output")
    except OSError:
        with suppress(OSError):
            remove_tree(file, "output")


def _read(file: Path) -> bytes:
    size_bytes = file.stat().st_size
    with file.open("rb") as opened:
        if size_bytes <= MOST_BYTES:
            return opened.read()
        first = opened.read(END_BYTES).rpartition(b"\n")[0]
        opened.seek(size_bytes - END_BYTES)
        last = opened.read().partition(b"\n")[2]
    return first + f"\n[... of {size_bytes} bytes only both ends are kept after the run]\n".encode() + last
