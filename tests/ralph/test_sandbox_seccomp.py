"""The system-call filter, run by a small interpreter: for both processors, whichever this machine has."""

import errno
import struct
from typing import NamedTuple

import pytest

from ralph.sandbox.seccomp import (
    DENIED,
    HARMLESS_IN_NAMESPACES,
    MACHINES,
    NOT_THERE,
    filter_in_namespaces,
    seccomp_filter,
)

ALLOWED = 0
ANOTHER_ABI = 0x4000_0003  # 32-bit x86


class Call(NamedTuple):
    number: int
    arguments: tuple[int, ...] = ()


def judged(machine: str, call: Call, *, network: bool = False, audit_word: int | None = None) -> int:
    return interpreted(seccomp_filter(machine, network=network), machine, call, audit_word)


def judged_in_namespaces(machine: str, call: Call, audit_word: int | None = None) -> int:
    return interpreted(filter_in_namespaces(machine), machine, call, audit_word)


def interpreted(program: bytes, machine: str, call: Call, audit_word: int | None = None) -> int:
    """The errno that the filter gives a call; 0: it is allowed. Follows linux/Documentation/networking/filter.rst."""
    word = MACHINES[machine].audit_word if audit_word is None else audit_word
    arguments = (*call.arguments, *[0] * (6 - len(call.arguments)))
    data = struct.pack("<IIQ6Q", call.number, word, 0, *arguments)
    accumulator, place = 0, 0
    while True:
        code, if_true, if_false, operand = struct.unpack_from("=HBBI", program, 8 * place)
        place += 1
        if code == 0x06:
            return ALLOWED if operand == 0x7FFF_0000 else operand & 0xFFFF
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif code == 0x54:
            accumulator &= operand
        else:
            is_so = {0x15: accumulator == operand, 0x35: accumulator >= operand, 0x45: accumulator & operand != 0}
            place += if_true if is_so[code] else if_false


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_call_of_the_table_is_denied(machine: str) -> None:
    column = MACHINES[machine].column
    for name, numbers in DENIED.items():
        number = numbers[column]
        if number is not None:
            assert judged(machine, Call(number)) == errno.EPERM, name
    for name, known in NOT_THERE.items():
        assert judged(machine, Call(known[column])) == errno.ENOSYS, name


def test_all_other_calls_are_allowed(machine: str) -> None:
    cpu = MACHINES[machine]
    special = {cpu.socket, cpu.socketpair}  # denied with the argument 0
    denied = {pair[cpu.column] for pair in (*DENIED.values(), *NOT_THERE.values())}
    for number in range(500):
        if number not in special | denied:
            assert judged(machine, Call(number)) == ALLOWED, number


@pytest.mark.parametrize(
    ("family", "network", "answer"),
    [
        pytest.param(1, False, errno.EPERM, id="unix"),
        pytest.param(2, False, errno.EPERM, id="inet"),
        pytest.param(16, False, errno.EPERM, id="netlink"),
        pytest.param(1, True, errno.EPERM, id="unix-with-network"),
        pytest.param(17, True, errno.EPERM, id="packet-with-network"),
        pytest.param(2, True, ALLOWED, id="inet-with-network"),
        pytest.param(10, True, ALLOWED, id="inet6-with-network"),
        pytest.param(16, True, ALLOWED, id="netlink-with-network"),
        pytest.param(2**32 + 1, True, errno.EPERM, id="unix-behind-bits-that-the-kernel-drops"),
    ],
)
def test_sockets_are_made_only_of_allowed_families(machine: str, family: int, network: bool, answer: int) -> None:
    assert judged(machine, Call(MACHINES[machine].socket, (family, 1, 0)), network=network) == answer


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        pytest.param(1, ALLOWED, id="stream"),
        pytest.param(0o2004001, ALLOWED, id="stream-with-flags"),
        pytest.param(5, ALLOWED, id="seqpacket"),
        pytest.param(2, errno.EPERM, id="datagram-which-could-be-sent-anywhere"),
        pytest.param(0o2000002, errno.EPERM, id="datagram-with-flags"),
        pytest.param(3, errno.EPERM, id="raw-which-is-datagram-to-unix"),
    ],
)
def test_pairs_are_made_only_where_they_stay_connected(machine: str, kind: int, answer: int) -> None:
    assert judged(machine, Call(MACHINES[machine].socketpair, (1, kind, 0))) == answer


def test_processes_are_made_but_no_namespaces(machine: str) -> None:
    cpu = MACHINES[machine]
    fork, thread = 0x0120_0011, 0x003D_0F00
    for flags in (fork, thread):
        assert judged(machine, Call(cpu.clone, (flags,))) == ALLOWED
    for bit in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert judged(machine, Call(cpu.clone, (fork | bit,))) == errno.EPERM
        assert judged(machine, Call(cpu.unshare, (bit,))) == errno.EPERM
    assert judged(machine, Call(cpu.unshare, (0x80,))) == errno.EPERM


def test_nothing_is_typed_into_a_terminal(machine: str) -> None:
    ioctl = MACHINES[machine].ioctl
    assert judged(machine, Call(ioctl, (0, 0x5412))) == errno.EPERM
    assert judged(machine, Call(ioctl, (0, 2**32 + 0x5412))) == errno.EPERM
    assert judged(machine, Call(ioctl, (0, 0x5401))) == ALLOWED


def test_limits_are_only_set_for_oneself(machine: str) -> None:
    prlimit = MACHINES[machine].prlimit
    assert judged(machine, Call(prlimit, (0, 7))) == ALLOWED
    assert judged(machine, Call(prlimit, (1, 7))) == errno.EPERM


def test_another_abi_of_the_processor_is_no_way_around(machine: str) -> None:
    assert judged(machine, Call(20), audit_word=ANOTHER_ABI) == errno.EPERM
    assert judged("x86_64", Call(0x4000_0000 + 39)) == errno.EPERM


def test_a_processor_without_a_table_has_no_filter() -> None:
    with pytest.raises(KeyError):
        seccomp_filter("riscv64", network=False)


def test_in_namespaces_whatever_they_divide_is_allowed_and_nothing_else(machine: str) -> None:
    cpu = MACHINES[machine]
    assert set(DENIED) > HARMLESS_IN_NAMESPACES
    for name, numbers in DENIED.items():
        if (number := numbers[cpu.column]) is not None:
            wanted = ALLOWED if name in HARMLESS_IN_NAMESPACES else errno.EPERM
            assert judged_in_namespaces(machine, Call(number)) == wanted, name
    assert judged_in_namespaces(machine, Call(cpu.prlimit, (1, 7))) == ALLOWED
    assert judged_in_namespaces(machine, Call(cpu.socketpair, (1, 2, 0))) == ALLOWED
    assert judged_in_namespaces(machine, Call(cpu.clone, (0x1000_0011,))) == errno.EPERM
    assert judged_in_namespaces(machine, Call(cpu.ioctl, (0, 0x5412))) == errno.EPERM
    assert judged_in_namespaces(machine, Call(20), audit_word=ANOTHER_ABI) == errno.EPERM


@pytest.mark.parametrize(
    ("family", "answer"),
    [
        *(pytest.param(family, ALLOWED, id=f"divided-{family}") for family in (1, 2, 10, 16)),
        pytest.param(17, errno.EPERM, id="packet"),
        pytest.param(38, errno.EPERM, id="ciphers-of-the-kernel"),
        pytest.param(40, errno.EPERM, id="virtual-machines"),
        pytest.param(31, errno.EPERM, id="bluetooth"),
    ],
)
def test_in_namespaces_sockets_are_those_of_networks_that_are_divided(machine: str, family: int, answer: int) -> None:
    assert judged_in_namespaces(machine, Call(MACHINES[machine].socket, (family, 1, 0))) == answer
