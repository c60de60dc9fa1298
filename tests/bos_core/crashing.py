"""Steps for the scheduler's tests; containers import them by name."""

import os
import signal
from pathlib import Path
from typing import Any

from bos_core.objects.errors import GridError
from bos_core.objects.task import Receipt


def step(message: dict[str, Any]) -> Receipt:
    """Do as the payload says: work, die once, die always, or refuse."""
    what, folder = message["payload"]["do"], Path(message["payload"]["folder"])
    mark = folder / message["key"].replace("/", "-")
    if what == "die once" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "die always":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "refuse":
        raise GridError("the grid is square", "make it round")
    return Receipt(message["key"] + ".h5", "0" * 64, 1, 0.1, 0.1, 100.0, "test", "test/step@0", message["count"])
