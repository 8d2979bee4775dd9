"""What Seatbelt is told. Only its text is tested: there is no macOS here, and the level says so itself."""

import sys
from pathlib import Path

import pytest

from ralph.sandbox import seatbelt as module
from ralph.sandbox.seatbelt import Seatbelt, seatbelt, why_no_seatbelt


@pytest.fixture
def sandbox(tmp_path: Path) -> Seatbelt:
    home = tmp_path / "home"
    tools = home / ".pyenv"
    return Seatbelt(tmp_path / "state", (home,), (tools,), (tools / "credentials",))


def parsed(argv: list[str]) -> tuple[dict[str, str], str, list[str]]:
    """The parameters, the profile and the command."""
    parameters, words = {}, argv[1:]
    while words[0] == "-D":
        name, _, path = words[1].partition("=")
        parameters[name] = path
        words = words[2:]
    assert words[0] == "-p"
    return parameters, words[1], words[2:]


def rules(argv: list[str]) -> list[str]:
    """The rules about paths, in their order, with the paths put in."""
    parameters, profile, _ = parsed(argv)
    lines = [line for line in profile.splitlines() if "(param " in line]
    for name, path in parameters.items():
        lines = [line.replace(f'(param "{name}")', path) for line in lines]
    return lines


def test_everything_is_denied_that_is_not_allowed(sandbox: Seatbelt, tmp_path: Path) -> None:
    _, profile, command = parsed(sandbox.wrap(["make", "test"], cwd=tmp_path, writable=[]))
    assert profile.splitlines()[:2] == ["(version 1)", "(deny default)"]
    assert "network" not in profile
    assert command == ["/usr/bin/env", "make", "test"]


def test_later_rules_give_back_what_earlier_ones_hide(sandbox: Seatbelt, tmp_path: Path) -> None:
    tree, git = tmp_path / "state" / "tree", tmp_path / "repo" / ".git"
    dot_git = tree / "sub" / ".git"
    found = rules(sandbox.wrap(["true"], cwd=tree, writable=[tree], read_only=[git, dot_git]))
    outside = " ".join(f"(subpath {path.resolve()})" for path in module.OUT_OF_SIGHT)
    assert found == [
        f"(deny file-read* file-write* (subpath {tmp_path}/home) {outside})",
        f"(allow file-read* (subpath {tmp_path}/home/.pyenv))",
        f"(deny file-read* file-write* (subpath {tmp_path}/home/.pyenv/credentials) (subpath {tmp_path}/state))",
        f"(allow file-read* (subpath {git}) (subpath {dot_git}))",
        f"(allow file-read* file-write* (subpath {tree}))",
        f"(deny file-write* (subpath {git}) (subpath {dot_git}))",
        f"(deny file-write-unlink (literal {tree}/sub))",
    ]


def test_a_path_can_never_be_read_as_a_rule(sandbox: Seatbelt, tmp_path: Path) -> None:
    hostile = tmp_path / '") (allow default) ("\\\n(allow network*)'
    parameters, profile, _ = parsed(sandbox.wrap(["true"], cwd=tmp_path, writable=[hostile]))
    assert str(hostile) in parameters.values()
    assert "allow default" not in profile
    assert "network" not in profile


def test_a_profile_has_as_many_brackets_open_as_closed(sandbox: Seatbelt, tmp_path: Path) -> None:
    for network in (False, True):
        argv = sandbox.wrap(["true"], cwd=tmp_path, writable=[tmp_path], read_only=[tmp_path / "x"], network=network)
        _, profile, _ = parsed(argv)
        assert profile.count("(") == profile.count(")")
        assert profile.count('"') % 2 == 0


def test_the_network_is_open_only_when_asked_for_and_then_for_internet_sockets(
    sandbox: Seatbelt, tmp_path: Path
) -> None:
    _, profile, _ = parsed(sandbox.wrap(["true"], cwd=tmp_path, writable=[], network=True))
    assert "(allow network-outbound (remote ip))" in profile
    assert "(allow network*)" not in profile


def test_temporary_files_have_the_folder_that_is_meant_for_them(sandbox: Seatbelt, tmp_path: Path) -> None:
    tree, home, tmp = tmp_path / "tree", tmp_path / "home2", tmp_path / "tmp"
    given = sandbox.wrap(["true"], cwd=tree, writable=[tree, home], tmp=tmp)
    assert given[-5:] == ["/usr/bin/env", f"TMPDIR={tmp}", f"TMP={tmp}", f"TEMP={tmp}", "true"]
    assert f"TMPDIR={home}" in sandbox.wrap(["true"], cwd=tree, writable=[tree, home])


def test_links_are_followed_since_seatbelt_knows_only_where_they_lead(sandbox: Seatbelt, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    parameters, _, _ = parsed(sandbox.wrap(["true"], cwd=tmp_path, writable=[tmp_path / "link"]))
    assert str(tmp_path / "real") in parameters.values()
    assert str(tmp_path / "link") not in parameters.values()


def test_it_promises_no_limits_and_says_that_it_is_untested() -> None:
    assert not Seatbelt.promises & {"forks", "memory", "file-size"}
    assert "UNTESTED" in (module.__doc__ or "")
    assert "untested" in module.UNTESTED


def test_it_is_made_with_what_bubblewrap_would_hide_and_show(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".pyenv" / "bin").mkdir(parents=True)
    made = seatbelt(tmp_path / "state", {"HOME": str(home), "PATH": str(home / ".pyenv" / "bin")})
    assert home in made.hidden
    assert home / ".pyenv" in made.readable


@pytest.mark.skipif(sys.platform == "darwin", reason="this is macOS")
def test_elsewhere_than_on_macos_it_says_why_it_cannot_be_used() -> None:
    assert why_no_seatbelt() == "Seatbelt is a part of macOS, and this is Linux."
