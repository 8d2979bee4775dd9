"""The disk is full, fails or may not be written, or files run out: a clear word, nothing corrupt, and the next run goes on.

By the failpoints' hook at every second effect (`make test-slow`; each by `make soak`), and by real means: a small or read-only
tmpfs, and limits.
"""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ralph.replay.scripted import ScriptedModel
from ralph.replay.server import serve

World = Any
ERRORS = ("ENOSPC", "EIO", "EMFILE")
LONGEST_RUN_S = 90
IS_SOAK = os.environ.get("RALPH_SOAK") == "1"
SHARES = 8 if IS_SOAK else 4
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(autouse=True)
def _as_users_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RALPH_TRACER_STRICT")


@pytest.fixture
def repo(world: World, whole_runs: Any, crashing: Any) -> World:
    world.start_repo(whole_runs.a_story(1), whole_runs.a_story(2), checks=crashing.CHECKS)
    return world


@pytest.fixture
def run(repo: World, crashing: Any) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(
        prefix: tuple[str, ...] = (), before: Callable[[], None] | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        with serve(ScriptedModel(crashing.script)) as base_url:
            return subprocess.run(
                [*prefix, sys.executable, "-m", "ralph", "run", "--plain", "--sandbox", "none"],
                cwd=repo.root,
                env=repo.environment(base_url) | env,
                capture_output=True,
                text=True,
                check=False,
                timeout=LONGEST_RUN_S,
                preexec_fn=before,
            )

    return run


def assert_calm(done: subprocess.CompletedProcess[str], *words: str) -> None:
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert "Traceback" not in said
    assert "bug" not in said
    for word in words:
        assert word in done.stderr, said


def assert_the_next_run_finishes(repo: World, done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(repo.stories_on()) == ["US-001", "US-002"]
    repo.assert_clean()


def mounts(options: str, folder: Path, then: str = "") -> tuple[str, ...]:
    """A prefix that mounts a tmpfs for the command alone."""
    script = f'mount -t tmpfs -o {options} tmpfs "$0" && {then or ":"} && exec "$@"'
    return ("unshare", "--map-root-user", "--mount", "sh", "-c", script, str(folder))


@pytest.fixture
def can_mount(tmp_path: Path) -> None:
    folder = tmp_path / "mountpoint"
    folder.mkdir()
    if not shutil.which("unshare") or subprocess.run([*mounts("size=1m", folder), "true"], check=False).returncode:
        pytest.skip("no tmpfs can be mounted here")


@pytest.mark.slow
@pytest.mark.usefixtures("can_mount")
@pytest.mark.parametrize("size", ["64k", "300k", "700k"])
def test_a_state_folder_on_a_full_disk_is_told_and_the_next_run_goes_on(repo: World, run: Any, size: str) -> None:
    repo.home.mkdir()
    done = run(mounts(f"size={size}", repo.home))
    assert_calm(done, "export RALPH_HOME=")
    repo.git("worktree", "prune")  # the small disk is gone, with the worktree on it
    assert_the_next_run_finishes(repo, run())


@pytest.mark.slow
@pytest.mark.usefixtures("can_mount")
def test_a_state_folder_that_may_only_be_read_is_told(repo: World, run: Any) -> None:
    repo.home.mkdir()
    done = run(mounts("size=1m", repo.home, 'mount -o remount,ro "$0"'))
    assert_calm(done, str(repo.home), "Read-only file system", "export RALPH_HOME=")
    assert_the_next_run_finishes(repo, run())


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_state_folder_without_leave_to_write_is_told(repo: World, run: Any) -> None:
    repo.home.mkdir(mode=0o500)
    assert_calm(run(), str(repo.home))


@pytest.mark.slow
@pytest.mark.parametrize("size_bytes", [4_096, 120_000, 200_000])
def test_files_that_may_not_grow_are_told_and_the_next_run_goes_on(repo: World, run: Any, size_bytes: int) -> None:
    done = run(before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes)))
    assert_calm(done)
    assert_the_next_run_finishes(repo, run())


@pytest.mark.slow
@pytest.mark.parametrize("most", [6, 12, 18, 24])
def test_when_files_run_out_it_is_told_and_the_next_run_goes_on(repo: World, run: Any, most: int) -> None:
    done = run(before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)))
    said = done.stdout + done.stderr
    assert done.returncode in {0, 2}, said
    assert "bug" not in said
    assert_the_next_run_finishes(repo, run())


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_an_error_at_any_effect_ends_calmly_and_the_next_run_finishes(
    crashing: Any, whole_runs: Any, tmp_path: Path, share: int
) -> None:
    with crashing.forking() as forks:
        variant = crashing.make_variant("tracked", tmp_path, forks=forks, whole_runs=whole_runs)
        made = {"world": whole_runs.World, "forks": forks, "bills": whole_runs.billed_micros}
        firsts = [point for point in variant.points if point.endswith("#1") and not point.startswith("after")]
        for number, point in enumerate(firsts if IS_SOAK else firsts[::2]):
            if number % SHARES != share:
                continue
            lasting, error = "+" if number // SHARES % 2 else "", ERRORS[number // SHARES % len(ERRORS)]
            with crashing.in_a_copy(variant, tmp_path / "world", **made) as broken:
                broken.fail_and_recover(f"error:{point}{lasting}:{error}")
