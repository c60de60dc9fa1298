"""Steps for the scheduler's tests; containers import them by name."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from bos_core.objects.errors import GridError
from bos_core.objects.task import Receipt


def step(message: dict[str, Any]) -> Receipt:
    """Do as the payload says: work, die once, die always, refuse, or fill so many MiB for a while."""
    what, folder = message["payload"]["do"], Path(message["payload"]["folder"])
    mark = folder / message["key"].replace("/", "-")
    if what == "die once" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "die always":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "refuse":
        raise GridError("the grid is square", "make it round")
    peak = 100.0
    if what.startswith("fill"):
        peak = 150.0 + float(what.split()[1])
        held = np.ones(int(what.split()[1]) * 2**17)
        time.sleep(1.5)
        del held
    return Receipt(message["key"] + ".h5", "0" * 64, 1, 0.1, 0.1, peak, "test", "test/step@0", message["count"])
