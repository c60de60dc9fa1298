"""N-1 with lightsim2grid: one factorised grid per hour, every outage by Newton with KLU.

Its own failures are never believed: each is solved again by a full Newton method from two starts. Outages
that split the grid are always solved that way.
"""

import warnings
from typing import Any

import numpy as np

from slots.algorithms.n1.worst import Collector
from slots.contracts.n1 import N1Request, N1Result
from slots.grid.admittance import admittance
from slots.grid.connectivity import islanding_outages
from slots.grid.model import Bools, Complexes, Ints
from slots.grid.network import Network
from slots.grid.outage import solve_outage

TOLERANCE = 1e-8
MAX_ITERATIONS = 15


def lightsim(request: N1Request) -> N1Result:
    """Verify every contingency of every hour."""
    net = request.network
    adm = admittance(net.grid)
    collect = Collector(request, adm)
    splitting = islanding_outages(net.grid, collect.contingencies)
    engine = _Engine(net, np.array([k for k in collect.contingencies if k not in splitting], dtype=np.int64))
    case_of = {int(b): k for k, b in enumerate(collect.contingencies, start=1)}
    base = net.grid.base_mva
    for h in range(len(request.v)):
        collect.put(h, np.array([0]), request.v[h][None, :], np.array([True]))
        v, good = engine.outages(request.v[h], request.injection[h], request.controlled[h])
        cases = np.array([case_of[int(b)] for b in engine.outage_order], dtype=np.int64)
        collect.put(h, cases[good], v[good], np.ones(int(good.sum()), bool))
        again = [int(b) for b in engine.outage_order[~good]] + list(splitting)
        args = (request.v[h], request.injection[h], request.controlled[h], request.up[h], request.down[h])
        for branch in again:
            o = solve_outage(net, adm, branch, *args, kept=splitting.get(branch))
            k = case_of[branch]
            collect.put(h, np.array([k]), o.v[None, :], np.array([o.converged]))
            collect.result.lost_load[h, k] = o.lost_load * base
            collect.result.lost_generation[h, k] = o.lost_generation * base
    return collect.result


class _Engine:
    """A lightsim2grid grid whose loads carry all injections and whose units only hold voltages."""

    def __init__(self, net: Network, outages: Ints) -> None:
        from lightsim2grid.lightsim2grid_cpp import ContingencyAnalysisCPP
        from lightsim2grid.network import init_from_matpower

        grid, n = net.grid, net.grid.n_bus
        self._base, self._slack = grid.base_mva, grid.slack
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._grid: Any = init_from_matpower(_as_case(net))
        self._analysis: Any = ContingencyAnalysisCPP(self._grid)
        self._make = ContingencyAnalysisCPP
        ids = _element_ids(self._grid, net)
        self._ids = [ids[int(b)] for b in outages]
        branch_of = {i: int(b) for b, i in ids.items()}
        self._analysis.add_multiple_n1(self._ids)
        order = [int(d[0]) for d in self._analysis.my_defaults()]
        self.outage_order = np.array([branch_of[i] for i in order], dtype=np.int64)
        self._state = np.ones(n, bool)

    def outages(self, v: Complexes, s: Complexes, controlled: Bools) -> tuple[Complexes, Bools]:
        """(outage, bus) voltages in `outage_order`, and which of them to believe."""
        for bus in np.flatnonzero(controlled != self._state):
            (self._grid.reactivate_gen if controlled[bus] else self._grid.deactivate_gen)(int(bus))
        self._state = controlled.copy()
        n = len(v)
        every = np.ones(n, bool)
        # A held bus keeps its voltage whatever reactive load it has; its load's Q is therefore left out.
        q = np.where(controlled, 0.0, -s.imag * self._base)
        self._grid.update_loads_p(every, (-s.real * self._base).astype(np.float32))
        self._grid.update_loads_q(every, q.astype(np.float32))
        self._grid.update_gens_v(every, np.abs(v).astype(np.float32))
        analysis = self._make(self._grid)
        analysis.add_multiple_n1(self._ids)
        analysis.compute(v.astype(complex), MAX_ITERATIONS, TOLERANCE)
        out = np.array(analysis.get_voltages())
        return out, np.abs(out).min(axis=1) > 0.0


def _as_case(net: Network) -> dict[str, Any]:
    """MATPOWER matrices with a load and a unit at every bus."""
    grid, n = net.grid, net.grid.n_bus
    bus = np.zeros((n, 13))
    bus[:, 0] = np.arange(1, n + 1)
    bus[:, 1] = np.where(np.arange(n) == grid.slack, 3, 2)
    bus[:, 2], bus[:, 3] = 1.0, 1.0
    bus[:, 4], bus[:, 5], bus[:, 6] = grid.buses.gs, grid.buses.bs, 1
    bus[:, 7], bus[:, 9], bus[:, 11], bus[:, 12] = 1.0, grid.buses.kv, 1.2, 0.8
    gen = np.zeros((n, 21))
    gen[:, 0], gen[:, 3], gen[:, 4] = np.arange(1, n + 1), 1e4, -1e4
    gen[:, 5], gen[:, 6], gen[:, 7], gen[:, 8] = 1.0, grid.base_mva, 1, 1e4
    br = grid.branches
    branch = np.zeros((len(br), 13))
    branch[:, 0], branch[:, 1] = br.f + 1, br.t + 1
    branch[:, 2], branch[:, 3], branch[:, 4] = br.r, br.x, br.b
    line = (br.tap == 1.0) & (br.shift == 0.0)
    branch[:, 8] = np.where(line, 0.0, br.tap)
    branch[:, 9], branch[:, 10] = np.rad2deg(br.shift), br.in_service
    branch[:, 11], branch[:, 12] = -360, 360
    return {"baseMVA": grid.base_mva, "version": "2", "bus": bus, "gen": gen, "branch": branch}


def _element_ids(ls_grid: Any, net: Network) -> dict[int, int]:
    """Branch position -> lightsim2grid contingency id (lines first, then transformers)."""
    br = net.grid.branches
    line = (br.tap == 1.0) & (br.shift == 0.0) & (net.grid.buses.kv[br.f] == net.grid.buses.kv[br.t])
    counts = (len(ls_grid.get_lines()), len(ls_grid.get_trafos()))
    ids = {}
    for is_line, offset in ((True, 0), (False, counts[0])):
        for k, b in enumerate(np.flatnonzero(line == is_line)):
            ids[int(b)] = offset + k
    assert counts == (int(line.sum()), int((~line).sum())), "lightsim2grid sorts branches differently"
    return ids
