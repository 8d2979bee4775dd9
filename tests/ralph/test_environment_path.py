"""Ralph's own virtual environment is kept from the PATH of commands, unless it is the project's or the only Python."""

import os
from pathlib import Path

import pytest

from ralph.environment import clean_env, without_environment


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    return an_environment(tmp_path / "tools" / "ralph")


@pytest.fixture
def system(tmp_path: Path) -> Path:
    return an_environment(tmp_path / "system") / "bin"


def an_environment(prefix: Path) -> Path:
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python3").touch(mode=0o755)
    return prefix


def path_of(*folders: Path | str) -> str:
    return os.pathsep.join(map(str, folders))


def test_a_tool_s_environment_is_left_out(venv: Path, system: Path) -> None:
    path = path_of(venv / "bin", system, f"{venv}/bin/")
    assert without_environment(path, venv, is_virtual=True) == str(system)


def test_it_is_left_out_under_the_name_of_a_link_too(venv: Path, system: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(venv / "bin")
    assert without_environment(path_of(tmp_path / "link", system), venv, is_virtual=True) == str(system)


def test_it_stays_where_there_is_no_other_python(venv: Path, tmp_path: Path) -> None:
    path = path_of(venv / "bin", tmp_path / "nothing")
    assert without_environment(path, venv, is_virtual=True) == path


@pytest.mark.parametrize("sign", [".git", "pyproject.toml", "requirements.txt"])
def test_it_stays_where_it_is_a_project_s_own(system: Path, tmp_path: Path, sign: str) -> None:
    venv = an_environment(tmp_path / "project" / ".venv")
    (tmp_path / "project" / sign).touch()
    path = path_of(venv / "bin", system)
    assert without_environment(path, venv, is_virtual=True) == path


def test_a_python_that_is_no_virtual_environment_stays(venv: Path, system: Path) -> None:
    path = path_of(venv / "bin", system)
    assert without_environment(path, venv, is_virtual=False) == path


def test_go_is_asked_for_its_proxy_where_no_repository_names_another_go(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    go = tmp_path / "bin" / "go"
    go.write_text(f"#!/bin/sh\necho $(pwd) $GOTOOLCHAIN > {tmp_path}/asked\necho https://proxy.example\n")
    go.chmod(0o755)
    env = clean_env(home=tmp_path, own_stores=True, environ={"PATH": path_of(go.parent, os.environ["PATH"])})
    assert env["GOPROXY"].endswith("https://proxy.example")
    assert (tmp_path / "asked").read_text() == "/ local\n"
