"""A repo without checks is told what to add; what it is told works."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from ralph.detect import detect_checks
from ralph.detect.missing import EXAMPLES, smallest_example

NEEDED = {"Python": "python", "JavaScript": "node", "Go": "go", "Rust": "cargo", "Ruby": "ruby", "Shell": "bash"}
SLOW = {"Rust", "Ruby"}  # compiled from nothing; not on every machine


@pytest.mark.parametrize("example", [pytest.param(each, id=each.language) for each in EXAMPLES])
def test_the_example_is_in_the_repos_own_language(tmp_path: Path, example: object) -> None:
    assert example in EXAMPLES
    chosen = next(each for each in EXAMPLES if each is example)
    (tmp_path / f"main{chosen.endings[0]}").touch()
    told = smallest_example(tmp_path)
    assert f"{chosen.language}: add {chosen.file}" in told
    assert tomllib.loads(_block_after(told, "and to ralph.toml"))["checks"][0]["command"] == chosen.command


@pytest.mark.parametrize("language", [name for name in NEEDED if name not in SLOW])
def test_the_example_works_as_it_is_printed(tmp_path: Path, language: str) -> None:
    example = next(each for each in EXAMPLES if each.language == language)
    if not shutil.which(NEEDED[language]):
        pytest.skip(f"{NEEDED[language]} is not on this machine")
    if language == "Go":
        (tmp_path / "go.mod").write_text("module example.com/x\n\ngo 1.18\n")
        (tmp_path / "lib.go").write_text("package lib\n")
    file = tmp_path / example.file
    file.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / f"main{example.endings[0]}").write_text("package lib\n" if language == "Go" else "")
    file.write_text(_block_after(smallest_example(tmp_path), f"add {re.escape(example.file)}[^\n]*"))
    assert (
        subprocess.run(["bash", "-c", example.command], cwd=tmp_path, capture_output=True, check=False).returncode == 0
    )
    if language in {"Python", "Go"}:  # found without a ralph.toml as well
        assert any(check.command.split()[-2:] == example.command.split()[-2:] for check in detect_checks(tmp_path))


def test_a_repo_in_no_known_language_is_told_how_any_command_is_a_check(tmp_path: Path) -> None:
    (tmp_path / "main.f90").touch()
    assert "add check.sh" in smallest_example(tmp_path)


def test_two_languages_get_two_examples_the_more_used_first(tmp_path: Path) -> None:
    for name in ("a.go", "b.go", "c.py"):
        (tmp_path / name).touch()
    told = smallest_example(tmp_path)
    assert told.index("Go: add") < told.index("Python: add")


def _block_after(text: str, title: str) -> str:
    found = re.search(title + r"\n\n((?:    .*\n|\n)+)", text)
    assert found
    return "\n".join(line[4:] for line in found.group(1).rstrip("\n").split("\n")) + "\n"
