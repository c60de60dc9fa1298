"""What a hostile program might do. Each returns "got …" where it gets what it wants; a contained one fails or is ended.

Sent to confinement as text: a function runs there with `target`, that tells where the loot lies.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from io import BytesIO
from pathlib import Path

# Reading what is not its own.


def read_secret(target):
    """A key of the user that BOS runs as."""
    return "got " + Path(target["secret"]).read_text()


def read_shadow(target):
    """The system's passwords."""
    return "got " + Path("/etc/shadow").read_text()[:9]


def list_home(target):
    """What lies in the home."""
    return f"got {os.listdir(target['home'])}"


def read_environment_of_parent(target):
    """Secrets in the variables of the process above."""
    return f"got {Path(f'/proc/{os.getppid()}/environ').read_bytes()[:20]!r}"


def read_memory_of_parent(target):
    """What the process above works on."""
    return f"got {Path(f'/proc/{os.getppid()}/maps').read_text()[:20]}"


def read_memory_by_call(target):
    """The same by process_vm_readv."""
    libc = ctypes.CDLL(None, use_errno=True)
    here = ctypes.create_string_buffer(8)

    class Part(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

    mine, theirs = Part(ctypes.addressof(here), 8), Part(id(sys), 8)
    count = libc.process_vm_readv(os.getppid(), ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)
    assert count > 0, os.strerror(ctypes.get_errno())
    return "got memory"


def follow_link(target):
    """A symbolic link from the scratch folder."""
    os.symlink(target["secret"], "link")
    return "got " + Path("link").read_text()


def hard_link(target):
    """A second name of the secret in the scratch folder."""
    os.link(target["secret"], "twin")
    return "got " + Path("twin").read_text()


# Writing what is not its own.


def write_outside(target):
    """A file beside the scratch folder."""
    Path(target["outside"], "mine").write_text("x")
    return "got a file"


def overwrite_library(target):
    """Code that the service loads next time."""
    with open(target["library"], "ab"):
        return "got the library"


def unlink_outside(target):
    """A file of others goes."""
    os.unlink(target["spare"])
    return "got it removed"


def truncate_outside(target):
    """A file of others is emptied."""
    os.truncate(target["spare"], 0)
    return "got it emptied"


def rename_outside(target):
    """A file of others moves."""
    os.rename(target["spare"], target["spare"] + ".moved")
    return "got it moved"


def change_rights(target):
    """A secret becomes everybody's."""
    os.chmod(target["secret"], 0o666)
    return "got it opened"


def change_times(target):
    """A file looks older than it is."""
    os.utime(target["secret"], (0, 0))
    return "got it aged"


def crafted_archive(target):
    """An archive whose member climbs out of the folder that it is unpacked in."""
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("../" * 12 + target["outside"].lstrip("/") + "/planted")
        archive.addfile(member, BytesIO(b""))
    with tarfile.open(fileobj=BytesIO(packed.getvalue())) as archive:
        archive.extractall(".", filter="fully_trusted")
    return "got " + str(Path(target["outside"], "planted").exists())


def change_root(target):
    """Another root, from which the way leads out."""
    os.chroot("/")
    return "got a root"


# Talking.


def connect(target):
    """To a service on loopback."""
    socket.create_connection(("127.0.0.1", target["port"]), 2).close()
    return "got a connection"


def send_datagram(target):
    """Without a connection."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"secret", ("127.0.0.1", target["port"]))
    return "got it sent"


def listen(target):
    """For somebody outside."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
    return "got an ear"


def connect_local(target):
    """To a service's socket in the file system."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(target["socket"])
    return "got a connection"


def socket_by_call(target):
    """By number, past Python."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.syscall(41 if os.uname().machine == "x86_64" else 198, 2, 1, 0) >= 0
    return "got a socket"


# Other processes.


def run_program(target):
    """A shell."""
    subprocess.run(["/bin/sh", "-c", "true"], check=True)
    return "got a shell"


def run_shell(target):
    """The same by the C library."""
    assert os.system("true") == 0
    return "got a shell"


def become_program(target):
    """The process itself becomes a shell."""
    os.execv("/bin/sh", ["sh", "-c", "sleep 0"])


def fork_bomb(target):
    """Processes that make processes; thirty are enough to know."""
    for _ in range(30):
        if os.fork() == 0:
            time.sleep(1)
            os._exit(0)
    return "got processes"


def kill_parent(target):
    """The process above ends."""
    os.kill(os.getppid(), signal.SIGKILL)
    return "got it killed"


def kill_service(target):
    """The service ends."""
    os.kill(target["service"], signal.SIGCONT)
    return "got a signal through"


def signal_by_call(target):
    """The same by tgkill."""
    libc = ctypes.CDLL(None, use_errno=True)
    pid = target["service"]
    assert libc.syscall(234 if os.uname().machine == "x86_64" else 131, pid, pid, int(signal.SIGCONT)) == 0
    return "got a signal through"


def trace_parent(target):
    """Under a debugger."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.ptrace(16, os.getppid(), 0, 0) == 0
    return "got hold of it"


# Using up.


def memory_bomb(target):
    """More memory than the machine may miss."""
    held = [bytearray(256 << 20) for _ in range(16)]
    return f"got {len(held)} parts"


def processor_bomb(target):
    """For ever."""
    while True:
        pass


def sleep(target):
    """For ever, without using anything."""
    time.sleep(3600)


def big_file(target):
    """A file of 100 MB."""
    with open("big", "wb") as file:
        for _ in range(100):
            file.write(b"0" * (1 << 20))
        file.flush()
    return "got a big file"


def many_files(target):
    """Files open without end."""
    held = [Path(f"f{k}").open("w") for k in range(2000)]  # noqa: SIM115
    return f"got {len(held)}"


def fill_scratch(target):
    """Many files of allowed size."""
    for k in range(40):
        Path(f"part{k}").write_bytes(b"0" * (32 << 20))
    time.sleep(1)
    return "got a gigabyte of disk"


def raise_limits(target):
    """Limits as high as it likes."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return "got no limit"


def huge_result(target):
    """More than anybody wants to read."""
    import numpy as np

    return np.zeros((3 << 30) // 8)


# Ending badly.


def crash(target):
    """A segmentation fault."""
    ctypes.string_at(0)


def leave(target):
    """Out, without a word."""
    os._exit(0)


def interrupt(target):
    """What only a user may."""
    raise KeyboardInterrupt


def recursion(target):
    """Deeper than the stack."""
    sys.setrecursionlimit(10**9)

    def down(n):
        return down(n + 1) + 1

    return down(0)


# Poison in the result.


class _Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/poisoned",)


def pickled(target):
    """An object that does something when it is read."""
    return {"schedule": _Evil()}


def object_array(target):
    """An array of such objects."""
    import numpy as np

    return np.array([_Evil()], dtype=object)


def forged_message(target):
    """A message of its own making, that names something to be made."""
    import json
    import struct

    head = json.dumps({"of": "os:system", "fields": {"command": "true"}}).encode()
    os.write(3, b"+" + struct.pack("<Q", len(head)) + head)
    os._exit(0)


def forged_class(target):
    """A class of the slots that is none."""
    import json
    import struct

    head = json.dumps({"of": "slots.grid.compiled:subprocess", "fields": {}}).encode()
    os.write(3, b"+" + struct.pack("<Q", len(head)) + head)
    os._exit(0)


def forged_indices(target):
    """A sparse matrix whose indices point outside it."""
    import numpy as np
    import scipy.sparse as sp

    m = sp.csr_matrix(np.eye(3))
    m.indices[:] = 10**6
    return m


def cut_short(target):
    """An array that is longer than its bytes."""
    import json
    import struct

    head = json.dumps({"array": "<f8", "shape": [1000000]}).encode()
    os.write(3, b"+" + struct.pack("<Q", len(head)) + head + b"0" * 8)
    os._exit(0)


def many_threads(target):
    """Threads without end."""
    held = [threading.Thread(target=time.sleep, args=(2,)) for _ in range(500)]
    for t in held:
        t.start()
    return f"got {len(held)} threads"
