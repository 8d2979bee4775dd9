"""Which sandbox is chosen, what is said when it is not the best, and what is refused."""

import shutil
from pathlib import Path

import pytest

from ralph.errors import RalphError
from ralph.home import Home
from ralph.sandbox import NoSandbox, choose_sandbox
from ralph.sandbox.choose import require_bash


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "state")
    home.folder()
    return home


def tools_without_bwrap(folder: Path, *extra: str) -> dict[str, str]:
    folder.mkdir()
    for name in ("bash", *extra):
        (folder / name).symlink_to(shutil.which(name) or f"/usr/bin/{name}")
    return {"PATH": str(folder), "HOME": str(Path.home())}


def test_without_bubblewrap_auto_warns_with_the_command_that_installs_it(home: Home, tmp_path: Path) -> None:
    environ = tools_without_bwrap(tmp_path / "bin")
    (tmp_path / "bin" / "dnf").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "dnf").chmod(0o755)
    found, warning = choose_sandbox("auto", home, environ=environ)
    assert found.level == "none"
    assert warning == (
        "commands run without a sandbox: bubblewrap is not installed. Install it with: sudo dnf install bubblewrap"
    )


def test_asking_for_bubblewrap_where_it_is_missing_is_an_error(home: Home, tmp_path: Path) -> None:
    with pytest.raises(RalphError, match='sandbox = "bwrap" was asked for, but bubblewrap is not installed'):
        choose_sandbox("bwrap", home, environ=tools_without_bwrap(tmp_path / "bin"))


@pytest.mark.parametrize(
    ("script", "trouble"),
    [
        pytest.param("echo 'bwrap: loopback: Failed RTM_NEWADDR' >&2; exit 1", "Failed RTM_NEWADDR", id="refused"),
        pytest.param(
            'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
            "change files outside of the worktree",
            id="blocks-nothing",
        ),
        pytest.param("exit 0", "", id="runs-nothing"),
    ],
)
def test_a_bubblewrap_that_does_not_block_is_not_used(home: Home, tmp_path: Path, script: str, trouble: str) -> None:
    environ = tools_without_bwrap(tmp_path / "bin")
    fake = tmp_path / "bin" / "bwrap"
    fake.write_text(f"#!{shutil.which('bash')}\n{script}\n")
    fake.chmod(0o755)
    found, warning = choose_sandbox("auto", home, environ=environ)
    assert found.level == "none"
    assert warning is not None
    assert trouble in warning


def test_none_is_no_sandbox_and_no_warning(home: Home) -> None:
    found, warning = choose_sandbox("none", home)
    assert (found.level, warning) == ("none", None)
    assert NoSandbox().wrap(["a", "b"], cwd=home.root, writable=[]) == ["a", "b"]


def test_an_unknown_setting_is_refused(home: Home) -> None:
    with pytest.raises(RalphError, match=r'unknown sandbox "docker". Write "auto", .* or "none"'):
        choose_sandbox("docker", home)


def test_without_bash_it_is_bash_that_is_asked_for(home: Home, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    if bwrap := shutil.which("bwrap"):
        (tmp_path / "bin" / "bwrap").symlink_to(bwrap)
    (tmp_path / "bin" / "apk").touch(mode=0o755)
    environ = {"PATH": str(tmp_path / "bin")}
    said = "bash is not on PATH, and every check and command is run by it. Install it with: sudo apk add bash"
    _, warning = choose_sandbox("auto", home, environ=environ)
    assert warning == f"commands run without a sandbox: {said}"
    with pytest.raises(RalphError, match=said):
        require_bash(environ)
