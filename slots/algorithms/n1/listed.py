"""Contingencies of a list: any branches and units lost together, each by Newton's full, damped method.

The compiled kernel solves those that leave the grid whole; the rest, and all where there is no compiler, is solved in
Python.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from slots.algorithms.n1.batched import BatchedEngine, batched_engine_of
from slots.algorithms.n1.worst import worst_of
from slots.contracts.contingency import Contingency, ListedResult, hour_after
from slots.grid.admittance import Admittance, admittance, with_taps
from slots.grid.connectivity import kept_without
from slots.grid.model import Bools, Complexes, Ints
from slots.grid.network import Network
from slots.grid.operating_point import OperatingPoint
from slots.grid.outage import Hour, Outage, solve_outage


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
        set_to = with_taps(network.grid, adm, point.tap)
        for name, values in worst_of(network, set_to, v, [c.branches for c in contingencies], True).items():
            getattr(result, name)[h] = np.where(result.converged[h], values, -1 if name == "branch" else np.nan)
    return result


def verify_each(network: Network, hours: Sequence[Hour], outages: Ints) -> dict[str, Any]:
    """One contingency of the network in each hour.

    Args:
        outages: (hour,) branch positions, at least one.

    Returns:
        (hour,) arrays named as those of `N1Result`.
    """
    adm, splitting = admittance(network.grid), batched_engine_of(network).splitting
    found = [
        _without(network, adm, hour, np.array([k]), splitting.get(k))
        for hour, k in zip(hours, outages.tolist(), strict=True)
    ]
    good, base = np.array([o.converged for o in found]), network.grid.base_mva
    worst = [
        worst_of(network, with_taps(network.grid, adm, hour.tap), o.v[None, :], [np.array([k])], True)
        for hour, o, k in zip(hours, found, outages.tolist(), strict=True)
    ]
    return {
        **{
            k: np.where(good, np.concatenate([w[k] for w in worst]), -1 if k == "branch" else np.nan)
            for k in worst[0]
        },
        "converged": good, "iterations": np.zeros(len(found), np.int64),
        "lost_load": base * np.array([o.lost_load for o in found]),
        "lost_generation": base * np.array([o.lost_generation for o in found]),
    }  # fmt: skip


def _solve(net: Network, adm: Admittance, point: OperatingPoint, lost: Contingency, kept: Bools | None) -> Outage:
    """The state after a loss; what lost units gave counts as lost generation."""
    gone = float(point.p[lost.units][point.on[lost.units]].sum()) / net.grid.base_mva
    found = _without(net, adm, hour_after(net, point, lost.units), lost.branches, kept)
    return replace(found, lost_generation=found.lost_generation + gone)


def _without(net: Network, adm: Admittance, hour: Hour, branches: Ints, kept: Bools | None) -> Outage:
    engine = batched_engine_of(net)
    if kept is not None or not isinstance(engine, BatchedEngine):
        return solve_outage(net, adm, branches, hour, kept)
    v: Complexes | None = engine.alone(hour, branches)
    return Outage(hour.v if v is None else v, v is not None, hour.controlled, 0.0, 0.0)
