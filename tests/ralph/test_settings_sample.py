"""The demo's sample repo is a real one: its PRD is good, its settings need no trust, its own checks pass."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ralph.demo
from prd.read import read_prd
from ralph.home import Home
from ralph.settings import load_settings

SAMPLE = Path(ralph.demo.__file__).parent / "sample"


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    shutil.copytree(SAMPLE, tmp_path / "kitty", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "kitty" / "gitignore").rename(tmp_path / "kitty" / ".gitignore")
    return tmp_path / "kitty"


def test_the_sample_has_five_open_stories_and_one_that_depends_on_another() -> None:
    prd, _ = read_prd(SAMPLE / "prd.json")
    assert [(story.id, story.passes, story.depends_on) for story in prd.stories] == [
        ("US-001", False, ()),
        ("US-002", False, ()),
        ("US-003", False, ("US-001",)),
        ("US-004", False, ()),
        ("US-005", False, ()),
    ]


def test_the_sample_needs_no_trust_and_its_checks_pass(sample: Path, tmp_path: Path) -> None:
    checks = load_settings(sample, Home(tmp_path / "home")).settings.checks
    assert checks is not None
    assert [check.name for check in checks] == ["tests", "style"]
    for check in checks:
        argv = [sys.executable, *check.command.split()[1:]]
        done = subprocess.run(argv, cwd=sample, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_weighted_split_that_forgets_refunds_fails_the_samples_rules(sample: Path) -> None:
    with (sample / "src/kitty/money.py").open("a", encoding="utf-8") as file:
        file.write(
            "\n\ndef split_by_weights(cents, weights):\n"
            "    shares = [cents * weight // sum(weights) for weight in weights]\n"
            "    for number in range(cents - sum(shares)):\n"
            "        shares[number] += 1\n"
            "    return shares\n"
        )
    argv = [sys.executable, "-m", "pytest", "-q", "tests/test_rules.py"]
    done = subprocess.run(argv, cwd=sample, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "test_a_refund_undoes_its_expense" in done.stdout


def test_the_sample_ships_no_file_that_packaging_would_leave_out() -> None:
    hidden = [path for path in SAMPLE.rglob("*") if path.name.startswith(".")]
    assert hidden == []
