"""How the report counts things and writes places. Money, times and lengths are formatted in `tracing.words`."""

import shlex
from pathlib import Path


def counted(count: int, one: str, many: str = "") -> str:
    """As in "1 story" or "3 stories"."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def place(path: str) -> str:
    """The path as it is typed: short below the user's home, quoted where a shell needs it."""
    home = str(Path.home())
    if path.startswith(f"{home}/"):
        return f"~/{shlex.quote(path[len(home) + 1 :])}"
    return shlex.quote(path)
