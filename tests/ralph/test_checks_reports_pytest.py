"""What real pytest sessions say on the channel, also where the code under test fights it."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ralph.checks.baseline import BaseResult
from ralph.checks.check import Check, CheckResult
from ralph.checks.report import Outcome, RunnerReport
from ralph.checks.runner import run_check
from ralph.sandbox.base import NoSandbox

PYTEST = f"{sys.executable} -m pytest -q -p no:cacheprovider -p no:xdist"
ALL_ENDINGS = """
import pytest, unittest
def test_passes(): pass
def test_fails(): assert 0
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.xfail
def test_expected(): assert 0
@pytest.mark.xfail
def test_unexpected(): pass
@pytest.mark.xfail(strict=True)
def test_strict(): pass
@pytest.fixture
def broken():
    yield 1 if False else None
    raise ValueError
def test_teardown(broken): pass
@pytest.mark.parametrize("x", [object()], ids=repr)
def test_address(x): pass
class Case(unittest.TestCase):
    def test_old(self): pass
def test_left_out(): pass
"""
HONEST = "def test_one(): pass\ndef test_two(): assert 0\ndef test_three(): pass\n"


def run(tmp_path: Path, files: Mapping[str, str], command: str = PYTEST, **settings: object) -> CheckResult:
    tree = tmp_path / "tree"
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    check = Check.model_validate({"name": "tests", "command": command, **settings})
    return run_check(check, tree, sandbox=NoSandbox(), scratch=tmp_path / "scratch")


def heard(result: CheckResult) -> RunnerReport:
    assert result.report is not None, result.excerpt
    return result.report


def test_every_ending_is_heard_by_an_id_from_the_root_of_the_repo(tmp_path: Path) -> None:
    files = {
        "back/pytest.ini": "[pytest]\n",
        "back/test_all.py": ALL_ENDINGS,
        "back/test_broken.py": "import nothing_like_it\n",
        "back/test_optional.py": "import pytest\npytest.importorskip('nothing_like_it')\n",
    }
    command = f"{PYTEST} -W error --continue-on-collection-errors -k 'not left_out'"
    result = run(tmp_path, files, command, cwd="back")
    assert heard(result) == RunnerReport(
        outcomes={
            "pytest:back/test_all.py::Case::test_old": Outcome.PASSED,
            "pytest:back/test_all.py::test_address[<object object at 0x…>]": Outcome.PASSED,
            "pytest:back/test_all.py::test_expected": Outcome.XFAILED,
            "pytest:back/test_all.py::test_fails": Outcome.FAILED,
            "pytest:back/test_all.py::test_passes": Outcome.PASSED,
            "pytest:back/test_all.py::test_skipped": Outcome.SKIPPED,
            "pytest:back/test_all.py::test_strict": Outcome.FAILED,
            "pytest:back/test_all.py::test_teardown": Outcome.FAILED,
            "pytest:back/test_all.py::test_unexpected": Outcome.PASSED,
            "pytest:back/test_optional.py": Outcome.SKIPPED,
        },
        passed=4,
        failed=3,
        skipped=2,
        xfailed=1,
        deselected=1,
        uncollected=("back/test_broken.py",),
    )
    assert result.failures == 4
    assert result.failing[-1] == "back/test_broken.py"
    assert BaseResult.model_validate_json(BaseResult.of(result).model_dump_json()).report == result.report


def test_tests_find_the_environment_and_the_output_as_if_nobody_listened(tmp_path: Path) -> None:
    look = (
        "import os\n"
        "def test_it():\n"
        "    assert os.environ.get('PYTHONPATH') == os.environ['EXPECTED']\n"
        "    assert not [n for n in os.environ if n.startswith('RUNNER_')]\n"
    )
    command = f"PYTEST_ADDOPTS=-ra {sys.executable} -m pytest -p no:cacheprovider --noconftest"
    env = {"PYTHONPATH": "lib", "EXPECTED": "lib"}
    result = run(tmp_path, {"test_look.py": look}, command, env=env)
    assert result.passed, result.excerpt
    assert heard(result).passed == 1
    assert "plugins: r" not in result.output.read_text()


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(f"PYTHONPATH=. {PYTEST}", id="another-path"),
        pytest.param(f"{sys.executable} -I -m pytest -q", id="isolated", marks=pytest.mark.slow),
        pytest.param(
            f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q", id="no-plugins", marks=pytest.mark.slow
        ),
    ],
)
def test_where_the_plugin_is_out_of_reach_the_sums_are_read_from_the_output(tmp_path: Path, command: str) -> None:
    result = run(tmp_path, {"test_a.py": HONEST}, command)
    assert heard(result) == RunnerReport(passed=2, failed=1)
    assert (result.failures, result.failing) == (1, ())


def test_a_check_without_a_runner_has_no_report_and_a_help_page_is_no_broken_session(tmp_path: Path) -> None:
    assert run(tmp_path, {"a": ""}, "true").report is None
    assert heard(run(tmp_path, {"a": ""}, f"{PYTEST} --markers")) == RunnerReport()


CHEATS = {
    "leaves": {"test_b.py": "import os\ndef test_leave(): os._exit(0)\n"},
    "never-starts": {"conftest.py": "import sys\nsys.exit(0)\n"},
    "leaves-politely": {"test_b.py": "import pytest\ndef test_leave(): pytest.exit('bye', returncode=0)\n"},
    "runs-nothing": {"conftest.py": "def pytest_runtest_protocol(item): return True\n"},
    "empties-the-loop": {
        "conftest.py": "def pytest_runtestloop(session):\n    return True\n"
        "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"
    },
    "unregisters": {
        "conftest.py": "def pytest_configure(config):\n"
        "    for plugin in list(config.pluginmanager.get_plugins()):\n"
        "        if type(plugin).__name__ == 'Listener': config.pluginmanager.unregister(plugin)\n"
    },
    "closes-every-file": {"conftest.py": "import os\ndef pytest_sessionstart():\n    os.closerange(3, 99)\n"},
}
QUICK = ("leaves", "never-starts")


@pytest.mark.parametrize(
    "files",
    [pytest.param(files, id=name, marks=[] if name in QUICK else pytest.mark.slow) for name, files in CHEATS.items()],
)
def test_a_session_that_does_not_come_to_its_own_end_is_seen_whatever_its_exit_code(
    tmp_path: Path, files: Mapping[str, str]
) -> None:
    assert not heard(run(tmp_path, {"test_a.py": "def test_one(): pass\n", **files})).complete


def test_tests_that_a_conftest_takes_out_are_counted_as_deselected(tmp_path: Path) -> None:
    conftest = (
        "def pytest_collection_modifyitems(items): items[:] = items[:1]\n"
        "def pytest_sessionfinish(session): session.exitstatus = 0\n"
    )
    result = run(tmp_path, {"test_a.py": HONEST, "conftest.py": conftest})
    assert result.passed
    assert (heard(result).passed, heard(result).deselected) == (1, 2)


def test_a_report_that_is_turned_green_still_failed(tmp_path: Path) -> None:
    conftest = (
        "import pytest\n"
        "@pytest.hookimpl(hookwrapper=True, tryfirst=True)\n"
        "def pytest_runtest_makereport(item, call):\n"
        "    outcome = yield\n"
        "    outcome.get_result().outcome = 'passed'\n"
    )
    result = run(tmp_path, {"test_a.py": HONEST, "conftest.py": conftest})
    assert result.passed
    assert heard(result).ids(Outcome.FAILED) == {"pytest:test_a.py::test_two"}


def test_what_was_said_cannot_be_taken_back_by_who_finds_the_channel(tmp_path: Path) -> None:
    """A stranger's lines are noticed, and of two endings the worse one counts."""
    forge = (
        "import json, pathlib, re\n"
        "def test_zz():\n"
        "    said = pathlib.Path('/proc/self/environ').read_bytes()\n"
        "    path = re.search(rb'RUNNER_REPORTS=([^\\0]+)', said)[1].decode()\n"
        "    assert not path.endswith('.json')\n"
        "    event = {'id': 'test_a.py::test_two', 'outcome': 'passed'}\n"
        "    with open(path, 'w') as channel: channel.write('aaaa 1 00 ' + json.dumps(event) + '\\n')\n"
        "    pathlib.Path(path).unlink()\n"
    )
    if not Path("/proc/self/environ").exists():
        pytest.skip("no /proc to look into")
    result = run(tmp_path, {"test_a.py": HONEST, "test_z.py": forge})
    assert heard(result).outcomes["pytest:test_a.py::test_two"] is Outcome.FAILED
    assert not heard(result).complete


def test_numbers_that_a_test_prints_are_not_those_of_pytest(tmp_path: Path) -> None:
    lies = "def test_one():\n    print('99 passed in 0.01s')\n    print('--- PASS: TestX (0.00s)')\n    assert 0\n"
    report = heard(run(tmp_path, {"test_a.py": lies}, f"{PYTEST} -s"))
    assert (report.passed, report.failed) == (0, 1)


@pytest.mark.slow
def test_workers_say_nothing_and_their_controller_all(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    command = f"{sys.executable} -m pytest -q -p no:cacheprovider -n 2 -k 'not three'"
    report = heard(run(tmp_path, {"test_a.py": HONEST, "test_broken.py": "import nothing_like_it"}, command))
    assert (report.deselected, report.complete, report.uncollected) == (1, True, ("test_broken.py",))
    report = heard(run(tmp_path, {"test_a.py": HONEST, "test_broken.py": ""}, command))
    assert report.outcomes == {"pytest:test_a.py::test_one": "passed", "pytest:test_a.py::test_two": "failed"}
    assert (report.deselected, report.complete) == (1, True)
