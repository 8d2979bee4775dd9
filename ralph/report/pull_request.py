"""Opens a pull request for Ralph's branch with the report as its body, or updates the one that is open. Through `gh`, and only
where the user's own settings allow it.

The branch is pushed as it is, never by force. The report stands between two markers: what people wrote around them stays.
What a repository's config could run on a push (hooks, ssh commands, credential helpers, filters) is switched off.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ralph.errors import RalphError
from ralph.history.objects import Objects
from ralph.home import Home
from ralph.report.commits import body, first_sentence, messages
from ralph.report.facts import Cost, Done, Report, Work
from ralph.report.gather import gather
from ralph.report.hands import Branch, hands_for
from ralph.report.markdown import as_markdown
from ralph.report.told import told_to_all
from ralph.settings.schema import Settings
from ralph.survey import Look, RunRequest, look
from ralph.workspace.commit import StoryCommit, story_commits
from ralph.workspace.repo import Repo

BEGIN = "<!-- ralph report: what is between these two lines is replaced -->"
END = "<!-- end of ralph report -->"
MOST_BYTES = 65_000  # GitHub takes 65,536 characters
BEFORE_NS = 12 * 3600 * 10**9  # a story is begun before its commit is made
GITHUB = re.compile(
    r"(?:https://(?:[^@/]+@)?|ssh://git@|git@)([\w.-]+)(?::\d+)?[:/]([A-Za-z0-9][\w.-]*)/([\w.-]+?)(?:\.git)?/?"
)


def pull_request(home: Home, settings: Settings, root: Path, since_ns: int | None = None) -> str:
    """Push, and open or update; one line that says what was done. `since_ns` None: since the branch's first commit.

    Raises:
        RalphError: it is not allowed, there is nothing to merge, gh is missing or not logged in, or GitHub refuses.
    """
    if not settings.report.pull_request:
        raise RalphError(
            f"Ralph pushes nothing and opens no pull request unless you allow it. Write into {home.config}:\n"
            "[report]\npull_request = true"
        )
    branch, first_ns = _branch(look(RunRequest(root)))
    with hands_for(branch.repo) as hands:
        hands.gh("auth", "status", to_do="use your login")
        hands.push(branch)
        report = gather(home, branch.repo.root, first_ns if since_ns is None else since_ns)
        text = as_markdown(
            told_to_all(_of_branch(report, branch)), level=2, most_bytes=MOST_BYTES - len(BEGIN) - len(END) - 4
        )
        found = hands.open_one(branch)
        if found is None:
            url = hands.create(branch, with_report("", text))
            return f"opened {url} with {branch.stories}, to be merged into {branch.base}"
        hands.update(branch, found, with_report(found.body, text))
        return f"updated {found.url}"


def with_report(current: str, text: str) -> str:
    """A pull request's body with this report in the place of the one before, and all that people wrote; it is cut where both are too much."""
    current = current.replace("\r\n", "\n")
    head, end, after = current.partition(END)
    before, begin, _ = head.rpartition(BEGIN)
    if not begin or not end:
        before, after = (current.rstrip() + "\n\n" if current.strip() else ""), "\n"
    room = MOST_BYTES - len((before + after).encode()) - len(BEGIN) - len(END) - 2
    data = text.strip().encode()
    kept = data if len(data) <= room else data[: max(room, 0)].rpartition(b"\n")[0]
    return f"{before}{BEGIN}\n{kept.decode(errors='ignore')}\n{END}{after}"


def _of_branch(report: Report, branch: Branch) -> Report:
    """What the branch brings, and nothing else: all of its stories, also those whose traces are gone."""
    works = [work for work in report.works if work.branch == branch.name]
    root = str(branch.repo.root)
    nothing = Work(root, branch.repo.root.name, "", branch.name, "", (), (), (), (), 0, 0, None, 0, Cost())
    work = replace(works[0] if works else nothing, done=tuple(_done(branch, works)))
    return replace(report, works=(work,), cost=work.cost, quiet="")


def _done(branch: Branch, works: list[Work]) -> Iterator[Done]:
    known = {done.commit: done for work in works for done in work.done}
    told = messages(Objects.of(str(branch.repo.root)), [commit.sha for commit in branch.commits])
    for commit in branch.commits:
        yield known.get(commit.sha) or _from_commit(commit, told.get(commit.sha, ""))


def _from_commit(commit: StoryCommit, message: str) -> Done:
    unchecked = "No check vouches for it. " if commit.unchecked else ""
    return Done(commit.story_id, commit.title, commit.sha, unchecked + first_sentence(body(message)), Cost(), 0, "")


def _branch(seen: Look) -> tuple[Branch, int]:
    """And when its first commit was made."""
    repo, plan = seen.repo, seen.plan
    base = _base(seen)
    if plan.name == base:
        raise RalphError(f"{plan.name} is the branch that you have checked out: there is nothing to merge it into.")
    commits = story_commits(repo, plan.tip, since=f"refs/heads/{base}") if plan.exists else {}
    if not commits:
        raise RalphError(f"{plan.name} has no story that {base} does not have: there is nothing to ask for.")
    times = repo.store.text("log", "--format=%ct", "--end-of-options", plan.tip, f"^refs/heads/{base}").split()
    remote = _remote(repo, base)
    url = repo.store.text("remote", "get-url", "--push", "--", remote)
    branch = Branch(repo, plan.name, base, remote, _slug(url), tuple(commits.values())[::-1])
    return branch, int(times[-1]) * 10**9 - BEFORE_NS


def _base(seen: Look) -> str:
    """The branch that Ralph's left: the one that it stands beside, the setting's, or the one that is checked out."""
    repo, name = seen.repo, seen.plan.name
    beside = name.removesuffix("-ralph")
    wanted = [beside if beside != name else "", seen.loaded.settings.run.base or "", repo.current_branch or ""]
    found = next((one for one in wanted if one and repo.branch_tip(one)), None)
    if found is None:
        raise RalphError(
            f"{repo.root}: HEAD is on no branch, so nobody knows what to merge {name} into. git switch to one."
        )
    return found


def _remote(repo: Repo, base: str) -> str:
    names = repo.store.text("remote").split()
    code, said, _ = repo.store.attempt("config", "--get", f"branch.{base}.remote")
    wanted = [said.decode(errors="replace").strip() if code == 0 else "", "origin", *names[:1]]
    found = next((name for name in wanted if name in names), None)
    if found is None:
        raise RalphError(f"{repo.root}: has no remote to push to. Add one: git remote add origin ADDRESS")
    return found


def _slug(url: str) -> str:
    found = GITHUB.fullmatch(url)
    if found is None:
        return ""
    host, owner, name = found.groups()
    return f"{owner}/{name}" if host == "github.com" else f"{host}/{owner}/{name}"
