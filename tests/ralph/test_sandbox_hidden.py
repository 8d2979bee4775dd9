"""What stays hidden below the folders that a sandbox shows."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ralph.sandbox.account import recorded_home
from ralph.sandbox.bubblewrap import bubblewrap
from ralph.sandbox.hidden import HOME_SECRETS, configs_of, hidden_below, holds_token, secret_places

BWRAP = shutil.which("bwrap") or ""


@pytest.fixture
def user_home(tmp_path: Path) -> Path:
    home = tmp_path / "home" / "sam"
    home.mkdir(parents=True)
    return home


def put(path: Path, text: str = "secret") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def hidden(shown: list[Path], home: Path) -> set[Path]:
    below = hidden_below(shown, [home])
    return {one.path for one in below if one.path.is_relative_to(home.parent.parent)}


@pytest.mark.parametrize(
    "name", [".npmrc", ".netrc", ".env", ".git-credentials", "credentials.toml", "etc/npmrc", "id_ed25519"]
)
def test_a_tool_folder_does_not_carry_a_secret_in(user_home: Path, name: str) -> None:
    secret, tool = put(user_home / "tool" / name), put(user_home / "tool" / "bin" / "tool")
    assert hidden([user_home / "tool"], user_home) == {secret}
    assert tool.exists()


def test_a_known_place_below_a_shown_folder_is_hidden_as_a_whole(user_home: Path) -> None:
    put(user_home / ".local/share/uv/credentials/store.json")
    assert hidden([user_home / ".local/share/uv"], user_home) == {user_home / ".local/share/uv/credentials"}


def test_a_place_is_hidden_under_every_name_that_a_link_gives_it(user_home: Path, tmp_path: Path) -> None:
    real = put(tmp_path / "dotfiles" / "gh" / "hosts.yml").parent
    (user_home / ".config").mkdir()
    (user_home / ".config" / "gh").symlink_to(real)
    (user_home / "tools").symlink_to(tmp_path / "dotfiles")
    assert hidden([user_home / "tools"], user_home) == {user_home / "tools" / "gh"}
    assert {user_home / ".config" / "gh", real} <= secret_places([user_home])


@pytest.mark.parametrize(
    ("text", "has_token"),
    [
        pytest.param("[global]\nindex-url = https://example.org/simple\n", False, id="plain-index"),
        pytest.param("[global]\nindex-url = https://sam:pw@example.org/simple\n", True, id="password-in-url"),
        pytest.param("//registry.example.org/:_authToken=abc\n", True, id="npm-token"),
        pytest.param("registry=https://registry.example.org/\n", False, id="npm-registry"),
        pytest.param('[registry]\ntoken = "abc"\n', True, id="cargo-token"),
        pytest.param("[user]\n\tname = Sam\n", False, id="git-name"),
    ],
)
def test_settings_stay_visible_unless_a_token_stands_in_them(tmp_path: Path, text: str, has_token: bool) -> None:
    assert holds_token(put(tmp_path / "settings", text)) == has_token


def test_a_settings_file_that_is_not_there_holds_none(tmp_path: Path) -> None:
    assert not holds_token(tmp_path / "absent")


def test_the_list_covers_what_people_have() -> None:
    for name in (".ssh", ".aws", ".azure", ".config/gcloud", ".kube", ".gnupg", ".docker", ".config/gh", ".netrc"):
        assert name in HOME_SECRETS
    for name in (".npmrc", ".pypirc", ".cargo/credentials", ".git-credentials", ".local/share/keyrings"):
        assert name in HOME_SECRETS


def test_no_key_of_home_or_system_is_readable_in_the_sandbox(tmp_path: Path, user_home: Path) -> None:
    if not BWRAP or subprocess.run([BWRAP, "--ro-bind", "/", "/", "true"], capture_output=True, check=False).returncode:
        pytest.skip("bubblewrap does not work here")
    for name in HOME_SECRETS:
        place = user_home / name
        if not any(parent.is_file() for parent in place.parents) and not place.exists():
            put(place / "key" if any(other.startswith(f"{name}/") for other in HOME_SECRETS) else place, "canary-7d1f")
    put(user_home / ".cargo" / "bin" / "tool", "tool")
    put(user_home / "checkout" / ".env", "canary-7d1f")
    tree = tmp_path / "state" / "tree"
    tree.mkdir(parents=True)
    environ = {"PATH": f"{user_home}/.cargo/bin:{user_home}/.docker:{os.environ['PATH']}", "HOME": str(user_home)}
    sandbox = bubblewrap(BWRAP, tree.parent, environ)
    script = (
        f"ls {user_home}/.cargo/bin; grep -rl canary-7d1f {user_home} 2>&1;"
        "cat /etc/shadow /etc/gshadow /etc/sudoers /etc/ssh/ssh_host_*_key /etc/ssl/private/* 2>/dev/null;"
        "find / -xdev -type s 2>/dev/null; ls -A /run 2>/dev/null"
    )
    argv = sandbox.wrap(["bash", "-c", script], cwd=tree, writable=[tree])
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["tool"]


def test_a_secret_that_is_removed_meanwhile_stops_no_command(tmp_path: Path, user_home: Path) -> None:
    if not BWRAP or subprocess.run([BWRAP, "--ro-bind", "/", "/", "true"], capture_output=True, check=False).returncode:
        pytest.skip("bubblewrap does not work here")
    secret = put(user_home / "tools" / ".npmrc")
    put(user_home / "tools" / "tool")
    tree = tmp_path / "state" / "tree"
    tree.mkdir(parents=True)
    sandbox = bubblewrap(BWRAP, tree.parent, {"PATH": f"{user_home}/tools:/usr/bin", "HOME": str(user_home)})

    def look() -> str:
        argv = sandbox.wrap(["cat", str(secret)], cwd=tree, writable=[tree])
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout

    assert look() == ""
    secret.unlink()
    assert subprocess.run(sandbox.wrap(["true"], cwd=tree, writable=[tree]), check=False).returncode == 0


def test_a_repository_s_settings_are_shown_without_the_passwords_in_them(tmp_path: Path) -> None:
    if not BWRAP or subprocess.run([BWRAP, "--ro-bind", "/", "/", "true"], capture_output=True, check=False).returncode:
        pytest.skip("bubblewrap does not work here")
    repo, tree = tmp_path / "repo", tmp_path / "state" / "tree"
    tree.parent.mkdir()
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "init", "-q", str(repo)], check=True)
    subprocess.run(["git", "-C", str(repo), *who, "commit", "-q", "--allow-empty", "-m", "base"], check=True)
    subprocess.run(["git", "-C", str(repo), "worktree", "add", "-q", str(tree)], check=True)
    for name, value in (
        ("remote.origin.url", "https://sam:canary-1@example.org/a.git"),
        ("http.https://example.org/.extraheader", "AUTHORIZATION: basic canary-2"),
        ("my.setting", "kept"),
    ):
        subprocess.run(["git", "-C", str(repo), "config", name, value], check=True)
    put(repo / ".git" / "config.worktree", "[http]\n\textraheader = canary-3\n")
    put(repo / ".git" / "modules" / "sub" / "HEAD", "ref: refs/heads/main\n")
    put(repo / ".git" / "modules" / "sub" / "config", '[remote "origin"]\n\turl = https://u:canary-4@example.org/b\n')
    before = (repo / ".git" / "config").read_bytes()
    sandbox = bubblewrap(BWRAP, tmp_path / "state")
    script = f"git config my.setting; git remote get-url origin; grep -r canary- {repo}; git status --short"
    argv = sandbox.wrap(["bash", "-c", script], cwd=tree, writable=[tree], read_only=[tree / ".git", repo / ".git"])
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["kept", "https://example.org/a.git"], "")
    assert (repo / ".git" / "config").read_bytes() == before


def test_settings_of_worktrees_and_of_nested_submodules_count_and_what_their_history_holds_does_not(
    tmp_path: Path,
) -> None:
    for folder in ("", "worktrees/tree", "modules/libs/one", "modules/libs/one/modules/two"):
        put(tmp_path / folder / "HEAD")
        put(tmp_path / folder / "objects" / "config")
    expected = {
        put(tmp_path / "config"),
        put(tmp_path / "worktrees" / "tree" / "config.worktree"),
        put(tmp_path / "modules" / "libs" / "one" / "config"),
        put(tmp_path / "modules" / "libs" / "one" / "modules" / "two" / "config"),
    }
    assert set(configs_of(tmp_path)) == expected
    assert list(configs_of(tmp_path / "HEAD")) == []


def test_a_user_who_is_not_on_record_has_no_home_there_and_that_is_no_error() -> None:
    assert recorded_home(uid=2_000_000_011) is None
    assert recorded_home() is not None
