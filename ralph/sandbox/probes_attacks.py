"""The attacks themselves, run inside the sandbox by a bare Python that is handed this file's text.

Standard library only. Each attack is tried and told (a JSON line); whether it got through is judged outside, by what
really happened there. Knows nothing about levels and promises.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

MARK = b"written by a probe of ralph's sandbox\n"
MIB = 2**20


def create(folder: str, name: str) -> None:
    """Every way to change a folder and the probe's own file in it that needs no help from outside."""
    with suppress(OSError):
        (Path(folder) / name).write_bytes(MARK)
    with suppress(OSError):
        (Path(folder) / f"{name}-folder").mkdir()
    victim = Path(folder) / f"{name}-victim"
    for change in (append, os.unlink, lambda path: path.rename(f"{folder}/{name}-moved")):
        with suppress(OSError):
            change(victim)


def append(path: Path | str) -> None:
    with Path(path).open("ab") as file:
        file.write(MARK)


def through_link(inside: str, victim: str) -> None:
    """By a link that was there before, and by those that an agent can make itself."""
    soft, hard = Path(inside) / "own-soft-link", Path(inside) / "own-hard-link"
    with suppress(OSError):
        soft.symlink_to(victim)
    with suppress(OSError):
        os.link(victim, hard)
    for path in (
        Path(inside) / "link",
        soft,
        hard,
        f"/proc/self/root{victim}",
        f"/proc/self/cwd/../{Path(victim).name}",
    ):
        with suppress(OSError):
            append(path)


def read(path: str) -> str:
    """The text of a canary: its coming back is the proof."""
    return Path(path).read_bytes().decode(errors="replace")


def look(folder: str, canary: str = "") -> str:
    """The names in a folder of keys and which of them can be opened. Not a byte of them is read, the canary apart."""
    names = sorted(os.listdir(folder))  # noqa: PTH208 - the names, nothing else
    opened = []
    for name in names:
        with suppress(OSError), (Path(folder) / name).open("rb") as file:
            opened.append(name if name != canary else file.read().decode())
    return f"listed {names}; opened {opened}"


def send(kind: int, address: object) -> None:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET  # type: ignore[index]
    with socket.socket(family, kind) as connection:
        connection.settimeout(1)
        connection.connect(tuple(address) if isinstance(address, list) else address.replace("@", "\0", 1))  # type: ignore[attr-defined]
        connection.send(MARK)


def tcp(host: str, port: int) -> None:
    send(socket.SOCK_STREAM, [host, port])


def udp(host: str, port: int) -> None:
    send(socket.SOCK_DGRAM, [host, port])


def unix(address: str) -> None:
    """`@name` is an abstract one."""
    send(socket.SOCK_STREAM, address)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def git_config(tree: str, git: str) -> None:
    """What decides which configuration git reads, programs to run included."""
    for path in (f"{git}/config", f"{git}/config.worktree", f"{git}/worktrees/one/commondir", f"{tree}/.git"):
        with suppress(OSError):
            append(path)
    for path in (f"{git}/config", f"{tree}/.git"):
        with suppress(OSError):
            Path(path).rename(f"{path}-moved")
            Path(path).write_bytes(MARK)


def git_hooks(git: str) -> None:
    for path in (f"{git}/hooks/post-checkout", f"{git}/hooks/own"):
        with suppress(OSError):
            append(path)
    with suppress(OSError):
        Path(f"{git}/hooks").rename(f"{git}/hooks-moved")


def file_size(path: str, size_bytes: int) -> None:
    with Path(path).open("wb") as file:
        file.seek(size_bytes)
        file.write(b"x")


def forks(count: int) -> None:
    """So many processes at once."""
    gate, ours = os.pipe()
    born = 0
    with suppress(OSError):
        while born < count:
            if os.fork() == 0:
                os.close(ours)
                os.read(gate, 1)  # until the parent closes its end
                os._exit(0)
            born += 1
    os.close(ours)
    with suppress(OSError):
        for _ in range(born):
            os.wait()
    if born < count:
        raise OSError(f"only {born} processes at once")


def kernel_settings(path: str, token: str) -> str:
    """Writes what stands there already."""
    value = Path(path).read_bytes()
    with open(path, "r+b", buffering=0) as file:  # noqa: PTH123 - neither made nor cut
        file.write(value)
    return token


def keyrings(token: str) -> str:
    """Asks for the user's keyring, which the kernel shares between all of a user's processes."""
    try:
        import ctypes  # noqa: PLC0415 - no other attack needs it
    except ImportError:
        return token  # not tried
    number = {"x86_64": 250, "aarch64": 219}[os.uname().machine]
    call = ctypes.CDLL(None, use_errno=True).syscall
    if call(ctypes.c_long(number), ctypes.c_long(0), ctypes.c_long(-4), ctypes.c_long(1)) < 0:
        raise OSError(ctypes.get_errno(), "keyctl")
    return token


def memory(size_bytes: int) -> None:
    """In pieces, each written to, until there is all of it."""
    held: list[bytearray] = []
    while len(held) * MIB < size_bytes:
        held.append(bytearray(os.urandom(4096)) * (MIB // 4096))


ATTACKS: dict[str, Callable[..., str | None]] = {
    "write-inside": append,
    "write-outside": create,
    "write-through-link": through_link,
    "read-ssh": look,
    "read-state": read,
    "tcp": tcp,
    "udp": udp,
    "unix-abstract": unix,
    "unix-path": unix,
    "signal-outside": kill,
    "environ-outside": read,
    "git-config": git_config,
    "git-hooks": git_hooks,
    "kernel-settings": kernel_settings,
    "keyrings": keyrings,
    "file-size": file_size,
    "forks": forks,
    "memory": memory,
}


def attempt(name: str, target: list[object]) -> tuple[bool, str]:
    try:
        said = ATTACKS[name](*target) or ""
    except (OSError, MemoryError) as error:
        return False, f"{type(error).__name__}: {error}"
    return True, said


def tell(**facts: object) -> None:
    os.write(1, json.dumps(facts).encode() + b"\n")


def main() -> None:
    for name, *target in json.loads(sys.argv[1]):
        tell(name=name, begun=True)  # before: an attack may be the last thing that this process does
        went, said = attempt(name, target)
        tell(name=name, went=went, said=said)


if __name__ == "__main__":
    main()
