"""Which sandbox is chosen, what is said when it is not the best, and what is refused."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from ralph.errors import RalphError
from ralph.home import Home
from ralph.sandbox import NoSandbox, choose_sandbox
from ralph.sandbox.choose import ORDER, Choice, Machine, examine, require_bash
from ralph.sandbox.landlock import launcher, why_no_landlock
from ralph.sandbox.remedies import mend_bubblewrap
from ralph.settings import resolve
from ralph.settings.layers import SettingsFile

needs_landlock = pytest.mark.skipif(bool(why_no_landlock()), reason=why_no_landlock())


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


def with_bwrap(folder: Path, script: str) -> dict[str, str]:
    """An environment whose bwrap is a script."""
    environ = tools_without_bwrap(folder)
    (folder / "bwrap").write_text(f"#!{shutil.which('bash')}\n{script}\n")
    (folder / "bwrap").chmod(0o755)
    return environ


def chosen(setting: str, home: Home, environ: dict[str, str], levels: Sequence[str] = ("bwrap",)) -> Choice:
    return examine(setting, Machine(home, environ, levels=levels))


BLOCKS_NOTHING = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'


def test_with_no_level_left_auto_warns_with_the_command_that_installs_one(home: Home, tmp_path: Path) -> None:
    environ = tools_without_bwrap(tmp_path / "bin")
    (tmp_path / "bin" / "dnf").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "dnf").chmod(0o755)
    choice = chosen("auto", home, environ)
    assert choice.sandbox.level == "none"
    assert choice.warning == (
        "commands run without a sandbox: bubblewrap is not installed. Install it with: sudo dnf install bubblewrap"
    )


@pytest.mark.parametrize("setting", ["bwrap", "required"])
def test_what_was_asked_for_and_is_missing_is_refused(home: Home, tmp_path: Path, setting: str) -> None:
    with pytest.raises(RalphError) as caught:
        chosen(setting, home, tools_without_bwrap(tmp_path / "bin"))
    assert str(caught.value) == (
        f'sandbox = "{setting}" was asked for, but bubblewrap is not installed. '
        "To run with what there is: --sandbox auto. Install the package bubblewrap."
    )


@pytest.mark.parametrize(
    ("script", "trouble"),
    [
        pytest.param("echo 'bwrap: loopback: Failed RTM_NEWADDR' >&2; exit 1", "Failed RTM_NEWADDR", id="refused"),
        pytest.param(BLOCKS_NOTHING, "commands can change files outside of the worktree,", id="blocks-nothing"),
        pytest.param("exit 0", "bubblewrap does not work here", id="runs-nothing"),
    ],
)
@pytest.mark.parametrize("setting", ["auto", "required"])
def test_a_bubblewrap_that_does_not_block_is_not_used(
    home: Home, tmp_path: Path, script: str, trouble: str, setting: str
) -> None:
    environ = with_bwrap(tmp_path / "bin", script)
    if setting == "required":
        with pytest.raises(RalphError, match=trouble):
            chosen(setting, home, environ)
        return
    choice = chosen(setting, home, environ)
    assert choice.sandbox.level == "none"
    assert choice.warning
    assert trouble in choice.warning


@pytest.mark.skipif(not shutil.which("bwrap"), reason="there is no bwrap")
def test_a_level_that_breaks_one_promise_is_used_by_auto_with_a_warning_and_refused_when_required(
    home: Home, tmp_path: Path
) -> None:
    shares_processes = (
        f'args=("${{@/#--unshare-all/--unshare-net}}"); exec {shutil.which("bwrap")} --unshare-user "${{args[@]}}"'
    )
    environ = with_bwrap(tmp_path / "bin", shares_processes)
    choice = chosen("auto", home, environ)
    assert choice.sandbox.level == "bwrap"
    assert choice.warning
    assert "commands run in a sandbox that is not whole: bubblewrap does not keep what it promises" in choice.warning
    assert "commands can stop processes outside (a process outside was killed)." in choice.warning
    with pytest.raises(RalphError, match="does not keep what it promises"):
        chosen("required", home, environ)


@needs_landlock
def test_a_fall_to_a_lower_level_is_told_with_what_mends_it(home: Home, tmp_path: Path) -> None:
    environ = tools_without_bwrap(tmp_path / "bin")
    for setting in ("auto", "required"):
        choice = chosen(setting, home, environ, ORDER)
        assert choice.sandbox.level == "landlock"
        assert choice.warning
        assert choice.warning.startswith("commands run in Landlock, wh")
        assert choice.warning.endswith(": bubblewrap is not installed. Install the package bubblewrap.")


REFUSALS = [
    pytest.param("bwrap: setting up uid map: Permission denied", id="ubuntu-24.04-uid-map"),
    pytest.param("bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted", id="ubuntu-24.04-loopback"),
    pytest.param("bwrap: No permissions to create new namespace", id="a-container"),
]


@pytest.mark.parametrize("complaint", REFUSALS)
@pytest.mark.parametrize("levels", [("bwrap",), pytest.param(ORDER, marks=needs_landlock)], ids=["alone", "all"])
def test_where_bubblewrap_is_refused_there_is_one_warning_with_the_kernels_words_and_the_remedy(
    home: Home, tmp_path: Path, complaint: str, levels: Sequence[str]
) -> None:
    environ = with_bwrap(tmp_path / "bin", f"echo '{complaint}' >&2; exit 1")
    choice = chosen("auto", home, environ, levels)
    assert choice.sandbox.level == ("none" if levels == ("bwrap",) else "landlock")
    assert choice.warning
    assert choice.warning.count(f"bubblewrap does not work here ({complaint}). {mend_bubblewrap()}") == 1
    assert chosen("none", home, environ, levels).warning is None
    with pytest.raises(RalphError) as refused:
        chosen("bwrap", home, environ, levels)
    assert str(refused.value) == (
        f'sandbox = "bwrap" was asked for, but bubblewrap does not work here ({complaint}). '
        f"To run with what there is: --sandbox auto. {mend_bubblewrap()}"
    )


@needs_landlock
def test_a_level_by_its_name_is_that_one(home: Home) -> None:
    choice = chosen("landlock", home, dict(os.environ), ORDER)
    assert (choice.sandbox.level, choice.warning) == ("landlock", None)


def test_none_is_no_sandbox_and_no_warning(home: Home) -> None:
    found, warning = choose_sandbox("none", home)
    assert (found.level, warning) == ("none", None)
    assert NoSandbox().wrap(["a", "b"], cwd=home.root, writable=[]) == ["a", "b"]


@pytest.mark.skipif(not launcher(), reason="the launcher does not run here")
def test_without_a_sandbox_a_command_is_only_supervised(home: Home, tmp_path: Path) -> None:
    found, _ = choose_sandbox("none", home)
    outside = tmp_path / "outside"
    argv = found.wrap(["bash", "-c", f"cat /proc/$PPID/comm > {outside}; exit 7"], cwd=home.root, writable=[])
    assert subprocess.run(argv, check=False).returncode == 7
    assert outside.read_text() == "ralph-sandbox\n"


def test_an_unknown_setting_is_refused(home: Home) -> None:
    with pytest.raises(RalphError, match=r'unknown sandbox "docker". Write "auto", "required", .* or "none"'):
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


def test_the_users_caches_and_limits_reach_the_sandbox(home: Home, tmp_path: Path) -> None:
    cache = tmp_path / "caches" / "pip"
    text = f'caches = ["{cache}"]\n[resources]\nmemory = "1GB"\nprocesses = 500\nfile_size = "2 GB"\n'
    settings = resolve(None, SettingsFile(Path("c"), text.encode(), "c"), {}).settings
    sandbox, _ = choose_sandbox("auto", home, caches=settings.caches, limits=settings.resources)
    if sandbox.level == "none":
        pytest.skip("no sandbox works here")
    resources = sandbox.resources  # type: ignore[attr-defined]
    assert (resources.memory_bytes, resources.processes, resources.file_size_bytes) == (2**30, 500, 2**31)
    assert sandbox.caches == (cache,)  # type: ignore[attr-defined]
    assert cache.is_dir()


@pytest.mark.parametrize(
    ("files", "remedy"),
    [
        pytest.param({".dockerenv": ""}, "In a container, start it with --security-opt", id="docker"),
        pytest.param({"run/.containerenv": ""}, "In a container, start it with --security-opt", id="podman"),
        pytest.param(
            {"proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"},
            "On Ubuntu 24.04 and later allow it with: sudo apt-get install apparmor-profiles",
            id="ubuntu",
        ),
        pytest.param(
            {"proc/sys/user/max_user_namespaces": "0\n"},
            "Allow them with: sudo sysctl -w user.max_user_namespaces=15000",
            id="no-namespaces",
        ),
        pytest.param(
            {"proc/sys/kernel/unprivileged_userns_clone": "0\n"},
            "Allow them with: sudo sysctl -w kernel.unprivileged_userns_clone=1",
            id="old-debian",
        ),
        pytest.param({}, "To see why: bwrap", id="unknown"),
    ],
)
def test_the_remedy_fits_the_machine(tmp_path: Path, files: dict[str, str], remedy: str) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert remedy in mend_bubblewrap(tmp_path)
