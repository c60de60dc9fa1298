"""N-1 with lightsim2grid: one factorised grid per hour, every outage by Newton with KLU.

It shares deficits but knows no reactive limits: outages after which a bus would leave its range are solved again by
the full Newton method, as are those that it fails on (its failures are never believed) and those that split the grid.
"""

import logging
import warnings
from typing import Any

import numpy as np

from slots.algorithms.n1.cases import Cases
from slots.algorithms.n1.worst import Collector
from slots.contracts.n1 import N1Request, N1Result
from slots.grid.admittance import admittance, as_set, branch_flows
from slots.grid.connectivity import islanding_outages
from slots.grid.model import Bools, Complexes, Grid, Ints
from slots.grid.network import Network
from slots.grid.outage import REACTIVE_TOLERANCE, Hour, Outage, solve_outage

TOLERANCE = 1e-8
MAX_ITERATIONS = 15
NOTHING = 1e-9  # MVAr

logging.getLogger("powsybl").setLevel(logging.ERROR)  # lightsim2grid imports it where it is installed


def lightsim(request: N1Request) -> N1Result:
    """Verify every contingency of every hour."""
    net = request.network
    engine = engine_of(net)
    collect = Collector(request, engine.adm)
    every = np.arange(len(net.contingencies))
    for h in range(len(request.v)):
        cases, alone = engine.solve(request.hour(h), every)
        collect.put(h, np.arange(len(cases.v)), cases.v, cases.converged)
        for case, outage in alone.items():
            collect.put_outage(h, case, outage)
    return collect.result


_engines: list[tuple[Network, "LightsimEngine"]] = []


def engine_of(net: Network) -> "LightsimEngine":
    """The engine of a network, built once per process."""
    if not _engines or _engines[0][0] is not net:
        _engines[:] = [(net, LightsimEngine(net))]
    return _engines[0][1]


class LightsimEngine:
    """A lightsim2grid grid whose loads carry all injections and whose units only hold voltages."""

    def __init__(self, net: Network) -> None:
        from lightsim2grid.lightsim2grid_cpp import ContingencyAnalysisCPP
        from lightsim2grid.network import init_from_matpower

        grid = net.grid
        self._net, self.adm, self._base = net, admittance(grid), grid.base_mva
        self.splitting = islanding_outages(grid, net.contingencies)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._grid: Any = init_from_matpower(_as_case(net))
        self._make = ContingencyAnalysisCPP
        self._ids = _element_ids(self._grid, net)
        self._branch_of = {i: b for b, i in self._ids.items()}
        self._sharing = np.arange(grid.n_bus) == grid.slack
        self._held = np.ones(grid.n_bus, bool)
        self._shunt, self._tap = np.zeros(grid.n_bus), np.zeros(len(grid.changers))
        self._banks = np.array([s.target_q_mvar for s in self._grid.get_shunts()])
        self._plain = _plain(grid)

    def cases(self, hour: Hour, outages: Ints) -> Cases:
        """See the protocol."""
        return self.solve(hour, outages)[0]

    def solve(self, hour: Hour, outages: Ints) -> tuple[Cases, dict[int, Outage]]:
        """Some outages of an hour, and by case those that the full Newton method solved."""
        count, n = 1 + len(outages), len(hour.v)
        out = Cases(np.zeros((count, n), complex), np.ones(count, bool), np.tile(hour.controlled, (count, 1)))
        out.v[0] = hour.v
        branches = self._net.contingencies[outages]
        case_of = {int(b): k for k, b in enumerate(branches, start=1)}
        alone_too = [b for b in branches.tolist() if b in self.splitting or not self._plain[b]]
        sound = np.array([b for b in branches.tolist() if b not in set(alone_too)], dtype=np.int64)
        order, volts, good = self.outages(hour, sound)
        out.v[[case_of[b] for b in order.tolist()]] = volts
        alone: dict[int, Outage] = {}
        for branch in [*order[~good].tolist(), *alone_too]:
            k = case_of[branch]
            alone[k] = o = solve_outage(self._net, self.adm, branch, hour, self.splitting.get(branch))
            out.v[k], out.converged[k], out.held[k] = o.v, o.converged, o.held
        return out, alone

    def outages(self, hour: Hour, branches: Ints) -> tuple[Ints, Complexes, Bools]:
        """Branches in lightsim2grid's own order, their (outage, bus) voltages, and which of them to believe."""
        if not len(branches):
            return branches, np.zeros((0, len(hour.v)), complex), np.zeros(0, bool)
        self._set(hour)
        analysis = self._make(self._grid)
        analysis.add_multiple_n1([self._ids[b] for b in branches.tolist()])
        order = np.array([self._branch_of[int(d[0])] for d in analysis.my_defaults()], dtype=np.int64)
        try:
            analysis.compute(hour.v.astype(complex), MAX_ITERATIONS, TOLERANCE)
        except RuntimeError:  # not even the intact hour converges by it
            return order, np.zeros((len(order), len(hour.v)), complex), np.zeros(len(order), bool)
        v = np.array(analysis.get_voltages())
        good = np.abs(v).min(axis=1, where=self._net.grid.live, initial=np.inf) > 0.0
        good[good] = self._within(hour, order[good], v[good])
        return order, v, good

    def _within(self, hour: Hour, branches: Ints, v: Complexes) -> Bools:
        """Whether every controlled bus but the slack stays in its reactive range; v: (outage, bus)."""
        br = self._net.grid.branches
        adm = as_set(self._net.grid, self.adm, hour.shunt, hour.tap)
        q = (v * np.conj((adm.ybus @ v.T).T)).imag
        sf, st = branch_flows(self._net.grid, adm, v)
        row = np.arange(len(branches))
        q[row, br.f[branches]] -= sf[row, branches].imag
        q[row, br.t[branches]] -= st[row, branches].imag
        bounded = hour.controlled.copy()
        bounded[self._net.grid.slack] = False
        out = (q > hour.high + REACTIVE_TOLERANCE) | (q < hour.low - REACTIVE_TOLERANCE)
        return np.asarray(~(out & bounded).any(axis=1))

    def _set(self, hour: Hour) -> None:
        """Load the hour into lightsim2grid's grid."""
        n = len(hour.v)
        for bus in np.flatnonzero(hour.controlled != self._held):
            (self._grid.reactivate_gen if hour.controlled[bus] else self._grid.deactivate_gen)(int(bus))
        self._held = hour.controlled.copy()
        sharing = hour.share > 0
        for bus in np.flatnonzero(sharing):
            self._grid.add_gen_slackbus(int(bus), float(hour.share[bus]))
        for bus in np.flatnonzero(self._sharing & ~sharing):
            self._grid.remove_gen_slackbus(int(bus))
        self._sharing = sharing
        for bus in np.flatnonzero(hour.shunt != self._shunt):
            self._grid.change_q_shunt(int(bus), float(self._banks[bus] - hour.shunt[bus] * self._base))
        self._shunt = hour.shunt.copy()
        changers, br = self._net.grid.changers, self._net.grid.branches
        for k in np.flatnonzero(hour.tap != self._tap).tolist():
            transformer = self._ids[int(changers[k])] - len(self._grid.get_lines())
            self._grid.change_ratio_trafo(transformer, float(br.tap[changers[k]] + hour.tap[k]))
        self._tap = hour.tap.copy()
        every = np.ones(n, bool)
        # A held bus keeps its voltage whatever reactive load it has; its load's Q is therefore left out.
        q = np.where(hour.controlled, 0.0, -hour.s.imag * self._base)
        self._grid.update_loads_p(every, (-hour.s.real * self._base).astype(np.float32))
        self._grid.update_loads_q(every, q.astype(np.float32))
        self._grid.update_gens_v(every, np.abs(hour.v).astype(np.float32))


def _plain(grid: Grid) -> Bools:
    """(branch,) whether lightsim2grid can take a branch out: it knows symmetric pis without conductance.

    In the intact network the shunts of others stand at their buses, which is the same. A series impedance that depends on the
    end it is seen from has no place there at all, and a shunt behind a ratio that moves none at a bus: no outage of such a grid
    is left to lightsim2grid.
    """
    br = grid.branches
    behind = (br.g_f != 0) | (br.b_f != 0)
    if ((br.r_asym != 0) | (br.x_asym != 0) | (behind & (br.tap_step > 0)))[br.in_service].any():
        return np.zeros(len(br), bool)
    return np.asarray(~behind & (br.g_t == 0) & (br.b_t == 0))


def _shunts(grid: Grid) -> Complexes:
    """(bus,) MVA at 1 p.u. of bus shunts and of what `_plain` says of the branches."""
    br, on = grid.branches, grid.branches.in_service
    out = grid.buses.gs + 1j * grid.buses.bs
    np.add.at(out, br.f[on], (grid.base_mva * (br.g_f + 1j * br.b_f) / br.tap**2)[on])
    np.add.at(out, br.t[on], (grid.base_mva * (br.g_t + 1j * br.b_t))[on])
    return np.asarray(out)


def _as_case(net: Network) -> dict[str, Any]:
    """MATPOWER matrices with a load and a unit at every bus."""
    grid, n = net.grid, net.grid.n_bus
    bus = np.zeros((n, 13))
    bus[:, 0] = np.arange(1, n + 1)
    bus[:, 1] = np.where(np.arange(n) == grid.slack, 3, 2)
    bus[:, 2], bus[:, 3] = 1.0, 1.0
    # Where nothing stands a shunt of next to nothing does, so that lightsim2grid has one at every bus.
    shunt = _shunts(grid)
    bus[:, 4], bus[:, 5], bus[:, 6] = shunt.real, np.where(shunt.imag == 0, NOTHING, shunt.imag), 1
    bus[:, 7], bus[:, 9], bus[:, 11], bus[:, 12] = 1.0, grid.buses.kv, 1.2, 0.8
    gen = np.zeros((n, 21))
    gen[:, 0], gen[:, 3], gen[:, 4] = np.arange(1, n + 1), 1e4, -1e4
    gen[:, 5], gen[:, 6], gen[:, 7], gen[:, 8] = 1.0, grid.base_mva, 1, 1e4
    br = grid.branches
    branch = np.zeros((len(br), 13))
    branch[:, 0], branch[:, 1] = br.f + 1, br.t + 1
    branch[:, 2], branch[:, 3], branch[:, 4] = br.r, br.x, br.b
    line = (br.tap == 1.0) & (br.shift == 0.0) & (br.tap_step == 0.0)
    branch[:, 8] = np.where(line, 0.0, br.tap)
    branch[:, 9], branch[:, 10] = np.rad2deg(br.shift), br.in_service
    branch[:, 11], branch[:, 12] = -360, 360
    return {"baseMVA": grid.base_mva, "version": "2", "bus": bus, "gen": gen, "branch": branch}


def _element_ids(ls_grid: Any, net: Network) -> dict[int, int]:
    """Branch position -> lightsim2grid contingency id (lines first, then transformers)."""
    br = net.grid.branches
    line = (
        (br.tap == 1.0)
        & (br.shift == 0.0)
        & (br.tap_step == 0.0)
        & (net.grid.buses.kv[br.f] == net.grid.buses.kv[br.t])
    )
    counts = (len(ls_grid.get_lines()), len(ls_grid.get_trafos()))
    ids = {}
    for is_line, offset in ((True, 0), (False, counts[0])):
        for k, b in enumerate(np.flatnonzero(line == is_line)):
            ids[int(b)] = offset + k
    assert counts == (int(line.sum()), int((~line).sum())), "lightsim2grid sorts branches differently"
    return ids
