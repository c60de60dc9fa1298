"""The layers of confinement, each of which stands alone: what is tried is what is in force afterwards, or an error.

`rights` and `network` are put on once for the process that calls are forked from; `limits`, `files` and `calls` for each
call. Linux alone has them; elsewhere none is in force, and trial is refused.
"""

import ctypes
import errno
import os
import resource
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

LAYERS = ("limits", "rights", "network", "files", "calls")
PER_CALL = ("limits", "files", "calls")
MEANING = {
    "limits": "memory, processor time, size and number of files (rlimit)",
    "rights": "no administrator's rights: another user where that one can read the libraries, and no capabilities",
    "network": "an empty network of its own (namespace)",
    "files": "nothing outside the libraries and a scratch folder (Landlock)",
    "calls": "no sockets, processes, signals or programs (seccomp)",
}
NEEDED = ("landlock", "pyseccomp")  # loaded before rights are given up: they look for libraries with programs
NOBODY = 65534
_CLONE_NEWUSER, _CLONE_NEWNET, _CLONE_NEWIPC, _CLONE_THREAD = 0x10000000, 0x40000000, 0x08000000, 0x10000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _SIGKILL = 1, 4, 38, 9
_CAPABILITIES = 0x20080522  # version of the kernel's table
_OPEN_FILES, _MORE_TASKS, _FILE_BYTES = 64, 32, 64 << 20
# Landlock does not see changes of rights and times; sockets and processes are none of its matters.
_DENIED = (
    "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto", "sendmsg", "sendmmsg",
    "recvfrom", "recvmsg", "execve", "execveat", "fork", "vfork", "kill", "tkill", "rt_sigqueueinfo",
    "rt_tgsigqueueinfo", "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "ptrace", "process_vm_readv",
    "process_vm_writev", "process_madvise", "kcmp", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown",
    "fchown", "lchown", "fchownat", "utime", "utimes", "utimensat", "futimesat", "setxattr", "lsetxattr",
    "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "mknod", "mknodat", "mount", "umount2",
    "move_mount", "open_tree", "fsopen", "fsmount", "mount_setattr", "pivot_root", "chroot", "unshare", "setns",
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid",
    "capset", "keyctl", "add_key", "request_key", "bpf", "perf_event_open", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "userfaultfd", "shmget", "shmat", "shmctl", "msgget", "msgsnd", "msgrcv", "semget",
    "semop", "mq_open", "open_by_handle_at", "name_to_handle_at", "init_module", "finit_module",
    "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "acct", "quotactl",
    "personality", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname",
    "syslog", "iopl", "ioperm", "vhangup", "landlock_restrict_self", "seccomp", "setpriority",
    "sched_setscheduler", "sched_setattr",
)  # fmt: skip


def libc() -> ctypes.CDLL:
    """The C library."""
    return ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """End this process when its parent does, gain no rights by any program, and let nobody look inside."""
    c = libc()
    c.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    c.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    c.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def leave_network() -> bool:
    """Whether this process now has an empty network; it must not have threads yet."""
    uid, gid, root = os.getuid(), os.getgid(), os.getuid() == 0
    flags = _CLONE_NEWNET | _CLONE_NEWIPC | (0 if root else _CLONE_NEWUSER)
    if libc().unshare(flags) != 0:
        return False
    if not root:
        for file, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            Path("/proc/self", file).write_text(text)
    return True


def leave_rights(readable: Iterable[Path]) -> bool:
    """Whether this process now has no rights of an administrator.

    Args:
        readable: what another user must be able to read, or the user stays.
    """
    if os.getuid() == 0 and _nobody_reads(readable):
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    return _without_capabilities()


def _without_capabilities() -> bool:
    """Whether this process now has none of an administrator's capabilities, nor those of its own namespace."""
    head = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0)
    return bool(libc().capset(head, (ctypes.c_uint32 * 6)()) == 0)


def _nobody_reads(paths: Iterable[Path]) -> bool:
    """Whether a user without rights could read files, tried in a child."""
    child = os.fork()
    if child == 0:
        try:
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            for path in paths:
                path.read_bytes() if path.is_file() else os.listdir(path)
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def close_lid(layers: Iterable[str], readable: Iterable[Path], scratch: Path, memory: int, cpu_s: int) -> None:
    """Put on the layers of a call; `memory` in bytes beyond what the process has now.

    Raises:
        OSError, ImportError: one cannot be put on.
    """
    wanted = set(layers)
    calls = _calls() if "calls" in wanted else None  # its library is found by a program that is not there afterwards
    if "limits" in wanted:
        _limit(memory, cpu_s, bombs="calls" not in wanted)
    if "files" in wanted:
        _files(readable, scratch)
    if calls is not None:
        calls.load()


def _limit(memory: int, cpu_s: int, bombs: bool) -> None:
    """Set limits; where processes can be made (`bombs`), only some more than the user has now."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = {
        resource.RLIMIT_AS: now + memory, resource.RLIMIT_CPU: cpu_s, resource.RLIMIT_FSIZE: _FILE_BYTES,
        resource.RLIMIT_NOFILE: _OPEN_FILES, resource.RLIMIT_CORE: 0,
    }  # fmt: skip
    if bombs:
        limits[resource.RLIMIT_NPROC] = _tasks() + _MORE_TASKS
    for what, most in limits.items():
        resource.setrlimit(what, (most, most))


def _tasks() -> int:
    """Threads of this user, as the system counts them."""
    count, me = 0, os.getuid()
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and entry.stat().st_uid == me:
                count += len(os.listdir(entry / "task"))
    return count


def _files(readable: Iterable[Path], scratch: Path) -> None:
    from landlock import FSAccess, Ruleset

    ctypes.set_errno(0)  # it takes what an earlier call left for its own
    rules = Ruleset()
    for path in readable:
        if path.exists():
            only = FSAccess.READ_FILE | FSAccess.READ_DIR if path.is_dir() else FSAccess.READ_FILE
            rules.allow(str(path), rules=only | FSAccess.EXECUTE)
    rules.allow(str(scratch))
    rules.apply()


def _calls() -> Any:
    import pyseccomp as sc

    filter_ = sc.SyscallFilter(sc.ALLOW)
    for name in _DENIED:
        try:
            filter_.add_rule(sc.ERRNO(errno.EPERM), name)
        except (OSError, ValueError):  # this processor or kernel has no such call
            continue
    filter_.add_rule(sc.ERRNO(errno.ENOSYS), "clone3")  # threads then go the way that can be told from processes
    filter_.add_rule(sc.ERRNO(errno.EPERM), "clone", sc.Arg(0, sc.MASKED_EQ, _CLONE_THREAD, 0))
    filter_.add_rule(sc.ERRNO(errno.EPERM), "tgkill", sc.Arg(0, sc.NE, os.getpid()))
    filter_.add_rule(sc.ERRNO(errno.EPERM), "prlimit64", sc.Arg(2, sc.NE, 0))
    filter_.add_rule(sc.ERRNO(errno.EPERM), "setrlimit")
    return filter_


def libraries(packages: Path) -> list[Path]:
    """What a call may read: the system's libraries, Python's, and ours that programs build on."""
    system = [Path(p) for p in ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/dev/null", "/dev/urandom", "/dev/zero")]
    python = [Path(sys.prefix), Path(sys.base_prefix)]
    ours = [packages / "slots", packages / "bos_core" / "objects", packages / "bos_core" / "__init__.py"]
    return [*system, *python, *ours]
