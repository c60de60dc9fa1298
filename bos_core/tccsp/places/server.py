"""What this machine is, and what is used of it."""

import platform
import sys
from functools import cache
from importlib.metadata import version

import psutil

from bos_core.objects.container import Load, Server

SOFTWARE = ("prefect", "dask", "highspy", "lightsim2grid", "casadi")


@cache
def this_server() -> Server:
    """This machine: its size, system and what is installed."""
    software = {"python": platform.python_version(), **{name: version(name) for name in SOFTWARE}}
    return Server(
        platform.node(), psutil.cpu_count() or 1, psutil.virtual_memory().total >> 20,
        f"{platform.system()} {platform.release()} ({sys.platform})", software,
    )  # fmt: skip


def load_now() -> Load:
    """What is used of this machine; of its processors since the last call."""
    return Load(psutil.cpu_percent() / 100, psutil.virtual_memory().percent / 100)
