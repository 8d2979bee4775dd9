"""Reads a YAML file as plain strings, lists and mappings: no tags, no merges that could grow, bounded in size."""

from itertools import accumulate

from ralph.detect.tree import Folder

MAX_BYTES = 100_000
MAX_NESTING = 100


def read_yaml(folder: Folder, name: str) -> object:
    """None when there is nothing to read or it is no YAML."""
    text = folder.text(name, MAX_BYTES)
    if not text.strip() or _nesting(text) > MAX_NESTING:
        return None
    import yaml  # noqa: PLC0415 - only a repo with such a file pays for it

    try:
        return yaml.BaseLoader(text).get_single_data()
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


def _nesting(text: str) -> int:
    """How deep brackets are opened, about: the parser's time grows with its square."""
    steps = (1 if char in "[{" else -1 for char in text if char in "[{]}")
    return max(accumulate(steps), default=0)
