"""What the attacks are aimed at: decoys made for one examination, and what became of them, seen from outside.

A user's own files are never touched: a folder of keys that is there is listed and opened, not read, and everything
else is made here and removed again. Knows nothing about levels and promises.
"""

import os
import platform
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ralph.home import Home
from ralph.sandbox.probes_attacks import MARK

PREFIX = "ralph-probe-"
LEFT_BEHIND_S = 3600
LONGEST_SOCKET_PATH = 100  # of 108 bytes
OTHER_PLACES = ("/usr/local", "/opt", "/var/tmp", "/")  # noqa: S108 - an attack aims there, Ralph does not
KERNEL_SETTINGS = ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe")
WITH_KEYRINGS = ("x86_64", "aarch64")
LOOPBACK = ("127.0.0.1", "::1")

Attack = list[object]
Leaks = Callable[[str], str]


@dataclass(frozen=True)
class Aim:
    """One attack, and how it is seen from outside that it got through: what was found, or "" when nothing was.

    `leaked` is given all that the attacks printed.
    """

    name: str
    attack: Attack
    leaked: Leaks


@dataclass(frozen=True)
class Ground:
    """The folder that the attacks may write, what must stay read-only in it or is shown, and the attacks."""

    inside: Path
    read_only: tuple[Path, ...]
    aims: tuple[Aim, ...]


@contextmanager
def lay_out(home: Home, user_homes: Sequence[Path]) -> Iterator[Ground]:
    """Make the decoys; they are gone afterwards, those too that a leaky sandbox let an attack make."""
    token = secrets.token_hex(8)
    with ExitStack() as stack:
        state = _folder(stack, home.folder("run"))
        elsewhere = _folder(stack, Path(tempfile.gettempdir()))
        inside, git, tree = state / "inside", state / "repo" / ".git", state / "inside" / "tree"
        inside.mkdir()
        _make_repo(git, tree)
        aims = [
            _write_inside(inside),
            *_outside(stack, [state, elsewhere], user_homes, token),
            _link(inside, elsewhere),
            *_keys(stack, user_homes, token),
            _state(state, token),
            *_internet(stack),
            *_unix(stack, [elsewhere, state, *_socket_places(stack)], token),
            *_decoy(stack, token),
            *_git(git, tree),
            *_kernel(token),
        ]
        yield Ground(inside, (git, tree / ".git"), tuple(aims))


def _folder(stack: ExitStack, parent: Path, prefix: str = PREFIX) -> Path:
    """A new one; those of an examination that was killed are cleared away."""
    for left in parent.glob(f"{prefix}*"):
        with suppress(FileNotFoundError):  # of another examination, which ends just now
            if left.stat().st_mtime < time.time() - LEFT_BEHIND_S:
                shutil.rmtree(left, ignore_errors=True)
    path = Path(tempfile.mkdtemp(dir=parent, prefix=prefix)).resolve()
    stack.callback(shutil.rmtree, path, ignore_errors=True)
    return path


def _write_inside(inside: Path) -> Aim:
    path = inside / "written"
    return Aim("write-inside", [str(path)], lambda _: "written" if _content(path) == MARK else "")


def _outside(stack: ExitStack, own: Sequence[Path], homes: Sequence[Path], token: str) -> Iterator[Aim]:
    name = f".{PREFIX}{token}"
    for parent in own:
        folder = parent / "outside"
        folder.mkdir()
        (folder / f"{name}-victim").write_text(token)
        yield Aim("write-outside", [str(folder), name], _changed(folder))
    for folder in (*homes, *map(Path, OTHER_PLACES)):
        if os.access(folder, os.W_OK):
            made = [folder / name, folder / f"{name}-folder"]
            for path in made:
                stack.callback(_remove, path)
            yield Aim("write-outside", [str(folder), name], _appeared(made))


def _link(inside: Path, elsewhere: Path) -> Aim:
    folder = elsewhere / "linked"
    folder.mkdir()
    (folder / "victim").write_text("as it was")
    (inside / "link").symlink_to(folder / "victim")
    return Aim("write-through-link", [str(inside), str(folder / "victim")], _changed(folder))


def _keys(stack: ExitStack, homes: Sequence[Path], token: str) -> Iterator[Aim]:
    """The real folder of keys where there is one, else a canary below the home, where one can be made."""
    for home in homes:
        real = home / ".ssh"
        names = _names(real)
        if names:
            yield Aim("read-ssh", [str(real)], _named(names))
        elif not real.exists() and os.access(home, os.W_OK):
            folder = _folder(stack, home, f".{PREFIX}")
            (folder / f"{PREFIX}canary").write_text(f"ssh-{token}")
            yield Aim("read-ssh", [str(folder), f"{PREFIX}canary"], _came_back(f"ssh-{token}", f"read: {folder}"))


def _state(state: Path, token: str) -> Aim:
    canary = state / "canary"
    canary.write_text(f"state-{token}")
    return Aim("read-state", [str(canary)], _came_back(f"state-{token}", f"read: {canary}"))


def _internet(stack: ExitStack) -> Iterator[Aim]:
    for host in LOOPBACK:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        for name, kind in (("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)):
            with suppress(OSError):  # a machine without IPv6
                listener = _listener(stack, family, kind, (host, 0))
                yield Aim(name, [host, listener.getsockname()[1]], _heard(listener, f"{host} answered"))


def _unix(stack: ExitStack, places: Sequence[Path], token: str) -> Iterator[Aim]:
    with suppress(OSError):  # only Linux has abstract ones
        listener = _listener(stack, socket.AF_UNIX, socket.SOCK_STREAM, f"\0{PREFIX}{token}")
        yield Aim("unix-abstract", [f"@{PREFIX}{token}"], _heard(listener, "an abstract socket answered"))
    for place in places:
        path = str(place / "socket")
        if len(path) <= LONGEST_SOCKET_PATH:
            listener = _listener(stack, socket.AF_UNIX, socket.SOCK_STREAM, path)
            yield Aim("unix-path", [path], _heard(listener, f"the socket {path} answered"))


def _socket_places(stack: ExitStack) -> list[Path]:
    """Where programs of a user keep their sockets, beside the folder for temporary files."""
    places = [os.environ.get("XDG_RUNTIME_DIR", ""), "/var/tmp", "/dev/shm"]  # noqa: S108
    return [_folder(stack, Path(place)) for place in places if place and os.access(place, os.W_OK)]


def _listener(stack: ExitStack, family: int, kind: int, address: object) -> socket.socket:
    listener = stack.enter_context(socket.socket(family, kind))
    listener.bind(address)  # type: ignore[arg-type]
    listener.setblocking(False)
    if kind == socket.SOCK_STREAM:
        listener.listen()
    return listener


def _decoy(stack: ExitStack, token: str) -> Iterator[Aim]:
    """A process of this user that answers as long as it lives, with a secret in its environment."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "CANARY": f"environ-{token}"}
    decoy = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    stack.callback(_end, decoy)
    yield Aim(
        "environ-outside", [f"/proc/{decoy.pid}/environ"], _came_back(f"environ-{token}", "read: a process outside")
    )
    yield Aim("signal-outside", [decoy.pid], lambda _: "" if _answers(decoy) else "a process outside was killed")


def _answers(decoy: "subprocess.Popen[bytes]") -> bool:
    assert decoy.stdin
    assert decoy.stdout
    try:
        decoy.stdin.write(b"?\n")
        decoy.stdin.flush()
    except OSError:
        return False
    return decoy.stdout.readline() == b"?\n"


def _end(decoy: "subprocess.Popen[bytes]") -> None:
    decoy.kill()
    with suppress(OSError):
        decoy.communicate()


def _make_repo(git: Path, tree: Path) -> None:
    """A repository and its worktree, as far as paths go: nobody runs git in them."""
    own = git / "worktrees" / "one"
    for folder in (git / "hooks", git / "objects", own, tree):
        folder.mkdir(parents=True)
    for path, text in (
        (git / "HEAD", "ref: refs/heads/main\n"),
        (git / "config", "[core]\n"),
        (git / "hooks" / "post-checkout", "#!/bin/sh\n"),
        (own / "commondir", "../..\n"),
        (tree / ".git", f"gitdir: {own}\n"),
    ):
        path.write_text(text)


def _git(git: Path, tree: Path) -> Iterator[Aim]:
    yield Aim("git-hooks", [str(git)], _changed(git / "hooks"))
    yield Aim("git-config", [str(tree), str(git)], _either(_changed(git, but="hooks"), _changed(tree)))


def _kernel(token: str) -> Iterator[Aim]:
    """Settings of the running kernel by which programs are run outside, and the keys that it keeps for users."""
    for path in KERNEL_SETTINGS:
        if os.access(path, os.R_OK):
            yield Aim(
                "kernel-settings", [path, f"kernel-{token}"], _came_back(f"kernel-{token}", f"{path} was written")
            )
    if platform.machine() in WITH_KEYRINGS and sys.platform == "linux":
        yield Aim("keyrings", [f"keys-{token}"], _came_back(f"keys-{token}", "the user's keyring answered"))


def _either(*leaks: Leaks) -> Leaks:
    return lambda told: next((found for leak in leaks if (found := leak(told))), "")


def _changed(folder: Path, but: str = "") -> Leaks:
    before = _snapshot(folder, but)

    def leaked(_: str) -> str:
        after = _snapshot(folder, but)
        paths = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        return f"changed: {paths[0]}" if paths else ""

    return leaked


def _snapshot(folder: Path, but: str) -> dict[str, bytes | None]:
    """Every path below a folder with its content; None for a folder."""
    found: dict[str, bytes | None] = {str(folder): None} if folder.is_dir() else {}
    for path in folder.rglob("*"):
        if not but or not path.relative_to(folder).parts[0].startswith(but):
            found[str(path)] = _content(path)
    return found


def _content(path: Path) -> bytes | None:
    with suppress(OSError):
        return path.read_bytes()
    return None


def _names(folder: Path) -> list[str]:
    with suppress(OSError):
        return sorted(os.listdir(folder))  # noqa: PTH208 - the names, nothing else
    return []


def _appeared(paths: Sequence[Path]) -> Leaks:
    return lambda _: next((f"made: {path}" for path in paths if path.exists()), "")


def _named(names: Sequence[str]) -> Leaks:
    return lambda told: next((f"seen: ~/.ssh/{name}" for name in names if repr(name) in told), "")


def _came_back(token: str, what: str) -> Leaks:
    return lambda told: what if token in told else ""


def _heard(listener: socket.socket, what: str) -> Leaks:
    def leaked(_: str) -> str:
        with suppress(BlockingIOError):
            if listener.type == socket.SOCK_DGRAM:
                return what if listener.recv(1) is not None else ""
            listener.accept()[0].close()
            return what
        return ""

    return leaked


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.rmdir() if path.is_dir() else path.unlink()
