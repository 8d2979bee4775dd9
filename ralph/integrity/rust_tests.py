"""Rust keeps unit tests inside of product files: `#[cfg(test)] mod tests { ... }`. Here both are told apart and put together anew."""

import re

from ralph.integrity.bodies import block_end

BLOCK = re.compile(r"^[ \t]*#\[cfg\(test\)\](?:\s*#\[[^\]]*\])*\s*(?:pub\s+)?mod\s+\w+\s*\{", re.MULTILINE)


def tests_in(text: str) -> str:
    """The file's test modules, as they stand."""
    return "\n".join(text[start:end] for start, end in _blocks(text))


def product_in(text: str) -> str:
    """The file without its test modules."""
    kept, at = [], 0
    for start, end in _blocks(text):
        kept.append(text[at:start])
        at = end
    return "".join([*kept, text[at:]]).rstrip() + "\n"


def grafted(product: str, tests: str) -> str:
    """The product code of one version with the test modules of another."""
    modules = tests_in(tests)
    return product_in(product) + (f"\n{modules}\n" if modules else "")


def _blocks(text: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for match in BLOCK.finditer(text):
        if not found or match.start() >= found[-1][1]:
            found.append((match.start(), block_end(text, match.end() - 1)))
    return found
