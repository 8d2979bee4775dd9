"""Which files beside a PRD the agent is shown, and how a repository's files are listed."""

import subprocess
from pathlib import Path

import pytest

from ralph.brief.companions import GUIDES, MOST_NEARBY_CHARS, loop_prompts, project_rules
from ralph.brief.tree_listing import MOST_CHARS, MOST_PATHS, named_folders, tracked_paths, tree_listing


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


def test_the_rules_at_the_root_and_ralphs_guides_are_shown_as_they_are(tmp_path: Path) -> None:
    for name in ("AGENTS.md", "CLAUDE.md", *GUIDES):
        write(tmp_path, name, f"words of {name}\n")
    write(tmp_path, "prompt.md", "pick a story and commit")
    write(tmp_path, ".ralph/PROMPT.md", "pick a story and commit")
    shown = "\n\n".join(f"### {name}\nwords of {name}" for name in ("AGENTS.md", "CLAUDE.md", *GUIDES))
    assert project_rules(tmp_path) == shown
    assert loop_prompts(tmp_path) == ["prompt.md", ".ralph/PROMPT.md"]


def test_rules_nearest_to_a_folder_of_the_story_are_shown_once_and_bounded(tmp_path: Path) -> None:
    write(tmp_path, "AGENTS.md", "root")
    write(tmp_path, "web/AGENTS.md", "x" * (MOST_NEARBY_CHARS + 5))
    write(tmp_path, "web/src/pages/a.ts", "")
    write(tmp_path, "api/CLAUDE.md", "api")
    write(tmp_path, "scripts/ralph/CLAUDE.md", "pick a story and commit")
    shown = project_rules(tmp_path, ["web/src/pages", "web", "docs", "scripts/ralph"])
    assert [line for line in shown.splitlines() if line.startswith("###")] == ["### AGENTS.md", "### web/AGENTS.md"]
    assert "[... 5 characters left out ...]" in shown


def test_a_guide_that_is_not_tracked_comes_from_the_users_checkout(tmp_path: Path) -> None:
    worktree, checkout = tmp_path / "worktree", tmp_path / "checkout"
    write(worktree, "AGENTS.md", "committed")
    write(checkout, "AGENTS.md", "edited")
    write(checkout, ".ralph/guardrails.md", "never touch billing")
    write(tmp_path, "secret", "secret words")
    (checkout / "CLAUDE.md").symlink_to(tmp_path / "secret")
    assert project_rules(worktree, checkout=checkout) == (
        "### AGENTS.md\ncommitted\n\n### .ralph/guardrails.md\nnever touch billing"
    )


@pytest.mark.parametrize(
    ("words", "folders"),
    [
        pytest.param("Change web/src/app.ts.", ["web/src"], id="a-file-by-its-path"),
        pytest.param("Change `app.ts` and the api", ["web/src", "api"], id="a-file-by-its-name-and-a-folder"),
        pytest.param("see api/, then web/src", ["api", "web/src"], id="in-the-order-of-the-text"),
        pytest.param("index.md", [], id="a-name-that-many-share"),
        pytest.param("the application", [], id="no-name"),
    ],
)
def test_a_story_names_folders_by_path_or_file(words: str, folders: list[str]) -> None:
    paths = ["api/main.py", "web/src/app.ts", *(f"docs/{number}/index.md" for number in range(5))]
    assert named_folders(paths, words) == folders


def test_a_small_repository_is_listed_whole_by_folder() -> None:
    assert tree_listing(["README.md", "a/b/c.py", "a/d.py", "a/e.py"]) == "./: README.md\na/: d.py e.py\na/b/: c.py"
    assert tree_listing([]) == "(empty)"


def test_a_large_repository_is_counted_and_what_the_story_names_comes_first() -> None:
    paths = sorted([*(f"src/part{part}/file{file}.py" for part in range(30) for file in range(20)), "Makefile"])
    listing = tree_listing(paths, ["src/part7"])
    assert listing.startswith(
        "601 files; of most folders only their number is shown.\nsrc/part7/: file0.py file1.py file10.py "
    )
    assert "\n./: Makefile\n" in listing
    assert "\nsrc/part12/ (20)\n" in listing
    assert len(listing) <= MOST_CHARS
    assert listing == tree_listing(paths, ["src/part7"])


def test_a_huge_repository_stays_bounded() -> None:
    paths = sorted(f"{'x' * 40}{top}/{below}/{file}.c" for top in range(300) for below in range(9) for file in "ab")
    listing = tree_listing([*paths, *(f"root{number}" for number in range(2000))], [paths[0].rpartition("/")[0]])
    assert len(paths) > MOST_PATHS
    assert len(listing) <= MOST_CHARS + 100
    assert listing.endswith(" [...]")


def test_the_paths_are_those_of_the_commit_not_of_the_folder(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    git = ["git", "-C", str(root)]
    subprocess.run([*git, "init", "-q"], check=True)
    write(root, "src/ä b.py", "")
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "one"], check=True)
    write(root, "later.py", "")
    assert tracked_paths(root, "HEAD") == ["src/ä b.py"]
    assert tracked_paths(root / "src", "HEAD") == ["src/ä b.py"]
    assert tracked_paths(root, "no-such-commit") == ["later.py", "src/ä b.py"]
