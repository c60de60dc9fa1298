"""Contingencies of a list: any branches and units lost together, each by Newton's full, damped method.

The compiled kernel solves those that leave the grid whole; the rest, and all where there is no compiler, is solved in
Python.
"""

from collections.abc import Sequence

import numpy as np

from slots.algorithms.n1.batched import BatchedEngine, batched_engine_of
from slots.algorithms.n1.worst import worst_of
from slots.contracts.contingency import Contingency, ListedResult, hour_after
from slots.grid.admittance import Admittance, admittance
from slots.grid.connectivity import kept_without
from slots.grid.model import Bools, Complexes
from slots.grid.network import Network
from slots.grid.operating_point import OperatingPoint
from slots.grid.outage import Outage, solve_outage


def verify_listed(
    network: Network, points: Sequence[OperatingPoint], contingencies: Sequence[Contingency]
) -> ListedResult:
    """Every contingency of the list in every hour."""
    adm, n = admittance(network.grid), network.grid.n_bus
    kept = [kept_without(network.grid, c.branches) for c in contingencies]
    result = ListedResult.empty(len(points), len(contingencies))
    for h, point in enumerate(points):
        v = np.zeros((len(contingencies), n), complex)
        for k, contingency in enumerate(contingencies):
            found = _solve(network, adm, point, contingency, kept[k])
            v[k], result.converged[h, k] = found.v, found.converged
            result.lost_load[h, k] = found.lost_load * network.grid.base_mva
            result.lost_generation[h, k] = found.lost_generation * network.grid.base_mva
        for name, values in worst_of(network, adm, v, [c.branches for c in contingencies], True).items():
            getattr(result, name)[h] = np.where(result.converged[h], values, -1 if name == "branch" else np.nan)
    return result


def _solve(net: Network, adm: Admittance, point: OperatingPoint, lost: Contingency, kept: Bools | None) -> Outage:
    """The state after a loss; what lost units gave counts as lost generation."""
    hour, engine = hour_after(net, point, lost.units), batched_engine_of(net)
    gone = float(point.p[lost.units][point.on[lost.units]].sum()) / net.grid.base_mva
    if kept is None and isinstance(engine, BatchedEngine):
        v: Complexes | None = engine.alone(hour, lost.branches)
        return Outage(hour.v if v is None else v, v is not None, hour.controlled, 0.0, gone)
    found = solve_outage(net, adm, lost.branches, hour, kept)
    return Outage(found.v, found.converged, found.held, found.lost_load, found.lost_generation + gone)
