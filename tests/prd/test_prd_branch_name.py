"""Our rules for branch names against git's own."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from prd.branch_name import MAX_PART_BYTES, branch_fault, proposed_branch

OURS_ALONE = {"@"}
"""Git makes such a branch, but reads its name as HEAD everywhere else."""

NAMES = st.text(alphabet=st.sampled_from(list("ab-./@{~^:?*[\\ \t\n\x7f\u00e9HEADlock")), max_size=8) | st.lists(
    st.sampled_from(
        ["ralph", "/", ".", "..", ".lock", "@{", "@", "-", "HEAD", "refs/heads/", "lock", "{", "\u2028", "x"]
    ),
    max_size=5,
).map("".join)


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repo")
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    return folder


def git_takes(name: str, folder: Path) -> bool:
    git = ["git", "check-ref-format", "--branch", name]
    return subprocess.run(git, cwd=folder, capture_output=True, check=False).returncode == 0


@settings(max_examples=400, deadline=None)
@given(name=NAMES)
def test_a_name_has_a_fault_exactly_when_git_refuses_it(repo: Path, name: str) -> None:
    assume(name not in OURS_ALONE)
    assert (branch_fault(name) is None) == git_takes(name, repo)


@settings(max_examples=300, deadline=None)
@given(name=NAMES | st.text())
def test_the_proposed_name_never_has_a_fault(name: str) -> None:
    assume(branch_fault(name))
    assert branch_fault(proposed_branch(name)) is None


@pytest.mark.parametrize(
    ("name", "fault", "proposed"),
    [
        pytest.param("", "is empty", "ralph/work", id="empty"),
        pytest.param("-d", 'starts with "-"', "d", id="option"),
        pytest.param("HEAD", "is a name that git keeps for itself", "ralph/work", id="head"),
        pytest.param("@", "is a name that git keeps for itself", "ralph/work", id="at"),
        pytest.param("a\nb", "has a control character or line break in it", "a-b", id="line-break"),
        pytest.param("my branch", "has a space in it", "my-branch", id="space"),
        pytest.param("a~1", r"has one of ~ ^ : ? * [ \ in it", "a-1", id="tilde"),
        pytest.param("a..b", 'has ".." in it', "a-b", id="dots"),
        pytest.param("a@{1}", 'has "@{" in it', "a-1}", id="reflog"),
        pytest.param("a//b/", "has an empty part beside a slash", "a/b", id="slashes"),
        pytest.param("a/.b", 'has a part that starts with "."', "a/b", id="hidden"),
        pytest.param("a.lock/b", 'has a part that ends with ".lock"', "a-lock/b", id="lock"),
        pytest.param("a.", 'ends with "."', "a", id="dot"),
        pytest.param("a" * 251, f"has a part of more than {MAX_PART_BYTES} bytes", "a" * 100, id="long"),
    ],
)
def test_each_fault_has_words_and_a_proposal(name: str, fault: str, proposed: str) -> None:
    assert (branch_fault(name), proposed_branch(name)) == (fault, proposed)
