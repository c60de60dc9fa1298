"""The process that trial calls are forked from: it has loaded the libraries and given up its rights, once.

It reads jobs from its standard input and answers on its standard output; each is a head in JSON and a body of bytes.
It never runs a user's program itself: a child does, under a lid, and what the child says is only bytes to be passed on.
"""

import json
import os
import pickle
import select
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from bos_core.plump.confinement import layers as lid
from bos_core.plump.confinement.encoding import EncodingError, encode

PRELOAD = ("numpy", "numpy.linalg", "scipy.sparse.linalg", "scipy.optimize", "highspy", "slots.contracts.catalogue",
           "slots.scheduling.routines.day", "slots.suites.suite", "slots.parameters", "pydantic")  # fmt: skip
MOST_RESULT = 1 << 30  # bytes
MOST_SCRATCH = 256 << 20
LOOK_S = 0.2  # between looks at the scratch folder


def read_message(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """A head and a body; None at the end."""
    sizes = stream.read(16)
    if len(sizes) < 16:
        return None
    head, body = struct.unpack("<QQ", sizes)
    return json.loads(stream.read(head)), stream.read(body)


def write_message(stream: IO[bytes], head: dict[str, Any], body: bytes = b"") -> None:
    """The inverse of `read_message`."""
    text = json.dumps(head).encode()
    stream.write(struct.pack("<QQ", len(text), len(body)))
    stream.write(text)
    stream.write(body)
    stream.flush()


def main(packages: str, wanted: str) -> None:
    """Give up rights, say which layers of the process are in force, then run jobs until the input ends."""
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):  # a library that prints must not write between answers
        os.dup2(nothing, fd)
    parent, asked = os.getppid(), wanted.split(",")
    done = ["network"] if "network" in asked and lid.leave_network() else []
    for name in PRELOAD:
        import_module(name)
    for name in lid.NEEDED:
        with suppress(Exception):  # the layer will say so itself
            import_module(name)
    readable = lid.libraries(Path(packages))
    ours = [p for p in readable if any(p.is_relative_to(x) for x in (packages, sys.prefix, sys.base_prefix))]
    if "rights" in asked and lid.leave_rights(ours):
        done.append("rights")
    lid.die_with_parent()
    if os.getppid() != parent:
        return
    write_message(answers, {"layers": done, "uid": os.getuid()})
    while (job := read_message(jobs)) is not None:
        write_message(answers, *_run(*job, readable))


def _run(head: dict[str, Any], body: bytes, readable: list[Path]) -> tuple[dict[str, Any], bytes]:
    """Run a job in a child; what became of it, and the bytes of its result."""
    scratch = Path(tempfile.mkdtemp(prefix="bos-trial-"))
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        _child(head, body, into, readable, scratch)
    os.close(into)
    try:
        answer, why = _listen(out, head["wall_s"], scratch)
    finally:
        os.close(out)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        _clear(scratch)
    if not why and not answer:
        why = _death(status, head)
    if why or answer[:1] != b"+":
        return {"error": why or answer[1:4096].decode(errors="replace")}, b""
    return {}, answer[1:]


def _listen(out: int, wall_s: float, scratch: Path) -> tuple[bytes, str]:
    """What a child says until it ends, or why it was not listened to any longer."""
    parts: list[bytes] = []
    size, end = 0, time.monotonic() + wall_s
    while True:
        ready, _, _ = select.select([out], [], [], max(0.0, min(LOOK_S, end - time.monotonic())))
        if ready:
            part = os.read(out, 1 << 20)
            if not part:
                return b"".join(parts), ""
            parts.append(part)
            size += len(part)
        if size > MOST_RESULT:
            return b"", f"returns more than {MOST_RESULT >> 20} MiB"
        if time.monotonic() > end:
            return b"", f"takes longer than {wall_s:g} s"
        if not ready and _size(scratch) > MOST_SCRATCH:
            return b"", f"writes more than {MOST_SCRATCH >> 20} MiB"


def _size(folder: Path) -> int:
    return sum(f.lstat().st_size for f in folder.rglob("*") if not f.is_symlink() and f.is_file())


def _clear(scratch: Path) -> None:
    shutil.rmtree(scratch, ignore_errors=True)


def _death(status: int, head: dict[str, Any]) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"ended its process (exit {code}) without a result"
    if -code in (signal.SIGXCPU, signal.SIGKILL):
        return f"uses more than {head['cpu_s']} s of processor time"
    return f"crashed ({signal.Signals(-code).name})"


def _child(head: dict[str, Any], body: bytes, into: int, readable: list[Path], scratch: Path) -> None:
    """Run the program and write its result; never returns."""
    try:
        lid.die_with_parent()
        os.environ["TMPDIR"] = str(scratch)
        tempfile.tempdir = str(scratch)
        os.chdir(scratch)
        keep = os.dup2(into, 3)
        for fd in (1, 2):
            os.dup2(0, fd)
        os.closerange(4, 256)
        source, arguments, parameters = pickle.loads(body)
        lid.close_lid(head["layers"], readable, scratch, head["memory_mib"] << 20, head["cpu_s"])
        answer = _answer(head["name"], source, head["entry"], arguments, parameters)
    except BaseException as error:
        keep, answer = 3, f"-cannot be confined ({type(error).__name__}: {error})".encode()
    while answer:
        answer = answer[os.write(keep, answer) :]
    os._exit(0)


def _answer(name: str, source: str, entry: str, arguments: Any, parameters: dict[str, Any]) -> bytes:
    file = f"<{name}>"
    try:
        inside: dict[str, Any] = {"__name__": name}
        exec(compile(source, file, "exec"), inside)
        return b"+" + encode(inside[entry](*arguments, **parameters))
    except EncodingError as error:
        return f"-{error}".encode()
    except MemoryError:
        return b"-needs more memory than it is given"
    except BaseException as error:
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
        at = f"line {lines[-1]}: " if lines else ""
        return f"-{at}{type(error).__name__}: {error}".encode()
