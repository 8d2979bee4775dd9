"""How the launcher confines itself: Landlock rules, a control group, limits, no capabilities, the filter; then the command.

It imports only what is built in, and `_ctypes` in place of `ctypes`, whose own start takes longer than all the work here.
"""

import _signal  # type: ignore[import-not-found]
import posix
from _ctypes import (
    FUNCFLAG_CDECL,
    FUNCFLAG_USE_ERRNO,
    Array,
    CFuncPtr,
    _SimpleCData,
    addressof,
    dlopen,
    dlsym,
    get_errno,
)
from posix import _exit as leave

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ADD_RULE, RESTRICT_SELF, CREATE_RULESET, CLOSE_RANGE = 445, 446, 444, 436
PRCTL, CAPSET, PRLIMIT = {"x86_64": (157, 126, 302), "aarch64": (167, 91, 261)}.get(posix.uname().machine, (0, 0, 0))
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_READ = 1, 22, 23
PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS = 28, 38
ROOT_IS_NOBODY = 0xEF  # every bit of secure_bits with its lock: uid 0 gets no capability by executing a program
LAST_CAPABILITY = 40
RULE_PATH_BENEATH, SECCOMP_MODE_FILTER = 1, 2
FILE_RIGHTS = 0b1100_0000_0000_0111  # execute, write, read, truncate, device control: all that a file can be given
EPERM, EINVAL, ENOMSG, EBADFD = 1, 22, 42, 77
TYPE_MASK, FOLDER = 0o170000, 0o040000
NO_FOLLOW = posix.O_NOFOLLOW | posix.O_CLOEXEC
NOT_RUN, NOT_FOUND = 126, 127
NO_RULES = -1  # in place of a descriptor: the command is supervised, not confined
Spec = dict[str, list[list[str]]]


class Long(_SimpleCData):  # type: ignore[type-arg]
    _type_ = "l"


class Byte(_SimpleCData):  # type: ignore[type-arg]
    _type_ = "B"


class Call(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = Long


_syscall = Call(dlsym(dlopen(None, 2), "syscall"))  # type: ignore[arg-type]


ADD_RULE_NUMBER, BENEATH, ZERO = Long(ADD_RULE), Long(RULE_PATH_BENEATH), Long(0)


class Refused(Exception):  # noqa: N818 - what is told is a sentence, not a kind of error
    """The kernel refused a step of the confinement."""


def syscall(what: str, number: int, *arguments: int | bytes) -> int:
    """Raises: Refused: `what` could not be done."""
    result = int(_syscall(Long(number), *(Long(word) if isinstance(word, int) else word for word in arguments)))
    if result < 0:
        raise Refused(get_errno(), f"{what}: {posix.strerror(get_errno())}")
    return result


def prctl(what: str, option: int, *arguments: int | bytes) -> int:
    padding = [0] * (4 - len(arguments))
    return syscall(what, PRCTL, option, *arguments, *padding)


def refuse(error: Exception) -> None:
    told = error.args[1] if isinstance(error, Refused) else str(error)
    complain(f"the sandbox could not be set up, so the command was not run: {told}")
    leave(NOT_RUN)


def complain(text: str) -> None:
    posix.write(2, f"ralph: {text}\n".encode(errors="surrogateescape"))


def ruleset(spec: Spec, scratch: str) -> int:
    """The Landlock rules as a descriptor. A path that is not there gets none."""
    [[files, ports, scopes]] = spec["--handled"]
    attributes = b"".join(int(word).to_bytes(8, "little") for word in (files, ports, scopes)).rstrip(b"\0")
    attributes += bytes(-len(attributes) % 8)  # an older kernel knows only the first of them
    rules = syscall("Landlock rules", CREATE_RULESET, attributes, len(attributes), 0)
    for rights, path in spec["--rule"]:
        add_path(rules, int(rights), path)
    if scratch:
        add_path(rules, int(spec["--new-tmp"][0][1]), scratch)
    for output in (1, 2):  # or a script's `> /dev/stderr` would fail where that is a file
        add_rule(rules, int(files) & FILE_RIGHTS & ~1, output)
    return rules


def add_path(rules: int, rights: int, path: str) -> None:
    try:
        opened = posix.open(path, posix.O_PATH | NO_FOLLOW)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    add_rule(rules, rights, opened)
    posix.close(opened)


def add_rule(rules: int, rights: int, opened: int) -> None:
    """What is not a folder gets those of the rights that a file can have; a pipe or socket needs and takes none.

    Short, since root has more than a hundred rules; `landlock` gives most files rights that need no second try.
    """
    beneath = opened.to_bytes(4, "little")
    numbers = ADD_RULE_NUMBER, Long(rules), BENEATH
    if not _syscall(*numbers, rights.to_bytes(8, "little") + beneath, ZERO):
        return
    if get_errno() == EINVAL and rights & ~FILE_RIGHTS:
        add_rule(rules, rights & FILE_RIGHTS, opened)
    elif get_errno() not in (EBADFD, ENOMSG):
        raise Refused(get_errno(), f"a Landlock rule: {posix.strerror(get_errno())}")


def become(command: list[str], spec: Spec, rules: int, scratch: str, *, supervisor: int, leader: int) -> None:
    try:
        prctl("dying with the supervisor", PR_SET_PDEATHSIG, int(_signal.SIGKILL))
        if posix.getppid() != supervisor:
            leave(NOT_RUN)
        if posix.getsid(0) != leader:
            posix.setsid()  # out of reach of the terminal that Ralph was started from
        for [path] in spec["--join"]:
            join(path)
        environment = {**posix.environ}
        for tmp in [scratch] if scratch else [path for [path] in spec["--tmp"]]:
            environment |= {name: tmp.encode(errors="surrogateescape") for name in (b"TMPDIR", b"TMP", b"TEMP")}
        for ignored_by_python in (_signal.SIGPIPE, _signal.SIGXFSZ):
            _signal.signal(ignored_by_python, _signal.SIG_DFL)
        if rules != NO_RULES:
            confine(spec, rules)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    except (Refused, OSError) as error:
        refuse(error)
    execute(command, environment)


def confine(spec: Spec, rules: int) -> None:
    drop_capabilities()
    restrict(rules)
    for number, value in spec["--limit"]:
        limit(int(number), int(value))
    syscall("closing files", CLOSE_RANGE, 3, 2**32 - 1, 0)
    for [digits] in spec["--filter"]:
        filter_calls(bytes.fromhex(digits))


def restrict(rules: int) -> None:
    prctl("no new privileges", PR_SET_NO_NEW_PRIVS, 1)
    syscall("Landlock", RESTRICT_SELF, rules, 0)


def limit(number: int, value: int) -> None:
    """A lower limit that stands already is left as it is."""
    try:
        syscall("a limit", PRLIMIT, 0, number, value.to_bytes(8, "little") * 2, 0)
    except Refused as error:
        if error.args[0] != EPERM:
            raise


def join(group: str) -> None:
    opened = posix.open(group, posix.O_WRONLY | NO_FOLLOW)
    posix.write(opened, b"0")
    posix.close(opened)


def drop_capabilities() -> None:
    """Root keeps its name and its files, and nothing that only root may do."""
    try:
        prctl("giving up being root", PR_SET_SECUREBITS, ROOT_IS_NOBODY)
    except Refused:  # without CAP_SETPCAP: fine for whoever can get no capability anyway
        able = [number for number in range(LAST_CAPABILITY + 1) if has_capability(number)]
        if posix.geteuid() == 0 and able:
            raise
    syscall("giving up capabilities", CAPSET, bytes.fromhex("2205082000000000"), bytes(24))


def has_capability(number: int) -> bool:
    return prctl("reading capabilities", PR_CAPBSET_READ, number) == 1


def filter_calls(program: bytes) -> None:
    kind: type[Array[Any]] = type("Program", (Array,), {"_type_": Byte, "_length_": len(program)})
    buffer = kind.from_buffer_copy(program)
    pointer = (len(program) // 8).to_bytes(8, "little") + addressof(buffer).to_bytes(8, "little")
    prctl("the system-call filter", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, pointer)


def execute(command: list[str], environment: dict[bytes, bytes]) -> None:
    name = command[0].encode(errors="surrogateescape")
    folders = [b""] if b"/" in name else environment.get(b"PATH", b"/usr/bin:/bin").split(b":")
    code, told = NOT_FOUND, "no such program"
    for folder in folders:
        try:
            posix.execve(folder + b"/" + name if folder else name, command, environment)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            code, told = NOT_RUN, posix.strerror(error.errno or 0)
    complain(f"{command[0]}: {told}")
    leave(code)
