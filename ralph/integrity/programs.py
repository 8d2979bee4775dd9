"""Scripts of the repo that the checks run: whoever changes one changes what is asked of the work.

Found by their paths in the commands, and in the files (a Makefile, the scripts of `package.json`) that the commands lead to.
"""

import re
from collections.abc import Iterable, Iterator

from ralph.integrity.change import Change, FileChange
from ralph.integrity.finding import HARD, Finding
from ralph.integrity.permit import Permit
from ralph.integrity.scan.text import evidence
from ralph.integrity.testfiles import is_test_file

RUN = re.compile(
    r"(?:^|[\s;&|\"'=(])(?:(?:node|python3?|bash|sh|ruby|perl|deno run|tsx|ts-node|bun|go run|source|\.)\s+(?:-[\w-]+\s+)*)?"
    r"(?:\./)?(?P<path>[\w.-]*(?:/[\w.-]+)*\.(?:[cm]?js|ts|py|sh|bash|rb|pl)|(?:bin|scripts?|tools?|ci|dev|hack)/[\w./-]+)"
)
STARTS = re.compile(
    r"(?:^|[;&|\"(]|&&)\s*(?:@?-?)(?:\w+=\S*\s+)*(?:(?:node|python3?|bash|sh|ruby|perl|deno run|tsx|ts-node|bun|go run|source|\.)\s+(?:-[\w-]+\s+)*)?$"
)
JUDGES = re.compile(r"test|lint|check|verif|valid|cover|(?:^|/)(?:ci|scripts?|tools?|hack|dev)/", re.IGNORECASE)
GREW_WEIGHT = 30
PERMITTED_WEIGHT = 5


def programs(commands: Iterable[str]) -> frozenset[str]:
    """The paths of the scripts that stand where a command names what it runs."""
    return frozenset(path for command in commands for line in command.splitlines() for path in _in_line(line))


def _in_line(line: str) -> Iterator[str]:
    for found in RUN.finditer(line):
        before = line[: found.start("path")].removesuffix("./")
        if STARTS.search(before):
            yield found["path"].removeprefix("./")


def changed_programs(change: Change, permit: Permit, run: Iterable[str]) -> Iterator[Finding]:
    """Scripts that checks run and that the work changed though the story does not speak of them."""
    paths = set(run)
    for file in change.files:
        name = file.old_path or file.path
        is_run = any(name == path or name.endswith(f"/{path}") for path in paths)  # commands may run in a subfolder
        if file.is_new or not is_run or is_test_file(name) or not JUDGES.search(name):
            continue
        allowed = permit.speaks_of(name) or permit.asks([name.rsplit("/", 1)[-1].split(".")[0].lower()])
        yield _found(file, allowed=allowed)


def _found(file: FileChange, *, allowed: bool) -> Finding:
    gone = file.is_removed or file.moved or file.removed
    text = "a script that the checks run was " + ("removed" if file.is_removed else "changed")
    weight = PERMITTED_WEIGHT if allowed else HARD if gone else GREW_WEIGHT
    seen = file.removed[0].text if file.removed else file.added[0].text if file.added else ""
    first = file.added[0].number if file.added and not file.is_removed else 0
    return Finding("check-script-changed", weight, text, file.path, first, evidence(seen))
