"""N-1 with lightsim2grid: one factorised grid per hour, every outage by Newton with KLU.

Its own failures are never believed: each is solved again by a full Newton method from two starts. Outages
that split the grid are always solved that way.
"""

import logging
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from slots.algorithms.n1.worst import Collector
from slots.contracts.n1 import N1Request, N1Result
from slots.grid.admittance import admittance
from slots.grid.connectivity import islanding_outages
from slots.grid.model import Bools, Complexes, Floats
from slots.grid.network import Network
from slots.grid.outage import solve_outage

TOLERANCE = 1e-8
MAX_ITERATIONS = 15


@dataclass(frozen=True)
class Cases:
    """An hour's outages: (1 + outage, …), case 0 is the intact grid.

    Attributes:
        v: (case, bus) p.u.; converged: (case,).
        lost_load, lost_generation: (case,) p.u.
    """

    v: Complexes
    converged: Bools
    lost_load: Floats
    lost_generation: Floats


logging.getLogger("powsybl").setLevel(logging.ERROR)  # lightsim2grid imports it where it is installed


def lightsim(request: N1Request) -> N1Result:
    """Verify every contingency of every hour."""
    net = request.network
    collect = Collector(request, admittance(net.grid))
    engine = engine_of(net)
    for h in range(len(request.v)):
        args = (request.v[h], request.injection[h], request.controlled[h], request.up[h], request.down[h])
        cases = engine.hour(*args)
        collect.put(h, np.arange(len(cases.v)), cases.v, cases.converged)
        collect.result.lost_load[h] = cases.lost_load * net.grid.base_mva
        collect.result.lost_generation[h] = cases.lost_generation * net.grid.base_mva
    return collect.result


_engines: list[tuple[Network, "Engine"]] = []


def engine_of(net: Network) -> "Engine":
    """The engine of a network, built once per process."""
    if not _engines or _engines[0][0] is not net:
        _engines[:] = [(net, Engine(net))]
    return _engines[0][1]


class Engine:
    """A lightsim2grid grid whose loads carry all injections and whose units only hold voltages."""

    def __init__(self, net: Network) -> None:
        from lightsim2grid.lightsim2grid_cpp import ContingencyAnalysisCPP
        from lightsim2grid.network import init_from_matpower

        grid, n = net.grid, net.grid.n_bus
        self._net, self._adm, self._base = net, admittance(grid), grid.base_mva
        self.splitting = islanding_outages(grid, net.contingencies)
        outages = np.array([k for k in net.contingencies if k not in self.splitting], dtype=np.int64)
        self._case_of = {int(b): k for k, b in enumerate(net.contingencies, start=1)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._grid: Any = init_from_matpower(_as_case(net))
        analysis: Any = ContingencyAnalysisCPP(self._grid)
        self._make = ContingencyAnalysisCPP
        ids = _element_ids(self._grid, net)
        self._ids = [ids[int(b)] for b in outages]
        branch_of = {i: int(b) for b, i in ids.items()}
        analysis.add_multiple_n1(self._ids)
        order = [int(d[0]) for d in analysis.my_defaults()]  # lightsim2grid's own order, not that of the call
        self._order = np.array([branch_of[i] for i in order], dtype=np.int64)
        self._state = np.ones(n, bool)

    def hour(self, v: Complexes, s: Complexes, controlled: Bools, up: Floats, down: Floats) -> Cases:
        """Every outage of an hour; arguments as in `N1Request`, without the hour."""
        count = 1 + len(self._case_of)
        out = Cases(np.zeros((count, len(v)), complex), np.zeros(count, bool), np.zeros(count), np.zeros(count))
        out.v[0], out.converged[0] = v, True
        volts, good = self._outages(v, s, controlled)
        at = np.array([self._case_of[int(b)] for b in self._order], dtype=np.int64)
        out.v[at[good]], out.converged[at[good]] = volts[good], True
        for branch in [*self._order[~good].tolist(), *self.splitting]:
            kept = self.splitting.get(branch)
            o = solve_outage(self._net, self._adm, branch, v, s, controlled, up, down, kept)
            k = self._case_of[branch]
            out.v[k], out.converged[k] = o.v, o.converged
            out.lost_load[k], out.lost_generation[k] = o.lost_load, o.lost_generation
        return out

    def _outages(self, v: Complexes, s: Complexes, controlled: Bools) -> tuple[Complexes, Bools]:
        """(outage, bus) voltages in `_order`, and which of them to believe."""
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
