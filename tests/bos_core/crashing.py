"""Steps for the scheduler's tests; containers import them by name."""

import ctypes
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
from distributed import get_worker

from bos_core.objects.errors import GridError
from bos_core.objects.task import Receipt


def step(message: dict[str, Any]) -> Receipt:
    """Do as the payload says: work, nap, doze (longer), die, stop or sleep (once, or always), fault or abort in C once, refuse, fill so many MiB for a while.

    `poison N` dies where the chunk has element N, `together` where elements are not run apart; `tell` notes the mode
    of the container.
    """
    what, folder = message["payload"]["do"], Path(message["payload"]["folder"])
    mark = folder / message["key"].replace("/", "-")
    if what.endswith(" once") and not mark.exists():
        mark.touch()
        if what == "sleep once":
            time.sleep(60)
        if what == "fault once":
            ctypes.string_at(0)
        if what == "abort once":
            os.abort()
        os.kill(os.getpid(), signal.SIGKILL if what == "die once" else signal.SIGSTOP)
    if what.startswith("poison"):
        time.sleep(0.02)
        if message["offset"] <= int(what.split()[1]) < message["offset"] + message["count"]:
            os.kill(os.getpid(), signal.SIGKILL)
    if what == "together" and not message["payload"].get("apart"):
        os.kill(os.getpid(), signal.SIGKILL)
    if what in ("nap", "doze"):
        time.sleep(0.15 if what == "nap" else 1.0)
    if what == "tell":
        mark.with_suffix(".mode").write_text(os.environ["BOS_CONTAINER_MODE"])
        time.sleep(0.05)
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
    return Receipt(
        message["key"] + ".h5", "0" * 64, 1, 0.1, 0.1, peak, str(get_worker().name), "test/step@0", message["count"]
    )
