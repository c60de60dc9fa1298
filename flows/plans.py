"""A planned run as a network of another tool: the grid that was kept, with what was finally set in every hour."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bos_core.drwop import store
from bos_core.index.client import Index
from bos_core.objects.errors import ParameterError
from flows.stages import Stages
from flows.steps.inputs import network_of
from slots.grid.network import Network
from slots.sources.pypsa.writer import Schedule, write_pypsa


def export_plan(index: Index, set_id: str, path: Path) -> list[str]:
    """Write a finished task set as a PyPSA network: `.nc`, or a folder of CSV files; sentences on what it cannot hold.

    Raises:
        ParameterError: the name ends in something else.
        StorageError: the task set has not got so far.
    """
    if path.suffix not in (".nc", ""):
        raise ParameterError(f"{path.name} names no PyPSA network", "end it in .nc, or name a folder without a suffix")
    stages = Stages(index, set_id)
    net, _ = network_of(stages.files["equivalence"][0].path)
    return write_pypsa(net.grid, schedule_of(stages, net), path)


def schedule_of(stages: Stages, net: Network) -> Schedule:
    """What a run finally set, hour by hour, on the kept grid."""

    def final(name: str) -> Any:
        return stages.read("adjust", name)

    _, told = store.read(stages.files["sequence"][0].path, [])
    start = datetime.fromisoformat(str(told["start"])) + timedelta(hours=stages.first_hour)
    grid = net.grid
    fixed = (final("fixed_p") + 1j * final("fixed_q")) * grid.base_mva
    links = grid.dc_links
    both = links.in_service & grid.live[links.f] & grid.live[links.t]
    fixed = fixed - grid.replace(dc_links=replace(links, in_service=both)).dc_injection()
    p, q = final("p"), final("q")
    here = np.zeros((stages.hours, grid.n_bus))
    np.add.at(here.T, grid.units.bus, p.T)
    fixed = fixed + (net.unit_map @ p.T).T - here  # an equivalent spreads the units that it moved over several buses
    alone = np.ones(grid.n_bus, bool)
    alone[grid.units.bus] = False
    fixed, q = fixed + 1j * np.where(alone, q, 0.0), np.where(alone, 0.0, q)
    return Schedule(
        start, fixed, p, final("on").astype(bool), stages.read("sequence", "kept_available"),
        stages.read("apd-check", "energy"), stages.read("sequence", "kept_inflow"), q,
        final("vm") * np.exp(1j * final("va")), final("shunt"),
        final("tap") if len(grid.changers) else np.zeros((stages.hours, 0)),
    )  # fmt: skip
