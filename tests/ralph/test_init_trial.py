"""Init on small real repositories: real git, the sandbox of this machine, real commands."""

import os
import re
import shutil
import socket
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from ralph.home import find_home
from ralph.init import trial
from ralph.init.consent import Consent
from ralph.init.diagnose import Kind
from ralph.init.report import report
from ralph.init.start import Outcome, Request, initialise
from ralph.init.surroundings import look_around
from ralph.settings.load import load_settings
from ralph.trust import TrustState
from ralph.workspace.repo import Repo

NOBODY = Consent()
YES = Consent(yes=True)
PYTHON = "python" if shutil.which("python") else "python3"
needs_bwrap = pytest.mark.skipif(not shutil.which("bwrap"), reason="no sandbox here")
MAKE_READS = "test:\n\tcat config/local.json\n"
SERVER = """import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    listener.accept()[0].close()
"""
NPM = """#!/usr/bin/env bash
if [ "$1" = run ]; then cat made
elif (exec 3<>/dev/tcp/127.0.0.1/{port}) 2> /dev/null; then echo > made
else echo "npm error getaddrinfo EAI_AGAIN registry.example.org"; exit 1
fi
"""
DOCKER = """#!/usr/bin/env bash
echo "$*" >> "{log}"
case "$*" in
*" up "*)
  python3 "{server}" {port} & echo $! > "{log}.pid"
  for _ in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && exit 0; sleep 0.05; done; exit 1;;
*) kill "$(cat "{log}.pid")";;
esac
"""


class Shop:
    """A user's repository."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.git("init", "-q")

    def git(self, *words: str) -> str:
        return subprocess.run(["git", *words], cwd=self.root, check=True, capture_output=True, text=True).stdout

    def put(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def init(self, consent: Consent = NOBODY, *, commit: bool = True, **options: object) -> Outcome:
        self.said: list[str] = []
        if commit:
            self.git("add", "-A")
            self.git("commit", "-qm", "by the user", "--allow-empty")
        return initialise(Request(self.root, consent=consent, **options), self.said.append)  # type: ignore[arg-type]

    @property
    def toml(self) -> dict[str, object]:
        return tomllib.loads((self.root / "ralph.toml").read_text())

    @property
    def text(self) -> str:
        return (self.root / "ralph.toml").read_text()

    def files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and ".git" not in path.relative_to(self.root).parts
        }


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


@pytest.fixture
def on_path(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Puts a folder's programs before all others."""
    return lambda folder: monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def kinds(outcome: Outcome) -> dict[str, Kind]:
    assert outcome.trial is not None
    return {tried.check.name: tried.diagnosis.kind for tried in outcome.trial.checks}


def answering(*answers: bool) -> tuple[Consent, list[str]]:
    asked: list[str] = []
    left = iter(answers)

    def ask(question: str, _: bool) -> bool:
        asked.append(question)
        return next(left)

    return Consent(ask), asked


def test_a_python_repo_gets_its_checks_and_is_trusted(shop: Shop) -> None:
    shop.put("test_a.py", "def test_it():\n    assert True\n")
    shop.put(".gitignore", ".pytest_cache/\n__pycache__/\n")
    before = shop.files()
    outcome = shop.init()
    assert kinds(outcome) == {"pytest": Kind.PASSED}
    assert shop.toml == {"checks": [{"name": "pytest", "command": f"{PYTHON} -m pytest -q"}]}
    assert load_settings(shop.root, find_home()).trust is TrustState.TRUSTED
    after = shop.files()
    del after["ralph.toml"]
    assert after == before
    assert shop.git("status", "--porcelain") == "?? ralph.toml\n"
    assert shop.git("worktree", "list").count("\n") == 1


def test_a_failing_test_is_kept_as_a_check_and_told_as_red(shop: Shop) -> None:
    shop.put("test_a.py", "def test_it():\n    assert False\n")
    outcome = shop.init()
    assert outcome.is_ready
    assert "# Red as things are: it fails on this commit (1 failing test).\n[[checks]]" in shop.text
    lines = "\n".join(report(outcome))
    assert f"  red  pytest  {PYTHON} -m pytest -q" in lines
    assert "stories are blamed only for what they make worse" in lines


@pytest.mark.skipif(not shutil.which("npm"), reason="no Node here")
def test_a_node_repo_without_dependencies_needs_no_setup(shop: Shop) -> None:
    shop.put("package.json", '{"name": "shop", "scripts": {"test": "node --test"}}')
    shop.put("test/a.test.mjs", 'import test from "node:test";\ntest("it", () => {});\n')
    assert kinds(shop.init()) == {"test": Kind.PASSED}
    assert shop.toml == {"checks": [{"name": "test", "command": "npm run test"}]}


@needs_bwrap
@pytest.mark.skipif(not shutil.which("npm"), reason="no Node here")
def test_a_setup_that_needs_the_network_is_proposed_and_not_switched_on_where_nobody_says_yes(shop: Shop) -> None:
    shop.put("package.json", '{"name": "s", "scripts": {"test": "jest"}, "devDependencies": {"jest": "^29.0.0"}}')
    consent, asked = answering(False)
    outcome = shop.init(consent)
    assert outcome.trial is not None
    assert outcome.trial.setup is not None
    assert outcome.trial.setup.diagnosis.kind is Kind.NETWORK
    assert kinds(outcome) == {"test": Kind.DEPENDENCY}
    assert not outcome.is_ready
    assert shop.toml == {}
    assert "# [setup]\n# command = " in shop.text
    assert "# network = true\n" in shop.text
    assert len(asked) == 1
    assert re.match(r"setup: it needs the network \(\S+ was not found\)", asked[0])


NODE = '{"name": "s", "scripts": {"test": "cat made"}, "dependencies": {"a": "1"}}'


@pytest.fixture
def npm(tmp_path: Path, on_path: Callable[[Path], None]) -> Callable[[str], None]:
    """A package manager that is a few lines of bash."""

    def write(text: str) -> None:
        program = tmp_path / "bin" / "npm"
        program.parent.mkdir()
        program.write_text(text)
        program.chmod(0o755)
        on_path(program.parent)

    return write


@needs_bwrap
def test_setup_alone_gets_the_network_and_only_when_it_failed_without(shop: Shop, npm: Callable[[str], None]) -> None:
    shop.put("package.json", NODE)
    with socket.create_server(("127.0.0.1", 0)) as registry:
        npm(NPM.format(port=registry.getsockname()[1]))
        outcome = shop.init(YES)
    assert kinds(outcome) == {"test": Kind.PASSED}, shop.said
    told = [line for line in shop.said if line.startswith("setup")]
    assert [line.endswith("with the network ...") for line in told] == [False, False, True, False]
    assert told[1].startswith("setup: it needs the network (registry.example.org was not found)")
    assert shop.toml["checks"] == [{"name": "test", "command": "npm run test"}]
    setup = load_settings(shop.root, find_home()).settings.setup
    assert setup is not None
    assert setup.network


@needs_bwrap
def test_what_only_waits_for_the_network_is_not_waited_for(
    shop: Shop, npm: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "OFFLINE_S", 0.4)
    monkeypatch.setattr(trial, "HEARTBEAT_S", 0.1)
    shop.put("package.json", NODE)
    npm('#!/usr/bin/env bash\n[ "$1" = run ] && exit 1\nsleep 60\n')
    outcome = shop.init()
    assert outcome.trial is not None
    assert outcome.trial.setup is not None
    assert outcome.trial.setup.diagnosis.reason == "it downloads, and did not end without the network"
    assert any(line.endswith(" s so far") for line in shop.said)


@pytest.mark.parametrize(("consent", "network"), [(NOBODY, False), (YES, True)])
def test_where_there_is_no_sandbox_the_network_is_written_down_only_with_a_yes(
    shop: Shop, npm: Callable[[str], None], consent: Consent, network: bool
) -> None:
    find_home().config.write_text('sandbox = "none"\n')
    shop.put("package.json", NODE)
    npm('#!/usr/bin/env bash\n[ "$1" = run ] || echo > made\ncat made\n')
    outcome = shop.init(consent)
    assert kinds(outcome) == {"test": Kind.PASSED}
    assert ("network = true" in shop.text) is network
    assert any("setup downloads; where there is a sandbox" in line for line in report(outcome)) is not network


def test_a_setup_that_fails_by_itself_is_to_be_mended_and_what_works_without_it_is_kept(
    shop: Shop, npm: Callable[[str], None]
) -> None:
    shop.put("package.json", NODE)
    npm('#!/usr/bin/env bash\n[ "$1" = run ]\n')
    outcome = shop.init()
    assert outcome.is_ready
    assert list(shop.toml) == ["checks"]
    assert "# Not active: it fails on this commit (exit code 1). Run it in a fresh clone until it works" in shop.text


def test_what_a_check_lacks_is_put_down_to_the_setup_that_failed(shop: Shop, npm: Callable[[str], None]) -> None:
    shop.put("package.json", NODE)
    npm('#!/usr/bin/env bash\n[ "$1" = run ] && echo "sh: 1: jest: not found"\nexit 127\n')
    shop.init()
    assert "jest is not installed where the checks run, as setup did not work" in " ".join(shop.text.split("\n# "))


def test_the_repos_own_modules_are_those_of_its_code_alone(shop: Shop) -> None:
    for name in ("shop/__init__.py", "pytest.ini", "infra/redis/run.sh", "test_a.py"):
        shop.put(name, "")
    shop.git("add", "-A")
    shop.git("commit", "-qm", "start")
    assert look_around(Repo.open(shop.root)).own_modules == {"shop", "__init__", "test_a"}


# ignored files


@pytest.fixture
def reader(shop: Shop) -> Shop:
    shop.put("Makefile", MAKE_READS)
    shop.put(".gitignore", "config/local.json\n")
    shop.put("config/local.json", "{}")
    shop.put("config/tracked.json", "{}")
    return shop


def test_an_ignored_file_that_a_check_reads_is_copied_when_the_user_says_yes(reader: Shop) -> None:
    consent, asked = answering(True)
    assert kinds(reader.init(consent)) == {"test": Kind.PASSED}
    assert reader.toml["copy"] == ["config/local.json"]
    reason = "it reads config/local.json, which git ignores, so that a fresh worktree lacks it"
    assert asked == [f"test: {reason}. Copy it into the worktrees?"]


def test_where_nobody_is_there_the_file_is_proposed_in_a_comment_and_init_may_be_run_again(reader: Shop) -> None:
    outcome = reader.init()
    assert not outcome.is_ready
    assert reader.toml == {}
    assert '# copy = ["config/local.json"]' in reader.text
    assert any("--yes" in line for line in report(outcome))
    again = reader.init(YES, commit=False)
    assert again.is_ready
    assert again.kept is None
    assert reader.toml["copy"] == ["config/local.json"]
    assert not (reader.root / "ralph.toml.bak").exists()


@pytest.mark.parametrize(
    ("consent", "copied"),
    [
        pytest.param(YES, False, id="yes-is-not-for-secrets"),
        pytest.param(Consent(copy_env=True), True, id="copy-env"),
        pytest.param(Consent(copy_env=True, yes=True), True, id="both"),
        pytest.param(answering(True)[0], True, id="an-explicit-yes"),
        pytest.param(answering(False)[0], False, id="an-explicit-no"),
    ],
)
def test_an_env_file_is_copied_only_when_that_is_said(shop: Shop, consent: Consent, copied: bool) -> None:
    shop.put("Makefile", "test:\n\tcat .env > /dev/null\n")
    shop.put(".gitignore", ".env\n")
    shop.put(".env", "KEY=very-secret-value\n")
    assert shop.init(consent).is_ready is copied
    assert shop.toml.get("copy") == ([".env"] if copied else None)
    assert ('# copy = [".env"]' in shop.text) is not copied
    assert "very-secret" not in shop.text + "".join(shop.said)


def test_a_file_that_only_an_uncommitted_gitignore_hides_is_not_copied_and_the_reason_is_told(shop: Shop) -> None:
    shop.put("Makefile", MAKE_READS)
    shop.git("add", "-A")
    shop.git("commit", "-qm", "x")
    shop.put(".gitignore", "config/local.json\n")
    shop.put("config/local.json", "{}")
    outcome = shop.init(YES, commit=False)
    assert not outcome.is_ready
    assert any("Commit your .gitignore first." in line for line in report(outcome))


# services


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def database(shop: Shop, tmp_path: Path, free_port: int, on_path: Callable[[Path], None]) -> Callable[[], list[str]]:
    """A repo whose check talks to a service of its compose file, and a `docker` that starts it; what that was told."""
    shop.put("Makefile", "test:\n\tpython3 check_db.py\n")
    shop.put("check_db.py", f'import socket\nsocket.create_connection(("127.0.0.1", {free_port})).close()\n')
    shop.put("compose.yaml", f"services:\n  db:\n    image: postgres:17\n    ports: ['{free_port}:5432']\n")
    log, server, docker = tmp_path / "docker.log", tmp_path / "server.py", tmp_path / "bin" / "docker"
    server.write_text(SERVER)
    docker.parent.mkdir()
    docker.write_text(DOCKER.format(log=log, server=server, port=free_port))
    docker.chmod(0o755)
    on_path(docker.parent)
    return lambda: log.read_text().splitlines() if log.exists() else []


@needs_bwrap
def test_a_service_of_the_compose_file_is_started_and_written_down_when_the_user_says_yes(
    shop: Shop, database: Callable[[], list[str]]
) -> None:
    consent, asked = answering(True)
    outcome = shop.init(consent)
    assert kinds(outcome) == {"test": Kind.PASSED}, shop.said
    assert "Start it outside of the sandbox with `docker compose up -d --wait db`" in asked[0]
    assert shop.toml["services"] == [
        {"name": "db", "up": "docker compose up -d --wait db", "down": "docker compose stop db"}
    ]
    assert shop.toml["checks"] == [{"name": "test", "command": "make test", "timeout_s": 1200, "network": True}]
    assert database() == ["compose up -d --wait db", "compose stop db"]


@needs_bwrap
def test_where_nobody_is_there_no_service_is_started(shop: Shop, database: Callable[[], list[str]]) -> None:
    outcome = shop.init()
    assert kinds(outcome) == {"test": Kind.SERVICE}
    assert database() == []
    assert shop.toml == {}
    assert '# [[services]]\n# name = "db"\n# up = "docker compose up -d --wait db"' in shop.text
    assert "nothing answers on 127.0.0.1:" in shop.text


@needs_bwrap
@pytest.mark.usefixtures("database")
def test_a_service_that_is_up_already_needs_the_network_only(shop: Shop, free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)):
        outcome = shop.init(YES)
    assert kinds(outcome) == {"test": Kind.PASSED}
    assert "services" not in shop.toml


@needs_bwrap
@pytest.mark.usefixtures("database")
def test_a_service_that_does_not_start_is_told_and_left_as_a_comment(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "bin" / "docker").write_text("#!/usr/bin/env bash\necho no daemon here\nexit 1\n")
    outcome = shop.init(YES)
    assert not outcome.is_ready
    assert any("the service db did not start" in line for line in report(outcome))
    assert shop.toml == {}


# odd repos


def test_a_repo_with_nothing_is_told_what_to_add_and_nothing_is_written(shop: Shop) -> None:
    shop.put("app.py", "print(1)\n")
    outcome = shop.init()
    assert not outcome.is_ready
    assert "tests/test_smoke.py" in "\n".join(report(outcome))
    assert list(shop.files()) == ["app.py"]


def test_a_hostile_manifest_adds_nothing_but_its_check(shop: Shop) -> None:
    evil = 'x"\n[run]\nallow_network = true\n[[services]]\nup = "touch /tmp/owned'
    shop.put("Makefile", "test:\n\t@printf 'pytest: command not found\\n[[services]]\\nname = \"x\"\\n'; exit 127\n")
    shop.put(
        "package.json",
        '{"name": %s, "scripts": {"test": "vitest --watch\\nx"}, "workspaces": [%s]}' % ((f'"{evil!r}"',) * 2),
    )
    outcome = shop.init()
    assert outcome.trial is not None
    assert set(shop.toml) <= {"checks"}


def test_a_check_that_does_not_end_is_stopped_and_proposed_in_a_comment(shop: Shop) -> None:
    shop.put("Makefile", "test:\n\tsleep 60\n")
    assert kinds(shop.init(timeout_s=1.0)) == {"test": Kind.TIMEOUT}
    assert "# Not active: it was stopped, as it took too long." in shop.text


def test_a_dry_run_tries_everything_and_writes_nothing(shop: Shop) -> None:
    shop.put("Makefile", "test:\n\ttrue\n")
    outcome = shop.init(dry_run=True)
    assert outcome.is_ready
    assert outcome.written is None
    assert 'command = "make test"' in outcome.text
    assert list(shop.files()) == ["Makefile"]
    assert not find_home().trust.exists()
