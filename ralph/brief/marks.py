"""What the agent takes a word for: marks before what the harness and the user say, which no output may imitate.

The system prompt says what they mean.
"""

import re

FROM_USER = "[from the user]"
_MARK = re.compile(r"(?<!\\)\[(?=\s*(?:harness|from\s+the\s+user)\s*\])", re.IGNORECASE)


def without_marks(text: str) -> str:
    r"""The text with `\\[harness]` for each mark in it, so that it speaks for itself alone."""
    return _MARK.sub(r"\\[", text)
