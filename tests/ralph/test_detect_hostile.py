"""Nothing in a repo makes detection fail, hang or read outside of it."""

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ralph.detect import Proposal, detect, detect_checks
from ralph.detect.missing import smallest_example
from ralph.detect.tree import MAX_BYTES, open_tree

TOML_BOMB = "x = " + "[" * 20_000
WATCHED = (
    "package.json",
    "pyproject.toml",
    "Cargo.toml",
    "go.mod",
    "go.work",
    "pom.xml",
    "Gemfile",
    "composer.json",
    "a.csproj",
    "Makefile",
    "Taskfile.yml",
    "setup.py",
    "setup.cfg",
    "requirements.txt",
    "Pipfile",
    "pnpm-workspace.yaml",
    "docker-compose.yml",
    ".gitlab-ci.yml",
    ".github/workflows/ci.yml",
    ".env.example",
    "tests/conftest.py",
)
HOSTILE = {
    "a-list": "[]",
    "null": "null",
    "numbers": '{"scripts": 1, "dependencies": 2, "workspaces": 3, "packageManager": 4, "project": 5}',
    "nested-wrong": '{"scripts": {"test": ["x"], "lint": null}, "workspaces": {"packages": {}}, "require": []}',
    "deep-json": "[" * 200_000,
    "deep-json-object": '{"a":' * 100_000,
    "deep-toml": TOML_BOMB,
    "toml-wrong": "project = 1\ntool = 2\nworkspace = 3\ndependencies = [1, {}]\n",
    "toml-tables": "[tool]\npytest = 1\nuv = 2\n[project]\ndependencies = 'x'\noptional-dependencies = []\n",
    "deep-yaml": "[" * 20_000,
    "deep-yaml-block": "\n".join(" " * depth + "a:" for depth in range(250)),
    "yaml-bomb": "a: &a [x,x]\n" + "".join(f"{c}: &{c} [*{p},*{p}]\n" for p, c in zip("abcdefghijk", "bcdefghijkl", strict=True)),
    "yaml-merge-bomb": "a: &a {k: v}\n" + "".join(f"b{n}: &b{n} {{<<: [{', '.join(['*a'] * 9)}]}}\n" for n in range(50)),
    "yaml-wrong": "jobs: [1]\nservices: 7\ntasks: {x: 1}\npackages: {a: b}\n",
    "yaml-odd-jobs": "jobs:\n  a: {services: [1, [2]], steps: {x: y}, docker: z}\n  b: {services: {p: [1]}, steps: [1, {run: [x]}]}\n",
    "yaml-tags": "jobs: !!python/object/apply:os.system [exit 1]\n",
    "newlines": "\n" * (MAX_BYTES // 4),
    "spaces": "a" + " " * (MAX_BYTES // 4),
    "nul": "\0" * 1000,
    "one-line": "test " * 10_000,
    "use": "use (" * 10_000,
    "install": "install_requires = [" * 3_000,
    "binary": "\x80\xff",
}  # fmt: skip


def all_of(repo: Path) -> Proposal:
    detect_checks(repo)
    assert smallest_example(repo)
    return detect(repo)


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
def test_hostile_contents_in_every_file_that_is_read(tmp_path: Path, text: str) -> None:
    for name in WATCHED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    began = time.monotonic()
    all_of(tmp_path)
    assert time.monotonic() - began < 10


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text(json.dumps({"scripts": {"test": "x"}, "padding": "y" * 10_000_000}))
    assert not all_of(tmp_path).checks


def test_links_that_loop_or_lead_outside_and_files_that_block_are_not_followed(tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    (repo / "a").mkdir(parents=True)
    (repo / "a" / "up").symlink_to(repo)
    (repo / "loop").symlink_to("loop")
    (repo / "package.json").symlink_to("package.json")
    (repo / "pyproject.toml").symlink_to("/dev/zero")
    os.mkfifo(repo / "Makefile")
    outside = tmp_path / "outside"
    outside.write_text("module x\nrequire y v1\n")
    (repo / "go.mod").symlink_to(outside)
    (repo / "Cargo.toml").mkdir()
    assert all_of(repo).setup is None


def test_names_that_cannot_be_shown_are_passed_over(tmp_path: Path) -> None:
    for name in (b"\xff", b"a\nb", b"c\x1b[31m"):
        folder = tmp_path / os.fsdecode(name)
        folder.mkdir()
        (folder / "go.mod").write_text("module x")
    odd = tmp_path / "it's $(here)"
    odd.mkdir()
    (odd / "go.mod").write_text("require x v1")
    proposal = all_of(tmp_path)
    assert {check.cwd for check in proposal.checks} == {"it's $(here)"}
    assert proposal.setup
    assert proposal.setup.cwd == "it's $(here)"


def test_a_folder_that_may_not_be_read_or_is_not_there_has_nothing_in_it(tmp_path: Path) -> None:
    assert all_of(tmp_path / "nowhere") == Proposal()
    (tmp_path / "file").touch()
    assert all_of(tmp_path / "file") == Proposal()


def test_the_walk_ends_in_a_very_deep_or_wide_repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ralph.detect.tree.MAX_FILES", 100)
    deep = tmp_path.joinpath(*["d"] * 50)
    deep.mkdir(parents=True)
    (deep / "go.mod").touch()
    for number in range(300):
        (tmp_path / f"{number:03}.txt").touch()
    assert len(open_tree(tmp_path).names) <= 100


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(("package.json", "composer.json", ".gitlab-ci.yml", "docker-compose.yml", "Taskfile.yml")),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ("scripts", "test", "lint", "workspaces", "packages", "dependencies", "jobs", "steps", "run", "services",
                 "image", "docker", "tasks", "name", "script", "packageManager")
            ),
            inner,
            max_size=5,
        ),
        max_leaves=20,
    ),
)  # fmt: skip
def test_json_and_yaml_of_any_shape_never_raise(tmp_path: Path, name: str, content: object) -> None:
    for old in tmp_path.iterdir():
        old.unlink()
    (tmp_path / name).write_text(json.dumps(content))
    all_of(tmp_path)
