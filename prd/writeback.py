"""Changes one flag in the bytes of a PRD and nothing else. Knows nothing of files and commits."""

from prd.dialects.snarktank import story_nodes
from prd.errors import Problem, quoted
from prd.json_text import Kind, Node
from prd.read import parse_tree
from prd.source import Source


def mark(data: bytes, story_id: str, *, passes: bool, name: str = "prd.json") -> bytes:
    """The bytes with the story's "passes" set: every other byte stays, and a flag that already says so changes nothing.

    A missing flag counts as false; it is added after the story's last key, laid out as that key is.

    Raises: PrdError for a file that is not JSON, does not have the story exactly once, or has a flag that is not true or false.
    """
    source, root = parse_tree(data, name)
    story = _only_story(source, root, story_id)
    flag = story.get("passes")
    if flag is None:
        return _added(source.text, story).encode() if passes else data
    if flag.kind not in {Kind.TRUE, Kind.FALSE}:
        what = f'story {quoted(story_id)}: "passes" is {flag.in_words}'
        raise source.refusal([Problem(flag.start, what, "Write true or false, without quotes.")])
    word = "true" if passes else "false"
    return (source.text[: flag.start] + word + source.text[flag.end :]).encode()


def _only_story(source: Source, root: Node, story_id: str) -> Node:
    found = story_nodes(root, story_id)
    if len(found) == 1:
        return found[0]
    if found:
        what = f"the id {quoted(story_id)} is used by {len(found)} stories"
        raise source.refusal([Problem(found[1].start, what, "Give each story an id of its own.")])
    what = f"there is no story {quoted(story_id)}"
    raise source.refusal([Problem(root.start, what, "Put the story back, or start the run again.")])


def _added(text: str, story: Node) -> str:
    """The flag behind the last member, with the white space that stands before and within that one."""
    last = story.members[-1]
    indent = _space_before(text, last.key.start)
    colon = text[last.key.end : last.value.start]
    return f'{text[: last.value.end]},{indent}"passes"{colon}true{text[last.value.end :]}'


def _space_before(text: str, end: int) -> str:
    return text[len(text[:end].rstrip(" \t\r\n")) : end]
