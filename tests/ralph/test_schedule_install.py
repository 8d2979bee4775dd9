"""`ralph schedule install`: what is written is read back by the program it is for, and nothing else is touched."""

import os
import plistlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ralph.cli.main import cli
from ralph.errors import RalphError
from ralph.home import Home, find_home
from ralph.schedule.environment import EnvFileError, FileVariables, read_variables
from ralph.schedule.install import crontab, launchd, systemd
from ralph.schedule.install.machine import Machine, Manager, choose, is_ours, service_for
from ralph.schedule.install.missing import WHILE_HERE, advice, lacking
from ralph.schedule.install.plan import InstallError, Service
from ralph.schedule.store import Schedules
from ralph.settings.schema import Settings

ODD = '/srv/50% "of" $HOME\'s\\state & <more>'
PATIENCE_S = 20.0

CRONTAB = """#!/bin/sh
case "$1" in
-l) cat "$FAKES/table" 2>/dev/null || { echo "no crontab for sam" >&2; exit 1; } ;;
-r) rm "$FAKES/table" ;;
-) cat > "$FAKES/new" && mv "$FAKES/new" "$FAKES/table" ;;
esac
"""
SYSTEMCTL = """#!/bin/sh
echo "$(basename "$0") $*" >> "$FAKES/said"
if [ -e "$FAKES/refuses" ]; then echo "Failed to connect to bus" >&2; exit 1; fi
"""


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with programs of ours for crontab, systemctl and loginctl, and a state folder with a space and a percent sign."""
    folder = tmp_path / "fakes"
    folder.mkdir()
    for name, text in (("crontab", CRONTAB), ("systemctl", SYSTEMCTL), ("loginctl", SYSTEMCTL)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("FAKES", str(folder))
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path / "sam"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("RALPH_HOME", str(tmp_path / "50% state"))
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", *WHILE_HERE):
        monkeypatch.delenv(name, raising=False)
    return folder


def ralph(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["schedule", *arguments], standalone_mode=False)


def said(fakes: Path) -> list[str]:
    file = fakes / "said"
    return file.read_text().splitlines() if file.exists() else []


def unit() -> Path:
    [found] = Path(os.environ["HOME"]).glob(".config/systemd/user/*.service")
    return found


def a_service(home: str = "/home/sam/.local/state/ralph", python: str = "/usr/bin/python3") -> Service:
    return Service(python, Path(home), "/usr/local/bin:/usr/bin")


# systemd


def test_a_user_unit_is_written_enabled_and_started_and_the_user_may_linger(fakes: Path) -> None:
    shown = ralph("install").output
    name = unit().name
    assert f"written: {unit()}" in shown
    assert said(fakes)[-4:-1] == [
        "systemctl --user daemon-reload",
        f"systemctl --user enable {name}",
        f"systemctl --user restart {name}",
    ]
    assert said(fakes)[-1].startswith("loginctl enable-linger ")
    assert f"how it is: systemctl --user status {name}" in shown


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
@pytest.mark.parametrize("home", ["/home/sam/state", ODD])
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path, home: str) -> None:
    file = tmp_path / "ralph.service"
    python = tmp_path / "a $bin"
    python.symlink_to(sys.executable)
    file.write_text(systemd.unit_text(a_service(home, str(python))))
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(file)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
    )
    about_ours = [line for line in done.stderr.splitlines() if "ralph.service" in line]
    assert (done.returncode, about_ours) == (0, [])


@pytest.mark.parametrize(
    ("word", "line"),
    [
        pytest.param("plain", '"plain"', id="plain"),
        pytest.param("50% of", '"50%% of"', id="percent-and-space"),
        pytest.param('a"b\\c', '"a\\"b\\\\c"', id="quote-and-backslash"),
    ],
)
def test_words_of_a_unit_are_quoted_as_systemd_reads_them(word: str, line: str) -> None:
    assert systemd.quoted(word) == line


def test_a_dollar_in_the_command_is_no_variable() -> None:
    assert systemd.command_line(("/a $b/python", "-m")) == ':"/a $b/python" "-m"'


def test_what_the_unit_starts_is_a_daemon_that_serves_and_ends_in_peace(fakes: Path) -> None:
    ralph("install")
    lines = unit().read_text().splitlines()
    [command] = [line.partition("=")[2] for line in lines if line.startswith("ExecStart=")]
    variables = [shlex.split(line.partition("=")[2])[0] for line in lines if line.startswith("Environment=")]
    environ = dict(pair.replace("%%", "%").split("=", 1) for pair in variables)
    assert environ["RALPH_HOME"] == os.environ["RALPH_HOME"]
    with subprocess.Popen(
        shlex.split(command.replace("%%", "%")),
        env=environ,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline().startswith(f"serving 0 schedules of {environ['RALPH_HOME']}")
        assert served_by(Path(environ["RALPH_HOME"])) == daemon.pid
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(PATIENCE_S) == 143


def served_by(home: Path) -> int:
    """The process that serves, once there is one."""
    lock = home / "schedule" / "daemon.lock"
    deadline = time.monotonic() + PATIENCE_S
    while not (lock.exists() and (pid := lock.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return int(pid)


def test_a_manager_that_cannot_be_reached_is_said_with_the_other_ways(fakes: Path) -> None:
    (fakes / "refuses").touch()
    error = str(ralph("install", "--with", "systemd").exception)
    assert error.startswith("systemd's user manager cannot be reached here (Failed to connect to bus)")
    assert "--with cron" in error
    assert "ralph schedule once" in error
    assert choose(Machine(os.environ)) is Manager.CRON
    (fakes / "crontab").unlink()
    if not shutil.which("crontab"):
        assert "no `crontab` either" in str(ralph("install").exception)


def test_lingering_that_is_not_allowed_is_a_note_and_no_failure(fakes: Path) -> None:
    (fakes / "loginctl").write_text("#!/bin/sh\necho Access denied >&2; exit 1\n")
    result = ralph("install")
    assert result.exception is None
    assert "only while you are logged in" in result.output
    assert "sudo loginctl enable-linger" in result.output


# what all of them have in common


@pytest.mark.parametrize("manager", ["systemd", "launchd", "cron"])
def test_a_dry_run_prints_all_and_writes_nothing(fakes: Path, manager: str) -> None:
    shown = ralph("install", "--dry-run", "--with", manager).output
    assert "# would write /" in shown
    assert "# would run: " in shown
    assert "Written by `ralph schedule install`" in shown
    assert not (fakes / "table").exists()
    assert not Path(os.environ["HOME"]).exists()
    assert "restart" not in " ".join(said(fakes))


def test_installing_again_changes_nothing_and_brings_up_to_date_what_is_old(fakes: Path) -> None:
    ralph("install")
    before = unit().read_text()
    assert f"as it was: {unit()}" in ralph("install").output
    unit().write_text(before.replace("RestartSec=30", "RestartSec=99"))
    assert f"brought up to date: {unit()}" in ralph("install").output
    assert unit().read_text() == before


def test_a_file_of_somebody_else_is_neither_replaced_nor_removed(fakes: Path) -> None:
    ralph("install")
    unit().write_text("[Unit]\nDescription=mine\n")
    error = str(ralph("install").exception)
    assert f"{unit()} is there already, and `ralph schedule install` did not write it. Nothing was changed." in error
    assert "nothing to remove" in ralph("uninstall").output
    assert unit().read_text() == "[Unit]\nDescription=mine\n"


def test_uninstalling_stops_the_service_and_removes_what_was_written(fakes: Path) -> None:
    ralph("install")
    path = unit()
    assert f"# would remove {path}" in ralph("uninstall", "--dry-run").output
    assert is_ours(path)
    assert f"removed: {path}" in ralph("uninstall").output
    assert not path.exists()
    assert f"systemctl --user disable --now {path.name}" in said(fakes)
    assert "nothing to remove" in ralph("uninstall").output


def test_two_state_folders_have_two_services(tmp_path: Path) -> None:
    names = {service_for(Home(tmp_path / name), {"PATH": "/bin"}).name for name in ("a", "b")}
    assert len(names) == 2


@pytest.mark.parametrize("char", ["\n", "\r", "\x01", "\x1b", "\t"])
def test_a_path_with_a_control_character_is_refused(tmp_path: Path, char: str) -> None:
    with pytest.raises(InstallError, match="line break or another control character"):
        service_for(Home(tmp_path / f"a{char}b"), {})


# launchd


def test_a_property_list_holds_every_word_as_it_is() -> None:
    job = plistlib.loads(launchd.plist_text(a_service(ODD)).encode())
    assert job["ProgramArguments"] == ["/usr/bin/python3", "-P", "-m", "ralph", "daemon"]
    assert job["EnvironmentVariables"]["RALPH_HOME"] == ODD
    assert (job["RunAtLoad"], job["KeepAlive"], job["ThrottleInterval"]) == (True, {"SuccessfulExit": False}, 30)


# cron

OTHERS = "MAILTO=sam\n# a comment\n5 4 * * * date +\\%s\n\n\t@daily  x"


@pytest.mark.parametrize("before", ["", f"{OTHERS}\n", OTHERS])
def test_a_crontab_keeps_every_other_byte(fakes: Path, before: str) -> None:
    table = fakes / "table"
    if before:
        table.write_text(before)
    ralph("install", "--with", "cron")
    once = table.read_text()
    assert once.startswith(before)
    assert once.count("*/5 * * * *") == 1
    table.write_text(f"{once}# behind\n")
    ralph("install", "--with", "cron")
    assert table.read_text() == f"{once}# behind\n"
    ralph("uninstall")
    kept = before if before.endswith("\n") or not before else f"{before}\n"
    assert table.read_text() == f"{kept}# behind\n"


def test_a_crontab_that_held_nothing_else_is_removed(fakes: Path) -> None:
    ralph("install", "--with", "cron")
    ralph("uninstall")
    assert not (fakes / "table").exists()


def test_a_block_whose_end_was_removed_by_hand_is_left_alone(fakes: Path) -> None:
    ralph("install", "--with", "cron")
    table = fakes / "table"
    torn = table.read_text().rsplit("# <<<", 1)[0] + "1 1 * * * mine\n"
    table.write_text(torn)
    for command in (("install", "--with", "cron"), ("uninstall",)):
        assert "Remove them by hand: crontab -e" in str(ralph(*command).exception)
    assert table.read_text() == torn


def test_a_crontab_that_cannot_be_read_is_not_replaced(fakes: Path) -> None:
    (fakes / "crontab").write_text("#!/bin/sh\necho you are not allowed >&2; exit 1\n")
    assert "`crontab -l` failed: you are not allowed. Nothing was changed." in str(
        ralph("install", "--with", "cron").exception
    )


def test_what_cron_starts_is_a_daemon_once(fakes: Path) -> None:
    ralph("install", "--with", "cron")
    [line] = [line for line in (fakes / "table").read_text().splitlines() if not line.startswith("#")]
    command = line.removeprefix("*/5 * * * * ").replace("\\%", "%")  # as cron does
    home = Path(os.environ["RALPH_HOME"])
    with subprocess.Popen(["/bin/sh", "-c", command], env={"HOME": os.environ["HOME"]}, cwd="/") as daemon:
        pid = served_by(home)
        second = subprocess.run(["/bin/sh", "-c", command], env={"HOME": os.environ["HOME"]}, check=False)
        assert second.returncode == 0
        os.kill(pid, signal.SIGTERM)
        assert daemon.wait(PATIENCE_S) == 143
    log = (home / "schedule" / "daemon.log").read_text()
    assert log.count("serving 0 schedules") == 1
    assert "another" not in log


def test_a_line_of_cron_is_short_whatever_the_path_is() -> None:
    service = Service("/usr/bin/python3", Path("/home/sam/state"), ":".join(["/a/long/folder"] * 500))
    assert max(map(len, crontab.block(service).splitlines())) < 200


# keys


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    path = tmp_path / "env"
    path.touch(0o600)
    return path


def test_the_file_is_read_as_people_write_it(env_file: Path) -> None:
    env_file.write_text(
        '# keys\n\nA=1\nexport B = two words # why\nC=\'#no $comment\'\nD="a \\"b\\"" # c\nE=\nF=x#y\nG=a=b\n'
    )
    assert read_variables(env_file) == {
        "A": "1",
        "B": "two words",
        "C": "#no $comment",
        "D": 'a "b"',
        "E": "",
        "F": "x#y",
        "G": "a=b",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("A=1\nsk-secret\n", ":2: this is no KEY=VALUE line", id="no-assignment"),
        pytest.param("A='sk-secret\n", ":1: the quotes do not match", id="quote"),
        pytest.param("RALPH_HOME=sk-secret\n", ":1: RALPH_HOME cannot be set here", id="reserved"),
    ],
)
def test_a_wrong_line_is_named_without_what_it_says(env_file: Path, text: str, message: str) -> None:
    env_file.write_text(text)
    with pytest.raises(EnvFileError) as raised:
        read_variables(env_file)
    assert message in str(raised.value)
    assert "sk-secret" not in str(raised.value)


def test_a_file_that_others_can_read_is_refused(env_file: Path) -> None:
    env_file.write_text("A=1\n")
    env_file.chmod(0o640)
    with pytest.raises(EnvFileError, match=r"may read it \(mode 0640\): chmod 600"):
        read_variables(env_file)


def test_an_edit_takes_effect_and_what_is_set_already_wins(env_file: Path) -> None:
    environ = {"A": "shell"}
    variables = FileVariables(Home(env_file.parent), environ)
    env_file.write_text("A=file\nB=1\nC=1\n")
    assert variables.refresh() == ("B", "C")
    env_file.write_text("B=2\n")
    assert variables.refresh() == ("B",)
    assert environ == {"A": "shell", "B": "2"}
    env_file.unlink()
    assert variables.refresh() == ()
    assert environ == {"A": "shell"}


def test_an_install_says_which_keys_a_night_would_not_find(fakes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://sam:sk-secret@proxy")
    shown = ralph("install").output
    file = Path(os.environ["RALPH_HOME"]) / "env"
    assert re.search(r"ANTHROPIC_API_KEY +the model's key: without it no run can begin\n", shown)
    assert f"""echo "HTTPS_PROXY=$HTTPS_PROXY" >> '{file}')""" in shown
    assert "sk-secret" not in shown
    file.touch(0o600)
    file.write_text("ANTHROPIC_API_KEY=sk-secret\nHTTPS_PROXY=x\n")
    assert "will not find" not in ralph("install").output


def test_no_key_is_asked_for_where_every_schedule_plays_a_recording(fakes: Path, tmp_path: Path) -> None:
    with closing(Schedules(find_home())) as schedules:
        schedules.add("played", tmp_path, "0 2 * * *", ("--recording", "a.json"), "UTC")
        assert "ANTHROPIC_API_KEY" not in ralph("install", "--dry-run").output
        schedules.add("nightly", tmp_path, "0 3 * * *", (), "UTC")
    assert "ANTHROPIC_API_KEY" in ralph("install", "--dry-run").output


def test_a_place_of_the_path_is_written_once(tmp_path: Path) -> None:
    service = service_for(Home(tmp_path), {"PATH": "/venv/bin:/usr/bin:/venv/bin:/bin:/usr/bin"})
    assert service.search_path == "/venv/bin:/usr/bin:/bin"


def test_what_channels_need_is_asked_for_too() -> None:
    channel = {"name": "team", "kind": "slack", "url": "env:SLACK_URL"}
    settings = Settings.model_validate({"channels": [channel]})
    assert lacking(settings, {"ANTHROPIC_API_KEY": "x"}, {}) == {"SLACK_URL": "channel team"}
    assert advice({}, Path("env"), {}) == []


def test_no_manager_at_all_is_told_with_what_remains(tmp_path: Path) -> None:
    with pytest.raises(RalphError, match="this machine has no systemd, and there is no `crontab` either"):
        choose(Machine({"PATH": str(tmp_path)}, "linux"))
    assert choose(Machine({}, "darwin")) is Manager.LAUNCHD
