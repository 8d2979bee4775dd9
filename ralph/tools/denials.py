"""Whether it was the sandbox that stopped a command, by what it printed. Knows nothing about single sandboxes.

An ordinary error must not be blamed on the sandbox: a script without its x bit, a test of what happens without a network
that passed, a word found by a search.
"""

import re
from collections.abc import Sequence
from pathlib import Path

OFFLINE = (
    "Network is unreachable",
    "Temporary failure in name resolution",
    "Could not resolve host",
    "unable to resolve host",
    "Name or service not known",
    "failed to lookup address information",
    "EAI_AGAIN",
    "ENOTFOUND",
    "ENETUNREACH",
)
CURL = re.compile(r"\bcurl\b")
CURL_OFFLINE = (6, 7)  # no such host; no connection. All that `curl -s` tells
CURL_NO_HOST = "curl: (6) "
THIS_MACHINE = re.compile(r"\blocalhost\b|\b127\.|\[::1\]|--unix-socket")
FORBIDDING = ("landlock", "seatbelt")
"""Levels that refuse what the others do not show. They give no /tmp of one's own: TMPDIR names the folder instead."""
READ_ONLY = ("Read-only file system", "EROFS")
REFUSED = re.compile(r"Permission denied|Operation not permitted|\bEACCES\b|\bEPERM\b")
ON_A_SOCKET = re.compile(r"socket|connect|\bbind\b|\blisten\b|urlopen|/dev/(?:tcp|udp)/", re.IGNORECASE)
SHARED_MEMORY = re.compile(
    r"\bSemLock\b|\bshm_open\b|\bsem_open\b|\bshared_memory\b"
)  # in /dev/shm, which is not named
PATH = re.compile(r"(?<![\w.:/~])(?:~|/)[^\s'\"`\u2019\u2018:,;()]*")
OF_GIT = re.compile(r"\.git\b|^(?:error|fatal): ")
LINES_AROUND = 3  # the call that failed stands beside the error in a traceback


def is_curl_offline(command: str, exit_code: int) -> bool:
    """Whether curl, run without a network, ended as it does then. A server of one's own that is not up ends it alike."""
    return exit_code in CURL_OFFLINE and bool(CURL.search(command)) and not THIS_MACHINE.search(command)


def without_git(text: str) -> str:
    """The lines that are not git's own words on .git."""
    return "\n".join(line for line in text.splitlines() if not OF_GIT.search(line))


def was_denied(
    text: str, *, failed: bool, network: bool, allowed: Sequence[Path], kept: Sequence[Path], root: Path, forbids: bool
) -> bool:
    """`allowed` may be written, `kept` may not even so; relative paths start at `root`. `forbids`: the sandbox leaves
    files and sockets in sight and refuses them, rather than not showing them.
    """
    words = READ_ONLY if network else (*READ_ONLY, *OFFLINE)
    lines = text.splitlines()
    if not network and any(line.startswith(CURL_NO_HOST) for line in lines):
        return True
    if any(word in line and (failed or line.rstrip(". ").endswith(word)) for line in lines for word in words):
        return True
    refused = [number for number, line in enumerate(lines) if forbids and REFUSED.search(line)]
    shut = [SHARED_MEMORY] if network else [SHARED_MEMORY, ON_A_SOCKET]
    return any(_is_beyond(lines[number], allowed, kept, root) or _is_about(shut, lines, number) for number in refused)


def _is_about(patterns: Sequence[re.Pattern[str]], lines: Sequence[str], number: int) -> bool:
    around = "\n".join(lines[max(0, number - LINES_AROUND) : number + LINES_AROUND])
    return any(pattern.search(around) for pattern in patterns)


def _is_beyond(line: str, allowed: Sequence[Path], kept: Sequence[Path], root: Path) -> bool:
    """Whether it names a path outside of what may be written, or one in it that is kept as it is."""
    named = [Path(found) for found in PATH.findall(line)]
    if any(not _is_within(path, allowed) for path in named if str(path) != "/"):
        return True
    relative = [str(path.relative_to(root)) for path in kept if path.is_relative_to(root)]
    return any(re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w.-])", line) for name in relative)


def _is_within(path: Path, folders: Sequence[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)
