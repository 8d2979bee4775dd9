"""A run that dies while work is checked on top of what landed: the work that is kept is against its own base."""

import subprocess
import sys
from typing import Any

from ralph.workspace.recover import recover

Pit = Any

DIES = """
import os, sys
from pathlib import Path
from ralph.home import Home
from ralph.workspace.repo import Repo
from ralph.workspace.worktree import open_worktree

root, home, base, tip, *keys = sys.argv[1:]
repo, alive = Repo.open(Path(root)), []
for key in keys:
    worktree = open_worktree(repo, Home(Path(home)), base, key)
    (worktree.path / "mine.txt").write_text("mine\\n")
    alive += [worktree, checks := worktree.verification(tip, tip)]
    checks.__enter__()
os._exit(9)
"""


def test_work_kept_of_a_run_that_died_while_landing_does_not_undo_what_had_landed(pit: Pit) -> None:
    base = pit.repo.head
    pit.write("landed.txt", "landed\n")
    tip = pit.commit("another story")
    keys = [f"t{number}" for number in range(6)]  # the order of folders is the file system's
    died = subprocess.run(
        [sys.executable, "-c", DIES, pit.root, pit.home.root, base, tip, *keys], check=False, capture_output=True
    )
    assert died.returncode == 9, died.stderr
    recover(pit.repo, pit.home)
    for key in keys:
        ref = f"refs/ralph/attempts/{key}"
        assert pit.git("rev-parse", f"{ref}^") == base
        assert pit.git("diff", "--name-only", f"{ref}^", ref) == "mine.txt"
