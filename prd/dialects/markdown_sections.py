"""What headings say about what stands under them: priority, optional, criteria, done. Knows nothing of lists."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prd.dialects.markdown_blocks import Block, Kind, Page
from prd.dialects.markdown_inline import plain_text
from prd.words import PRIORITY_WORDS, State, priority_of, state_of

MAX_LABEL_CHARS = 40
"""A longer line before a list is a sentence."""

_OPTIONAL = re.compile(
    r"^\W*(optional|future|nice[ -]to[ -]haves?|backlog|stretch|icebox|someday|parking lot)\b|\(optional\)",
    re.IGNORECASE,
)
_CRITERIA = re.compile(
    r"\b(acceptance|success|criteria|criterion|definition of done|dod|checklist|quality gates?)\b", re.IGNORECASE
)
_LEGEND = re.compile(
    r"^\W*(legend|status legend|key|how to use|instructions|format|task format|example)\b", re.IGNORECASE
)
_OUT_OF_SCOPE = re.compile(r"^\W*(out of scope|non[ -]goals?)\b", re.IGNORECASE)
_COMPLETED = re.compile(r"^\W*(completed?|done|finished|shipped|archived?)\b", re.IGNORECASE)
_PRIORITY_NUMBER = re.compile(r"\bpriority\W{0,3}(\d{1,3})\b", re.IGNORECASE)
_LEVEL = re.compile(r"\bP([0-4])\b")
_PRIORITY_WORD = re.compile(
    rf"\b({'|'.join(PRIORITY_WORDS)})[ -]+priority\b|\bpriority\W{{1,3}}({'|'.join(PRIORITY_WORDS)})\b", re.IGNORECASE
)
_ONLY_WORD = re.compile(rf"^\W*({'|'.join(PRIORITY_WORDS)})\b(?=\W*$|\s*[:(\u2013\u2014])", re.IGNORECASE)
_LABEL = re.compile(r"^\s*(?:(\*\*|__)(?P<bold>[^*_]+)\1:?|(?P<plain>[^\n]+):)\s*$")


@dataclass(frozen=True)
class Place:
    """The headings above something, outermost first, and the label of its list, as plain text."""

    above: tuple[str, ...]

    @property
    def optional(self) -> bool:
        return any(_OPTIONAL.search(name) for name in self.above)

    @property
    def criteria(self) -> bool:
        """What stands here is said about stories, and is none itself."""
        return any(pattern.search(name) for name in self.above for pattern in (_CRITERIA, _LEGEND, _OUT_OF_SCOPE))

    @property
    def held(self) -> str:
        """The heading that is such a word as "Blocked"; empty when there is none."""
        return next((name for name in self.above if state_of(name) is State.HELD), "")

    @property
    def completed(self) -> bool:
        return any(_COMPLETED.search(name) for name in self.above)

    @property
    def priority(self) -> int | None:
        """What the nearest of the headings that names one says."""
        named = (priority_in(name) for name in reversed(self.above))
        return next((priority for priority in named if priority is not None), None)

    def under(self, label: str) -> "Place":
        return Place((*self.above, label))


def priority_in(heading: str) -> int | None:
    """1 for "High Priority" and "P1: Next"; 3 for "Priority 3: Polish"; None when it names none."""
    if number := _PRIORITY_NUMBER.search(heading):
        return int(number[1])
    if level := _LEVEL.search(heading):
        return int(level[1])
    word = _PRIORITY_WORD.search(heading) or _ONLY_WORD.search(heading)
    return priority_of(next(group for group in word.groups() if group)) if word else None


def label_of(text: str) -> str | None:
    """The text of a paragraph whose last line announces the list under it (`**Acceptance Criteria:**`); None for others."""
    last = text.rsplit("\n", 1)[-1].strip()
    found = _LABEL.match(last) if len(last) <= MAX_LABEL_CHARS else None
    if found is None:
        return None
    return plain_text(found["bold"] or found["plain"]).rstrip(":")


def title_block(page: Page) -> Block | None:
    """The first heading of level 1."""
    return next((block for block in page.blocks if block.kind is Kind.HEADING and block.level == 1), None)


def places(page: Page) -> Iterator[tuple[Block, Place]]:
    """Every block with the headings above it. The only heading of level 1 is the title, which says nothing about stories."""
    top = [block for block in page.blocks if block.kind is Kind.HEADING and block.level == 1]
    title = top[0] if len(top) == 1 else None
    stack: list[tuple[int, str]] = []
    for block in page.blocks:
        if block.kind is Kind.HEADING:
            stack = [(level, name) for level, name in stack if level < block.level]
        yield block, Place(tuple(name for _, name in stack))
        if block.kind is Kind.HEADING and block is not title:
            stack.append((block.level, plain_text(block.text)))


def section_end(blocks: Sequence[Block]) -> int:
    """The line behind the last of the blocks that says something; lines drawn between sections do not."""
    kept = [block for block in blocks if block.kind is not Kind.RULE]
    return kept[-1].end if kept else 0
