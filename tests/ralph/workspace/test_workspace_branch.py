from typing import Any

import pytest

from ralph.errors import BranchBusyError, RalphError
from ralph.workspace.branch import default_branch_name
from ralph.workspace.lock import branch_lock

Pit = Any


def test_a_new_branch_starts_at_head(pit: Pit) -> None:
    plan = pit.plan("ralph/login")
    assert (plan.name, plan.tip, plan.exists, plan.merge_command) == (
        "ralph/login",
        pit.repo.head,
        False,
        "git merge ralph/login",
    )


def test_a_new_branch_starts_at_the_base_that_is_set(pit: Pit) -> None:
    first = pit.repo.head
    pit.write("a.txt", "two\n")
    pit.commit()
    assert pit.plan("ralph/login", base=first).tip == first
    with pytest.raises(RalphError, match=r'no commit "nowhere" to start ralph/login at. Set `base`'):
        pit.plan("ralph/login", base="nowhere")


def test_a_branch_that_is_checked_out_is_not_moved_and_the_merge_command_is_said(pit: Pit) -> None:
    plan = pit.plan("main")
    assert (plan.name, plan.tip, plan.merge_command) == ("main-ralph", pit.repo.head, "git merge main-ralph")
    assert "main is checked out" in plan.notes[0]


def test_work_beside_a_branch_goes_on_from_where_it_was_left(pit: Pit) -> None:
    sha = pit.story(pit.plan("main"))
    plan = pit.plan("main")
    assert (plan.tip, plan.exists, len(plan.notes)) == (sha, True, 1)


def test_work_beside_a_branch_that_was_merged_and_moved_on_starts_from_that_branch(pit: Pit) -> None:
    pit.story(pit.plan("main"))
    pit.git("merge", "-q", "main-ralph")
    pit.write("mine.txt", "mine\n")
    tip = pit.commit()
    plan = pit.plan("main")
    assert plan.tip == tip
    sha = pit.story(plan, "US-002", "second.txt")
    assert pit.git("rev-parse", "main-ralph", f"{sha}^").split() == [sha, tip]


def test_work_beside_a_branch_that_has_moved_on_says_so(pit: Pit) -> None:
    sha = pit.story(pit.plan("main"))
    pit.write("mine.txt", "mine\n")
    pit.commit()
    plan = pit.plan("main")
    assert plan.tip == sha
    assert "main has moved on since" in plan.notes[1]


def test_a_branch_that_was_merged_and_left_behind_starts_at_head_again(pit: Pit) -> None:
    pit.story(pit.plan("ralph/login"))
    pit.git("merge", "-q", "ralph/login")
    pit.write("plan.txt", "two more stories\n")
    pit.commit()
    plan = pit.plan("ralph/login")
    assert plan.tip == pit.repo.head
    assert "has all of ralph/login and more" in plan.notes[0]
    sha = pit.story(plan)
    assert pit.git("rev-parse", f"{sha}^") == plan.tip
    assert pit.git("rev-parse", "ralph/login") == sha


def test_a_branch_that_went_another_way_than_head_says_so(pit: Pit) -> None:
    sha = pit.story(pit.plan("ralph/login"))
    assert pit.plan("ralph/login").notes == ()
    pit.write("other.txt", "by the user\n")
    pit.commit()
    plan = pit.plan("ralph/login")
    assert plan.tip == sha
    assert "HEAD has moved on since ralph/login left it" in plan.notes[0]


@pytest.mark.parametrize("name", ["-x", "a..b", "a b", "x.lock", "", "a~1", "--upload-pack=x"])
def test_a_name_that_git_refuses_is_refused(pit: Pit, name: str) -> None:
    with pytest.raises(RalphError, match="is no branch name that git accepts"):
        pit.plan(name)


def test_a_branch_in_the_way_of_a_folder_of_branches_is_named(pit: Pit) -> None:
    pit.git("branch", "ralph")
    with pytest.raises(RalphError, match="git branch -m ralph ralph-old"):
        pit.plan("ralph/login")


def test_in_place_takes_the_branch_that_is_checked_out(pit: Pit) -> None:
    plan = pit.plan("ralph/login", in_place=True)
    assert (plan.name, plan.in_place, plan.merge_command) == ("main", True, None)


def test_in_place_refuses_a_dirty_checkout_and_lists_its_files(pit: Pit) -> None:
    pit.write("a.txt", "mine\n")
    with pytest.raises(RalphError, match=r"uncommitted changes:\n  a\.txt\nCommit or stash them"):
        pit.plan(in_place=True)


def test_in_place_refuses_a_detached_head(pit: Pit) -> None:
    pit.git("checkout", "-q", "--detach")
    with pytest.raises(RalphError, match="HEAD is detached"):
        pit.plan(in_place=True)


def test_the_second_run_on_a_branch_is_told_who_holds_it(pit: Pit) -> None:
    with branch_lock(pit.home, pit.repo, "main"):
        with branch_lock(pit.home, pit.repo, "other"):
            pass
        with pytest.raises(BranchBusyError, match="works on the branch main"), branch_lock(pit.home, pit.repo, "main"):
            pass
    with branch_lock(pit.home, pit.repo, "main") as held:
        assert held.left_by is None


@pytest.mark.parametrize(
    ("project", "name"),
    [
        pytest.param("My App!", "ralph/my-app", id="slug"),
        pytest.param("", "ralph/repo", id="fallback"),
        pytest.param("--", "ralph/repo", id="nothing-left"),
    ],
)
def test_the_default_branch_is_named_after_the_project(project: str, name: str) -> None:
    assert default_branch_name(project, "repo") == name
