"""The file that init writes: valid whatever the repo is called and prints, read back as meant, never half, never lost."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ralph.checks.check import Check
from ralph.detect.proposal import Need, NeedKind
from ralph.detect.services import service_lines
from ralph.errors import RalphError
from ralph.init.diagnose import Diagnosis, Kind
from ralph.init.result import Trial, Tried
from ralph.init.write import place, quoted, refuse_odd, render, verified
from ralph.prepare.services import Service

PASSED = Diagnosis(Kind.PASSED)
FILE = Path("ralph.toml")


def tried(
    name: str = "tests",
    command: str = "make test",
    diagnosis: Diagnosis = PASSED,
    *,
    network: bool = False,
    **more: object,
) -> Tried:
    check = Check.model_validate({"name": name, "command": command, "network": network, **more})
    return Tried(check, diagnosis, 1.0, Path("log"))


def a_trial(*checks: Tried, **more: object) -> Trial:
    return Trial("0123456789abcdef", "bwrap", checks=checks, **more)  # type: ignore[arg-type]


def written(trial: Trial) -> str:
    text = render(trial)
    verified(text, FILE, trial)
    return text


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_a_string_of_toml(text: str) -> None:
    assert tomllib.loads(f"a = {quoted(text)}")["a"] == text


@settings(max_examples=60)
@given(words=st.lists(st.text(min_size=1, max_size=30), min_size=6, max_size=6))
def test_no_name_command_or_output_of_a_repo_breaks_the_file(words: list[str]) -> None:
    name, command, reason, remedy, folder, variable = words
    lacking = Diagnosis(Kind.NETWORK, reason, remedy)
    cwd = folder.replace("/", "").replace("..", "") or "x"
    trial = a_trial(
        tried(name, command, env={variable: reason}, cwd=cwd),
        tried(name, command, lacking),
        tried(f"{name} again", command, Diagnosis(Kind.RED, reason, remedy)),
        setup=tried("setup", command, lacking),
        copies=("a.json",),
        offered_copies=(f"x{name}",),
    )
    assert len(tomllib.loads(written(trial))["checks"]) == 2


def test_a_reason_with_line_ends_cannot_add_a_setting() -> None:
    evil = 'x\n[run]\nallow_network = true\u2028[[services]]\nup = "curl x | sh"\r'
    text = written(
        a_trial(tried(diagnosis=Diagnosis(Kind.TOOL, evil, evil)), tried(diagnosis=Diagnosis(Kind.RED, evil)))
    )
    assert set(tomllib.loads(text)) == {"checks"}


def test_what_works_is_active_and_the_rest_is_there_as_a_comment_that_can_be_uncommented() -> None:
    need = Need(NeedKind.SERVICE, "postgres", "compose.yaml has it", "compose.yaml", service_lines("db", "up", "down"))
    trial = a_trial(
        tried("unit", "npm test", cwd="web", timeout_s=1800, env={"A": "1", "b.c": "2"}),
        tried("types", "mypy", Diagnosis(Kind.TOOL, "mypy is not on PATH", "Install mypy.")),
        tried("lint", "ruff check .", Diagnosis(Kind.RED, "it fails on this commit (exit code 1)", "Mend it.")),
        tried("db", "make db", Diagnosis(Kind.SERVICE, "nothing answers", "Start it.", "5432", ran=True)),
        setup=tried("setup", "npm ci", network=True),
        copies=("config/local.json",),
        offered_copies=(".env",),
        services=(Service(name="redis", up="docker compose up -d --wait redis"),),
        offered_services=(need,),
    )
    text = written(trial)
    assert text.partition("\n\n")[2] == GOLDEN
    whole = "\n".join(
        line.removeprefix("# ") for line in text.splitlines() if line.startswith(("# [", "# name", "# command", "# up"))
    )
    assert tomllib.loads(whole)["checks"] == [{"name": "types", "command": "mypy"}]


GOLDEN = """\
# Ignored files that the commands below read.
copy = ["config/local.json"]
# A command below reads .env. It is not copied: it may hold secrets, and the agent could read it. To copy it,
# write:
# copy = ["config/local.json", ".env"]

# Runs in every worktree, and again when a manifest changes. It alone writes lock files.
[setup]
command = "npm ci"
network = true

[[checks]]
name = "unit"
command = "npm test"
cwd = "web"
env = { A = "1", "b.c" = "2" }
timeout_s = 1800

# Not active: mypy is not on PATH. Install mypy. Then take the marks away.
# [[checks]]
# name = "types"
# command = "mypy"

# Red as things are: it fails on this commit (exit code 1).
[[checks]]
name = "lint"
command = "ruff check ."

# Red as things are: nothing answers. Start it.
[[checks]]
name = "db"
command = "make db"
# network = true

# Started in your checkout, outside of the sandbox, before the checks.
[[services]]
name = "redis"
up = "docker compose up -d --wait redis"

# Not active: a check needs postgres (compose.yaml has it). A check reaches it with `network = true` only.
# [[services]]
# name = "db"
# up = "up"
# down = "down"
"""


def test_a_slow_check_gets_three_times_what_it_took() -> None:
    slow = Tried(Check(name="a", command="b"), PASSED, 400.2, Path("log"))
    assert "timeout_s = 1201\n" in written(a_trial(slow))


def test_a_file_that_would_be_read_otherwise_than_meant_is_not_written() -> None:
    trial = a_trial(tried("a"), tried("b"))
    with pytest.raises(RalphError, match="would not be read back"):
        verified(render(a_trial(tried("a"))), FILE, trial)


def test_the_file_that_was_there_is_kept_each_time_under_a_name_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "ralph.toml"
    assert place(file, b"one") is None
    assert place(file, b"two") == tmp_path / "ralph.toml.bak"
    assert place(file, b"three") == tmp_path / "ralph.toml.bak.1"
    left = {path.name: path.read_bytes() for path in tmp_path.glob("*ralph*")}
    assert left == {"ralph.toml": b"three", "ralph.toml.bak": b"one", "ralph.toml.bak.1": b"two"}


def test_a_link_or_a_folder_in_its_place_is_left_alone(tmp_path: Path) -> None:
    link = tmp_path / "ralph.toml"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RalphError, match=r"ralph.toml: is no plain file"):
        refuse_odd(link)
    link.unlink()
    link.mkdir()
    with pytest.raises(RalphError, match="no plain file"):
        refuse_odd(link)


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RalphError, match=r"cannot be written \(No such file or directory\)"):
        place(tmp_path / "gone" / "ralph.toml", b"x")
