"""What is blamed on the sandbox and what is not, by what commands printed (as real ones did)."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ralph.home import Home
from ralph.sandbox.base import Sandbox
from ralph.sandbox.choose import LEVELS
from ralph.tools import Toolbox
from ralph.tools.denials import is_curl_offline, was_denied

ROOT = Path("/srv/tree")
EMPTY = "Traceback (most recent call last):\n"


def denied(text: str, *, failed: bool = True, network: bool = False, forbids: bool = False) -> bool:
    allowed, kept = [ROOT, Path("/tmp")], [ROOT / ".git", ROOT / "prd.json"]
    return was_denied(text, failed=failed, network=network, allowed=allowed, kept=kept, root=ROOT, forbids=forbids)


@pytest.mark.parametrize(
    ("text", "forbids"),
    [
        pytest.param("touch: cannot touch '/etc/x': Read-only file system", False, id="read-only"),
        pytest.param(EMPTY + "OSError: [Errno 30] Read-only file system: '/etc/x'", False, id="read-only-in-python"),
        pytest.param("curl: (6) Could not resolve host: example.org", False, id="curl"),
        pytest.param("npm error code EAI_AGAIN", False, id="npm"),
        pytest.param("Error: getaddrinfo ENOTFOUND example.org", False, id="node-no-such-host"),
        pytest.param("  code: 'ENETUNREACH',\n  syscall: 'connect',", False, id="node"),
        pytest.param("wget: unable to resolve host address 'example.org'", False, id="wget"),
        pytest.param("touch: cannot touch '/etc/x': Permission denied", True, id="outside"),
        pytest.param("bash: line 1: /etc/y: Permission denied", True, id="outside-in-bash"),
        pytest.param("touch: cannot touch '.git/x': Permission denied", True, id="in-git"),
        pytest.param("mkdir: cannot create directory \u2018/root/zz\u2019: Permission denied", True, id="in-the-home"),
        pytest.param("bash: socket: Operation not permitted", True, id="socket"),
        pytest.param("urllib.error.URLError: <urlopen error [Errno 1] Operation not permitted>", True, id="urllib"),
        pytest.param("  code: 'EPERM',\n  syscall: 'connect',\n", True, id="node-socket"),
        pytest.param(
            '  File "/usr/lib/python3.11/socket.py", line 232, in __init__\n'
            "    _socket.socket.__init__(self, family, type, proto, fileno)\n"
            "PermissionError: [Errno 1] Operation not permitted",
            True,
            id="python-socket",
        ),
    ],
)
def test_what_the_sandbox_stopped_is_known_by_its_words(text: str, *, forbids: bool) -> None:
    assert denied(text, forbids=forbids)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("bash: ./run.sh: Permission denied", id="no-x-bit"),
        pytest.param("cat: /srv/tree/secret.txt: Permission denied", id="mode-in-the-tree"),
        pytest.param("chmod: changing permissions of 'a': Operation not permitted", id="chmod"),
        pytest.param("E   AssertionError: 'Permission denied' != 'ok'", id="a-test-about-permissions"),
        pytest.param("bash: connect: Connection refused", id="nobody-listens"),
    ],
)
@pytest.mark.parametrize("forbids", [False, True])
def test_ordinary_errors_are_not_blamed_on_the_sandbox(text: str, *, forbids: bool) -> None:
    assert not denied(text, forbids=forbids)


def test_where_bubblewrap_rules_a_refused_file_is_an_ordinary_error() -> None:
    assert not denied("cat: /etc/shadow: Permission denied")


def test_words_in_the_output_of_a_command_that_went_well_are_no_denial() -> None:
    assert not denied('src/net.py:3: raise OSError("Network is unreachable")', failed=False)
    assert denied("touch: cannot touch '/etc/x': Read-only file system\ndone", failed=False)


def test_curl_that_found_no_host_is_known_even_where_the_command_went_on() -> None:
    assert denied("curl: (6) Could not resolve host: example.org\ndone", failed=False)


@pytest.mark.parametrize(
    ("command", "exit_code", "is_offline"),
    [
        ("curl -s https://example.org | head", 6, True),
        ("curl -sf http://192.0.2.1/", 7, True),
        ("curl -s http://localhost:3000/", 7, False),
        ("curl -s http://127.0.0.1:3000/", 7, False),
        ("curl -sf https://example.org", 22, False),
        ("make", 7, False),
    ],
)
def test_curl_that_says_nothing_is_known_by_how_it_ended(command: str, exit_code: int, is_offline: bool) -> None:
    assert is_curl_offline(command, exit_code) is is_offline


def test_with_the_network_on_a_host_that_cannot_be_found_is_an_ordinary_error() -> None:
    assert not denied("curl: (6) Could not resolve host: nowhere.invalid", network=True)


@pytest.fixture(params=LEVELS)
def box(request: pytest.FixtureRequest, tmp_path: Path, proven: Callable[[str, Home], Sandbox]) -> Iterator[Toolbox]:
    home = Home(tmp_path / "state")
    sandbox = proven(request.param, home)
    root = home.folder("worktrees", "one")
    with closing(Toolbox(root, home.folder("runs", "one"), sandbox)) as toolbox:
        yield toolbox


@pytest.mark.parametrize(
    ("command", "is_told"),
    [
        ("touch /etc/ralph-x", True),
        ("exec 3<>/dev/tcp/192.0.2.1/80", True),
        ("touch run.sh; ./run.sh", False),
        ("touch a $HOME/b $TMPDIR/c", False),
        ("false", False),
    ],
)
def test_each_real_sandbox_tells_the_agent_what_it_allows(box: Toolbox, command: str, *, is_told: bool) -> None:
    said = str(box.run("bash", {"command": command}).content)
    assert ("[the sandbox allows writing only" in said) is is_told, said


@pytest.mark.parametrize(
    ("text", "blamed"),
    [
        pytest.param(
            'File "multiprocessing/synchronize.py", line 57, in __init__\n'
            "    sl = self._semlock = _multiprocessing.SemLock(\nPermissionError: [Errno 13] Permission denied",
            True,
            id="a-lock-between-processes",
        ),
        pytest.param("shm_open: Permission denied", True, id="shared-memory"),
        pytest.param("a test of SemLock failed\n\n\n\n\n./run.sh: Permission denied", False, id="far-away"),
    ],
)
def test_shared_memory_is_blamed_on_the_sandbox_that_shuts_it(text: str, blamed: bool) -> None:
    assert denied(text, forbids=True) == blamed
    assert not denied(text, forbids=False)
