"""The read, edit and write tools: exact, contained, and plain about what they refuse."""

import base64
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ralph.sandbox import NoSandbox
from ralph.tools import Toolbox, ToolResult

Call = Callable[..., ToolResult]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / ".git").mkdir()
    return tmp_path / "repo"


@pytest.fixture
def call(root: Path, tmp_path: Path) -> Iterator[Call]:
    box = Toolbox(root, tmp_path / "scratch", NoSandbox(), protected=["prd.json", "ci/", "*.lock"])
    yield lambda name, **given: box.run(name, given)
    box.close()


def text(result: ToolResult) -> str:
    assert isinstance(result.content, str)
    return result.content


def test_read_numbers_the_lines(call: Call, root: Path) -> None:
    (root / "a").write_text("one\n\ttwo\n")
    assert text(call("read", file_path="a")) == "a (2 lines)\n1\tone\n2\t\ttwo"


def test_read_says_how_many_lines_there_are_and_where_to_go_on(call: Call, root: Path) -> None:
    (root / "a").write_text("".join(f"{n}\n" for n in range(1, 5001)))
    assert text(call("read", file_path="a")).endswith("2000\t2000\n[lines 1 to 2000 of 5000; go on with offset 2001]")
    page = call("read", file_path="a", offset=4999, limit=10)
    assert text(page) == "a (5000 lines)\n4999\t4999\n5000\t5000\n[lines 4999 to 5000 of 5000]"
    assert text(call("read", file_path="a", offset=5001)) == "a has 5000 lines; offset 5001 is past its end."


def test_read_cuts_long_lines_and_large_results(call: Call, root: Path) -> None:
    (root / "a").write_text("x" * 3000 + "\n" + ("y" * 1000 + "\n") * 200)
    shown = text(call("read", file_path="a"))
    assert "[… 1000 characters more]" in shown
    assert "[1 lines cut at 2000 characters]" in shown
    assert len(shown.encode()) < 70_000
    assert "of 201; go on with offset" in shown


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        pytest.param(b"", "a is empty.", id="empty"),
        pytest.param(b"x", "a (1 line)\n1\tx\n[no newline at the end of the file]", id="no-final-newline"),
        pytest.param(b"\xef\xbb\xbfx\r\ny\r\n", "a (2 lines)\n1\tx\n2\ty", id="bom-and-crlf"),
        pytest.param(b"\x1b[31mx\xff\n", "a (1 line)\n1\tx\ufffd", id="escapes-and-bad-utf-8"),
        pytest.param(b"\x7fELF\0\0", "a: binary file, 6 bytes, ELF program. Not shown.", id="binary"),
    ],
)
def test_read_shows_clean_text(call: Call, root: Path, data: bytes, shown: str) -> None:
    (root / "a").write_bytes(data)
    assert text(call("read", file_path="a")) == shown


def test_reading_a_large_program_gives_a_line_not_its_bytes(call: Call, root: Path) -> None:
    (root / "ls").write_bytes(Path("/bin/ls").read_bytes())
    assert len(text(call("read", file_path="ls"))) < 100


def test_read_gives_an_image_as_an_image(call: Call, root: Path) -> None:
    data = b"\x89PNG\r\n\x1a\n" + bytes(20)
    (root / "a.png").write_bytes(data)
    content = call("read", file_path="a.png").content
    assert isinstance(content, list)
    (block,) = content
    assert block["source"] == {"type": "base64", "media_type": "image/png", "data": base64.b64encode(data).decode()}
    (root / "big.png").write_bytes(data + bytes(5_000_000))
    assert text(call("read", file_path="big.png")) == "big.png: image/png, 5000028 bytes, too large to show."


def test_read_lists_a_folder_and_names_the_neighbours_of_a_missing_file(call: Call, root: Path) -> None:
    (root / "sub").mkdir()
    (root / "a").touch()
    assert text(call("read", file_path=".")) == ".git/\na\nsub/"
    assert text(call("read", file_path="b")) == "b: no such file. Its folder holds: .git, a, sub."
    assert text(call("read", file_path="x/b")) == "x/b: no such file. Its folder does not exist either."


def test_a_pipe_or_device_is_refused_before_it_is_read(call: Call, root: Path) -> None:
    os.mkfifo(root / "pipe")
    assert text(call("read", file_path="pipe")) == "pipe is not a regular file (a pipe, device or socket)."
    assert call("read", file_path="/dev/zero").is_error
    assert call("write", file_path="pipe", content="x").is_error


@pytest.mark.parametrize("tool", ["read", "edit", "write"])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda _root, _out: "../outside/secret", id="dots"),
        pytest.param(lambda _root, out: str(out / "secret"), id="absolute"),
        pytest.param(lambda root, out: (root / "l").symlink_to(out / "secret") or "l", id="link"),
        pytest.param(lambda root, out: (root / "l").symlink_to(out) or "l/secret", id="link-to-folder"),
        pytest.param(lambda root, out: (root / "l").symlink_to(out / "new") or "l", id="dangling-link"),
        pytest.param(
            lambda root, _out: (root / "l").symlink_to("../outside") or "l/../outside/secret", id="link-and-dots"
        ),
        pytest.param(lambda root, _out: (root / "l").symlink_to("l") or "l", id="loop"),
        pytest.param(lambda root, _out: (root / "l").symlink_to("l") or "l/x", id="loop-on-the-way"),
    ],
)
def test_no_path_and_no_link_leads_outside(
    call: Call, root: Path, tmp_path: Path, tool: str, make: Callable[[Path, Path], str]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("s3cret")
    path = make(root, outside)
    more = {"read": {}, "edit": {"old_string": "s3", "new_string": "x"}, "write": {"content": "x"}}[tool]
    result = call(tool, file_path=path, **more)
    assert result.is_error
    assert "s3cret" not in text(result)
    assert [(p.name, p.read_text()) for p in outside.iterdir()] == [("secret", "s3cret")]


def test_a_link_inside_the_repository_is_followed_and_stays_a_link(call: Call, root: Path) -> None:
    (root / "real").write_text("one\n")
    (root / "link").symlink_to("real")
    assert text(call("edit", file_path="link", old_string="one", new_string="two")) == (
        "edited real (1 replacement): line 1; the file now has 1 line"
    )
    assert (root / "link").is_symlink()
    assert (root / "real").read_text() == "two\n"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param(".git/config", ".git belongs to the harness", id="git"),
        pytest.param("sub/.GIT/hooks/x", ".git belongs to the harness", id="git-in-capitals-below"),
        pytest.param("prd.json", "is protected and stays as it is", id="file"),
        pytest.param("./ci/deep/x.yml", "is protected and stays as it is", id="folder"),
        pytest.param("a/b.lock", "is protected and stays as it is", id="glob"),
    ],
)
def test_what_the_harness_keeps_is_not_changed(call: Call, root: Path, path: str, said: str) -> None:
    result = call("write", file_path=path, content="x")
    assert result.is_error
    assert said in text(result)
    assert not (root / path).exists()


def test_edit_changes_the_text_and_nothing_else(call: Call, root: Path) -> None:
    file = root / "a"
    file.write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n\xff\xfe three")
    file.chmod(0o751)
    assert not call("edit", file_path="a", old_string="one\ntwo", new_string="1\n2\n2b").is_error
    assert file.read_bytes() == b"\xef\xbb\xbf1\r\n2\r\n2b\r\n\xff\xfe three"
    assert stat.S_IMODE(file.stat().st_mode) == 0o751
    assert sorted(p.name for p in root.iterdir()) == [".git", "a"]


@pytest.mark.parametrize(
    ("old", "said"),
    [
        pytest.param(
            "  return 1",
            "a.py: old_string does not occur. It differs from the file only in whitespace (indentation, tabs, line ends). "
            "The nearest lines are:\n2\t\treturn 1",
            id="indentation",
        ),
        pytest.param(
            "2\t\treturn 1",
            "a.py: old_string does not occur. It holds the line numbers that read shows; leave them out. "
            "The nearest lines are:\n2\t\treturn 1",
            id="line-numbers",
        ),
        pytest.param(
            "def g():",
            "a.py: old_string does not occur. Read the file again and copy the text exactly. "
            "The nearest lines are:\n1\tdef f():",
            id="nearly",
        ),
        pytest.param(
            "zzzzzzzzzz",
            "a.py: old_string does not occur. Read the file again and copy the text exactly.",
            id="nothing-like-it",
        ),
        pytest.param(
            "same",
            "a.py: old_string occurs 2 times, at lines 3, 4. Add lines around it until it is unique, or set replace_all.",
            id="not-unique",
        ),
        pytest.param(
            "r",
            "a.py: old_string occurs 2 times, at line 2. Add lines around it until it is unique, or set replace_all.",
            id="not-unique-on-one-line",
        ),
    ],
)
def test_an_edit_that_is_not_exact_and_unique_is_refused_with_help(call: Call, root: Path, old: str, said: str) -> None:
    before = "def f():\n\treturn 1\nsame\nsame\n"
    (root / "a.py").write_text(before)
    result = call("edit", file_path="a.py", old_string=old, new_string="x")
    assert (result.is_error, text(result)) == (True, said)
    assert (root / "a.py").read_text() == before


def test_mixed_line_ends_are_matched_byte_for_byte(call: Call, root: Path) -> None:
    (root / "a").write_bytes(b"one\r\ntwo\nthree\n")
    refused = call("edit", file_path="a", old_string="one\ntwo", new_string="x")
    assert "only in whitespace" in text(refused)
    call("edit", file_path="a", old_string="two\nthree", new_string="2\n3")
    assert (root / "a").read_bytes() == b"one\r\n2\n3\n"


def test_replace_all_replaces_all_and_an_empty_string_deletes(call: Call, root: Path) -> None:
    (root / "a").write_text("x x x")
    result = call("edit", file_path="a", old_string="x", new_string="", replace_all=True)
    assert (text(result), result.changed) == ("edited a (3 replacements): line 1; the file now has 1 line", True)
    assert (root / "a").read_text() == "  "


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        pytest.param("two\n", "2\n2b\n", "lines 2 to 3", id="grown"),
        pytest.param("two\nthree", "2", "line 2", id="shrunk"),
        pytest.param("two\n", "", "line 2", id="deleted"),
        pytest.param("e", "E\n", "lines 1 to 5", id="all-over-the-file"),
    ],
)
def test_edit_says_which_lines_hold_the_new_text(call: Call, root: Path, old: str, new: str, where: str) -> None:
    (root / "a").write_text("one\ntwo\nthree\n")
    result = call("edit", file_path="a", old_string=old, new_string=new, replace_all=True)
    assert f"): {where}; the file now has " in text(result)


def test_write_creates_folders_and_keeps_the_mode_of_what_it_replaces(call: Call, root: Path) -> None:
    assert text(call("write", file_path="x/y/a.sh", content="é\n")) == "created x/y/a.sh (3 bytes)"
    (root / "x/y/a.sh").chmod(0o755)
    assert text(call("write", file_path="x/y/a.sh", content="")) == "replaced x/y/a.sh (0 bytes)"
    assert stat.S_IMODE((root / "x/y/a.sh").stat().st_mode) == 0o755


def test_write_replaces_only_what_was_read(call: Call, root: Path) -> None:
    (root / "a").write_text("old")
    assert text(call("write", file_path="a", content="new")) == (
        "a exists. Read it first, or change a part of it with edit."
    )
    call("read", file_path="a")
    assert not call("write", file_path="a", content="new").is_error
    assert (root / "a").read_text() == "new"


@pytest.mark.parametrize(
    ("tool", "path", "said"),
    [
        pytest.param("write", "dir", "dir is a folder. Name a file in it.", id="write-folder"),
        pytest.param("write", ".", ". is a folder. Name a file in it.", id="write-root"),
        pytest.param("write", "file/x", "file/x: a part of its path is a file, not a folder.", id="below-a-file"),
        pytest.param("edit", "dir", "dir is a folder. Name a file in it.", id="edit-folder"),
        pytest.param("edit", "none", "none: no such file. Create it with write.", id="edit-missing"),
        pytest.param("edit", "bin", "bin is a binary file; edit works on text.", id="edit-binary"),
    ],
)
def test_impossible_changes_are_refused_in_words(call: Call, root: Path, tool: str, path: str, said: str) -> None:
    (root / "dir").mkdir()
    (root / "file").touch()
    (root / "bin").write_bytes(b"a\0b")
    more = {"content": "x"} if tool == "write" else {"old_string": "a", "new_string": "b"}
    result = call(tool, file_path=path, **more)
    assert (result.is_error, text(result)) == (True, said)
