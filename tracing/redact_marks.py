"""What stands where a secret was: `[redacted: kind]`. Older traces have it without the space."""

import re

MARK = re.compile(r"\[redacted: ?(?P<kind>[a-z-]+)\]")


def mark(kind: str) -> str:
    return f"[redacted: {kind}]"
