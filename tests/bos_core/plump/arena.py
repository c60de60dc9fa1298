"""Where attacks are let loose: loot to be had, and what tells whether they got it."""

import inspect
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bos_core.objects.errors import BosError
from bos_core.plump.confinement.trial import Limits, Trial
from tests.bos_core.plump import attacks

LIMITS = Limits(wall_s=4.0, cpu_s=1, memory_mib=1024)
SOURCE = Path(attacks.__file__).read_text()
ATTACKS = [
    name for name, f in inspect.getmembers(attacks, inspect.isfunction)
    if f.__module__ == attacks.__name__ and not name.startswith("_")
]  # fmt: skip


@contextmanager
def arena() -> Iterator[dict[str, Any]]:
    """A home with a secret, a file to spoil, a library, a port and a socket that listen."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as port, socket.socket(socket.AF_UNIX) as local:
        home = Path(folder)
        os.chmod(home, 0o755)
        for name, text, mode in (("secret", "key", 0o600), ("spare", "data", 0o666), ("library.py", "x = 1", 0o666)):
            (home / name).write_text(text)
            (home / name).chmod(mode)
        (home / "out").mkdir()
        (home / "out").chmod(0o777)
        port.bind(("127.0.0.1", 0))
        port.listen()
        local.bind(str(home / "door"))
        os.chmod(home / "door", 0o777)
        local.listen()
        yield {
            "home": folder, "secret": str(home / "secret"), "spare": str(home / "spare"),
            "library": str(home / "library.py"), "outside": str(home / "out"), "port": port.getsockname()[1],
            "socket": str(home / "door"), "service": os.getpid(),
        }  # fmt: skip


def attack(trial: Trial, name: str, target: dict[str, Any]) -> tuple[bool, str]:
    """Let an attack loose; whether it was contained, and what was reported."""
    try:
        result = trial.call(name, SOURCE, name, (target,), {}, LIMITS)
    except BosError as error:
        alive = "has ended" not in error.what  # the process that calls are forked from
        return alive and whole(target), error.what
    return not (isinstance(result, str) and result.startswith("got")) and whole(target), repr(result)[:80]


def whole(target: dict[str, Any]) -> bool:
    """Whether what lies about is as it was."""
    home = Path(target["home"])
    rights = (home / "secret").stat().st_mode & 0o777
    return (
        rights == 0o600 and (home / "spare").exists() and (home / "spare").read_text() == "data"
        and not list((home / "out").iterdir()) and not Path("/tmp/poisoned").exists()
    )  # fmt: skip
