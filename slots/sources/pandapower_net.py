"""Reader of pandapower networks: JSON files and the networks that pandapower ships.

pandapower itself expands lines, transformers, wards and impedances into pi branches (its "ppc"); the
conversion here starts from that, so a power flow of the grid equals pandapower's own.
"""

import logging
import warnings
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import Grid
from slots.sources import pandapower_tables as tables
from slots.sources.from_case import grid_from_case
from slots.sources.matpower import Case


def read_json(path: Path) -> Grid:
    """The grid of a pandapower JSON file.

    Raises:
        GridError: the file is missing or is not a pandapower network.
    """
    import pandapower as pp

    if not path.is_file():
        raise GridError(f"grid file {path} does not exist", "check the path")
    try:
        net = pp.from_json(str(path))
        assert "bus" in net
    except Exception:
        raise GridError(
            f"grid file {path} is not a pandapower network in JSON", "save it with pandapower.to_json"
        ) from None
    return from_net(net, path.stem)


def read_shipped(name: str) -> Grid:
    """A network of `pandapower.networks` by the name of its function."""
    import pandapower.networks as networks

    make = getattr(networks, name, None)
    if make is None:
        raise GridError(f"pandapower ships no network called '{name}'", "see `bos grids`")
    return from_net(make(), name)


def from_net(net: Any, name: str) -> Grid:
    """The grid of a pandapower network; its power flow must converge first.

    Raises:
        GridError: the network has no external grid or its power flow does not converge.
    """
    import pandapower as pp
    from pandapower.converter.pypower.to_ppc import to_ppc

    if not len(net.ext_grid) and not net.gen.slack.any():
        raise GridError(f"pandapower network {name} has no slack (no external grid)", "add one with create_ext_grid")
    logging.getLogger("pandapower").setLevel(logging.ERROR)
    links = net.dcline[net.dcline.in_service]
    if len(links):
        net = deepcopy(net)
        net.dcline.in_service = False  # pandapower would make two generators of each
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            pp.runpp(net, calculate_voltage_angles=True, init="dc", numba=False)
        except Exception:
            raise GridError(
                f"the power flow of pandapower network {name} does not converge", "mend the network"
            ) from None
        ppc = to_ppc(net, calculate_voltage_angles=True, init="results", mode="pf")
    bus, gen = np.real(ppc["bus"])[:, :13].copy(), np.zeros((len(ppc["gen"]), tables.GEN_COLUMNS))
    gen[:, :10] = np.real(ppc["gen"])[:, :10]
    branch = np.real(ppc["branch"])[:, :13].copy()
    branch[:, 4] = np.real(ppc["branch"])[:, 4]
    _fill_limits(net, bus, gen, branch)
    at, fixed = net._pd2ppc_lookups["bus"], net.sgen[net.sgen.in_service & tables.flags(net.sgen, "controllable")]
    told = [("ext_grid", net.ext_grid[net.ext_grid.in_service]), ("gen", net.gen[net.gen.in_service]), ("sgen", fixed)]
    gen = np.vstack([gen, tables.static(fixed, at, bus)])
    cost = tables.costs(net, told) if len(net.poly_cost) + len(net.pwl_cost) else None
    case = Case(
        name, float(ppc["baseMVA"]), bus, gen, branch, cost, tables.links(links, at), {"genfuel": tables.fuels(told)}
    )
    return tables.named(net, told, links, at, grid_from_case(case, f"pandapower network {name}"))


def _fill_limits(net: Any, bus: Any, gen: Any, branch: Any) -> None:
    """Ratings and limits that the power-flow form of a network leaves out."""
    lines, trafos = len(net.line), len(net.trafo)
    if "max_i_ka" in net.line:
        kv = net.bus.vn_kv.loc[net.line.from_bus].to_numpy()
        branch[:lines, 5] = np.sqrt(3) * kv * net.line.max_i_ka.to_numpy() * net.line.parallel.to_numpy()
    most = net.trafo.max_loading_percent.fillna(100).to_numpy() / 100 if "max_loading_percent" in net.trafo else 1.0
    branch[lines : lines + trafos, 5] = net.trafo.sn_mva.to_numpy() * net.trafo.parallel.to_numpy() * most
    branch[branch[:, 5] > 9e3, 5] = 0.0
    bus[:, 11] = np.where((bus[:, 11] <= 0) | (bus[:, 11] >= 2), 1.1, bus[:, 11])
    bus[:, 12] = np.where(bus[:, 12] <= 0, 0.9, bus[:, 12])
    wild = np.abs(gen[:, 8]) > 1e6
    gen[wild, 8] = 2.0 * np.maximum(np.abs(gen[wild, 1]), 1.0)
    gen[np.abs(gen[:, 9]) > 1e6, 9] = 0.0
    for column, sign in ((3, 1.0), (4, -1.0)):
        unlimited = np.abs(gen[:, column]) > 1e6
        gen[unlimited, column] = sign * np.maximum(gen[unlimited, 8], 1.0)
