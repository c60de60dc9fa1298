"""Calls of programs under review: each in a child of its own, under all the layers of confinement that there are."""

import io
import pickle
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bos_core.objects.errors import ProgramError, ServiceError
from bos_core.plump.confinement.encoding import EncodingError, decode
from bos_core.plump.confinement.layers import LAYERS, PER_CALL
from bos_core.plump.confinement.zygote import read_message, write_message

PACKAGES = Path(__file__).resolve().parents[3]
_BEGIN = "import sys; sys.path.insert(0, sys.argv[1]); from bos_core.plump.confinement.zygote import main; main(*sys.argv[1:])"
GRACE_S = 10.0  # beyond a call's own limit, until the process that it is forked from is given up
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
    "LANG": "C.UTF-8",
}  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """What a call may use: seconds by the clock and of a processor, and MiB."""

    wall_s: float = 600.0
    cpu_s: int = 600
    memory_mib: int = 2048


class Trial:
    """A process that trial calls are forked from, started with the first of them.

    Args:
        layers: of confinement that are asked for; fewer only to see what each is worth.
        guarded: refuse calls where the layers in force are fewer than the minimum.
    """

    def __init__(self, layers: Sequence[str] = LAYERS, guarded: bool = True) -> None:
        self._layers, self._guarded = tuple(layers), guarded
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._in_force: tuple[str, ...] = ()

    def in_force(self) -> tuple[str, ...]:
        """The layers that are in force, as tried out at the start.

        Raises:
            ServiceError: fewer than the minimum.
        """
        with self._lock:
            self._running()
        return self._in_force

    def call(
        self, name: str, source: str, entry: str, arguments: Sequence[Any], parameters: dict[str, Any],
        limits: Limits = Limits(),
    ) -> Any:  # fmt: skip
        """The result of a program's function.

        Raises:
            ProgramError: it failed, went beyond a limit, or returned what cannot pass.
            ServiceError: it cannot be confined here.
        """
        with self._lock:
            self._running()
            layers = [x for x in PER_CALL if x in self._in_force]
            head, body = self._ask(name, source, entry, arguments, parameters, limits, layers)
        if "error" in head:
            raise ProgramError(f"program {name}: {head['error']}", "mend it and submit it again")
        try:
            return decode(body)
        except EncodingError as error:
            raise ProgramError(f"program {name}: {error}", "return what the slot's contract says") from None

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.communicate()
                self._process = None

    def _running(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _BEGIN, str(PACKAGES), ",".join(self._layers)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_ENVIRONMENT, cwd="/",
        )  # fmt: skip
        try:
            begun = read_message(self._out)
            if begun is None:
                raise ServiceError(
                    "programs cannot be tried here: their process does not start",
                    "see whether other users can read Python and its libraries",
                )
            tried = set(begun[0]["layers"]) | self._probe()
        except BaseException:
            self._process.kill()
            raise
        self._in_force = tuple(x for x in LAYERS if x in tried)
        if self._guarded and not enough(self._in_force):
            self._process.kill()
            raise ServiceError(
                f"programs cannot be tried here: only {', '.join(self._in_force) or 'no layer'} of confinement is in force",
                "limits and files are needed, and network or calls: use Linux 5.13 or later with Landlock, and libseccomp",
            )

    def _probe(self) -> set[str]:
        """Layers of a call that hold what they are there for, each tried alone."""
        out: set[str] = set()
        for layer in PER_CALL:
            if layer in self._layers:
                head, _ = self._ask("probe", _PROBES[layer], "probe", (), {}, Limits(20.0, 10, 256), (layer,))
                out |= {layer} if "error" not in head else set()
        return out

    def _ask(
        self, name: str, source: str, entry: str, arguments: Sequence[Any], parameters: dict[str, Any], limits: Limits,
        layers: Sequence[str],
    ) -> tuple[dict[str, Any], bytes]:  # fmt: skip
        assert self._process is not None
        assert self._process.stdin is not None
        job = {"name": name, "entry": entry, "layers": list(layers), "wall_s": limits.wall_s, "cpu_s": limits.cpu_s,
               "memory_mib": limits.memory_mib}  # fmt: skip
        watch = threading.Timer(limits.wall_s + GRACE_S, self._process.kill)  # it may have been stopped
        watch.start()
        try:
            body = pickle.dumps((source, tuple(arguments), parameters), protocol=pickle.HIGHEST_PROTOCOL)
            write_message(self._process.stdin, job, body)
            answer = read_message(self._out)
        except (BrokenPipeError, OSError):
            answer = None
        finally:
            watch.cancel()
        if answer is None:
            self._process.kill()
            raise ServiceError("the process that programs are tried in has ended", "try again")
        return answer

    @property
    def _out(self) -> io.BufferedReader:
        assert self._process is not None
        assert isinstance(self._process.stdout, io.BufferedReader)
        return self._process.stdout


def enough(in_force: Sequence[str]) -> bool:
    """Whether programs may be tried: limits, files, and nothing that reaches the network or other processes."""
    have = set(in_force)
    return {"limits", "files"} <= have and bool(have & {"network", "calls"})


# Each ends without an error only where its layer stops it.
_PROBES = {
    "limits": "def probe():\n    try:\n        bytearray(8 << 30)\n    except MemoryError:\n        return\n    raise ValueError\n",
    "files": "def probe():\n    try:\n        open('/etc/passwd').read()\n    except PermissionError:\n        return\n    raise ValueError\n",
    "calls": "import os\ndef probe():\n    try:\n        os.fork()\n    except PermissionError:\n        return\n    raise ValueError\n",
}


@cache
def here() -> Trial:
    """The trial process of this one."""
    return Trial()
