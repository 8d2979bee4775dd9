"""One hardened call of git: nothing that a repo, its config or a user's shell says can run code or ask questions.

Hooks, fsmonitor, filters, merge drivers, external diffs, signing, pagers, editors, auto-gc and every transport are off;
arguments are lists; the `GIT_*` variables of the shell do not reach it. The user's own config is still read: identity,
global ignore rules and line endings are theirs. Knows nothing about branches, stories or worktrees.
"""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from ralph.errors import RalphError
from tracing.failpoint import effect
from tracing.sqlite import REMEDY

HARDENED = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.sshCommand=false",
    "core.pager=cat",
    "core.editor=true",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.trustctime=true",
    "core.checkStat=default",
    "core.quotePath=false",
    "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8",
    "trailer.separators=:",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "diff.external=",
    "log.showSignature=false",
    "submodule.recurse=false",
    "safe.bareRepository=explicit",
    "user.useConfigOnly=true",
)
NO_TRANSPORT = "none"  # the name of no protocol
FILE_TRANSPORT = "file"
SWITCHED_OFF = {
    "filter": (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false")),
    "merge": (("driver", "false"),),  # a command that fails: what needs the driver is a conflict
}
QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_EDITOR": "true"}
IDENTITY = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
WRITING = {
    "commit-tree",
    "hash-object",
    "merge-tree",
    "read-tree",
    "update-index",
    "update-ref",
    "worktree",
    "write-tree",
}
KEPT = {*IDENTITY, "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH", "GIT_SSL_CAINFO"}
OF_THE_DISK = (
    "No space left on device",
    "Disk quota exceeded",
    "Read-only file system",
    "unable to write file",  # git's `entry.c` has lost the errno by then
)


class GitError(RalphError):
    """Git refused; the message has its own words, and what to do about a disk."""

    def __init__(self, command: str, exit_code: int, stderr: str) -> None:
        self.is_of_the_disk = any(words in stderr for words in OF_THE_DISK)
        remedy = f". Nothing that is committed is lost. {REMEDY}" if self.is_of_the_disk else ""
        super().__init__(f"git {command} failed (exit {exit_code}): {stderr.strip() or 'it printed nothing'}{remedy}")
        self.git_exit_code = exit_code
        self.stderr = stderr


@dataclass(frozen=True)
class Git:
    """Where git commands run. With `git_dir` nothing is discovered, so a `.git` that an agent damaged does not matter."""

    cwd: Path
    git_dir: Path | None = None
    work_tree: Path | None = None
    index: Path | None = None  # None: the repository's own
    drivers: tuple[tuple[str, str], ...] = ()  # `without_drivers` knows them: ("filter" or "merge", name)
    transport: str = NO_TRANSPORT  # whatever config says of single protocols
    timeout_s: float | None = None  # after which a command is killed and has failed; None: it may take its time

    @property
    def filters(self) -> tuple[str, ...]:
        """Names of the content filters that are switched off."""
        return tuple(name for kind, name in self.drivers if kind == "filter")

    def without_drivers(self) -> "Git":
        """The same without any filter or merge driver that config defines.

        Config is read afresh, and as these very commands see it: an include may hold for one git folder only.
        """
        code, listing, _ = self.attempt("config", "-z", "--name-only", "--get-regexp", r"^(filter|merge)\.")
        keys = split_z(listing) if code == 0 else []
        found = {
            (kind, rest.rpartition(".")[0]) for kind, _, rest in (key.partition(".") for key in keys) if "." in rest
        }
        return replace(self, drivers=tuple(sorted(found)))

    def run(self, *args: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> bytes:
        """What git printed.

        Raises:
            GitError: it ended with another code than 0.
        """
        exit_code, stdout, stderr = self.attempt(*args, stdin=stdin, env=env)
        if exit_code:
            raise GitError(args[0], exit_code, stderr)
        return stdout

    def text(self, *args: str, stdin: bytes | None = None) -> str:
        """What git printed, without the last line's end."""
        return os.fsdecode(self.run(*args, stdin=stdin)).rstrip("\n")

    def names(self, *args: str, stdin: bytes | None = None) -> list[str]:
        """The paths of a `-z` listing."""
        return split_z(self.run(*args, stdin=stdin))

    def attempt(
        self, *args: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, str]:
        """Exit code, stdout and stderr, whatever they are.

        Raises:
            RalphError: there is no git on this machine.
        """
        if any("\0" in argument for argument in args):
            return 128, b"", "a NUL is in no name that git knows"
        with tempfile.TemporaryFile() as source:
            source.write(stdin or b"")
            source.seek(0)
            ours = {**self._env(), **(env or {})}
            with _effect_of(args):
                command = [*_without_shell_variables(ours), *self._argv(args)]
                return _execute(command, self.cwd, ours, source.fileno(), self.timeout_s)

    def with_index(self, index: Path) -> "Git":
        return replace(self, index=index)

    def _argv(self, args: Sequence[str]) -> list[str]:
        options = [word for setting in HARDENED for word in ("-c", setting)]
        if self.git_dir is not None:
            options.append(f"--git-dir={self.git_dir}")
        if self.work_tree is not None:
            options.append(f"--work-tree={self.work_tree}")
        literal = [] if args[0] == "check-ignore" else ["--literal-pathspecs"]  # the one command that refuses it
        return ["git", "--no-pager", *literal, *options, *args]

    def _env(self) -> dict[str, str]:
        env = {**QUIET, "GIT_ALLOW_PROTOCOL": self.transport, **_switched_off(self.drivers)}
        if self.index is not None:
            env["GIT_INDEX_FILE"] = str(self.index)
        return env


def split_z(listing: bytes) -> list[str]:
    """The items of a NUL-separated listing, as file names."""
    return [os.fsdecode(item) for item in listing.split(b"\0") if item]


def join_z(paths: Iterable[str]) -> bytes:
    """File names as a NUL-separated listing, for `--stdin -z`."""
    return b"".join(os.fsencode(path) + b"\0" for path in paths)


def _effect_of(args: Sequence[str]) -> AbstractContextManager[None]:
    """Failpoints around a command that writes objects, an index, a ref or files."""
    command = next((word for word in args if word in WRITING), "")
    is_listing = command == "worktree" and "add" not in args
    return effect(f"git {command}") if command and not is_listing else nullcontext()


def _execute(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], stdin: int, timeout_s: float | None
) -> tuple[int, bytes, str]:
    try:
        from git.cmd import Git as GitCommand  # noqa: PLC0415 - costs 100 ms
        from git.exc import GitCommandNotFound  # noqa: PLC0415
    except ImportError as error:
        raise RalphError("git was not found. Install git 2.30 or newer and see that `git --version` works.") from error
    try:
        exit_code, stdout, stderr = GitCommand(str(cwd)).execute(
            argv,
            istream=stdin,
            env=dict(env),
            with_extended_output=True,
            with_exceptions=False,
            stdout_as_string=False,
            strip_newline_in_stdout=False,
            kill_after_timeout=timeout_s,
        )
    except GitCommandNotFound as error:
        raise RalphError("git was not found. Install git 2.30 or newer and see that `git --version` works.") from error
    return exit_code, _bytes(stdout), os.fsdecode(_bytes(stderr))


def _bytes(value: str | bytes) -> bytes:
    return os.fsencode(value) if isinstance(value, str) else value


def _without_shell_variables(ours: Mapping[str, str]) -> list[str]:
    """`env -u ...` in front of git when the shell carries variables that would redirect it, as inside of a hook."""
    carried = sorted(name for name in os.environ if name.startswith("GIT_") and name not in KEPT)
    if not carried:
        return []
    return ["env", *(f"--unset={name}" for name in carried), *(f"{name}={value}" for name, value in ours.items())]


def _switched_off(drivers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Commands of drivers that do nothing, given by environment because a name may hold `=`."""
    pairs = [(f"{kind}.{name}.{key}", value) for kind, name in drivers for key, value in SWITCHED_OFF[kind]]
    env = {"GIT_CONFIG_COUNT": str(len(pairs))} if pairs else {}
    for number, (key, value) in enumerate(pairs):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return env
