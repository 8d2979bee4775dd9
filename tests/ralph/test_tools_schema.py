"""What is said to the model when a call does not fit; word for word."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ralph.sandbox import NoSandbox
from ralph.tools import Toolbox

FINISH = {"status": "done", "summary": "s", "criteria": [{"criterion": "c", "evidence": "e"}]}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Toolbox]:
    box = Toolbox(tmp_path, tmp_path / "scratch", NoSandbox())
    yield box
    box.close()


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("Bash", {}, "No such tool: Bash. Available: bash, read, edit, write, grep, glob, finish."),
        ("bash", [], "bash: the input must be an object, not a list."),
        ("bash", {}, "bash: required parameter `command` is missing."),
        (
            "bash",
            {"cmd": "ls"},
            "bash: required parameter `command` is missing, and `cmd` is unknown. Did you mean `command`?",
        ),
        ("bash", {"command": 1}, "bash: `command` must be a string, not a number."),
        ("bash", {"command": ""}, "bash: `command` must not be empty."),
        ("bash", {"command": "a\0b"}, "bash: `command` holds a NUL or half a surrogate pair. Send it without."),
        ("bash", {"command": "a", "timeout": 3}, "bash: unknown parameter `timeout`. Did you mean `timeout_s`?"),
        ("bash", {"command": "a", "x": 3}, "bash: unknown parameter `x`. Known: command, timeout_s, background."),
        ("bash", {"command": "a", "timeout_s": 601}, "bash: `timeout_s` must be from 1 to 600."),
        ("bash", {"command": "a", "timeout_s": True}, "bash: `timeout_s` must be an integer, not a boolean."),
        ("bash", {"command": "a", "background": "yes"}, "bash: `background` must be a boolean, not a string."),
        ("read", {"file_path": "a", "offset": 0}, "read: `offset` must be from 1 to 1000000000."),
        ("read", {"file_path": None}, "read: `file_path` must be a string, not null."),
        ("edit", {"file_path": "a", "old_string": "b"}, "edit: required parameter `new_string` is missing."),
        ("edit", {"file_path": "a", "old_string": "", "new_string": "b"}, "edit: `old_string` must not be empty."),
        (
            "edit",
            {"file_path": "a", "old_string": "b", "new_string": "b"},
            "edit: `old_string` and `new_string` are the same. Send the text that is to stand there instead.",
        ),
        ("finish", {**FINISH, "status": "ok"}, "finish: `status` must be one of done, blocked."),
        ("finish", {**FINISH, "criteria": [{}]}, "finish: required parameter `criteria[0].criterion` is missing."),
        (
            "finish",
            {**FINISH, "status": "blocked"},
            "finish: with status `blocked`, say in `blocked_reason` what stands in the way.",
        ),
        ("finish", {"status": "done", "summary": "s"}, None),
        ("finish", {**FINISH, "patterns": "one"}, "finish: `patterns` must be an array, not a string."),
        ("finish", {**FINISH, "learnings": ["a"], "patterns": ["b"]}, None),
        ("finish", {"status": "blocked", "summary": "s", "blocked_reason": "no key"}, None),
        ("bash", {"command": "a", "timeout_s": 5.0}, None),
        ("finish", FINISH, None),
        ("write", {"file_path": "a", "content": ""}, None),
    ],
)
def test_a_call_that_does_not_fit_is_told_what_is_wrong(
    box: Toolbox, name: str, given: object, said: str | None
) -> None:
    assert box.validate(name, given) == said


def test_an_invalid_call_is_a_result_and_changes_nothing(box: Toolbox, tmp_path: Path) -> None:
    result = box.run("write", {"file_path": "a"})
    assert (result.content, result.is_error) == ("write: required parameter `content` is missing.", True)
    assert not (tmp_path / "a").exists()


def test_every_tool_of_the_schema_can_be_run(box: Toolbox) -> None:
    assert {schema["name"] for schema in box.schemas} == set(box._carry)
    assert box.read_only == {"read", "grep", "glob"}


def test_a_setting_may_leave_tools_out(tmp_path: Path) -> None:
    box = Toolbox(tmp_path, tmp_path / "scratch", NoSandbox(), names=["bash", "finish"])
    assert [schema["name"] for schema in box.schemas] == ["bash", "finish"]
    assert box.run("grep", {"pattern": "x"}).content == "No such tool: grep. Available: bash, finish."
