"""What the steps share: the network, hourly inputs and scheduling horizons, read once per container."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from bos_core.drwop import store
from bos_core.drwop.reader import Piece
from bos_core.objects.data import Dataset
from bos_core.objects.task import Chunk
from flows.steps.chosen import chosen_for
from slots.contracts.unit_commitment import BORDER_FIELDS, Border, Horizon
from slots.grid.admittance import conductance
from slots.grid.dc import angle_limits, ptdf, shift_flows
from slots.grid.model import Complexes, Floats, Grid
from slots.grid.network import Network
from slots.grid.security import Factors, Pairs, pairs_of

RATE_SHARE = 0.95  # of the MVA ratings that the DC limits of UC and APD use; reactive power takes the rest


@lru_cache(maxsize=2)
def grid_of(path: str) -> Grid:
    """The full grid of a result file."""
    arrays, header = store.read(path)
    return Grid.from_arrays(decoded(arrays), header)


@lru_cache(maxsize=2)
def network_of(path: str) -> tuple[Network, dict[str, Any]]:
    """The network of a result file and the file's attributes."""
    arrays, header = store.read(path)
    return Network.from_arrays(decoded(arrays), header), header


@lru_cache(maxsize=2)
def factors_of(path: str) -> tuple[Floats, Floats, Floats]:
    """PTDF (branch, bus), unit factors (branch, unit) and phase-shifter flows (branch,) of a network."""
    net, _ = network_of(path)
    factors = ptdf(net.grid)
    return factors, factors @ net.unit_map.toarray(), shift_flows(net.grid, factors)


@lru_cache(maxsize=2)
def pairs_of_network(path: str) -> Pairs:
    """What the DC limits of a network watch after outages."""
    net, _ = network_of(path)
    return pairs_of(net.grid, factors_of(path)[0], net.contingencies, dc_limits(net), dc_limits(net, outage=True))


@lru_cache(maxsize=2)
def watched_of(path: str) -> tuple[Floats | Factors, Floats]:
    """Unit factors and MW limits of what the DC limits watch: (branch + pair, unit), (branch + pair,)."""
    net, _ = network_of(path)
    pairs = pairs_of_network(path)
    limits = pairs.limits(dc_limits(net), dc_limits(net, outage=True))
    return pairs.factors(factors_of(path)[1]), limits


def prepare(slot: str, chunk: Chunk) -> None:
    """Load and build, once per container, what all chunks on this network share in a slot."""
    path = chunk.payload["network"]
    factors_of(path)
    chosen = chosen_for(slot, chunk)
    if chosen.prepare is not None:
        chosen.prepare(network_of(path)[0])


def decoded(arrays: dict[str, Any]) -> dict[str, Any]:
    """Flags come back from a file as small integers."""
    flags = ("in_service", "equivalent", "must_run")
    return {k: v.astype(bool) if k.split("/")[-1] in flags else v for k, v in arrays.items()}


def reader(chunk: Chunk, name: str) -> store.Hourly:
    """A reader over the pieces that the payload lists under `name`."""
    return store.Hourly([Piece(*p) for p in chunk.payload["inputs"][name]])


def fixed_injection(chunk: Chunk, first: int, hours: int) -> Complexes:
    """(hour, bus) p.u. injection of loads, links and the equivalent's correction."""
    source = reader(chunk, "sequence")
    return np.asarray(source.read("fixed_p", first, hours) + 1j * source.read("fixed_q", first, hours))


def horizon(chunk: Chunk, first: int, hours: int, start: Border | None, end: Border | None, losses: bool) -> Horizon:
    """The scheduling horizon of some hours; with `losses`, demand includes an estimate of them."""
    path = chunk.payload["network"]
    net, header = network_of(path)
    factors, unit_factors, shifted = factors_of(path)
    source = reader(chunk, "sequence")
    series = {k: source.read(f"kept_{k}", first, hours) for k in ("available", "floor", "inflow")}
    series["reserve"] = source.read("reserve", first, hours)
    fixed = source.read("fixed_p", first, hours) * net.grid.base_mva - conductance(net.grid)
    demand = -fixed.sum(axis=1)
    if losses:
        demand = demand * (1 + float(header["loss_share"]))
    return Horizon(
        net.grid.units, first, demand, **series, unit_factors=unit_factors, fixed_flow=fixed @ factors.T + shifted,
        rate=dc_limits(net), start=start, end=end,
    )  # fmt: skip


def with_outages(chunk: Chunk, h: Horizon) -> Horizon:
    """The horizon that watches branches after outages, too."""
    path = chunk.payload["network"]
    unit_factors, rate = watched_of(path)
    return replace(h, unit_factors=unit_factors, fixed_flow=pairs_of_network(path).joined(h.fixed_flow), rate=rate)


def dc_limits(net: Network, outage: bool = False) -> Floats:
    """(branch,) MW that DC flows may reach by ratings and, in the intact grid, by the angle across a branch.

    After an outage angles are left to AC verification: a pocket that falls out of step then is helped by curative
    actions, which cost nothing as long as the outage does not happen.
    """
    br = net.grid.branches
    if outage:
        return RATE_SHARE * br.rate_emergency
    return np.asarray(np.minimum(RATE_SHARE * br.rate, angle_limits(net.grid)))


def day_borders(chunk: Chunk, first: int, hours: int) -> tuple[Border | None, Border | None]:
    """The borders at the beginning and the end of a day; None at the horizon's ends."""
    return border_at(chunk, first), border_at(chunk, first + hours)


def border_at(chunk: Chunk, hour: int) -> Border | None:
    """The border at a midnight; None where the plan gives none."""
    path = chunk.payload["borders"].get(str(hour))
    if path is None:
        return None
    names = [f"{hour}/{k}" for k in BORDER_FIELDS]
    arrays, _ = store.read(path, names)
    arrays[f"{hour}/on"] = arrays[f"{hour}/on"].astype(bool)
    return Border.from_arrays(arrays, str(hour))


def coordinates(net: Network, first: int, hours: int) -> dict[str, Dataset]:
    """Hour, unit, bus and branch coordinates that make a file readable by itself."""
    return {
        "hour": Dataset(np.arange(first, first + hours), ("hour",), "h", "hours since the scenario's start"),
        "unit": Dataset(net.grid.units.name, ("unit",), "", "global id of the unit"),
        "bus": Dataset(net.grid.buses.number, ("bus",), "", "bus number"),
        "branch": Dataset(net.grid.branches.name, ("branch",), "", "global id of the branch"),
    }
