"""What git still says of a night's work: what a commit does, in a sentence of its own, and how many wait to be merged."""

import re
from collections.abc import Iterable

from ralph.history.objects import Objects

SHA = re.compile(r"[0-9a-f]{7,64}")
TRAILER = re.compile(r"^[A-Za-z][A-Za-z-]*: ")
SENTENCE = re.compile(r"(.+?(?<!e\.g)(?<!i\.e)(?<!etc)(?<! vs)[.!?])(?:\s|$)")
HEADER_WORDS = 3  # of `git cat-file --batch`: id, type, size


def first_sentence(text: str) -> str:
    """The first one, on one line."""
    line = " ".join(text.split())
    found = SENTENCE.match(line)
    return found[1] if found else line


def messages(objects: Objects | None, shas: Iterable[str]) -> dict[str, str]:
    """Whole messages by whole id; what git does not have (any more) is left out."""
    wanted = [sha for sha in shas if SHA.fullmatch(sha)]
    if objects is None or not wanted:
        return {}
    code, listing, _ = objects.git.attempt("cat-file", "--batch", stdin="".join(f"{sha}\n" for sha in wanted).encode())
    return dict(_parsed(listing)) if code == 0 else {}


def body(message: str) -> str:
    """Its first paragraph behind the subject, without trailers."""
    paragraphs = [part.strip() for part in message.partition("\n")[2].split("\n\n") if part.strip()]
    first = paragraphs[0] if paragraphs else ""
    return "" if first and all(TRAILER.match(line) for line in first.splitlines()) else first


def waiting(objects: Objects | None, branch: str) -> int:
    """Commits of the branch whose change the checkout's HEAD does not have; 0 where they are one tree already."""
    ref = f"refs/heads/{branch}"
    if objects is None or not branch or objects.commit(ref) is None or objects.commit("HEAD") is None:
        return 0
    if objects.git.attempt("diff-tree", "--quiet", "--end-of-options", "HEAD", ref)[0] == 0:
        return 0
    options = ("--count", "--no-merges", "--cherry-pick", "--right-only", "--end-of-options", f"HEAD...{ref}")
    code, count, _ = objects.git.attempt("rev-list", *options)
    return int(count) if code == 0 and count.strip().isdigit() else 0


def _parsed(listing: bytes) -> Iterable[tuple[str, str]]:
    while listing:
        header, _, rest = listing.partition(b"\n")
        words = header.decode(errors="replace").split()
        if len(words) != HEADER_WORDS or not words[2].isdigit():
            listing = rest  # "<name> missing"
            continue
        size = int(words[2])
        if words[1] == "commit":
            yield words[0], rest[:size].decode(errors="replace").partition("\n\n")[2]
        listing = rest[size + 1 :]
