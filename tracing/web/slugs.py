"""Any text as one part of a path, and back: agents and sessions are named by strangers, with slashes, dots or not at all."""

import re
from urllib.parse import quote, unquote


def slug(text: str) -> str:
    """Letters, digits, "-" and "_" as they are, else "~2F"; "" is "~". No dot: ".json" behind it is the twin's."""
    return quote(text, safe="").replace("~", "%7E").replace(".", "%2E").replace("%", "~") or "~"


def unslug(part: str) -> str:
    """A part of a path that somebody typed without it is taken as it stands."""
    return "" if part == "~" else unquote(re.sub("~(?=[0-9A-F]{2})", "%", part.replace("%", "%25")))
