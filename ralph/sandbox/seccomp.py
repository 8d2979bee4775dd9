"""The system-call filters of Landlock and bubblewrap, as classic BPF programs built by hand (seccomp(2), filter.rst).

A denied call fails with EPERM and the program goes on; `clone3`, whose flags a filter cannot see, is ENOSYS, and the C
library falls back to `clone`. A call by another ABI of the same processor (32 bit, x32) is EPERM, whatever it is.
Knows nothing about files: those are Landlock's.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

EPERM, ENOSYS = 1, 38
ALLOW, ERRNO = 0x7FFF_0000, 0x0005_0000
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16
X32_BIT = 0x4000_0000

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
SOCK_STREAM, SOCK_SEQPACKET, SOCKET_TYPE_MASK = 1, 5, 0xF
NEW_NAMESPACES = 0x7E02_0000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
NEW_TIME = 0x80  # in clone's flags these bits are the signal at exit
TIOCSTI, TIOCLINUX = 0x5412, 0x541C  # type into the terminal that a command was started from

# name: (x86_64, aarch64); None where the processor has no such call
DENIED: Mapping[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "setns": (308, 268),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "fanotify_init": (300, 262),
    "open_by_handle_at": (304, 265),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "syslog": (103, 116),
    "iopl": (172, None),
    "ioperm": (173, None),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
}
HARMLESS_IN_NAMESPACES = frozenset(
    {"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp"}
    | {"shmget", "shmat", "semget", "msgget", "mq_open"}
)
"""What stays between the processes of one sandbox, where it has namespaces for processes and for their messages."""
NOT_THERE: Mapping[str, tuple[int, int]] = {"clone3": (435, 435)}


@dataclass(frozen=True)
class Machine:
    """A processor: the kernel's word for its ABI, and its place in the table above."""

    audit_word: int
    column: int
    has_x32: bool
    clone: int
    unshare: int
    socket: int
    socketpair: int
    ioctl: int
    prlimit: int


MACHINES = {
    "x86_64": Machine(0xC000_003E, 0, True, clone=56, unshare=272, socket=41, socketpair=53, ioctl=16, prlimit=302),
    "aarch64": Machine(0xC000_00B7, 1, False, clone=220, unshare=97, socket=198, socketpair=199, ioctl=29, prlimit=261),
}


def seccomp_filter(machine: str, *, network: bool) -> bytes:
    """The program for prctl(PR_SET_SECCOMP), 8 bytes an instruction.

    Without `network` the only sockets are connected pairs. With it there are internet sockets (and netlink, which name
    resolution asks for addresses), but still none of the unix family: those lead to the services of this machine.

    Raises:
        KeyError: `machine` is neither x86_64 nor aarch64.

    """
    cpu = MACHINES[machine]
    families = (AF_INET, AF_INET6, AF_NETLINK) if network else ()
    return _program(
        cpu,
        DENIED,
        *_deny_unless(cpu.socket, 0, families),
        *_deny_unless(cpu.socketpair, 1, (SOCK_STREAM, SOCK_SEQPACKET), mask=SOCKET_TYPE_MASK),
        *_deny_unless(cpu.prlimit, 0, (0,)),  # its own limits only
    )


def filter_in_namespaces(machine: str) -> bytes:
    """The same for a sandbox made of namespaces, which hold processes and networks apart: it denies what no namespace
    divides (keyrings, io_uring, BPF, user faults, virtual machines' sockets, the kernel's ciphers) and new namespaces.

    Raises:
        KeyError: as `seccomp_filter`.

    """
    cpu = MACHINES[machine]
    denied = {name: numbers for name, numbers in DENIED.items() if name not in HARMLESS_IN_NAMESPACES}
    return _program(cpu, denied, *_deny_unless(cpu.socket, 0, (AF_UNIX, AF_INET, AF_INET6, AF_NETLINK)))


def _program(cpu: Machine, denied: Mapping[str, tuple[int | None, int | None]], *more: bytes) -> bytes:
    program = [
        *_header(cpu),
        *_denied((pair[cpu.column] for pair in denied.values()), EPERM),
        *_denied((pair[cpu.column] for pair in NOT_THERE.values()), ENOSYS),
        *_deny_if_bits(cpu.clone, 0, NEW_NAMESPACES),
        *_deny_if_bits(cpu.unshare, 0, NEW_NAMESPACES | NEW_TIME),
        *_deny_if_equal(cpu.ioctl, 1, (TIOCSTI, TIOCLINUX)),
        *more,
        _instruction(RETURN, ALLOW),
    ]
    return b"".join(program)


def _instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)


DENY = _instruction(RETURN, ERRNO | EPERM)


def _header(cpu: Machine) -> list[bytes]:
    """Leaves the number of the call in the accumulator, as each rule after it does."""
    x32 = [_instruction(JUMP_AT_LEAST, X32_BIT, 0, 1), DENY] if cpu.has_x32 else []
    return [
        _instruction(LOAD, ARCHITECTURE_AT),
        _instruction(JUMP_EQUAL, cpu.audit_word, 1, 0),
        DENY,
        _instruction(LOAD, NUMBER_AT),
        *x32,
    ]


def _denied(numbers: Iterable[int | None], errno: int) -> list[bytes]:
    refuse = _instruction(RETURN, ERRNO | errno)
    return [
        word for number in numbers if number is not None for word in (_instruction(JUMP_EQUAL, number, 0, 1), refuse)
    ]


def _argument(number: int) -> bytes:
    """The low half of an argument: all that the kernel looks at where the parameter is an int."""
    return _instruction(LOAD, ARGUMENTS_AT + 8 * number)


def _only_for(call: int, body: list[bytes]) -> list[bytes]:
    body = [*body, _instruction(LOAD, NUMBER_AT)]
    return [_instruction(JUMP_EQUAL, call, 0, len(body)), *body]


def _deny_if_bits(call: int, argument: int, bits: int) -> list[bytes]:
    return _only_for(call, [_argument(argument), _instruction(JUMP_ANY_BIT, bits, 0, 1), DENY])


def _deny_if_equal(call: int, argument: int, values: Iterable[int]) -> list[bytes]:
    tests = [word for value in values for word in (_instruction(JUMP_EQUAL, value, 0, 1), DENY)]
    return _only_for(call, [_argument(argument), *tests])


def _deny_unless(call: int, argument: int, values: Iterable[int], mask: int | None = None) -> list[bytes]:
    values = tuple(values)
    narrowed = [] if mask is None else [_instruction(AND, mask)]
    tests = [_instruction(JUMP_EQUAL, value, len(values) - place, 0) for place, value in enumerate(values)]
    return _only_for(call, [_argument(argument), *narrowed, *tests, DENY])
