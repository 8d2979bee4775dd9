"""Real toolchains at work in the sandbox, under the limits that everybody has: as whoever runs the tests, and as nobody."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from ralph.environment import clean_env
from ralph.home import Home
from ralph.sandbox.bubblewrap import Bubblewrap, bubblewrap
from ralph.sandbox.toolchains import WINDOWS_DISK, system_folders, toolchain_folders

BWRAP = shutil.which("bwrap") or ""
SETPRIV = shutil.which("setpriv") or ""
NOBODY = ("--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs")
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
REPOS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "python": (
        "python3 -m pytest -q -p no:cacheprovider",
        {
            "adder.py": "def add(a, b):\n    return a + b\n",
            "test_adder.py": "from adder import add\n\n\ndef test_it_adds():\n    assert add(1, 2) == 3\n",
        },
    ),
    "node": (
        "node --test",
        {
            "package.json": '{"name": "adder", "type": "module"}',
            "adder.js": "export const add = (a, b) => a + b;\n",
            "adder.test.js": (
                'import test from "node:test";\nimport assert from "node:assert";\nimport { add } from "./adder.js";\n'
                'test("adds", () => assert.equal(add(1, 2), 3));\n'
            ),
        },
    ),
    "go": (
        "go test ./...",
        {
            "go.mod": "module example.org/adder\n\ngo 1.18\n",
            "adder.go": "package adder\n\nfunc Add(a, b int) int { return a + b }\n",
            "adder_test.go": (
                'package adder\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {\n'
                '\tif Add(1, 2) != 3 {\n\t\tt.Fatal("no")\n\t}\n}\n'
            ),
        },
    ),
    "cargo": (
        "cargo test --offline",
        {
            "Cargo.toml": '[package]\nname = "adder"\nversion = "0.1.0"\nedition = "2021"\n',
            "src/lib.rs": (
                "pub fn add(a: i32, b: i32) -> i32 { a + b }\n\n"
                "#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() { assert_eq!(crate::add(1, 2), 3); }\n}\n"
            ),
        },
    ),
    "java": (
        "javac -d out Adder.java && java -cp out Adder",
        {"Adder.java": 'public class Adder { public static void main(String[] a) { System.out.println("ok"); } }\n'},
    ),
}
AS_SOMEBODY_ELSE = """
import json, os, subprocess, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from ralph.environment import clean_env
from ralph.sandbox.bubblewrap import bubblewrap
bwrap, ground, command = sys.argv[2], Path(sys.argv[3]), sys.argv[4]
sandbox = bubblewrap(bwrap, ground / "state")
tree, home = ground / "state" / "tree", ground / "state" / "home"
extra = {"PYTHONPATH": sys.argv[1]}
argv = sandbox.wrap(["bash", "-c", command], cwd=tree, writable=[tree, home], read_only=[Path(sys.argv[1])])
done = subprocess.run(argv, env=clean_env(extra, home=home), capture_output=True, text=True)
print(json.dumps([done.returncode, done.stdout + done.stderr]))
"""


@pytest.fixture(scope="module", autouse=True)
def _bwrap_works() -> None:
    if not BWRAP or subprocess.run([BWRAP, "--ro-bind", "/", "/", "true"], capture_output=True, check=False).returncode:
        pytest.skip("bubblewrap does not work here")


@pytest.fixture
def sandbox(tmp_path: Path) -> Bubblewrap:
    return bubblewrap(BWRAP, Home(tmp_path / "state").folder().parent / "state")


@pytest.fixture
def ground() -> Iterator[Path]:
    """Outside of pytest's own folder, which nobody else may look into."""
    with tempfile.TemporaryDirectory(prefix="ralph-ground-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def lay_out(kind: str, tree: Path) -> str:
    command, files = REPOS[kind]
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    return command


def needs(program: str, path: str | None = None) -> None:
    if shutil.which(program, path=path) is None:
        pytest.skip(f"{program} is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("kind", REPOS)
def test_its_tests_run_green_in_the_sandbox(kind: str, tmp_path: Path) -> None:
    command = lay_out(kind, tmp_path / "state" / "tree")
    needs(command.split()[0])
    home = tmp_path / "state" / "home"
    home.mkdir()
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    sandbox = bubblewrap(BWRAP, tmp_path / "state", environ)
    tree = tmp_path / "state" / "tree"
    argv = sandbox.wrap(["bash", "-c", command], cwd=tree, writable=[tree, home])
    done = subprocess.run(argv, env=clean_env(home=home, environ=environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(tree)  # what was made inside is ours to remove


@pytest.mark.slow
@pytest.mark.parametrize("kind", REPOS)
def test_its_tests_run_green_for_a_user_who_is_not_root(kind: str, ground: Path) -> None:
    command = lay_out(kind, ground / "state" / "tree")
    needs(command.split()[0], SYSTEM_PATH)
    code, said = as_nobody(ground, command)
    assert code == 0, said


def test_a_user_who_is_not_root_has_the_limits_from_inside(ground: Path) -> None:
    (ground / "state" / "tree").mkdir(parents=True)
    code, said = as_nobody(ground, "ulimit -c; ulimit -u; id -u; grep -c 'CapEff:\t0000000000000000' /proc/self/status")
    core, processes, user, without_capabilities = said.split()
    assert (code, core, user, without_capabilities) == (0, "0", "65534", "1")
    assert int(processes) >= 4096


def as_nobody(ground: Path, command: str) -> tuple[int, str]:
    """Run `command` in a sandbox that user 65534 makes, by a Python, and by copies of our sources, that it can read."""
    if os.geteuid() != 0 or not SETPRIV:
        pytest.skip("only root can become somebody else")
    needs("python3", SYSTEM_PATH)
    (ground / "state" / "home").mkdir()
    copies = ground / "copies"
    for name in (
        "ralph",
        "tracing",
        "platformdirs",
        "pytest",
        "_pytest",
        "pluggy",
        "iniconfig",
        "packaging",
        "pygments",
    ):
        source = Path(__import__(name).__file__ or "").parent
        shutil.copytree(source, copies / name, ignore=shutil.ignore_patterns("__pycache__", "sample"))
    shutil.copy(__import__("py").__file__ or "", copies)
    subprocess.run(["chown", "-R", "65534:65534", str(ground / "state")], check=True)
    python = [shutil.which("python3", path=SYSTEM_PATH) or "", "-I", "-S", "-B", "-c", AS_SOMEBODY_ELSE]
    done = subprocess.run(
        [SETPRIV, *NOBODY, *python, str(copies), BWRAP, str(ground), command],
        env={"PATH": SYSTEM_PATH, "HOME": str(ground / "state" / "home")},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    if "ImportError" in done.stderr or "SyntaxError" in done.stderr:
        pytest.skip(f"the system's Python cannot run Ralph: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    code, said = json.loads(done.stdout)
    return code, said


@pytest.fixture
def user_home(tmp_path: Path) -> Path:
    home = tmp_path / "home" / "sam"
    home.mkdir(parents=True)
    return home


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).mkdir(parents=True)


@pytest.mark.parametrize(
    ("there", "on_path", "shown"),
    [
        pytest.param([".cargo/bin", ".cargo/registry", ".ssh"], [], [".cargo/bin", ".cargo/registry"], id="known"),
        pytest.param([".nvm/.git", ".pyenv/.git"], [], [".nvm", ".pyenv"], id="known-ones-that-are-checkouts"),
        pytest.param(["bin", "stuff"], ["bin"], ["bin"], id="on-path"),
        pytest.param(["v/bin", "v/lib"], ["v/bin"], ["v"], id="the-whole-tool-of-a-bin-folder"),
        pytest.param(["r/bin", "r/lib", "r/.git"], ["r/bin"], ["r/bin"], id="not-the-whole-checkout-of-a-bin-folder"),
        pytest.param(["r/.git"], ["r"], [], id="not-a-checkout-on-path"),
        pytest.param([".local/bin", ".local/lib"], [".local/bin"], [".local/bin", ".local/lib"], id="beside-keyrings"),
        pytest.param([".docker/bin"], [".docker/bin"], [], id="nothing-among-credentials"),
        pytest.param([".config/gh/bin"], [".config/gh/bin", ".config/gh"], [], id="nor-deeper"),
        pytest.param(["x"], ["."], [], id="never-the-home-itself"),
        pytest.param(["go/src/other", "go/pkg/mod"], [], ["go/pkg"], id="modules-but-not-other-sources"),
    ],
)
def test_of_a_home_only_tools_are_shown(
    user_home: Path, there: list[str], on_path: list[str], shown: list[str]
) -> None:
    make(user_home, *there)
    environ = {"PATH": os.pathsep.join(str(user_home / name) for name in on_path)}
    found = toolchain_folders([user_home], environ, shown=system_folders())
    assert [path for path in found if path.is_relative_to(user_home)] == [user_home / name for name in shown]


def test_a_toolchain_that_lies_elsewhere_is_shown_when_its_variable_names_it(tmp_path: Path, user_home: Path) -> None:
    make(tmp_path, "tools/pyenv/.git", "tools/cargo/bin")
    environ = {"PYENV_ROOT": str(tmp_path / "tools/pyenv"), "CARGO_HOME": str(tmp_path / "tools/cargo"), "PATH": ""}
    found = toolchain_folders([user_home], environ)
    assert {tmp_path / "tools/pyenv", tmp_path / "tools/cargo/bin"} <= set(found)


@pytest.mark.parametrize(
    ("path", "is_windows"),
    [("/mnt/c", True), ("/mnt/c/Windows/System32", True), ("/mnt/data/tools", False), ("/opt/mnt/c", False)],
)
def test_disks_of_windows_are_told_from_others(path: str, is_windows: bool) -> None:
    assert bool(WINDOWS_DISK.match(f"{path}/")) == is_windows


def test_cargo_s_settings_are_shown_unless_a_token_stands_in_them(user_home: Path) -> None:
    settings = user_home / ".cargo" / "config.toml"
    settings.parent.mkdir()
    settings.write_text('[build]\ntarget-dir = "/x"\n')
    assert settings in toolchain_folders([user_home], {})
    settings.write_text('[registries.own]\ntoken = "abc"\n')
    assert settings not in toolchain_folders([user_home], {})


Shown = Callable[[str], str]


@pytest.fixture
def seen(sandbox: Bubblewrap) -> Shown:
    tree = sandbox.state / "tree"
    tree.mkdir()

    def look(command: str) -> str:
        argv = sandbox.wrap(["bash", "-c", command], cwd=tree, writable=[tree])
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout

    return look


def test_only_the_system_and_tools_are_in_sight(seen: Shown, tmp_path: Path) -> None:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / ".env").write_text("KEY=1")
    roots = set(seen("ls -A /").split())
    assert not {"srv", "mnt", "media", "boot", "lost+found"} & roots
    assert seen(f"ls -A {tmp_path}").split() == ["state"]
    assert not {"log", "mail", "spool", "backups", "www"} & set(seen("ls -A /var").split())
    assert seen("ls -A /run") == ""


def test_links_of_the_system_stay_links(seen: Shown) -> None:
    for name in ("/bin", "/lib", "/sbin", "/lib64"):
        if Path(name).is_symlink():
            assert seen(f"readlink {name}").strip() == str(Path(name).readlink())


def test_names_are_looked_up_where_the_network_is_on(sandbox: Bubblewrap) -> None:
    tree = sandbox.state / "tree"
    tree.mkdir()
    script = f"cat {os.path.realpath('/etc/resolv.conf')} && getent hosts localhost"
    argv = sandbox.wrap(["bash", "-c", script], cwd=tree, writable=[tree], network=True)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "localhost" in done.stdout


def test_a_cache_is_written_by_every_command_and_one_that_is_not_there_hurts_nobody(
    sandbox: Bubblewrap, tmp_path: Path
) -> None:
    from dataclasses import replace  # noqa: PLC0415

    cache, tree = tmp_path / "cache", tmp_path / "state" / "tree"
    cache.mkdir()
    tree.mkdir()
    kept = replace(sandbox, caches=(cache, tmp_path / "gone"))
    for number in (1, 2):
        subprocess.run(kept.wrap(["touch", f"{cache}/{number}"], cwd=tree, writable=[tree]), check=True)
    assert sorted(path.name for path in cache.iterdir()) == ["1", "2"]


def test_git_works_for_whoever_owns_the_worktree(seen: Shown, sandbox: Bubblewrap) -> None:
    subprocess.run(["git", "init", "-q", str(sandbox.state / "tree")], check=True)
    assert "nothing to commit" in seen("git status 2>&1")


@pytest.mark.skipif(os.geteuid() != 0, reason="what root's commands are inside")
def test_commands_of_root_are_nobody_without_capabilities(seen: Shown, sandbox: Bubblewrap) -> None:
    assert seen("id -u; id -un").split() == ["65534", "nobody"]
    assert seen("grep ^Cap /proc/self/status | grep -vc 0000000000000000").strip() == "0"
    setting = Path("/proc/sys/kernel/core_pattern").read_text()
    assert seen(f"echo '{setting.strip()}' > /proc/sys/kernel/core_pattern && echo written") == ""
    assert seen("find /proc/sys /proc/irq /proc/bus /proc/fs /sys -writable -print -quit 2>/dev/null") == ""
    seen("mkdir -p made/inside && touch made/inside/file && chmod 0 made/inside")
    shutil.rmtree(sandbox.state / "tree" / "made")
