"""The grep and glob tools: sorted, bounded, blind to what git ignores, and never stuck in a pattern."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ralph.home import Home
from ralph.sandbox import Sandbox
from ralph.tools import Toolbox, ToolResult, search
from ralph.tools.listing import glob_pattern

Call = Callable[..., ToolResult]
Proven = Callable[[str, Home], Sandbox]


def fill(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    fill(
        root,
        {
            ".gitignore": "ignored/\n*.log\n",
            "src/b.py": "import os\n\ndef needle():\n    return 1\n",
            "src/a.py": "Needle = 2\n",
            "docs/deep/c.md": "a needle here\n",
            "ignored/d.py": "needle\n",
            "x.log": "needle\n",
            "bin": "needle\0",
        },
    )
    return root


@pytest.fixture(params=["none", "bwrap"])
def call(request: pytest.FixtureRequest, root: Path, tmp_path: Path, proven: Proven) -> Iterator[Call]:
    home = Home(tmp_path / "state")
    box = Toolbox(root, home.folder("runs", "one"), proven(request.param, home))
    yield lambda name, **given: box.run(name, given)
    box.close()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param({}, "docs/deep/c.md:1:a needle here\nsrc/b.py:3:def needle():", id="sorted-by-path"),
        pytest.param({"glob": "*.py"}, "src/b.py:3:def needle():", id="glob"),
        pytest.param({"path": "docs"}, "docs/deep/c.md:1:a needle here", id="folder"),
        pytest.param({"path": "src/b.py"}, "src/b.py:3:def needle():", id="file"),
        pytest.param(
            {"path": "src", "ignore_case": True}, "src/a.py:1:Needle = 2\nsrc/b.py:3:def needle():", id="ignore-case"
        ),
        pytest.param(
            {"path": "src", "context": 1},
            "src/b.py-2-\nsrc/b.py:3:def needle():\nsrc/b.py-4-    return 1",
            id="context",
        ),
        pytest.param(
            {"path": "src", "context": 1, "ignore_case": True},
            "src/a.py:1:Needle = 2\n--\nsrc/b.py-2-\nsrc/b.py:3:def needle():\nsrc/b.py-4-    return 1",
            id="context-of-places-apart",
        ),
        pytest.param(
            {"limit": 1},
            "docs/deep/c.md:1:a needle here\n[more matched; narrow the pattern, or raise limit]",
            id="limit",
        ),
        pytest.param({"glob": "*.rs"}, "no match for needle", id="nothing"),
    ],
)
def test_grep_gives_path_line_and_text(call: Call, given: dict[str, object], shown: str) -> None:
    result = call("grep", pattern="needle", **given)
    assert (result.content, result.is_error) == (shown, False)


@pytest.mark.skipif(not search.RIPGREP, reason="ripgrep is not installed")
@pytest.mark.parametrize(
    "given",
    [
        {"pattern": "needle"},
        {"pattern": "NEEDLE", "ignore_case": True, "context": 2},
        {"pattern": "e$", "limit": 2},
        {"pattern": "(?<=a )needle"},
        {"pattern": "def f("},
        {"pattern": "-x"},
        {"pattern": "."},
    ],
)
def test_both_search_engines_say_the_same(
    call: Call, root: Path, given: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "crlf").write_bytes(b"\xef\xbb\xbfone needle\r\n-x e\r\nx\xff\n")
    by_ripgrep = call("grep", **given).content
    monkeypatch.setattr(search, "RIPGREP", "")
    assert call("grep", **given).content == by_ripgrep


def test_a_broken_pattern_is_explained(call: Call) -> None:
    result = call("grep", pattern="def f(")
    assert result.is_error
    assert result.content == (
        "grep: the pattern is not a regular expression: missing ), unterminated subpattern at position 5. "
        "Escape special characters with a backslash."
    )


def test_a_pattern_that_never_ends_is_stopped(call: Call, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "GREP_TIMEOUT_S", 0.5)
    monkeypatch.setattr(search, "RIPGREP", "")
    fill(root, {"evil": "a" * 60 + "!"})
    result = call("grep", pattern="(a+)+$", path="evil")
    assert result.is_error
    assert "the search took too long" in str(result.content)
    assert result.duration_s < 4


def test_neither_grep_nor_glob_follows_a_link_out(call: Call, root: Path, tmp_path: Path) -> None:
    fill(tmp_path, {"outside/e.py": "needle\n"})
    (root / "link.py").symlink_to(tmp_path / "outside/e.py")
    (root / "links").symlink_to(tmp_path / "outside")
    assert "link" not in str(call("grep", pattern="needle").content)
    assert call("grep", pattern="needle", path="links").is_error
    assert call("glob", pattern="*", path="links").is_error


def test_what_git_ignores_is_ignored_below_a_folder_too(call: Call, root: Path) -> None:
    fill(root, {"src/trace.log": "needle"})
    assert call("grep", pattern="needle", path="src").content == "src/b.py:3:def needle():"
    assert call("glob", pattern="*", path="src").content == "src/a.py\nsrc/b.py"


def test_without_git_everything_but_caches_is_searched(call: Call, root: Path) -> None:
    (root / ".git").rename(root.parent / "elsewhere")
    fill(root, {"node_modules/x.js": "needle"})
    assert call("grep", pattern="needle", glob="*.{log,js}").content == "x.log:1:needle"


def test_glob_gives_the_newest_first_and_untouched_files_by_path(call: Call, root: Path) -> None:
    for name in ("src/a.py", "src/b.py"):
        os.utime(root / name, (1, 1 if name == "src/a.py" else 2))
    assert call("glob", pattern="**/*.py").content == "src/a.py\nsrc/b.py"
    call("edit", file_path="src/b.py", old_string="return 1", new_string="return 2")
    assert call("glob", pattern="src/*.py").content == "src/b.py\nsrc/a.py"
    assert call("glob", pattern="*", path="src").content == "src/b.py\nsrc/a.py"


def test_glob_stops_at_two_hundred(call: Call, root: Path) -> None:
    fill(root, {f"many/{number:03}": "" for number in range(205)})
    lines = str(call("glob", pattern="many/*").content).splitlines()
    assert (len(lines), lines[-1]) == (201, "[5 more; narrow the pattern]")


@pytest.mark.parametrize(
    ("glob", "matching", "other"),
    [
        pytest.param("*.py", ["a.py", "x/a.py"], ["a.pyc", "x.py/a"], id="name-anywhere"),
        pytest.param("src/*.py", ["src/a.py"], ["src/x/a.py", "x/src/a.py"], id="one-folder"),
        pytest.param("src/**/*.py", ["src/a.py", "src/x/y/a.py"], ["a.py"], id="any-depth"),
        pytest.param("**/a?.[ch]", ["a1.c", "x/ab.h"], ["a.c", "ab.x"], id="classes"),
        pytest.param("[!a].{md,txt}", ["b.md", "c.txt"], ["a.md", "b.rs"], id="choice"),
        pytest.param("./a+(b).py", ["a+(b).py"], ["aab.py"], id="literal"),
        pytest.param("docs/**", ["docs/a", "docs/x/y"], ["doc/a"], id="all-below"),
    ],
)
def test_globs_mean_what_shells_mean(glob: str, matching: list[str], other: list[str]) -> None:
    pattern = glob_pattern(glob)
    assert [name for name in (*matching, *other) if pattern.match(name)] == matching
