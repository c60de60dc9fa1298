"""What hangs together: islands, bridges and what an outage cuts off."""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from slots.grid.model import Bools, Grid, Ints


def components(grid: Grid, without: int | Ints | None = None) -> Ints:
    """(bus,) label of the connected component of each bus, optionally with branches out."""
    br = grid.branches
    on = br.in_service.copy()
    if without is not None:
        on[without] = False
    graph = sp.coo_matrix((np.ones(on.sum()), (br.f[on], br.t[on])), shape=(grid.n_bus, grid.n_bus))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def kept_without(grid: Grid, branches: Ints) -> Bools | None:
    """(bus,) mask of the main part when some branches are out; None where all live buses are in it."""
    kept = _main_part(grid, components(grid, without=branches))
    return None if kept[grid.live].all() else kept


def _main_part(grid: Grid, label: Ints) -> Bools:
    """(bus,) mask of the part with units that serves the most load; the slack bus's where none serves more.

    A slack bus that is a plant at the end of a line is lost with that line, not the grid.
    """
    units, n = grid.units, int(label.max()) + 1
    alive = np.zeros(n, bool)
    alive[label[units.bus[units.in_service & (units.pmax > 0)]]] = True
    load = np.bincount(label, np.maximum(grid.buses.pd, 0.0) * grid.live, n)
    load = np.where(alive, load, -1.0)
    own = int(label[grid.slack])
    main = int(load.argmax())
    return np.asarray(label == (main if load[main] > load[own] + 1e-9 else own))


def islanding_outages(grid: Grid, candidates: Ints) -> dict[int, Bools]:
    """For each candidate branch whose loss splits the grid: (bus,) mask of the main part, which goes on."""
    return {branch: _main_part(grid, components(grid, without=branch)) for branch in _bridges(grid, candidates)}


def _bridges(grid: Grid, candidates: Ints) -> list[int]:
    import networkx as nx

    if not len(candidates):
        return []
    br = grid.branches
    graph = nx.Graph()
    graph.add_nodes_from(range(grid.n_bus))
    parallel: dict[tuple[int, int], int] = {}
    for f, t in zip(br.f[br.in_service].tolist(), br.t[br.in_service].tolist(), strict=True):
        pair = (min(f, t), max(f, t))
        parallel[pair] = parallel.get(pair, 0) + 1
        graph.add_edge(f, t)
    single = {(min(a, b), max(a, b)) for a, b in nx.bridges(graph)}
    single = {pair for pair in single if parallel[pair] == 1}
    pairs = [(int(min(br.f[k], br.t[k])), int(max(br.f[k], br.t[k]))) for k in candidates]
    return [int(k) for k, pair in zip(candidates, pairs, strict=True) if pair in single]
