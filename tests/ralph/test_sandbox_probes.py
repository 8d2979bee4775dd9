"""Each probe can fail, and fails exactly when its attack gets through; the real levels keep what they promise."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ralph.home import Home
from ralph.sandbox import NoSandbox, Sandbox
from ralph.sandbox.choose import LEVELS, Machine
from ralph.sandbox.probes import CONTROL, PROBES, ProbeResult, run_probes
from ralph.sandbox.probes_attacks import attempt
from ralph.sandbox.resources import Resources

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
FEIGN = "import json, sys; [print(json.dumps({'name': name, 'begun': True})) for name, *_ in json.loads(sys.argv[1])]"


@dataclass(frozen=True)
class Leaky:
    """Runs the attacks named in `leaks` plainly and only pretends to have tried the others."""

    leaks: frozenset[str]
    promises: frozenset[str] = frozenset(PROBES)
    resources: Resources = field(default_factory=Resources.default)
    level = "leaky"

    def wrap(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,  # noqa: ARG002 - part of the role
        writable: Sequence[Path],  # noqa: ARG002
        read_only: Sequence[Path] = (),  # noqa: ARG002
        network: bool = False,  # noqa: ARG002
        tmp: Path | None = None,  # noqa: ARG002
    ) -> list[str]:
        *program, plan = argv
        attacks = json.loads(plan)
        real = [attack for attack in attacks if attack[0] in self.leaks]
        feigned = [attack for attack in attacks if attack not in real]
        words = [*program, json.dumps(real), sys.executable, "-c", FEIGN, json.dumps(feigned)]
        cut = len(program) + 1
        return ["bash", "-c", f'"${{@:1:{cut}}}"; "${{@:{cut + 1}}}"', "leaky", *words]


class Broken(NoSandbox):
    """Promises everything, and runs something else."""

    promises = frozenset(PROBES)

    def __init__(self, *words: str) -> None:
        self.words = words

    def wrap(self, argv: Sequence[str], **_: object) -> list[str]:
        return [*self.words] if self.words else [*argv[:-1], json.dumps(json.loads(argv[-1])[:1])]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "state")
    home.folder()
    return home


@pytest.fixture
def user_home(tmp_path: Path) -> Path:
    """Somebody's home without keys."""
    (tmp_path / "sam").mkdir()
    return tmp_path / "sam"


def works_here(name: str) -> bool:
    """Whether whoever runs this test can do it at all: containers shut keyrings, and the kernel's settings are root's."""
    return attempt(name, ["/proc/sys/kernel/core_pattern", ""] if name == "kernel-settings" else [""])[0]


def open_gates(results: Sequence[ProbeResult]) -> dict[str, str]:
    return {result.name: result.detail for result in results if not result.blocked}


@pytest.mark.parametrize("name", PROBES)
def test_each_probe_sees_exactly_its_own_attack_get_through(name: str, home: Home, user_home: Path) -> None:
    if name in ("kernel-settings", "keyrings") and not works_here(name):
        pytest.skip("whoever runs this test may not do it either")
    found = run_probes(Leaky(frozenset({name, CONTROL})), home, user_homes=[user_home])
    assert set(open_gates(found)) == {name}
    assert all(open_gates(found).values())
    assert next(one for one in found if one.name == name).is_broken


def test_a_sandbox_that_lets_nothing_through_passes(home: Home, user_home: Path) -> None:
    found = run_probes(Leaky(frozenset({CONTROL})), home, user_homes=[user_home])
    assert [one.name for one in found] == [CONTROL, *PROBES]
    assert not open_gates(found)


def test_a_sandbox_in_which_the_worktree_cannot_be_written_fails_the_control(home: Home, user_home: Path) -> None:
    found = run_probes(Leaky(frozenset()), home, user_homes=[user_home])
    assert open_gates(found) == {CONTROL: "the worktree cannot be written"}


@pytest.mark.parametrize(
    "words", [("true",), ("false",), ("/no/such/program",)], ids=["runs-nothing", "fails", "is-not-there"]
)
def test_what_could_not_be_tried_counts_as_got_through(home: Home, user_home: Path, words: Sequence[str]) -> None:
    found = open_gates(run_probes(Broken(*words), home, user_homes=[user_home]))
    assert set(found) == {CONTROL, *PROBES}
    assert "could not be tried" in found["tcp"]


def test_attacks_that_were_cut_short_count_as_got_through(home: Home, user_home: Path) -> None:
    found = open_gates(run_probes(Broken(), home, user_homes=[user_home]))
    assert CONTROL not in found
    assert set(found) == set(PROBES)


def test_the_users_own_keys_are_listed_and_opened_but_neither_read_nor_changed(home: Home, user_home: Path) -> None:
    key = user_home / ".ssh" / "id_ed25519"
    key.parent.mkdir(mode=0o700)
    key.write_text("a real key")
    found = open_gates(run_probes(NoSandbox(), home, user_homes=[user_home]))
    assert found["read-ssh"] == "seen: ~/.ssh/id_ed25519"
    assert [path.read_text() for path in key.parent.iterdir()] == ["a real key"]


def test_nothing_is_left_behind_even_by_a_sandbox_that_blocks_nothing(
    home: Home, user_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (user_home / "victim").write_text("the user's own")
    watched = [user_home, home.folder("run"), tmp_path / "tmp"]
    run_probes(NoSandbox(), home, user_homes=[user_home])
    assert not [path for folder in watched for path in folder.glob("*ralph-probe-*")]
    assert [path.name for path in user_home.iterdir()] == ["victim"]


def test_what_a_killed_examination_left_is_cleared_away_by_a_later_one(home: Home, user_home: Path) -> None:
    old, new = home.folder("run") / "ralph-probe-old", home.folder("run") / "ralph-probe-new"
    for path in (old, new):
        path.mkdir()
    os.utime(old, (0, 0))
    run_probes(Leaky(frozenset({CONTROL})), home, user_homes=[user_home])
    assert (old.exists(), new.exists()) == (False, True)


def test_a_folder_of_an_examination_that_ends_just_now_is_let_be(home: Home, user_home: Path) -> None:
    (user_home / ".ralph-probe-going").symlink_to(user_home / "gone")  # listed, and not there when it is looked at
    assert not open_gates(run_probes(Leaky(frozenset({CONTROL})), home, user_homes=[user_home]))


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest, home: Home) -> Sandbox:
    tried = LEVELS[request.param](Machine(home, os.environ))
    if not tried.results:
        pytest.skip(tried.why)
    assert tried.why == ""
    assert tried.sandbox
    return tried.sandbox


def test_a_real_level_keeps_what_it_promises(level: Sandbox, home: Home, user_home: Path) -> None:
    found = run_probes(level, home, user_homes=[user_home])
    assert not [one for one in found if one.is_broken]
    assert {"write-outside", "read-state", "tcp"} <= {one.name for one in found if one.promised}


def test_all_probes_together_take_less_than_a_second(level: Sandbox, home: Home, user_home: Path) -> None:
    def once_s() -> float:
        started = time.perf_counter()
        run_probes(level, home, user_homes=[user_home])
        return time.perf_counter() - started

    assert min(once_s() for _ in range(2)) < 1


@pytest.fixture
def as_nobody() -> Iterator[Callable[[str], subprocess.CompletedProcess[str]]]:
    """Runs a Python program as a user who is not root, with the system's own Python."""
    python, setpriv = "/usr/bin/python3", shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None:
        pytest.skip("only root can become another user, with setpriv")
    folder = tempfile.mkdtemp(prefix="nobody-")
    os.chown(folder, NOBODY, NOBODY)
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{packages}", "HOME": folder, "STATE": folder}
    user = [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]

    def run(program: str) -> subprocess.CompletedProcess[str]:
        words = [*user, python, "-B", "-c", program]
        return subprocess.run(words, env=environment, cwd=folder, capture_output=True, text=True, check=False)

    if run("import ralph.sandbox").returncode:
        pytest.skip("the system's Python cannot be used by others")
    yield run
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", LEVELS)
def test_a_real_level_keeps_what_it_promises_to_a_user_who_is_not_root(
    name: str, as_nobody: Callable[[str], subprocess.CompletedProcess[str]]
) -> None:
    program = (
        "import os; from pathlib import Path; from ralph.home import Home; from ralph.sandbox.choose import *\n"
        f"tried = LEVELS[{name!r}](Machine(Home(Path(os.environ['STATE']) / 'state'), os.environ))\n"
        "print([one.name for one in tried.results if one.is_broken], len(tried.results), tried.why)"
    )
    done = as_nobody(program)
    if f"[] {0} " in done.stdout:
        pytest.skip(done.stdout)
    assert done.stdout == f"[] {1 + len(PROBES)} \n", done.stderr
