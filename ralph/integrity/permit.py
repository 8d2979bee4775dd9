"""What a story's own words allow: which files it names, what it asks to set up, to change or to remove.

The guard asks here before it blames; nothing that the agent says is read. A sentence that only wants something to be
so ("the linter passes", "CI stays green") asks for no change of it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from prd.story import Story

CHANGES = re.compile(
    r"\b(?:add|adds|adding|adjust|adapt|adopt|allow|bump|change|configure|convert|create|define|delete|disable|drop|enable"
    r"|enforce|exclude|extend|fix|generate|ignore|include|increase|install|introduce|invent|loosen|lower|make|migrate|modify"
    r"|mark|move|need|needs|new|quarantine|raise|reduce|register|relax|remove|rename|replace|retire|rewrite|run|runs|set"
    r"|set up|setup|skip|split|switch|tighten|turn|turn off|turn on|update|upgrade|write)\b"
)
REMOVES = re.compile(
    r"\b(?:remov\w*|delet\w*|drop\w*|retir\w*|deprecat\w*|replac\w*|no longer|get rid of|gone|merg\w*|consolidat\w*|superse\w*"
    r"|simplif\w*|inlin\w*|strip\w*|unship\w*|discontinu\w*|supersed\w*|migrat\w* (?:off|away|from)|end of support)\b"
)
FEATURE = re.compile(
    r"`[^`]*`|[\w.]+\([^)]*\)|\b\w+\.\w+\b|^\W*(?:add|support|implement|offer|introduce|provide|create|allow)\b.*"
    r"|\b(?:can|may|could|able to|allow\w* (?:\w+ )?to|lets? (?:\w+ )?|how to|command to|button to|option to|way to|after|before|when|if|once|by)\s+(?:\w+\s+){0,2}?(?:remov|delet|drop|replac|merg|strip)\w*"
    r"|^\W*(?:removing|deleting|dropping|replacing|merging)\b.*\b(?:raises?|returns?|gives?|throws?|fails?|keeps?|leaves?|is|are|does)\b.*"
)
"""Where a verb of removal is what the product does for its users, and nothing that is to go from the project."""
ONLY_WANTED = r"[\w\s'\"`():/.,-]{0,40}\b(?:pass|passes|passing|green|succeed|succeeds|clean|stay|stays|still|unchanged|untouched|ok)\b"
TEST_CHANGES = re.compile(
    r"\b(?:updat\w+|chang\w+|adapt\w*|rewrit\w+|adjust\w*|fix\w*|skip\w*|remov\w+|delet\w+|relax\w*|quarantin\w+|disabl\w+"
    r"|replac\w+|renam\w+|mov\w+|clean\w* up|simplif\w+|migrat\w+|port\w*|convert\w*|flaky|merg\w+|parametri[sz]e)\b"
    r"(?:(?!\b(?:add|adds|adding|write|writes|new|cover\w*|with|by|has|have|so|until|when|must|should)\b)[^.;\n]){0,80}\b(?:tests?|specs?|test suite|assertions?|fixtures?|snapshots?)\b"
)
PLAIN_WORDS = frozenset(
    [
        "test",
        "tests",
        "testing",
        "should",
        "when",
        "then",
        "with",
        "from",
        "into",
        "that",
        "this",
        "given",
        "returns",
        "return",
        "does",
        "doesnt",
        "have",
        "case",
        "cases",
        "check",
        "works",
        "work",
        "handles",
        "handle",
        "error",
        "errors",
        "value",
        "values",
        "the",
        "and",
        "for",
        "not",
        "are",
        "can",
        "all",
        "new",
        "old",
        "function",
        "method",
        "class",
    ]
)


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

    def speaks_of(self, path: str) -> bool:
        """Whether the story names the file for more than that it passes: "tests/test_cart.py passes" does not."""
        parts = PurePosixPath(path)
        folders = [f"{folder}/" for folder in parts.parents if str(folder) != "."]
        return any(
            _more_than_wanted(one, word.lower()) for word in (path, parts.name, *folders) for one in self.sentences
        )

    def asks(self, topics: Iterable[str]) -> bool:
        """Whether a sentence of the story wants one of the topics changed, not just passing."""
        return any(_asks(sentence, topic) for topic in topics for sentence in self.sentences)

    def removes(self, *names: str) -> bool:
        """Whether a sentence of the story that takes something out of the project shares a telling word with the names."""
        wanted = {word for name in names for word in telling_words(name)}
        return any(_takes_away(sentence) and wanted & telling_words(sentence) for sentence in self.sentences)

    def removes_tests(self, *names: str) -> bool:
        """The same of a sentence about tests."""
        wanted = {word for name in names for word in telling_words(name)}
        about = [one for one in self.sentences if re.search(r"\b(?:tests?|specs?|suites?)\b", one)]
        return any(_takes_away(sentence) and wanted & telling_words(sentence) for sentence in about)

    @cached_property
    def changes_tests(self) -> bool:
        """Whether the story wants tests that exist to change; "add tests" does not."""
        found = [(sentence, TEST_CHANGES.search(sentence)) for sentence in self.sentences]
        return any(place and not re.match(ONLY_WANTED, sentence[place.end() :]) for sentence, place in found)

    @cached_property
    def _lower(self) -> str:
        return self.text.lower()

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        return tuple(part for part in re.split(r"[.;!?](?=\s)|\n", self._lower) if part.strip())


def telling_words(name: str) -> frozenset[str]:
    """The telling words of a name or a sentence, in the singular: `test_legacyExports` has `legacy` and `export`."""
    split = re.sub(r"([a-z\d])([A-Z])", r"\1 \2", name)
    found = (word.lower() for word in re.findall(r"[A-Za-z]{3,}|\d{2,}", split))
    return frozenset(
        re.sub(r"(?<=\w{3})(?:ies|es|s|ing|ed|er|e|y)$", "", word) for word in found if word not in PLAIN_WORDS
    )


def _takes_away(sentence: str) -> bool:
    return bool(REMOVES.search(FEATURE.sub(" ", sentence)))


def _asks(sentence: str, topic: str) -> bool:
    return bool(CHANGES.search(sentence)) and _more_than_wanted(sentence, topic)


def _more_than_wanted(sentence: str, word: str) -> bool:
    """Whether the word stands in the sentence, and not just with the wish that it passes or stays."""
    place = re.search(rf"(?<![\w./-]){re.escape(word)}(?![\w-])", sentence)
    return bool(place) and not re.match(ONLY_WANTED, sentence[place.end() :] if place else "")
