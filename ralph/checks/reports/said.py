"""What the sessions of runners said, as one report. Ids are made the same on every machine here."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ralph.checks.report import Outcome, RunnerReport, report_of
from ralph.checks.reports.sessions import Heard, Session

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")


def said(heard: Heard, tree: Path, private: Iterable[Path] = ()) -> RunnerReport | None:
    """None: no runner spoke. `private` folders are named in no id."""
    if not heard.sessions:
        return None
    said = [pair for session in heard.sessions for pair in _ended(session, _Place(session, tree, tuple(private)))]
    events = [(session, event) for session in heard.sessions for event in session.events]
    return report_of(
        said,
        deselected=sum(event.deselected for _, event in events),
        complete=not heard.garbled and all(session.complete for session in heard.sessions),
        uncollected=(_Place(session, tree).path(event.uncollected) for session, event in events if event.uncollected),
    )


@dataclass(frozen=True)
class _Place:
    """Where a session's files are, seen from the root of the repo."""

    session: Session
    tree: Path
    private: tuple[Path, ...] = ()

    def path(self, path: str) -> str:
        whole = os.path.normpath(Path(self.session.root or self.tree) / path.removeprefix("file://"))
        return PurePosixPath(whole).relative_to(self.tree).as_posix() if _is_below(whole, self.tree) else path

    def id(self, name: str) -> str:
        """`runner:file<rest>`, where the rest holds neither addresses nor folders of this machine."""
        file, mark, rest = _parted(name)
        for folder, word in [(self.tree, "."), *((folder, "~") for folder in self.private)]:
            rest = rest.replace(str(folder), word)
        return f"{self.session.runner}:{self.path(file)}{mark}{_ADDRESS.sub('0x…', rest)}"


def _parted(name: str) -> tuple[str, str, str]:
    """The file of an id, what parts it from the rest, and the rest."""
    marks = [(name.find(mark), mark) for mark in ("::", " > ") if mark in name]
    return name.partition(min(marks)[1]) if marks else (name, "", "")


def _ended(session: Session, place: _Place) -> Iterator[tuple[str, Outcome]]:
    return ((place.id(event.id), event.outcome) for event in session.events if event.id and event.outcome)


def _is_below(path: str, folder: Path) -> bool:
    return PurePosixPath(path).is_relative_to(folder)
