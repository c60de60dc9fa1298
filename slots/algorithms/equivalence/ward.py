"""Shunt-free sparse Ward reduction.

The external network's series elements are eliminated (Ward, 1949) without its shunts and charging, which
would turn into large fictitious shunts; they act as fixed injections of the base state instead. Injections
move to the boundary with the real weights of the lossless network, which are never negative and sum to one.
Small equivalent branches are dropped, but never so many that the kept network falls apart.
"""

from dataclasses import fields, replace

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.sparse.linalg import splu

from slots.contracts.equivalence import EquivalenceRequest
from slots.grid.admittance import admittance
from slots.grid.model import PQ, PV, SLACK, Bools, Branches, Buses, Complexes, Floats, Grid, Ints, plain_pi
from slots.grid.network import Network, whole
from slots.grid.plants import grouping, merged
from slots.grid.reduction import boundary_weights, kept_at, laplacian, outer_part

SMALLEST_BRANCH = 0.1  # p.u. admittance below which an equivalent branch is dropped
HOSTED_SUPPORT = 50.0  # MVAr of mapped range above which a boundary bus holds its voltage
SMALLEST_SHARE = 1e-4  # of an injection that acts on a boundary bus; smaller ones are spread over the others
NO_SUPPORT = np.inf


def ward(request: EquivalenceRequest) -> Network:
    """Reduce `request.grid` to its buses at or above `keep_kv`.

    Raises:
        ParameterError: no bus, or only one, is that high.
    """
    grid = request.grid
    keep = kept_at(grid, request.keep_kv)
    if keep.all():
        base = whole(grid)
        return _exact(base, request)
    kept, outer = np.flatnonzero(keep), np.flatnonzero(~keep & grid.live)
    inner = keep[grid.branches.f] & keep[grid.branches.t]
    boundary, weights, series = _eliminate(grid, keep, outer)
    maps = _load_map(grid, kept, outer, boundary, weights)
    group = grouping(grid.units)
    units, unit_map = merged(grid.units, group, sp.csr_matrix(maps[:, grid.units.bus]))
    reduced = _reduced_grid(grid.replace(units=units), kept, inner, boundary, series, unit_map, maps)
    own = np.zeros(len(kept), bool)
    own[np.searchsorted(kept, grid.units.bus[keep[grid.units.bus]])] = True
    support = np.where(own, 1.0, np.where(np.isin(kept, boundary), HOSTED_SUPPORT, NO_SUPPORT))
    network = Network(reduced, kept, maps, unit_map, np.zeros(len(kept), complex), support, group)
    return _exact(network, request)


def _exact(network: Network, request: EquivalenceRequest) -> Network:
    """The network with the injections that make the base state exact."""
    v = request.v[network.kept]
    needed = v * np.conj(admittance(network.grid).ybus @ v)
    given = network.load_map @ request.injection + network.grid.dc_injection() / network.grid.base_mva
    return replace(network, correction=np.asarray(needed - given))


def _eliminate(grid: Grid, keep: Bools, outer: Ints) -> tuple[Ints, Floats, Complexes]:
    """Boundary buses, (boundary, outer) weights and the (boundary, boundary) equivalent matrix."""
    boundary, weights = boundary_weights(grid, keep, outer)
    external, x, _ = outer_part(grid, keep)
    series = laplacian(grid, np.where(external, 1 / (grid.branches.r + 1j * x), 0.0))
    fill = splu(series[outer][:, outer].tocsc()).solve(series[outer][:, boundary].toarray())
    matrix = series[boundary][:, boundary].toarray() - series[boundary][:, outer] @ fill
    return boundary, weights, np.asarray(matrix)


def _load_map(grid: Grid, kept: Ints, outer: Ints, boundary: Ints, weights: Floats) -> sp.csr_matrix:
    """(kept, full bus) shares: one for a kept bus, the weights for an eliminated one."""
    at = np.searchsorted(kept, boundary)
    b, e = np.nonzero(weights > SMALLEST_SHARE)
    rows = np.concatenate([np.arange(len(kept)), at[b]])
    cols = np.concatenate([kept, outer[e]])
    data = np.concatenate([np.ones(len(kept)), weights[b, e]])
    full = sp.csr_matrix((data, (rows, cols)), shape=(len(kept), grid.n_bus))
    total = np.asarray(full.sum(axis=0)).ravel()
    scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return sp.csr_matrix(full @ sp.diags(scale))


def _reduced_grid(
    grid: Grid,
    kept: Ints,
    inner: Bools,
    boundary: Ints,
    series: Complexes,
    unit_map: sp.csr_matrix,
    maps: sp.csr_matrix,
) -> Grid:
    label = np.full(grid.n_bus, -1)
    label[kept] = np.arange(len(kept))
    buses = _with_banks(grid, kept, maps)
    capacity = np.asarray(unit_map @ (grid.units.pmax * grid.units.in_service)).ravel()
    slack = label[grid.slack] if label[grid.slack] >= 0 else int(np.argmax(capacity))
    kind = np.where(buses.kind == SLACK, PV, buses.kind)
    kind = np.where((kind == PV) | (capacity > 0), PV, PQ)
    kind[slack] = SLACK
    own = grid.branches.take(inner)
    own = _renumber(own, label)
    host = np.asarray(unit_map.argmax(axis=0)).ravel()
    links = grid.dc_links
    at_kept = (label[links.f] >= 0) & (label[links.t] >= 0)
    return grid.replace(
        name=f"{grid.name} reduced",
        buses=replace(buses, kind=kind),
        branches=_join(own, _equivalent_branches(label[boundary], series, own, len(kept))),
        units=replace(grid.units, bus=host),
        dc_links=replace(links.take(at_kept), f=label[links.f[at_kept]], t=label[links.t[at_kept]]),
    )


def _with_banks(grid: Grid, kept: Ints, maps: sp.csr_matrix) -> Buses:
    """The kept buses, with the range of eliminated banks added to what can be switched at them."""
    buses = grid.buses
    own: Buses = buses.take(kept)
    outer = np.ones(grid.n_bus, bool)
    outer[kept] = False
    low = own.bs_low + maps @ np.where(outer, buses.bs_low - buses.bs, 0.0)
    high = own.bs_high + maps @ np.where(outer, buses.bs_high - buses.bs, 0.0)
    common = buses.bs_step[buses.bs_step > 0].max(initial=0.0)
    wide = high - low
    step = np.where(own.bs_step > 0, own.bs_step, np.where(wide >= common, common, 0.0))
    return replace(own, bs_low=low, bs_high=high, bs_step=step)


def _renumber(branches: Branches, label: Ints) -> Branches:
    return replace(branches, f=label[branches.f], t=label[branches.t])


def _equivalent_branches(at: Ints, matrix: Complexes, own: Branches, n: int) -> Branches:
    """Branches for the large off-diagonals, plus what keeps the network in one piece."""
    y = -np.triu(matrix, 1)
    strong = np.abs(y) > SMALLEST_BRANCH
    i, j = np.nonzero(np.abs(y) > 1e-9)
    cost = sp.coo_matrix((1 / np.abs(y[i, j]), (at[i], at[j])), shape=(n, n)).tolil()
    for f, t in zip(own.f[own.in_service], own.t[own.in_service], strict=True):
        cost[min(f, t), max(f, t)] = 1e-9  # what is kept anyway costs the tree nothing
    tree = minimum_spanning_tree(cost.tocsr()).tocoo()
    back = {int(b): k for k, b in enumerate(at)}
    for a, b, w in zip(tree.row.tolist(), tree.col.tolist(), tree.data.tolist(), strict=True):
        if w > 2e-9:
            strong[min(back[a], back[b]), max(back[a], back[b])] = True
    i, j = np.nonzero(strong)
    z = 1 / y[i, j]
    m = len(i)
    return Branches(
        name=np.array([f"equivalent {a}-{b}" for a, b in zip(at[i], at[j], strict=True)], dtype=np.str_),
        f=at[i], t=at[j], r=z.real, x=z.imag, b=np.zeros(m), **plain_pi(np.ones(m)), shift=np.zeros(m),
        rate=np.full(m, np.inf), rate_emergency=np.full(m, np.inf), in_service=np.ones(m, bool),
        equivalent=np.ones(m, bool),
    )  # fmt: skip


def _join(a: Branches, b: Branches) -> Branches:
    return Branches(**{f.name: np.concatenate([getattr(a, f.name), getattr(b, f.name)]) for f in fields(a)})
