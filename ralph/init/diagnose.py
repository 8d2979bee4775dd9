"""Why a command failed, from its exit code and its output: a tool, a dependency, the network, a file, a service, or it is red.

Pure: runs nothing and reads no file. A guess that is wrong costs one more try or a comment in `ralph.toml`, never a check
that is taken for green.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Protocol

from ralph.init import signs

MAX_LINES = 2000
LINE_CHARS = 500
IMPORTED = {".py", ".rb", ".js", ".mjs", ".cjs", ".ts", ".json", ".php"}  # named without their ending
PORT_LINES = 200  # how far around the refusal its address may stand
TOOL_HINTS = {
    "pytest": "pip install pytest",
    "ruff": "pip install ruff",
    "mypy": "pip install mypy",
    "pnpm": "corepack enable pnpm",
    "yarn": "corepack enable yarn",
    "node": "https://nodejs.org",
    "npm": "https://nodejs.org",
    "npx": "https://nodejs.org",
    "cargo": "https://rustup.rs",
    "clippy": "rustup component add clippy",
    "go": "https://go.dev/dl",
    "uv": "https://docs.astral.sh/uv",
    "poetry": "pipx install poetry",
    "mvn": "https://maven.apache.org",
    "bundle": "gem install bundler",
    "composer": "https://getcomposer.org",
    "dotnet": "https://dot.net",
}


class Kind(StrEnum):
    PASSED = "passed"
    RED = "red"  # it ran, and what it looked at is not as it should be
    TOOL = "tool"
    DEPENDENCY = "dependency"
    NETWORK = "network"
    FILE = "file"
    SERVICE = "service"
    TIMEOUT = "timeout"


LACKING = frozenset({Kind.TOOL, Kind.DEPENDENCY, Kind.NETWORK, Kind.FILE, Kind.SERVICE})


@dataclass(frozen=True)
class Diagnosis:
    """`reason` and `remedy` are one line each; `subject` is the tool, module, host, file or port."""

    kind: Kind
    reason: str = ""
    remedy: str = ""
    subject: str = ""
    ran: bool = False  # tests of it passed, so that it can be compared before and after a story

    @property
    def is_usable(self) -> bool:
        """Whether the check says something about the code as things are."""
        return self.ran or self.kind in {Kind.PASSED, Kind.RED}


@dataclass(frozen=True)
class Surroundings:
    """What there is beside the commit, so that a missing thing is recognised."""

    ignored_files: Sequence[str] = ()  # in the user's checkout, relative to its root
    variables: Mapping[str, str] = field(default_factory=dict)  # name -> the ignored file that sets it
    examples: Mapping[str, str] = field(default_factory=dict)  # name -> the tracked example of a file that is nowhere
    own_modules: frozenset[str] = frozenset()  # names that the repo's own Python and Ruby code is imported by


class Ended(Protocol):
    """What is known of a command that ended; of a check in the trial, and of one on a run's base commit."""

    @property
    def name(self) -> str: ...
    @property
    def passed(self) -> bool: ...
    @property
    def exit_code(self) -> int: ...
    @property
    def timed_out(self) -> bool: ...
    @property
    def excerpt(self) -> str: ...


def diagnose(result: Ended, around: Surroundings, *, command: str = "") -> Diagnosis:
    """What ended this command as it did. `command` helps to tell a program of the project from one of the machine."""
    if result.passed:
        return Diagnosis(Kind.PASSED)
    if result.timed_out:
        return Diagnosis(
            Kind.TIMEOUT, "it was stopped, as it took too long", "Give it a longer timeout_s, or a faster command."
        )
    lines = [line.strip()[:LINE_CHARS] for line in result.excerpt.splitlines()[:MAX_LINES]]
    found = (look(lines, around, command) for look in LOOKS)
    cause = next((one for one in found if one), None) or _red(result)
    return replace(cause, ran=_some_passed(result.excerpt))


def hint(results: Sequence[Ended]) -> str:
    """What to tell a user whose checks are all red on the base because of what this machine or a worktree lacks.

    Empty when a check passed, or one failed for another reason.
    """
    found = [diagnose(result, Surroundings()) for result in results]
    if not found or any(one.ran or one.kind not in LACKING for one in found):
        return ""
    first = f"{results[0].name}: {found[0].reason}"
    return (
        f"no check can run here ({first}). Run `ralph init`: it tries every check, finds what it lacks and "
        "writes the ralph.toml that mends it."
    )


def _file(lines: Sequence[str], around: Surroundings, _: str) -> Diagnosis | None:
    names = [(name, _spellings(name)) for name in around.ignored_files]
    for line in lines:
        if signs.NOT_FOUND.search(line):
            best = max((_match(line, spellings), name) for name, spellings in names) if names else (0, "")
            if best[0]:
                return _lacks_file(best[1], f"it reads {best[1]}, which git ignores, so that a fresh worktree lacks it")
    return _variable(lines, around)


def _variable(lines: Sequence[str], around: Surroundings) -> Diagnosis | None:
    known = {**around.examples, **around.variables}
    for line in lines:
        words = set(re.findall(r"\.env|[A-Z_][A-Z0-9_]{3,}", line)) & known.keys()
        if words and signs.NOT_SET.search(line):
            name = min(words)
            if name in around.variables:
                file = around.variables[name]
                return _lacks_file(file, f"it needs {name}, which is set in {file}, an ignored file")
            example = around.examples[name]
            reason = f"it needs {name}; {example} has it, and there is no .env here"
            return Diagnosis(Kind.FILE, reason, f"Begin setup with: cp {example} {_made_of(example)}")
    return None


def _made_of(example: str) -> str:
    """The file that an example is an example of."""
    return str(PurePosixPath(example).with_name(".env"))


def _lacks_file(name: str, reason: str) -> Diagnosis:
    return Diagnosis(Kind.FILE, reason, f'Add "{name}" to `copy`.', name)


def _spellings(name: str) -> tuple[re.Pattern[str], ...]:
    """The path, how code imports it, and its last part; the longest says most."""
    path = PurePosixPath(name)
    words = [name, path.name]
    if path.suffix in IMPORTED:
        bare = str(path.with_suffix(""))
        words += [bare, bare.replace("/", ".")]
    return tuple(
        re.compile(rf"(?<![\w.-]){re.escape(word)}(?![\w-])") for word in dict.fromkeys(words) if len(word) > 3
    )


def _match(line: str, spellings: Sequence[re.Pattern[str]]) -> int:
    """How much of the line speaks of the file."""
    return max((len(match.group()) for pattern in spellings if (match := pattern.search(line))), default=0)


def _service(lines: Sequence[str], _: Surroundings, __: str) -> Diagnosis | None:
    for number, line in enumerate(lines):
        if signs.REFUSED.search(line):
            port = _port(lines, number)
            what = f"nothing answers on 127.0.0.1:{port}" if port else "a service refused the connection"
            return Diagnosis(Kind.SERVICE, what, "Start it with [[services]] and give the check network = true.", port)
    return _named_host(lines)


def _named_host(lines: Sequence[str]) -> Diagnosis | None:
    """A name without a dot is one of a compose network, which nothing outside of it knows."""
    for line in lines:
        match = signs.BARE_HOST.search(line)
        if match and match[1] != "localhost":
            reason = f"it looks for a service on the host {match[1]}, a name that only a compose network has"
            remedy = "Let the tests look on 127.0.0.1, by a variable in `env` of the check."
            return Diagnosis(Kind.SERVICE, reason, remedy, match[1])
    return None


def _port(lines: Sequence[str], at: int) -> str:
    near = sorted(range(max(0, at - PORT_LINES), min(len(lines), at + PORT_LINES + 1)), key=lambda one: abs(one - at))
    found = (match[1] for one in near for pattern in signs.PORTS if (match := pattern.search(lines[one])))
    return next((port for port in found if 0 < int(port) < 65536), "")


def _network(lines: Sequence[str], _: Surroundings, __: str) -> Diagnosis | None:
    signals = [line for line in lines if signs.NO_NETWORK.search(line)]
    if not signals:
        return None
    hosts = (match[1] or match[2] for line in signals if (match := signs.HOST.search(line)))
    host = next(hosts, "")
    what = f"it needs the network ({host} was not found)" if host else "it needs the network"
    return Diagnosis(Kind.NETWORK, what, "Give it network = true.", host)


def _tool(lines: Sequence[str], _: Surroundings, command: str) -> Diagnosis | None:
    for name in _subjects(lines, signs.TOOLS):
        program = PurePosixPath(name).name
        if "/" in name:
            kind = Kind.DEPENDENCY if signs.INSTALLED_PATH.search(name) else Kind.TOOL
            return Diagnosis(kind, f"{name} is not there", "Let `setup` make it, or correct the command.", name)
        if signs.OF_NODE.match(command):
            return _lacks_dependency(program)
        remedy = f"Install {program}" + (f": {TOOL_HINTS[program]}" if program in TOOL_HINTS else "") + "."
        return Diagnosis(Kind.TOOL, f"{program} is not on PATH", remedy, program)
    return None


def _dependency(lines: Sequence[str], around: Surroundings, command: str) -> Diagnosis | None:
    for name in _subjects(lines, signs.DEPENDENCIES):
        if re.split(r"[./]", name)[0] not in around.own_modules:
            return _lacks_dependency(name)
    said = [line for line in lines if line and not line.startswith("npm warn")]
    if not said and (match := re.match(r"npx --no-install (\S+)", command)):
        return _lacks_dependency(match[1])
    return None


def _lacks_dependency(name: str) -> Diagnosis:
    reason = f"{name} is not installed where the checks run"
    return Diagnosis(Kind.DEPENDENCY, reason, "Let `setup` install it.", name)


def _subjects(lines: Sequence[str], table: Sequence[re.Pattern[str]]) -> Iterator[str]:
    for line in lines:
        for pattern in table:
            if match := pattern.search(line):
                yield match[1] or "a package"
                break


LOOKS: tuple[Callable[[Sequence[str], Surroundings, str], Diagnosis | None], ...] = (
    _file,
    _service,
    _network,
    _tool,
    _dependency,
)


def _red(result: Ended) -> Diagnosis:
    if result.exit_code == 5 and signs.NO_TEST.search(result.excerpt):
        return Diagnosis(Kind.RED, "it finds no test yet", "Add a first test.")
    if result.exit_code == 127:
        return Diagnosis(Kind.TOOL, "a command of it was not found", "Correct the command, or install what it calls.")
    failures = getattr(result, "failures", None)
    what = f"{failures} failing test{'s' * (failures != 1)}" if failures else f"exit code {result.exit_code}"
    return Diagnosis(
        Kind.RED,
        f"it fails on this commit ({what})",
        "Mend it, or let it be: stories are blamed only for what they make worse.",
    )


def _some_passed(text: str) -> bool:
    if any(pattern.search(text) for pattern in signs.SOME_PASSED):
        return True
    if match := signs.OF_UNITTEST.search(text):
        return int(match[1]) > sum(map(int, re.findall(r"\d+", match[2])))
    return any(int(match[1]) > int(match[2]) for match in signs.OF_RSPEC.finditer(text))
