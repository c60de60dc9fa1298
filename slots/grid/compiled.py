"""C of ours: compiled at first use where there is a C compiler, kept for later runs."""

import _ctypes
import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import weakref
from importlib.util import find_spec
from pathlib import Path
from sys import executable
from typing import Any

import numpy as np

FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-ffp-contract=fast", "-shared", "-fPIC")


def address(array: "np.ndarray[Any, Any] | None") -> int | None:
    """Where a contiguous array's data are; the caller keeps it alive."""
    if array is None:
        return None
    assert array.flags.c_contiguous
    return array.ctypes.data


def compiled(source: bytes, name: str) -> ctypes.CDLL | None:
    """A library of C source, compiled if it has not been; None where there is no C compiler or it fails."""
    compiler = _compiler()
    if compiler is None:
        return None
    key = hashlib.sha256(b"\0".join([source, " ".join([*compiler, *FLAGS]).encode(), _processor()])).hexdigest()[:16]
    library = _folder() / f"{name}-{key}.so"
    if not library.exists() and not _build(compiler, source, library):
        return None
    try:
        opened = ctypes.CDLL(str(library))
    except OSError:  # made on another machine that shares this folder, or its disk is mounted without execution
        return None
    # What is called keeps its library; when nothing does any longer, it is unmapped.
    weakref.finalize(opened, _ctypes.dlclose, opened._handle).atexit = False
    return opened


def _compiler() -> list[str] | None:
    """The command of a C compiler: that of CC, the system's, or the one in the wheel `ziglang`."""
    if "CC" in os.environ:
        return shlex.split(os.environ["CC"]) or None
    for name in ("gcc", "clang", "cc"):
        if shutil.which(name):
            return [name]
    return [executable, "-m", "ziglang", "cc"] if find_spec("ziglang") else None


def _processor() -> bytes:
    """What `-march=native` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        flags = next((x for x in lines if x.startswith(("flags", "Features"))), "")
    except OSError:
        flags = platform.processor()
    return f"{platform.machine()} {flags}".encode()


def _folder() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache")
    return base / "bos" / "kernels"


def _build(compiler: list[str], source: bytes, library: Path) -> bool:
    """Compile to a name of its own and rename, so that nobody loads half a library."""
    try:
        library.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=library.parent) as folder:
            (Path(folder) / "kernel.c").write_bytes(source)
            made = Path(folder) / "kernel.so"
            command = [*compiler, *FLAGS, "-o", str(made), str(Path(folder) / "kernel.c"), "-lm"]
            if subprocess.run(command, capture_output=True, timeout=120).returncode:
                return False
            made.replace(library)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return True
