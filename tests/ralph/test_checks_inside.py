"""What a repo wants in the environment of its checks is there, and nowhere outside of the sandbox."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ralph.checks.check import Check
from ralph.checks.runner import run_check

SHOW = f"{sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"


@dataclass(frozen=True)
class Telling:
    """Runs the command as it is, and writes down what the program that makes the sandbox finds in its environment."""

    told: Path
    level = "telling"

    def wrap(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,  # noqa: ARG002
        writable: Sequence[Path],  # noqa: ARG002
        read_only: Sequence[Path] = (),  # noqa: ARG002
        network: bool = False,  # noqa: ARG002
        tmp: Path | None = None,  # noqa: ARG002
    ) -> list[str]:
        return ["/bin/sh", "-c", 'env > "$0"; exec "$@"', str(self.told), *argv]


def test_no_variable_of_a_check_reaches_the_program_that_makes_the_sandbox(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    hostile = {
        "LD_PRELOAD": "./evil.so",
        "DYLD_INSERT_LIBRARIES": "./evil.dylib",
        "BASH_ENV": "./evil.sh",
        "BASH_FUNC_ulimit%%": "() { touch evil; }",
        "PYTHONPATH": "evil",
        "PATH": "/usr/bin:/bin:./evil",
    }
    check = Check(name="env", command="true", env=hostile)
    run_check(check, tmp_path / "tree", sandbox=Telling(tmp_path / "told"), scratch=tmp_path / "scratch")
    seen = dict(line.partition("=")[::2] for line in (tmp_path / "told").read_text().splitlines())
    assert {name: seen[name] for name in hostile if name in seen and seen[name] == hostile[name]} == {}
    assert "LD_PRELOAD" not in seen


def test_a_check_finds_its_variables_whatever_they_hold_and_nothing_of_how_they_came(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    wanted = {
        "PLAIN": "a",
        "QUOTED": 'it\'s "$HOME" `x` \\',
        "LINES": "one\ntwo\n",
        "CI": "0",
        "-i": "no option",
        "EMPTY": "",
    }
    check = Check(name="env", command=SHOW, env=wanted)
    result = run_check(check, tmp_path / "tree", sandbox=Telling(tmp_path / "told"), scratch=tmp_path / "scratch")
    found = json.loads(result.output.read_text())
    assert {name: found.get(name) for name in wanted} == wanted
    assert not [name for name in found if name.startswith("RALPH_SET")]
