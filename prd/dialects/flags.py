"""Whether a story of a structured file is done, and the edits that say so in the file's own words. Knows nothing of what stories ask for.

A story may carry several flags ("passes" and "status"). For reading the first of `passes`, `complete`, `completed`, `done` and
`tested` decides, then the status word; for writing all of them are set.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from prd.dialects.keys import STORY_FIELDS
from prd.document import Edit
from prd.errors import Problem, quoted
from prd.layout import Layout
from prd.tree import Kind, Member, Node
from prd.words import DONE_WORDS, HELD_WORDS, OPEN_WORDS, State, is_dropped, is_started, opposite, state_of

_FLAGS = STORY_FIELDS["passes"].names


@dataclass(frozen=True)
class Flags:
    """The flags of one story; `where` is how a message calls it."""

    node: Node
    where: str

    @cached_property
    def members(self) -> dict[str, Member]:
        """The first of each key that is a flag."""
        flags = (member for member in reversed(self.node.members) if member.key.text in {*_FLAGS, "status"})
        return {member.key.text: member for member in flags}

    @cached_property
    def deciding(self) -> Member | None:
        """The flag that is not a status word and goes before the others; "passes" may not be null, the others may."""
        found = (self.members.get(name) for name in _FLAGS)
        return next((m for m in found if m and (m.value.kind is not Kind.NULL or m.key.text == "passes")), None)

    @cached_property
    def state(self) -> State | None:
        """What the status word says; None without one that is known."""
        return None if self.word is None else state_of(self.word)

    @property
    def word(self) -> str | None:
        member = self.members.get("status")
        return member.value.as_text if member else None

    @property
    def passes(self) -> bool:
        if self.deciding is not None:
            return self.deciding.value.kind is Kind.TRUE
        return self.state is State.DONE

    @property
    def held(self) -> str:
        """The word why an open story is not to be worked on."""
        if self.passes:
            return ""
        if self.state is State.HELD:
            return self.word or ""
        blocked = self.node.get("blocked")
        if blocked is None or blocked.kind not in {Kind.TRUE, Kind.TEXT}:
            return ""
        return "blocked" if blocked.kind is Kind.TRUE else _blocked_by(" ".join(blocked.text.split()))

    @property
    def is_dropped(self) -> bool:
        """Held for good: nobody waits for it."""
        return bool(self.held) and self.word is not None and is_dropped(self.word)

    @cached_property
    def problem(self) -> Problem | None:
        """Why it cannot be told whether the story is done."""
        if self.deciding is not None:
            return None if self.deciding.value.is_flag else self._no_flag(self.deciding)
        status = self.members.get("status")
        if status is None or status.value.kind is Kind.NULL or self.state is not None:
            return None
        what = f'{self.where}: "status" is {status.value.in_words}, which says neither done nor open'
        return Problem(status.value.start, what, _WRITE_A_WORD)

    def _no_flag(self, member: Member) -> Problem:
        what = f'{self.where}: "{member.key.text}" is {member.value.in_words}'
        return Problem(member.value.start, what, "Write true or false, without quotes.")

    @property
    def note(self) -> str | None:
        """Said when two flags disagree."""
        if self.deciding is None or self.state is None or (self.state is State.DONE) is self.passes:
            return None
        if self.state is State.HELD and not self.passes:
            return None
        name = self.deciding.key.text
        flag = "true" if self.passes else "false"
        return f'{self.where}: "{name}" is {flag} and "status" is {quoted(self.word or "")}; "{name}" decides'


def _blocked_by(reason: str) -> str:
    return "" if reason.lower() in {"", "no", "none", "false", "n/a"} else f"blocked: {reason}"


_WRITE_A_WORD = (
    f"Write one of: {', '.join(OPEN_WORDS[:5])} (open); {', '.join(DONE_WORDS[:5])} (done); "
    f"{', '.join(HELD_WORDS[:4])} (not to be worked on)."
)


@dataclass(frozen=True)
class FlagWriter:
    """Sets a story's flags the way the file's other stories are flagged."""

    layout: Layout
    all_flags: Sequence[Flags]

    def edits(self, flags: Flags, *, done: bool) -> tuple[Edit, ...]:
        """None when the flags already say so."""
        changes = [self._changed(member, done=done) for member in flags.members.values()]
        edits = tuple(edit for edit in changes if edit)
        if edits or flags.members or not done:
            return edits
        key = self.usual_key
        value = self.word(None, done=True) if key == "status" else True
        return (self.layout.added_member(flags.node, key, value),)

    @property
    def usual_key(self) -> str:
        """The flag that most stories of the file have."""
        keys = Counter(key for flags in self.all_flags for key in flags.members)
        return keys.most_common(1)[0][0] if keys else "passes"

    def _changed(self, member: Member, *, done: bool) -> Edit | None:
        """The edit of one flag; none where it needs no change, or holds something of somebody's own."""
        if member.key.text == "status":
            return self._changed_word(member.value, done=done)
        if member.value.kind is Kind.NULL:
            return self.layout.filled(member.value, value=True) if done else None
        if not member.value.is_flag or (member.value.kind is Kind.TRUE) is done:
            return None
        return self.layout.replaced_flag(member.value, value=done)

    def _changed_word(self, node: Node, *, done: bool) -> Edit | None:
        if node.kind is Kind.NULL:
            return self.layout.filled(node, value=self.word(None, done=True)) if done else None
        state = state_of(node.as_text) if node.as_text else None
        if state is None or (state is State.DONE) is done:
            return None
        return self.layout.replaced_word(node, self.word(node.as_text, done=done))

    def word(self, now: str | None, *, done: bool) -> str:
        """The word that the file uses most for it, else the one that usually stands against the present word."""
        used = Counter(word for word in self._words if (state_of(word) is State.DONE) is done and _fits(word))
        if used:
            return used.most_common(1)[0][0]
        return opposite(now or next(iter(self._words), "open" if done else "done"), done=done)

    @cached_property
    def _words(self) -> list[str]:
        """The status words of the file that are known."""
        return [flags.word for flags in self.all_flags if flags.word is not None and flags.state is not None]


def _fits(word: str) -> bool:
    """Whether it can be said of any story that is done, or of any that is open."""
    return state_of(word) is not State.HELD and not is_started(word)
