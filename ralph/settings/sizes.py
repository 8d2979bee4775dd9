"""Sizes as people write them: "4GB", "512 MB". One GB is 1024 MB, as memory and files are counted."""

import re

MIB = 2**20
EXAMPLE = "4GB or 512MB"
BYTES_PER_UNIT = {"MB": MIB, "GB": 2**30, "TB": 2**40}
SHAPE = re.compile(r"(\d{1,6})(M|G|T)(?:i?B)?", re.ASCII | re.IGNORECASE)


def parse_size_bytes(text: str) -> int:
    """Bytes in "4GB", "512MB" or "1TB": a whole number above 0 with a unit.

    Raises:
        ValueError: it is not such a text; the message says what to write.
    """
    found = SHAPE.fullmatch(text.replace(" ", ""))
    size_bytes = int(found[1]) * BYTES_PER_UNIT[f"{found[2].upper()}B"] if found else 0
    if size_bytes <= 0:
        raise ValueError(f'"{text}" is not a size. Write a whole number with its unit, for example {EXAMPLE}.')
    return size_bytes


def size_text(size_bytes: int) -> str:
    """The shortest text that `parse_size_bytes` reads back, where there is one; parts of a MB are dropped."""
    for unit in ("TB", "GB"):
        if size_bytes >= BYTES_PER_UNIT[unit] and size_bytes % BYTES_PER_UNIT[unit] == 0:
            return f"{size_bytes // BYTES_PER_UNIT[unit]}{unit}"
    return f"{size_bytes // MIB}MB"
