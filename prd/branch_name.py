"""Which branch names git takes: the rules of `git check-ref-format --branch`, in words. Knows nothing of PRDs, runs no git.

Source: git-check-ref-format(1); that a name may not start with "-" or be HEAD is from `git check-ref-format --branch`. One rule is
ours: no branch "@", which git would make but reads as HEAD everywhere else.
"""

import re

MAX_PART_BYTES = 250
"""A file system takes names of 255 bytes, and git adds ".lock" while it writes."""

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]")
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^\Z"), "is empty"),
    (re.compile(r"^-"), 'starts with "-"'),
    (re.compile(r"^(HEAD|@)\Z"), "is a name that git keeps for itself"),
    (re.compile(r"[\x00-\x1f\x7f]"), "has a control character or line break in it"),
    (re.compile(r" "), "has a space in it"),
    (re.compile(r"[~^:?*\[\\]"), r"has one of ~ ^ : ? * [ \ in it"),
    (re.compile(r"\.\."), 'has ".." in it'),
    (re.compile(r"@\{"), 'has "@{" in it'),
    (re.compile(r"^/|/\Z|//"), "has an empty part beside a slash"),
    (re.compile(r"(^|/)\."), 'has a part that starts with "."'),
    (re.compile(r"\.lock(/|\Z)"), 'has a part that ends with ".lock"'),
    (re.compile(r"\.\Z"), 'ends with "."'),
)


def branch_fault(name: str) -> str | None:
    """What is wrong with the name, in words that follow "the branch name ..."; None for one that git takes."""
    for pattern, words in _RULES:
        if pattern.search(name):
            return words
    if any(len(part.encode()) > MAX_PART_BYTES for part in name.split("/")):
        return f"has a part of more than {MAX_PART_BYTES} bytes"
    return None


def proposed_branch(name: str) -> str:
    """A name that git takes, as near to the given one as is simple."""
    kept = re.sub(r"@\{|\.\.+", "-", _FORBIDDEN.sub("-", name))
    parts = [_proposed_part(part) for part in kept.split("/")]
    proposed = "/".join(part for part in parts if part)
    return "ralph/work" if proposed in {"", "HEAD", "@"} or branch_fault(proposed) else proposed


def _proposed_part(part: str) -> str:
    return re.sub(r"-+", "-", part.replace(".lock", "-lock"))[:100].strip("-.")
