"""Which stories are done, parked or open: the PRD as the user has it now, the branch's commits and Ralph's own state.

The commit with its `Ralph-Story` trailer is the truth about "done"; the PRD's flag follows it. A flag that the user
changed wins: a story set back to `"passes": false` after its commit is open again, and one that the PRD says is done is
done, though it is said when its commit cannot be found any more.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prd.pick import Pick, Verdict, pick
from prd.read import parse_prd, read_prd
from prd.story import Prd, Story
from ralph.state import StoryStates
from ralph.workspace.branch import BranchPlan
from ralph.workspace.commit import StoryCommit, story_commits
from ralph.workspace.repo import Repo


@dataclass(frozen=True)
class PrdPlace:
    """The PRD file in the user's checkout."""

    path: Path
    name: str  # relative to the repository's root, with forward slashes
    tracked: bool


@dataclass(frozen=True)
class Board:
    """The state of every story at one moment."""

    prd: Prd
    done: Mapping[str, str]  # story id -> why it is done
    parked: Mapping[str, str]  # story id -> reason
    unwritten: Mapping[str, str]  # story id -> its commit, whose flag the untracked PRD does not have yet
    lost: Mapping[str, str] = field(default_factory=dict)  # story id -> what became of the commit that its flag is for

    def pick(self, only: str | None = None, *, busy: Collection[str] = ()) -> Pick:
        return pick(self.prd, done=self.done, parked=self.parked, only=only, busy=busy)

    def why_not(self, story_id: str) -> str:
        """Why this story, which was asked for, cannot be worked on; as in "US-003 waits for US-001 (not done)"."""
        reason = self.pick(story_id).reasons[story_id]
        if reason.verdict is Verdict.PARKED:  # without the remedy, since more is said behind it
            words = " ".join(self.parked[story_id].split()).removesuffix(".")
            return f"{story_id} is parked: {words}; `ralph explain {story_id}` says what to do"
        return f"{story_id} {'' if reason.verdict is Verdict.WAITS_FOR else 'is '}{reason.text}"

    @property
    def all_done(self) -> bool:
        return self.prd.all_done(self.done)


def locate_prd(repo: Repo, path: Path) -> PrdPlace:
    """The PRD's place in the repo; a PRD outside of it is used and written in place, like an ignored one."""
    try:
        name = path.resolve().relative_to(repo.root.resolve()).as_posix()
    except ValueError:
        return PrdPlace(path, str(path), tracked=False)
    return PrdPlace(path, name, tracked=repo.tracked(name))


def read_board(repo: Repo, place: PrdPlace, plan: BranchPlan, states: StoryStates) -> Board:
    """Read everything afresh; called before each iteration, so that the user may edit the PRD while a run goes on."""
    prd, _ = read_prd(place.path, place.name)
    commits = story_commits(repo, plan.tip)
    done: dict[str, str] = {}
    unwritten: dict[str, str] = {}
    lost: dict[str, str] = {}
    for story in prd.stories:
        commit = commits.get(story.id)
        committed = commit is not None and commit.title == story.title and not commit.unchecked
        if story.passes:
            done[story.id] = "the PRD says so"
            if not place.tracked and not committed and (what := _lost(repo, plan, story, states)):
                lost[story.id] = what
                done[story.id] += f", but {what}"
        elif committed and commit is not None and not _reopened(repo, place, story, commit, states):
            done[story.id] = f"committed as {commit.sha[:10]}"
            if not place.tracked:
                unwritten[story.id] = commit.sha
    return Board(prd, done, states.parked(repo.id, prd.stories), unwritten, lost)


def _lost(repo: Repo, plan: BranchPlan, story: Story, states: StoryStates) -> str:
    """What became of the commit that Ralph set the flag for, where the work would not stand on it; "" where it does.

    A branch that was squashed or rebased has the commit's subject, in its own or in the squashed commit's message.
    """
    sha = states.flag_written(repo.id, story)
    if sha is None or repo.is_ancestor(sha, plan.tip) or repo.mentions(plan.tip, f"[{story.id}] - {story.title}"):
        return ""
    where = "not on" if repo.has_branch_with(sha) else "on no branch"
    return f"its commit {sha[:10]} is {where}" + (f" {plan.name}" if where == "not on" else "")


def _reopened(repo: Repo, place: PrdPlace, story: Story, commit: StoryCommit, states: StoryStates) -> bool:
    """Whether the user set the flag back after Ralph's commit.

    An untracked PRD: Ralph wrote the flag for this very commit, and it is gone. A tracked one: the user's HEAD has the
    flag, from this commit, and the working file does not.
    """
    if not place.tracked:
        return states.flag_written(repo.id, story) == commit.sha
    head = repo.show(f"HEAD:{place.name}")
    if head is None or not repo.is_ancestor(commit.sha, "HEAD"):
        return False
    return any(old.id == story.id and old.passes for old in parse_prd(head, place.name).stories)
