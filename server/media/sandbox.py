"""The walls around a decoder: what a child process gives up before it looks at a stranger's bytes.

A decoder is the likeliest place in this server to be broken into (libwebp CVE-2023-4863, ImageMagick's file writing in
CVE-2023-36460). So the child opens its one input and its few outputs first, and then gives up the right to open
anything at all: a hijacked decoder has no network, cannot read keys or the database, and can write only into the files
it already holds. Three independent walls, each used where the kernel has it:

1. seccomp: an allow-list of harmless system calls, everything else answers EPERM (x86-64 and arm64);
2. Landlock: no path may be opened, no TCP port used, no process outside signalled;
3. a new user and network namespace, where the other two are missing.

Limits on memory, processor time, file size and open files always hold (setrlimit).
"""

import contextlib
import ctypes
import os
import platform
import resource
import struct
import sys

from server.media.orders import Limits

_LIBC = ctypes.CDLL(None, use_errno=True)

PR_SET_DUMPABLE = 4
PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SIGKILL = 9

# System calls that reading memory, computing and writing to open files need. Numbers: kernel headers of each platform.
_X86_64 = {
    "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11,
    "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "pread64": 17, "pwrite64": 18,
    "readv": 19, "writev": 20, "sched_yield": 24, "mremap": 25, "madvise": 28, "dup": 32, "nanosleep": 35,
    "getpid": 39, "exit": 60, "ftruncate": 77, "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "times": 100, "getcwd": 79,
    "getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108, "sigaltstack": 131, "gettid": 186, "time": 201,
    "futex": 202, "newfstatat": 262, "sched_getaffinity": 204, "restart_syscall": 219, "clock_gettime": 228, "clock_getres": 229,
    "clock_nanosleep": 230, "exit_group": 231, "set_robust_list": 273, "getrandom": 318, "membarrier": 324, "rseq": 334,
}  # fmt: skip
_ARM64 = {
    "getcwd": 17, "dup": 23, "ftruncate": 46, "close": 57, "lseek": 62, "read": 63, "write": 64, "readv": 65, "writev": 66,
    "pread64": 67, "pwrite64": 68, "ppoll": 73, "newfstatat": 79, "fstat": 80, "exit": 93, "exit_group": 94, "futex": 98,
    "set_robust_list": 99, "nanosleep": 101, "clock_gettime": 113, "clock_getres": 114, "clock_nanosleep": 115,
    "sched_getaffinity": 123, "sched_yield": 124, "restart_syscall": 128, "sigaltstack": 132, "rt_sigaction": 134,
    "rt_sigprocmask": 135, "rt_sigreturn": 139, "times": 153, "getrlimit": 163, "getrusage": 165, "gettimeofday": 169,
    "getpid": 172, "getuid": 174, "geteuid": 175, "getgid": 176, "getegid": 177, "gettid": 178, "brk": 214,
    "munmap": 215, "mremap": 216, "mmap": 222, "mprotect": 226, "madvise": 233, "getrandom": 278, "membarrier": 283,
    "rseq": 293,
}  # fmt: skip
_MACHINES = {"x86_64": (0xC000003E, _X86_64, 72, 56), "aarch64": (0xC00000B7, _ARM64, 25, 220)}
"""Audit architecture, calls, and the numbers of fcntl and clone, which are allowed for one purpose each."""
_DUPLICATE = 1030  # fcntl: only to duplicate a descriptor, as mmap does; it could also have signals sent.
_THREAD = 0x10000  # clone: only threads (the HEIC decoder uses them), no processes.
_CLONE3 = 435
# A child that is handed open files while it works reads them off its one socket.
_RECVMSG = {"x86_64": 47, "aarch64": 212}

_LOAD, _JUMP_EQUAL, _JUMP_IF_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
# Denied calls answer EPERM, so that Python carries on; clone3 answers ENOSYS, so that the C library takes clone.
_KILL, _DENY, _ABSENT, _ALLOW = 0x80000000, 0x00050001, 0x00050026, 0x7FFF0000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def follow_parent() -> None:
    """Die when the process that started us dies, however it dies."""
    _LIBC.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)


def limit(memory: int, cpu_seconds: int, limits: Limits) -> None:
    """Bound this process: address space, processor time, size of a written file; no core dump, few open files."""
    for name, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, limits.output_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(name, (value, value))
    # The soft limit ends the process with SIGXCPU, which tells "too slow" from "killed".
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))


def close_doors(*, receives: bool = False) -> dict[str, int]:
    """Give up opening files, using the network and starting processes. Returns which walls stand (0 = missing).

    Call it once, after every needed file is open and every needed module is imported. `receives` leaves one call more: to take
    files that somebody else opened off a socket that this process holds already.
    """
    _LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _LIBC.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    landlock = _landlock()
    # A new namespace is slow to make (the kernel sets up a network stack), so it serves only where seccomp is missing.
    namespaces = 0 if platform.machine() in _MACHINES and _seccomp_known() else _namespaces()
    seccomp = _seccomp(receives=receives)
    return {"seccomp": seccomp, "landlock": landlock, "namespaces": namespaces}


def _seccomp_known() -> bool:
    """True where the kernel offers seccomp filters: an empty program is refused with EFAULT, not with EINVAL."""
    _LIBC.prctl(PR_SET_SECCOMP, 2, None, 0, 0)
    return ctypes.get_errno() == 14


def _seccomp(*, receives: bool) -> int:
    machine = _MACHINES.get(platform.machine())
    if machine is None or sys.maxsize < 2**32:
        return 0
    architecture, calls, fcntl, clone = machine
    numbers = [*calls.values(), *([_RECVMSG[platform.machine()]] if receives else [])]
    lines = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
    ]
    # Each line jumps to ALLOW, the last one; an unknown number (the x32 numbers too) falls through to DENY.
    for left, number in enumerate(sorted(numbers, reverse=True)):
        lines.insert(4, (_JUMP_EQUAL, left + 9, 0, number))
    lines += [
        (_JUMP_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, _ABSENT),
        (_JUMP_EQUAL, 0, 2, clone),
        (_LOAD, 0, 0, 16),
        (_JUMP_IF_SET, 4, 3, _THREAD),
        (_JUMP_EQUAL, 0, 2, fcntl),
        (_LOAD, 0, 0, 24),
        (_JUMP_EQUAL, 1, 0, _DUPLICATE),
        (_RETURN, 0, 0, _DENY),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    program = _Program(len(lines), ctypes.cast(code, ctypes.c_void_p))
    return int(_LIBC.prctl(PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0) == 0)


def _landlock() -> int:
    """Forbid every path, TCP and signals to the outside, as far as this kernel's Landlock goes; returns its version."""
    version = int(_LIBC.syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint(1)))
    if version < 1:
        return 0
    files = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF}.get(version, 0xFFFF)
    network = 0x3 if version >= 4 else 0
    scope = 0x3 if version >= 6 else 0
    rules = struct.pack("QQQ", files, network, scope)
    rules = rules[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = int(_LIBC.syscall(444, ctypes.c_char_p(rules), ctypes.c_size_t(len(rules)), ctypes.c_uint(0)))
    if ruleset < 0:
        return 0
    done = int(_LIBC.syscall(446, ruleset, ctypes.c_uint(0)))
    os.close(ruleset)
    return version if done == 0 else 0


def _namespaces() -> int:
    return int(_LIBC.unshare(0x10000000 | 0x40000000) == 0)


def keep_only(wanted: set[int]) -> None:
    """Close every open file but `wanted`."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        if int(name) not in wanted:
            with contextlib.suppress(OSError):
                os.close(int(name))
