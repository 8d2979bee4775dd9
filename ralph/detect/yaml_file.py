"""Reads a YAML file as plain strings, lists and mappings: no tags, no merges that could grow, bounded in size."""

from ralph.detect.tree import Folder

MAX_BYTES = 100_000


def read_yaml(folder: Folder, name: str) -> object:
    """None when there is nothing to read or it is no YAML."""
    text = folder.text(name, MAX_BYTES)
    if not text.strip():
        return None
    import yaml  # noqa: PLC0415 - only a repo with such a file pays for it

    loader = yaml.BaseLoader(text)
    try:
        return loader.get_single_data()
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    finally:
        loader.dispose()
