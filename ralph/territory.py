"""Which files a story will probably touch, so that stories which would cross are not worked on at the same time.

A guess from the story's own words and from what its earlier attempts changed. Being wrong loses nothing: what crosses after
all is found when the second one lands.
"""

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from prd.story import Story

_PATH = re.compile(r"(?<![\w./@-])(?:[\w.@-]+/)*[\w@-][\w.@-]*\.[A-Za-z]\w{0,9}(?![\w/-])|(?:[\w.@-]+/)+[\w.@-]+")

NO_PATHS = {"e.g", "i.e"}


@dataclass
class Territory:
    """What is known of one run's stories. Usable from any thread."""

    _changed: dict[str, frozenset[str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def learn(self, story_id: str, paths: Iterable[str]) -> None:
        """An attempt at the story changed these files; it will again."""
        with self._lock:
            self._changed[story_id] = self._changed.get(story_id, frozenset()) | frozenset(paths)

    def crosses(self, one: Story, other: Story) -> bool:
        """Whether both will probably touch the same file."""
        mine, theirs = self._of(one), self._of(other)
        return any(_same(path, another) for path in mine for another in theirs)

    def _of(self, story: Story) -> frozenset[str]:
        with self._lock:
            return self._changed.get(story.id, frozenset()) | named_paths(story)


def named_paths(story: Story) -> frozenset[str]:
    """What looks like a file or folder in the story's words: `src/app.py`, `README.md`, `web/pages`."""
    words = "\n".join([story.title, story.description, *story.acceptance_criteria, story.notes])
    without_addresses = re.sub(r"\w+://\S+", " ", words)
    return frozenset(match.strip("./") for match in _PATH.findall(without_addresses)) - NO_PATHS


def _same(one: str, other: str) -> bool:
    """The same path, one given with fewer folders in front, or one inside of the other."""
    short, long = sorted((f"/{one}/", f"/{other}/"), key=len)
    return long.endswith(short) or long.startswith(short)
