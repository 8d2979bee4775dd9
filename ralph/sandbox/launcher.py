"""Confines itself and becomes the command: the program that `landlock.Landlock.wrap` starts, by a bare Python.

Two halves. The first one stays outside as the supervisor: it takes over what the command orphans (subreaper), ends all
of it when the command ends or Ralph dies, and puts files back that the command may not change. There are two of it, one
below the other, so that what outlives one that is killed does not outlive the other. The second half takes
Landlock rules, limits and a system-call filter on itself and then is the command; if any of that fails it ends with 126
and the command never runs. Exit code and signal of the command are passed on. Without `--handled` it confines nothing:
the second half is the command at once, and the supervisors are all that there is of it.

Its start is paid for by every command, so it imports little, and nothing of ralph. It knows no policy: which rules
there are, `landlock` says.
"""

import _signal  # type: ignore[import-not-found]
import posix
from posix import _exit as leave
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING or __package__:
    from ralph.sandbox.launcher_confinement import (
        NO_RULES,
        Refused,
        become,
        complain,
        limit,
        prctl,
        refuse,
        restrict,
        ruleset,
    )
else:  # run by its file's name
    from launcher_confinement import NO_RULES, Refused, become, complain, limit, prctl, refuse, restrict, ruleset

PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 1, 15, 36
NAME = b"ralph-sandbox"
NOT_RUN, RLIMIT_CORE = 126, 4
GRACE_S = 1.5  # less than `process.GRACE_S`: what the command changed must be put back before the supervisor is killed
PAUSE_S = 0.005
WAKING = (_signal.SIGCHLD, _signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP)
FOLLOW_NO_LINK = posix.O_NOFOLLOW | posix.O_CLOEXEC
TYPE_MASK, FOLDER = 0o170000, 0o040000
Spec = dict[str, list[list[str]]]

TAKES = {
    "--ralph": 1,  # the process without which nothing is run
    "--handled": 3,  # what Landlock governs: rights on files, on ports, scopes; left out: nothing is confined
    "--rule": 2,  # rights, and the path that has them with all below it
    "--keep": 1,  # a file that is put back if it was changed
    "--tmp": 1,  # the folder for temporary files
    "--new-tmp": 2,  # the folder to make one in, and the rights on it
    "--join": 1,  # a file of a control group that this thread joins by writing 0 to it
    "--limit": 2,  # a number of setrlimit(2), and the value
    "--filter": 1,  # the system-call filter in hexadecimal digits
}


def main(words: list[str]) -> None:
    """Run the command; never returns."""
    spec, command = parsed(words)
    parent, leader = posix.getppid(), posix.getpid()
    _signal.pthread_sigmask(_signal.SIG_BLOCK, WAKING)
    try:
        watch_over()
        prctl("being named", PR_SET_NAME, NAME)
        if not is_alive(int(spec["--ralph"][0][0])):
            leave(NOT_RUN)
        scratch = new_folder(spec["--new-tmp"])
        kept = [Kept(path) for [path] in spec["--keep"]]
        rules = ruleset(spec, scratch) if spec["--handled"] else NO_RULES
    except (Refused, OSError) as error:
        refuse(error)
    child = posix.fork()
    if child == 0:
        parent, child = leader, second(command, spec, rules, scratch, leader)
    status = supervised(child, parent)
    end_all()
    if any(file.is_changed() for file in kept):
        put_back(kept, rules)
    if scratch:
        remove(scratch)
    end_as(status)


def watch_over() -> None:
    prctl("dying with Ralph", PR_SET_PDEATHSIG, int(_signal.SIGTERM))
    prctl("adopting what is left", PR_SET_CHILD_SUBREAPER, 1)


def second(command: list[str], spec: Spec, rules: int, scratch: str, leader: int) -> int:
    """The second supervisor, below the first: whichever of them is killed, the other one ends all that is left."""
    try:
        watch_over()
    except Refused as error:
        refuse(error)
    supervisor, child = posix.getpid(), posix.fork()
    if child == 0:
        become(command, spec, rules, scratch, supervisor=supervisor, leader=leader)
    return child


def parsed(words: list[str]) -> tuple[Spec, list[str]]:
    """`--option value...` up to `--`; how many values an option has, `TAKES` says."""
    spec: Spec = {option: [] for option in TAKES}
    place = 0
    while words[place] != "--":
        end = place + 1 + TAKES[words[place]]
        spec[words[place]].append(words[place + 1 : end])
        place = end
    return spec, words[place + 1 :]


def is_alive(pid: int) -> bool:
    try:
        posix.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def supervised(child: int, parent: int) -> int:
    """How the command ended, as a wait status. Ralph's death ends it at once, another signal after its time of grace."""
    deadline = float("inf")
    while True:
        status = reaped(child)
        if status is not None:
            return status
        if posix.getppid() != parent or monotonic() > deadline:
            return int(_signal.SIGKILL)
        if deadline == float("inf"):
            woken_by = _signal.sigwait(WAKING)
        else:
            heard = _signal.sigtimedwait(WAKING, max(0.0, deadline - monotonic()))
            woken_by = heard.si_signo if heard else 0
        if woken_by not in (0, _signal.SIGCHLD):
            deadline = min(deadline, monotonic() + GRACE_S)


def reaped(child: int) -> int | None:
    """The child's status if it has ended. Others that end are orphans of its: they are only buried."""
    while True:
        pid, status = posix.waitpid(-1, posix.WNOHANG)
        if pid == child:
            return status
        if pid == 0:
            return None


def end_all() -> None:
    """Kill what is left of the command. Stopped first, since what forks meanwhile would be missed."""
    while has_children():
        frozen: set[int] = set()
        while new := descendants(posix.getpid()) - frozen:
            for pid in new:
                send(pid, _signal.SIGSTOP)
            frozen |= new
        for pid in frozen:
            send(pid, _signal.SIGKILL)
        _signal.sigtimedwait(WAKING, PAUSE_S)


def has_children() -> bool:
    """Buries the dead."""
    try:
        while posix.waitpid(-1, posix.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def send(pid: int, number: int) -> None:
    try:
        posix.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def descendants(root: int) -> set[int]:
    parents = {int(name): parent_of(name) for name in posix.listdir("/proc") if name.isdigit()}
    found = {root}
    while new := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= new
    return found - {root}


def parent_of(pid: str) -> int:
    """0 for a process that is gone, or dead and not yet buried."""
    try:
        opened = posix.open(f"/proc/{pid}/stat", posix.O_RDONLY)
    except OSError:
        return 0
    try:
        state, parent = posix.read(opened, 4096).rpartition(b")")[2].split()[:2]
    except (OSError, ValueError):
        return 0
    finally:
        posix.close(opened)
    return 0 if state in (b"Z", b"X") else int(parent)


def end_as(status: int) -> None:
    if posix.WIFEXITED(status):
        leave(posix.WEXITSTATUS(status))
    number = posix.WTERMSIG(status)
    limit(RLIMIT_CORE, 0)
    if number != _signal.SIGKILL:
        _signal.signal(number, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, {number})
    posix.kill(posix.getpid(), number)
    leave(128 + number)


class Kept:
    """A file as it was before the command: its place, its content and a hold on it wherever it is moved."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.held = posix.open(path, posix.O_PATH | FOLLOW_NO_LINK)
        self.mode = posix.fstat(self.held).st_mode & 0o7777
        self.content = content(path)

    def is_changed(self) -> bool:
        try:
            now, then = posix.lstat(self.path), posix.fstat(self.held)
            is_same = (now.st_dev, now.st_ino, now.st_mode & 0o7777) == (then.st_dev, then.st_ino, self.mode)
            is_same &= now.st_size == len(self.content)
            return not is_same or content(self.path) != self.content
        except OSError:
            return True

    def put_back(self) -> None:
        moved_to = posix.readlink(f"/proc/self/fd/{self.held}")
        if posix.fstat(self.held).st_nlink and moved_to != self.path:
            posix.unlink(moved_to)
        remove(self.path)
        beside = f"{self.path}.{posix.getpid()}"
        opened = posix.open(beside, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | FOLLOW_NO_LINK, 0o600)
        posix.write(opened, self.content)
        posix.fchmod(opened, self.mode)
        posix.close(opened)
        posix.rename(beside, self.path)


def put_back(kept: list[Kept], rules: int) -> None:
    """Under the command's own rules: it may have led the way to the file elsewhere."""
    child = posix.fork()
    if child:
        posix.waitpid(child, 0)
        return
    try:
        restrict(rules)
        for file in kept:
            if file.is_changed():
                file.put_back()
    except (Refused, OSError) as error:
        complain(f"a read-only file was changed and could not be put back: {error}")
    leave(0)


def content(path: str) -> bytes:
    opened = posix.open(path, posix.O_RDONLY | FOLLOW_NO_LINK)
    pieces = []
    while piece := posix.read(opened, 1 << 20):
        pieces.append(piece)
    posix.close(opened)
    return b"".join(pieces)


def new_folder(wanted: list[list[str]]) -> str:
    for parent, _ in wanted:
        path = f"{parent}/ralph-{posix.getpid()}-{int.from_bytes(posix.urandom(4), 'little'):08x}"
        posix.mkdir(path, 0o700)
        return path
    return ""


def remove(path: str) -> None:
    """A file, or a folder with all below it; nothing that links lead to. What cannot be removed stays."""
    try:
        if posix.lstat(path).st_mode & TYPE_MASK != FOLDER:
            posix.unlink(path)
            return
        posix.chmod(path, 0o700)
        for name in posix.listdir(path):
            remove(f"{path}/{name}")
        posix.rmdir(path)
    except (OSError, RecursionError):
        return
