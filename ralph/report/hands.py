"""`git push` and `gh`, for a pull request: each a process that cannot hang, with an environment of its own.

What a repository's config could run on a push (hooks, ssh commands, credential helpers, the program at a remote's end) is
switched off; a push is never forced.
"""

import json
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ralph.environment import clean_env
from ralph.errors import RalphError
from ralph.files import write_private
from ralph.process import run_process
from ralph.report.words import counted
from ralph.screen_text import one_line
from ralph.workspace.commit import StoryCommit
from ralph.workspace.repo import Repo

OURS = "Ralph: "
TIMEOUT_S = 120.0
NOT_LOGGED_IN = 4  # gh's exit code
NEEDED = (
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GH_HOST",
    "GH_CONFIG_DIR",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSH_AUTH_SOCK",
    "GIT_SSH_COMMAND",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
QUIET = {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1", "CLICOLOR_FORCE": "0"}
PUSH = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "push.gpgSign=false",
    "push.followTags=false",
    "push.recurseSubmodules=no",
    "gc.auto=0",
    "credential.helper=",
    "credential.helper=!gh auth git-credential",
)


@dataclass(frozen=True)
class Branch:
    """What is asked to be merged, and into what."""

    repo: Repo
    name: str
    base: str
    remote: str
    slug: str  # "[HOST/]OWNER/NAME" as gh wants it; "": gh finds it out by itself
    commits: tuple[StoryCommit, ...]  # one for each story, the oldest first

    @property
    def stories(self) -> str:
        return counted(len(self.commits), "story", "stories")

    @property
    def title(self) -> str:
        return f"{OURS}{self.stories} on {self.name}"


@dataclass(frozen=True)
class PullRequest:
    number: int
    title: str
    body: str
    url: str


@dataclass(frozen=True)
class Hands:
    """`git push` and `gh`, each a process that cannot hang."""

    repo: Repo
    gh_program: str
    scratch: Path
    env: Mapping[str, str]

    def push(self, branch: Branch) -> None:
        ref = f"refs/heads/{branch.name}"
        settings = [word for setting in (*PUSH, *self._ssh()) for word in ("-c", setting)]
        # what a remote's config names as the program at its end runs here, where the remote is a folder
        command = ["git", *settings, "push", "--porcelain", "--no-verify", "--receive-pack=git-receive-pack"]
        code, said = self._run([*command, "--", branch.remote, f"{ref}:{ref}"])
        if code:
            raise RalphError(
                f"{branch.name} could not be pushed to {branch.remote}: {_last(said)}. Ralph never forces a push. "
                f"To see it for yourself: git -C {shlex.quote(str(self.repo.root))} push {branch.remote} {shlex.quote(branch.name)}"
            )

    def open_one(self, branch: Branch) -> PullRequest | None:
        fields = ("--state", "open", "--limit", "10", "--json", "number,title,body,url,baseRefName")
        said = self.gh("pr", "list", *self._where(branch), "--head", branch.name, *fields, to_do="list pull requests")
        try:
            rows = json.loads(said[said.index("[") : said.rindex("]") + 1])
            found = [row for row in rows if row["baseRefName"] == branch.base]
            return PullRequest(*(found[0][name] for name in ("number", "title", "body", "url"))) if found else None
        except (ValueError, KeyError, TypeError) as error:
            raise RalphError("gh printed something that is no list of pull requests. Update gh.") from error

    def create(self, branch: Branch, body: str) -> str:
        file = self._file("body.md", body)
        named = ("--base", branch.base, "--head", branch.name, "--title", branch.title, "--body-file", str(file))
        said = self.gh("pr", "create", *self._where(branch), *named, to_do="open the pull request")
        urls = [word for word in said.split() if word.startswith("https://")]
        return urls[-1] if urls else "a pull request"

    def update(self, branch: Branch, found: PullRequest, body: str) -> None:
        """By the API: `gh pr edit` of older versions asks for projects, and fails where they are gone."""
        changes = {"body": body} | ({"title": branch.title} if found.title.startswith(OURS) else {})
        if body == found.body.replace("\r\n", "\n") and changes.get("title", found.title) == found.title:
            return
        file = self._file("changes.json", json.dumps(changes))
        *host, owner, name = branch.slug.split("/") if branch.slug else ("{owner}", "{repo}")
        where = ("--hostname", *host) if host else ()
        address = f"repos/{owner}/{name}/pulls/{found.number}"
        self.gh("api", *where, "--method", "PATCH", address, "--input", str(file), "--silent", to_do="update it")

    def gh(self, *arguments: str, to_do: str) -> str:
        """Raises: RalphError with what to do."""
        code, said = self._run([self.gh_program, *arguments])
        if code == NOT_LOGGED_IN or (code and "gh auth login" in said):
            raise RalphError("gh is not logged in. Run: gh auth login (or set GH_TOKEN where there is no terminal)")
        if code:
            raise RalphError(f"gh could not {to_do}: {_last(said)}")
        return said

    def _where(self, branch: Branch) -> tuple[str, ...]:
        """Where the branch was pushed to: never the project that this one is a fork of."""
        return ("--repo", branch.slug) if branch.slug else ()

    def _ssh(self) -> tuple[str, ...]:
        """The user's own ssh command, not one that the repository names."""
        code, said = self._run(["git", "config", "--global", "--get", "core.sshCommand"])
        return (f"core.sshCommand={said.strip() if code == 0 and said.strip() else 'ssh'}",)

    def _file(self, name: str, text: str) -> Path:
        path = self.scratch / name
        write_private(path, text.encode(), "pull request")
        return path

    def _run(self, command: Sequence[str]) -> tuple[int, str]:
        output = self.scratch / "output"
        done = run_process(command, cwd=self.repo.root, env=self.env, timeout_s=TIMEOUT_S, output=output)
        said = output.read_text(encoding="utf-8", errors="replace")
        return (done.exit_code, said) if not done.timed_out else (1, f"no answer within {TIMEOUT_S:.0f} s")


@contextmanager
def hands_for(repo: Repo) -> Iterator[Hands]:
    program = shutil.which("gh")
    if program is None:
        raise RalphError(
            "pull requests are opened with GitHub's gh, which is not installed. Install it (apt install gh, brew install "
            "gh, or https://cli.github.com), then run: gh auth login"
        )
    env = clean_env({**QUIET, "GIT_ALLOW_PROTOCOL": "https:ssh:file"}, pass_through=NEEDED)
    with tempfile.TemporaryDirectory(prefix="ralph-pr-") as folder:
        yield Hands(repo, program, Path(folder), env)


def _last(said: str) -> str:
    """What it complains of: the last line with words in it."""
    lines = [one_line(line) for line in said.splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"rejected|error|fatal|denied|could not", line, re.IGNORECASE)]
    return (told or lines or ["it printed nothing"])[-1].rstrip(".")
