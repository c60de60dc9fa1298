"""From the voltages of cases to their worst figures; shared by the N-1 engines."""

from dataclasses import dataclass

import numpy as np

from slots.contracts.n1 import N1Request, N1Result, limits
from slots.grid.admittance import Admittance, branch_flows
from slots.grid.model import Bools, Complexes, Ints
from slots.grid.outage import Outage


@dataclass
class Collector:
    """Gathers an hour's cases into a result."""

    request: N1Request
    adm: Admittance

    def __post_init__(self) -> None:
        hours = len(self.request.v)
        self.contingencies = self.request.network.contingencies
        shape = (hours, 1 + len(self.contingencies))
        self.result = N1Result(
            self.contingencies, np.zeros(shape, bool), np.full(shape, np.nan), np.full(shape, -1, np.int64),
            vmin=np.full(shape, np.nan), vmax=np.full(shape, np.nan), margin=np.full(shape, np.nan),
            lost_load=np.zeros(shape), lost_generation=np.zeros(shape), iterations=np.zeros(shape, np.int64),
        )  # fmt: skip

    def put_outage(self, hour: int, case: int, o: Outage) -> None:
        """Record a case that was solved by itself."""
        self.put(hour, np.array([case]), o.v[None, :], np.array([o.converged]))
        base = self.request.network.grid.base_mva
        self.result.lost_load[hour, case] = o.lost_load * base
        self.result.lost_generation[hour, case] = o.lost_generation * base

    def put(self, hour: int, cases: Ints, v: Complexes, converged: Bools) -> None:
        """Record cases (0 intact, 1 + position in `contingencies` else) with voltages (case, bus)."""
        grid, r = self.request.network.grid, self.result
        sf, st = branch_flows(grid, self.adm, v)
        mva = np.maximum(np.abs(sf), np.abs(st)) * grid.base_mva
        out = cases > 0
        mva[np.flatnonzero(out), self.contingencies[cases[out] - 1]] = 0.0
        for group, outage in ((~out, False), (out, True)):
            if not group.any():
                continue
            rate, low, high = limits(self.request.network, outage)
            load = mva[group] / rate[None, :]
            mag = np.abs(v[group])
            live = mag > 0
            beyond = np.where(live, np.maximum(low[None, :] - mag, mag - high[None, :]), -np.inf)
            rows, mine = cases[group], converged[group]
            r.converged[hour, rows] = mine
            r.loading[hour, rows] = np.where(mine, load.max(axis=1), np.nan)
            r.branch[hour, rows] = np.where(mine, load.argmax(axis=1), -1)
            r.vmin[hour, rows] = np.where(mine, np.where(live, mag, np.inf).min(axis=1), np.nan)
            r.vmax[hour, rows] = np.where(mine, mag.max(axis=1), np.nan)
            r.margin[hour, rows] = np.where(mine, np.maximum(beyond.max(axis=1), 0.0), np.nan)
