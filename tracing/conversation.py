"""A growing conversation whose every message is stored once: a persistent linked list of (parent hash, message hash)."""

from collections.abc import Mapping

from tracing.contents import Contents
from tracing.failures.messages import first_user_text
from tracing.recorder import Recorder, unbreakable
from tracing.store.writes import PutNode, Write


class Conversation:
    """`head` names everything appended so far, so a model call's span refers to its whole history by one hash.

    `head` is None while nothing was appended, or where the content setting keeps nothing.
    """

    def __init__(self, recorder: Recorder, contents: Contents) -> None:
        self.recorder = recorder
        self._contents = contents
        self._head: str | None = None
        self._length = 0
        self._preview = ""
        self._unsaid: list[tuple[str, tuple[Write, ...]]] = []
        self.asked = ""  # the first thing that a user says in it, redacted

    @property
    def head(self) -> str | None:
        return self._head

    @property
    def preview(self) -> str:
        """The beginning of the newest message, redacted, for a log line."""
        return self._preview

    @unbreakable
    def append(self, message: Mapping[str, object]) -> None:
        """Add one message; it reaches the disk with the next span that is written."""
        kept = self._contents.keep(message)
        self._preview = kept.preview
        self.asked = self.asked or first_user_text([kept.shown])
        if kept.payload is None:
            return
        self._length += 1
        node = PutNode(parent_hash=self._head, message_hash=kept.payload.hash, length=self._length)
        self.recorder.later(kept.payload)
        self.recorder.later(node)
        self._head = node.hash
        self._unsaid.append((kept.text, (kept.payload, node)))

    def take_texts(self) -> list[str]:
        """What was appended since the last call asked, for the search.

        Its messages are written once more, now together with the span that refers to them: so long as none did, whoever deleted
        an old trace with the same words may have taken them along.
        """
        taken, self._unsaid = self._unsaid, []
        for _, writes in taken:
            for write in writes:
                self.recorder.later(write)
        return [text for text, _ in taken]
