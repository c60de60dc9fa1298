"""Curative actions: the least run-back of generation and shedding of load after an outage that nothing else survives.

A linear program in DC, with flows and angles after the outage within a share of their limits, gives the actions; the
engine's AC power flow judges them. Where it finds none or a limit is broken, the share is lowered.
"""

from dataclasses import dataclass

import numpy as np

from bos_core.objects.errors import InfeasibleError, SolverError
from slots.algorithms.adjustment.mending import least_actions
from slots.algorithms.n1.cases import Engine
from slots.algorithms.n1.worst import Collector
from slots.contracts.curative import CurativeAction, with_change
from slots.contracts.n1 import N1Request, limits
from slots.grid.admittance import Admittance, as_set, branch_flows, with_taps
from slots.grid.dc import FactorOperator, angle_limits
from slots.grid.model import Floats, Ints
from slots.grid.network import Network
from slots.grid.operating_point import OperatingPoint
from slots.grid.outage import Hour
from slots.scheduling.linear import INF, LinearModel

SHARES = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25)  # of the limits that DC flows after the outage may use
SHED_WEIGHT = 10.0  # a MW of load shed weighs as much as this many MW of generation run back
GIVE_WEIGHT = 8e3  # MW of actions that a DC limit must save to be kept, per share of it: AC decides
SMALLEST_EFFECT = 0.1  # of the largest on some watched flow; buses below take no part
TOUCHED = 0.02  # of its limit that the outage moves to a branch, from which its flow is watched
JOIN = 12  # branches that join at once, the worst ones
MAX_ROUNDS = 6
SMALLEST_MW = 1e-6
MOST_MW = 3000.0  # of actions after one outage: what large grids survive losing at once (ENTSO-E, reference incident)


@dataclass(frozen=True)
class Pocket:
    """An hour in which outages need help.

    Attributes:
        net, adm: the network and its own admittances; factors: its PTDF.
        hour: the intact hour; flow: (branch,) its active flows (p.u.).
        generation, demand: (bus,) MW that could be run back or shed; tangent: (bus,) MVAr a MW of load draws.
    """

    net: Network
    adm: Admittance
    factors: FactorOperator
    engine: Engine
    hour: Hour
    flow: Floats
    generation: Floats
    demand: Floats
    tangent: Floats

    @classmethod
    def of(
        cls, net: Network, adm: Admittance, factors: FactorOperator, engine: Engine, hour: Hour,
        point: OperatingPoint, demand: Floats,
    ) -> "Pocket":  # fmt: skip
        """The hour of an operating point."""
        generation = np.asarray(net.unit_map @ np.where(point.on, np.maximum(point.p, 0.0), 0.0))
        flow = branch_flows(net.grid, with_taps(net.grid, adm, point.tap), point.v)[0].real
        real = point.fixed.real
        tangent = np.divide(point.fixed.imag, real, out=np.zeros_like(real), where=real < -1e-9)
        return cls(net, adm, factors, engine, hour, flow, generation, np.maximum(demand, 0.0), tangent)

    def help(self, case: int) -> CurativeAction | None:
        """The least actions after an outage (a position in the network's contingencies); None if there are none."""
        outage = int(self.net.contingencies[case])
        moved = self.factors.moved(self.net.grid, outage)
        if moved is None:  # a split: no limit of a path beside it can be told
            return None
        for share in SHARES:
            action = self._least(outage, moved, share)
            if action is None or action.mw > MOST_MW:
                return None
            if action.mw > SMALLEST_MW and self.secure(case, action):
                return action
        return None

    def mend(self, case: int) -> CurativeAction | None:
        """The least actions after an outage that has a power flow and breaks limits; None if none are found."""
        action = least_actions(self, case, SHED_WEIGHT, SMALLEST_EFFECT)
        return action if action is not None and SMALLEST_MW < action.mw <= MOST_MW else None

    def as_set(self) -> Admittance:
        """The admittances with banks and taps as the hour has them."""
        return as_set(self.net.grid, self.adm, self.hour.shunt, self.hour.tap)

    def secure(self, case: int, action: CurativeAction) -> bool:
        """Whether the AC power flow after the outage and its actions exists and keeps its limits."""
        after = self.engine.cases(with_change(self.hour, action.change), np.array([case]))
        collect = Collector(N1Request.of(self.net, [self.hour]), self.adm)
        collect.put(0, np.array([1 + case]), after.v[1:], after.converged[1:])
        return not bool(collect.result.insecure()[0, 1 + case])

    def _least(self, outage: int, moved: Floats, share: float) -> CurativeAction | None:
        """The least actions by the linear program; None where nothing helps."""
        grid = self.net.grid
        most = share * np.minimum(limits(self.net, True)[0], angle_limits(grid)) / grid.base_mva
        touched = np.abs(moved * self.flow[outage]) > TOUCHED * most
        most = np.maximum(most, np.abs(self.flow))  # what the intact grid bears is no concern of the outage
        after = self.flow + moved * self.flow[outage]
        action = CurativeAction.none(int(outage), grid.n_bus)
        rows: Ints = np.zeros(0, dtype=np.int64)
        for _ in range(MAX_ROUNDS):
            now = after + self._effect(action.change.real, moved, outage)
            excess = np.where(touched, np.abs(now) - most * (1 + 1e-6), 0.0)
            beyond = np.flatnonzero(excess > 0)
            fresh = np.setdiff1d(beyond[np.argsort(-(excess / most)[beyond])[:JOIN]], rows)
            if not len(fresh):
                return action
            rows = np.concatenate([rows, fresh])
            found = self._solve(rows, after[rows], most[rows], moved, outage)
            if found is None:
                return None
            action = found
        return action

    def _effect(self, change: Floats, moved: Floats, outage: int) -> Floats:
        """(branch,) p.u. that changes of injections do to flows after the outage; other units share the rest."""
        flow = self.factors.apply(change - change.sum() * self.hour.share)
        return np.asarray(flow + moved * flow[outage])

    def _solve(self, rows: Ints, after: Floats, most: Floats, moved: Floats, outage: int) -> CurativeAction | None:
        base = self.net.grid.base_mva
        effect = self.factors.rows(rows) + moved[rows, None] * self.factors.rows(np.array([outage]))
        effect = effect - (effect @ self.hour.share)[:, None]
        effect /= most[:, None]
        strong = (np.abs(effect) >= SMALLEST_EFFECT * np.abs(effect).max(axis=1, keepdims=True)).any(axis=0)
        back, shed = np.flatnonzero(strong & (self.generation > 1.0)), np.flatnonzero(strong & (self.demand > 1.0))
        m = LinearModel()
        less = m.columns((len(back),), 0.0, self.generation[back], 1.0).index
        cut = m.columns((len(shed),), 0.0, self.demand[shed], SHED_WEIGHT).index
        k = len(rows)
        terms = [
            (-effect[:, back] / base, np.broadcast_to(less, (k, len(back)))),
            (effect[:, shed] / base, np.broadcast_to(cut, (k, len(shed)))),
            (np.array([[1.0, -1.0]]), m.columns((k, 2), 0.0, INF, GIVE_WEIGHT).index),
        ]
        m.rows(terms, -1.0 - after / most, 1.0 - after / most)
        try:
            x = m.solver().run("curative actions")
        except (InfeasibleError, SolverError):
            return None
        change = np.zeros(self.net.grid.n_bus, complex)
        np.add.at(change, back, -x[less] / base)
        change[shed] += x[cut] / base * (1 + 1j * self.tangent[shed])
        return CurativeAction(outage, change, float(x[less].sum()), float(x[cut].sum()))
