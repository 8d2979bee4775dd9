"""What a story's own words allow: which files it names, and whether it asks for tests to change, to go, or to pin.

The guard asks here before it blames; nothing that the agent says is read.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from prd.story import Story


@dataclass(frozen=True)
class Permit:
    """The words of one story."""

    text: str

    @classmethod
    def of(cls, story: Story) -> "Permit":
        return cls("\n".join([story.title, story.description, *story.acceptance_criteria]))

    def names(self, path: str) -> bool:
        """Whether the story names the file: its path, its name, or a folder of it with a slash."""
        parts = PurePosixPath(path)
        folders = [f"{folder}/" for folder in parts.parents if str(folder) != "."]
        return any(self.says(word) for word in (path, parts.name, *folders))

    def says(self, word: str) -> bool:
        """Whether the word, or the phrase, stands in the story by itself; case does not matter."""
        return bool(re.search(rf"(?<![\w./-]){re.escape(word.lower())}(?![\w-])", self._lower))

    @cached_property
    def _lower(self) -> str:
        return self.text.lower()
