"""The rest of the attack matrix, beside the probes: namespaces, mounts, other users and tracing, at both levels, for root
and for a user who is not.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ralph.sandbox.landlock import why_no_landlock

ROOT = Path(__file__).resolve().parents[2]
NOBODY = "65534"
ATTACKS = {
    "control": "true",
    "user-namespace": "unshare -Ur true",
    "network-namespace": "unshare -rn true",
    "mount-namespace": "unshare -m true",
    "mount": "mount -t tmpfs none /mnt",
    "bind-mount": "mount --bind /etc /mnt",
    "another-user": "su nobody -s /bin/true",
    "another-user-by-setpriv": "setpriv --reuid=1 --regid=1 --clear-groups true",
    "chroot": "chroot / true",
    "trace-outside": "python3 -I -S -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).ptrace(16, OUTSIDE, 0, 0) != 0)'",
    "memory-of-a-process-outside": "head -c 1 /proc/OUTSIDE/maps",
    "device": "mknod here b 8 0",
    "raw-socket": "python3 -I -S -c 'import socket; socket.socket(2, 3, 1)'",
    "module": "python3 -I -S -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).delete_module(b\"x\", 0) != 0)'",
    "clock": "date -s 2020-01-01",
    "host-name": "hostname other",
}
RUN = """
import shutil, subprocess, sys
from pathlib import Path
from ralph.sandbox.bubblewrap import bubblewrap
from ralph.sandbox.landlock import landlock
level, state, *scripts = sys.argv[1:]
tree = Path(state) / "tree"
sandbox = landlock(Path(state)) if level == "landlock" else bubblewrap(shutil.which("bwrap"), Path(state))
for script in scripts:
    argv = sandbox.wrap(["bash", "-c", script], cwd=tree, writable=[tree])
    print(subprocess.run(argv, cwd=tree, capture_output=True).returncode)
"""


@pytest.fixture
def state() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="matrix-"))
    (folder / "tree").mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="both levels are Linux's")
@pytest.mark.parametrize("level", ["bwrap", "landlock"])
@pytest.mark.parametrize("user", ["who-runs-this", "nobody"])
def test_no_attack_of_the_matrix_gets_through(level: str, user: str, state: Path) -> None:
    if level == "bwrap" and shutil.which("bwrap") is None:
        pytest.skip("there is no bwrap")
    if level == "landlock" and why_no_landlock():
        pytest.skip(why_no_landlock())
    become, environ = [sys.executable], dict(os.environ)
    if user == "nobody":
        setpriv = shutil.which("setpriv")
        if os.geteuid() != 0 or setpriv is None:
            pytest.skip("only root can become another user, with setpriv")
        for path in (state, state / "tree"):
            os.chown(path, int(NOBODY), int(NOBODY))
        become = [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "/usr/bin/python3", "-B"]
        packages = next(path for path in sys.path if path.endswith("site-packages"))
        environ |= {"PYTHONPATH": f"{ROOT}:{packages}", "HOME": str(state)}
    with subprocess.Popen(["sleep", "60"], user=int(NOBODY) if user == "nobody" else None) as outside:
        scripts = [script.replace("OUTSIDE", str(outside.pid)) for script in ATTACKS.values()]
        words = [*become, "-c", RUN, level, str(state), *scripts]
        done = subprocess.run(words, env=environ, cwd=state, capture_output=True, text=True, check=False)
        outside.kill()
    if user == "nobody" and "ModuleNotFoundError" in done.stderr:
        pytest.skip("the system's Python cannot be used by others")
    answers = dict(zip(ATTACKS, done.stdout.split(), strict=False))
    if answers.get("control") != "0":
        pytest.skip(f"{level} does not work here: {done.stderr}")
    assert set(answers) == set(ATTACKS)
    assert {name for name, answer in answers.items() if answer == "0"} == {"control"}
