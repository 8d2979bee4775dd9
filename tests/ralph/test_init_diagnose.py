"""Why a command failed, by what real programs print, and what a run is told whose checks cannot run at all."""

from dataclasses import dataclass

import pytest

from ralph.checks.baseline import BaseResult
from ralph.init.diagnose import Diagnosis, Kind, Surroundings, diagnose, hint
from ralph.init.surroundings import may_hold_secrets

AROUND = Surroundings(
    ignored_files=("config/local.json", ".env", "app/local_settings.py", "a", "pytest.ini"),
    variables={"DATABASE_URL": ".env", "STRIPE_KEY": ".env"},
    examples={"REDIS_URL": "api/.env.example"},
    own_modules=frozenset({"shop", "tests"}),
)
NODE_REFUSED = """node:events:497
      throw er; // Unhandled 'error' event
Error: connect ECONNREFUSED 127.0.0.1:6379
  errno: -111,
  port: 6379"""
NODE_REFUSED_LATE = "Error: x\n  code: 'ECONNREFUSED',\n  syscall: 'connect',\n  address: '127.0.0.1',\n  port: 5432"
PSYCOPG = 'psycopg2.OperationalError: connection to server at "127.0.0.1", port 5432 failed: Connection refused'
PYTHON_REFUSED = (
    'test_db.py:3:\n>   socket.create_connection(("127.0.0.1", 27017))\n'
    + "raise exceptions[0]\n" * 40
    + "E   ConnectionRefusedError: [Errno 111] Connection refused\n1 failed in 0.1s"
)
NPM = "npm error code EAI_AGAIN\nnpm error reason: getaddrinfo EAI_AGAIN registry.example.org"
PIP = "ERROR: Could not find a version that satisfies the requirement requests (from versions: none)"
CARGO = "warning: spurious network error: [6] Couldn't resolve host name (Could not resolve host: index.example.io)"
GO = "go: x.org/y: Get https://proxy.example.org/y: dial tcp: lookup proxy.example.org on 127.0.0.53:53: no such host"
MAVEN = "[ERROR] Could not transfer artifact a:b:pom:1 from central: repo.maven.apache.org: Unknown host"
ENOENT = "Error: ENOENT: no such file or directory, open '/x/ralph-init/config/local.json'\n  errno: -2"
REQUIRE = "Error: Cannot find module '../config/local'\nRequire stack:"


@dataclass(frozen=True)
class Ended:
    excerpt: str
    exit_code: int = 1
    name: str = "tests"
    passed: bool = False
    timed_out: bool = False


def of(excerpt: str, exit_code: int = 1, command: str = "") -> Diagnosis:
    return diagnose(Ended(excerpt, exit_code), AROUND, command=command)


@pytest.mark.parametrize(
    ("excerpt", "kind", "subject"),
    [
        pytest.param("bash: line 1: ruff: command not found", Kind.TOOL, "ruff", id="bash-has-no-tool"),
        pytest.param("/bin/sh: 1: tsc: not found", Kind.TOOL, "tsc", id="dash-has-no-tool"),
        pytest.param("/usr/bin/env: 'node': No such file or directory", Kind.TOOL, "node", id="env-has-no-tool"),
        pytest.param("make: pytest: No such file or directory", Kind.TOOL, "pytest", id="make-has-no-tool"),
        pytest.param("make[1]: cargo: Command not found", Kind.TOOL, "cargo", id="inner-make-has-no-tool"),
        pytest.param("error: no such command: `clippy`", Kind.TOOL, "clippy", id="cargo-has-no-component"),
        pytest.param("bash: line 1: ./gradlew: No such file or directory", Kind.TOOL, "./gradlew", id="no-script"),
        pytest.param(
            "bash: line 1: .venv/bin/python: No such file or directory",
            Kind.DEPENDENCY,
            ".venv/bin/python",
            id="no-environment",
        ),
        pytest.param("/usr/bin/python: No module named pytest", Kind.DEPENDENCY, "pytest", id="python-module"),
        pytest.param(
            "E   ModuleNotFoundError: No module named 'redis.asyncio'", Kind.DEPENDENCY, "redis.asyncio", id="in-pytest"
        ),
        pytest.param("Error: Cannot find module 'express'", Kind.DEPENDENCY, "express", id="node-package"),
        pytest.param(
            "Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@x/y' imported from /a/b.mjs",
            Kind.DEPENDENCY,
            "@x/y",
            id="node-esm-package",
        ),
        pytest.param(
            "a.go:3:8: no required module provides package github.com/x/y; to add it:",
            Kind.DEPENDENCY,
            "github.com/x/y",
            id="go-module",
        ),
        pytest.param("cannot load such file -- rspec (LoadError)", Kind.DEPENDENCY, "rspec", id="ruby-gem"),
        pytest.param(
            "PHP Fatal error: Uncaught Error: Failed opening required '/x/vendor/autoload.php'",
            Kind.DEPENDENCY,
            "vendor/autoload.php",
            id="composer",
        ),
        pytest.param("error: unrecognized arguments: --cov=shop", Kind.DEPENDENCY, "--cov", id="pytest-plugin"),
        pytest.param(NPM, Kind.NETWORK, "registry.example.org", id="npm-without-network"),
        pytest.param(PIP, Kind.NETWORK, "", id="pip-without-network"),
        pytest.param(CARGO, Kind.NETWORK, "index.example.io", id="cargo-without-network"),
        pytest.param(GO, Kind.NETWORK, "proxy.example.org", id="go-without-network"),
        pytest.param(MAVEN, Kind.NETWORK, "repo.maven.apache.org", id="maven-without-network"),
        pytest.param(
            "urllib.error.URLError: <urlopen error [Errno -3] Temporary failure in name resolution>",
            Kind.NETWORK,
            "",
            id="python-without-network",
        ),
        pytest.param(ENOENT, Kind.FILE, "config/local.json", id="node-misses-an-ignored-file"),
        pytest.param(REQUIRE, Kind.FILE, "config/local.json", id="node-requires-an-ignored-file"),
        pytest.param("cat: .env: No such file or directory", Kind.FILE, ".env", id="env-file"),
        pytest.param("open local.json: no such file or directory", Kind.FILE, "config/local.json", id="go-by-name"),
        pytest.param(
            "ModuleNotFoundError: No module named 'app.local_settings'",
            Kind.FILE,
            "app/local_settings.py",
            id="an-ignored-module",
        ),
        pytest.param("KeyError: 'STRIPE_KEY'", Kind.FILE, ".env", id="a-variable-of-the-env-file"),
        pytest.param("DATABASE_URL must be set", Kind.FILE, ".env", id="a-variable-in-words"),
        pytest.param("REDIS_URL is not set", Kind.FILE, "", id="a-variable-of-an-example-only"),
        pytest.param(NODE_REFUSED, Kind.SERVICE, "6379", id="node-redis"),
        pytest.param(NODE_REFUSED_LATE, Kind.SERVICE, "5432", id="node-postgres"),
        pytest.param(PSYCOPG, Kind.SERVICE, "5432", id="psycopg"),
        pytest.param(PYTHON_REFUSED, Kind.SERVICE, "27017", id="python-far-above"),
        pytest.param(
            "dial tcp 127.0.0.1:3306: connect: connection refused",
            Kind.SERVICE,
            "3306",
            id="go-mysql-is-no-dns-trouble",
        ),
        pytest.param(
            "ERROR 2002 (HY000): Can't connect to local MySQL server through socket", Kind.SERVICE, "", id="mysql"
        ),
        pytest.param(
            'could not translate host name "db" to address: Temporary failure in name resolution',
            Kind.SERVICE,
            "db",
            id="a-compose-host",
        ),
        pytest.param("assert 1 == 2\n1 failed in 0.02s", Kind.RED, "", id="a-failing-test"),
        pytest.param("No module named 'shop.cart'", Kind.RED, "", id="a-test-of-code-to-be-written"),
        pytest.param("", Kind.RED, "", id="says-nothing"),
    ],
)
def test_the_cause_is_read_from_what_was_printed(excerpt: str, kind: Kind, subject: str) -> None:
    found = of(excerpt)
    assert (found.kind, found.subject) == (kind, subject)
    assert found.reason
    assert "\n" not in found.reason + found.remedy


def test_a_program_that_a_package_manager_does_not_find_is_one_that_setup_installs() -> None:
    assert of("sh: 1: jest: not found", 127, "npm run test").kind is Kind.DEPENDENCY
    assert of("npm warn Unknown user config", 1, "npx --no-install vitest run").subject == "vitest"


def test_where_there_is_only_an_example_setup_copies_it() -> None:
    assert of("REDIS_URL is not set").remedy == "Begin setup with: cp api/.env.example api/.env"


def test_an_exit_code_127_without_words_is_a_missing_tool_and_a_timeout_is_a_timeout() -> None:
    assert of("", 127).kind is Kind.TOOL
    assert diagnose(Ended("connection refused", timed_out=True), AROUND).kind is Kind.TIMEOUT
    assert diagnose(Ended("command not found", 0, passed=True), AROUND).kind is Kind.PASSED


def test_pytest_without_a_test_is_red_with_its_own_word() -> None:
    assert of("no tests ran in 0.01s", 5).reason == "it finds no test yet"


@pytest.mark.parametrize(
    ("excerpt", "usable"),
    [
        pytest.param(f"{PSYCOPG}\n2 failed, 14 passed in 3s", True, id="pytest"),
        pytest.param(f"{NODE_REFUSED}\nTests:       1 failed, 7 passed, 8 total", True, id="jest"),
        pytest.param(f"{NODE_REFUSED}\n# tests 3\n# pass 2\n# fail 1", True, id="node-test"),
        pytest.param(f"{PSYCOPG}\nRan 9 tests in 0.1s\n\nFAILED (failures=1, errors=2)", True, id="unittest"),
        pytest.param(f"{PSYCOPG}\nRan 3 tests in 0.1s\n\nFAILED (errors=3)", False, id="unittest-none-passed"),
        pytest.param(f"{PSYCOPG}\n9 examples, 2 failures", True, id="rspec"),
        pytest.param(f"ok  \tx.org/a\t0.01s\nFAIL\tx.org/b\n{PSYCOPG}", True, id="go"),
        pytest.param(f"{PSYCOPG}\n2 failed, 0 passed", False, id="none-passed"),
    ],
)
def test_a_check_of_which_tests_passed_can_be_used_whatever_the_others_lack(excerpt: str, usable: bool) -> None:
    assert of(excerpt).is_usable is usable


def test_a_run_whose_checks_all_lack_something_is_sent_to_init() -> None:
    lacking = Ended("bash: line 1: pytest: command not found", 127)
    assert hint([lacking, Ended(PIP)]) == (
        "no check can run here (tests: pytest is not on PATH). Run `ralph init`: it tries every check, finds what it "
        "lacks and writes the ralph.toml that mends it."
    )


def test_what_is_remembered_of_the_base_is_enough_for_the_hint() -> None:
    known = BaseResult(
        name="tests", passed=False, exit_code=1, timed_out=False, failures=None, failing=(), excerpt="No module named x"
    )
    assert hint([known]).startswith("no check can run here (tests: x is not installed where the checks run).")


@pytest.mark.parametrize(
    "results",
    [
        pytest.param([], id="nothing-ran"),
        pytest.param([Ended("1 failed in 0.1s")], id="red-for-its-own-reasons"),
        pytest.param([Ended("", 0, passed=True), Ended("x: command not found", 127)], id="one-passed"),
        pytest.param([Ended(f"{PSYCOPG}\n2 failed, 14 passed in 3s")], id="some-tests-passed"),
    ],
)
def test_a_run_whose_checks_say_something_gets_no_hint(results: list[Ended]) -> None:
    assert hint(results) == ""


@pytest.mark.parametrize("name", [".env", "api/.env.test", "prod.env", ".envrc", "config/secrets.yml", "a/key.pem"])
def test_files_that_may_hold_secrets_are_known_by_their_names(name: str) -> None:
    assert may_hold_secrets(name)


@pytest.mark.parametrize("name", ["config/local.json", "local.settings.toml", "data/environment.csv"])
def test_other_files_are_not(name: str) -> None:
    assert not may_hold_secrets(name)
