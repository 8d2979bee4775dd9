"""What finished stories leave to later ones on a branch: in the repo's own progress log, or in Ralph's state.

A tracked log changes only in a story's commit, which also takes what Ralph's state still holds. An untracked one is read,
and written only to archive it when a new branch begins; its new entries stay in Ralph's state. The agent reads the notes in
its first message and never writes them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path

from ralph.excerpts import clean_text
from ralph.files import write_atomically
from ralph.notes.archive import LAST_BRANCH, archive_path, former_branch
from ralph.notes.patterns import HEADING, in_short, split_entries, with_entry, with_patterns
from ralph.notes.progress import Progress
from ralph.state import StoryStates


@dataclass(frozen=True)
class Note:
    """What one finished story leaves: its entry, and patterns for all stories to come."""

    entry: str
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Notebook:
    """The notes of one branch. `branch`: as the PRD names it, also where the commits go to one beside it."""

    log: Progress
    states: StoryStates
    branch: str
    now: Callable[[], datetime] = datetime.now

    def shown(self, revision: str) -> str:
        """The notes for the first message, bounded: standing ones, then the newest entries of this branch."""
        standing, entries = split_entries(self._log_text(revision))
        own = "" if self._former() else entries
        return clean_text(in_short(with_entry(with_patterns(standing, self._state_patterns()) + own, self._kept(own))))

    def in_commit(self, revision: str, note: Note) -> dict[str, bytes]:
        """The files of the story's commit: the tracked log with the note, and the archive when the branch is new."""
        if not self.log.tracked:
            return {}
        former_text, former = self._log_text(revision), self._former()
        standing, entries = split_entries(former_text)
        moves = bool(former and entries.strip())
        own = "" if moves else entries
        patterns = (*self._state_patterns(), *note.patterns)
        text = with_entry(with_patterns(standing, patterns) + own, self._kept(own) + note.entry)
        files = {self.log.name: _bytes(text)}
        if former and moves:
            name = archive_path(self.log.name, former, self._today(), partial(self._is_committed, revision))
            files[name] = _bytes(former_text)
        return files

    def keep(self, trace_id: str, note: Note) -> str | None:
        """After the commit: what no tracked log holds goes into Ralph's state; what was archived, for a person.

        Raises:
            OSError: an untracked log could not be archived; it stays as it was.
        """
        repo_id, former = self.log.repo.id, self._former()
        if self.log.tracked:
            self.states.forget_notes(repo_id, self.branch)
        else:
            self.states.append_progress(repo_id, trace_id, note.entry, self.branch)
            self.states.add_patterns(repo_id, note.patterns)
        self.states.note_branch(repo_id, self.branch)
        return self._archive_untracked(former) if former and not self.log.tracked else None

    def _state_patterns(self) -> tuple[str, ...]:
        return self.states.patterns(self.log.repo.id)

    def _kept(self, entries: str) -> str:
        """The state's entries that are not among `entries`: a run may have died between a commit and what follows it."""
        kept = self.states.progress(self.log.repo.id, self.branch)
        return "" if kept.strip() in entries else kept

    def _archive_untracked(self, former: str) -> str | None:
        """As snarktank's loop does it: the whole log goes to the archive first, then its entries leave it."""
        root, text = self.log.repo.root, self._log_text("")
        standing, entries = split_entries(text)
        if not entries.strip():
            return None
        name = archive_path(self.log.name, former, self._today(), lambda path: (root / path).exists())
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(root / name, _bytes(text))
        write_atomically(root / self.log.name, _bytes(standing))
        if self._last_branch.is_file():
            write_atomically(self._last_branch, f"{self.branch}\n".encode())
        return f"{self.log.name}: the entries of {former} are in {name} now; {HEADING.removeprefix('## ')} stay"

    def _is_committed(self, revision: str, path: str) -> bool:
        return self.log.repo.show(f"{revision}:{path}") is not None

    def _former(self) -> str | None:
        remembered = self._last_branch.read_text(errors="replace") if self._last_branch.is_file() else ""
        return former_branch(self.branch, self.states.branches(self.log.repo.id), remembered)

    @property
    def _last_branch(self) -> Path:
        return (self.log.repo.root / self.log.name).parent / LAST_BRANCH

    def _log_text(self, revision: str) -> str:
        return self.log.content(revision).decode(errors="surrogateescape")

    def _today(self) -> date:
        return self.now().date()


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
