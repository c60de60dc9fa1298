"""From the voltages of cases to their worst figures; shared by the N-1 engines."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slots.contracts.n1 import N1Request, N1Result, limits
from slots.grid.admittance import Admittance, branch_flows, with_taps
from slots.grid.model import Bools, Complexes, Floats, Ints
from slots.grid.network import Network
from slots.grid.outage import Outage


@dataclass
class Collector:
    """Gathers an hour's cases into a result; `adm`: the network's own admittances."""

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
        out, r = cases > 0, self.result
        adm = with_taps(self.request.network.grid, self.adm, self.request.tap[hour])
        for group, outage in ((~out, False), (out, True)):
            if not group.any():
                continue
            rows, mine = cases[group], converged[group]
            lost = [self.contingencies[[k - 1]] if outage else self.contingencies[:0] for k in rows.tolist()]
            r.converged[hour, rows] = mine
            for name, values in worst_of(self.request.network, adm, v[group], lost, outage).items():
                getattr(r, name)[hour, rows] = np.where(mine, values, -1 if name == "branch" else np.nan)


def worst_of(
    network: Network, adm: Admittance, v: Complexes, lost: Sequence[Ints], outage: bool
) -> dict[str, Floats | Ints]:
    """(case,) `loading` and the `branch` it is at, `vmin`, `vmax` and `margin`, as in `N1Result`.

    Args:
        network, adm: the intact network, taps as they are set.
        v: (case, bus) voltages; zero where a bus is de-energised.
        lost: positions of the branches that are out in each case.
        outage: whether the limits after outages apply.
    """
    mva = np.maximum(*(np.abs(x) for x in branch_flows(network.grid, adm, v))) * network.grid.base_mva
    for k, branches in enumerate(lost):
        mva[k, branches] = 0.0
    rate, low, high = limits(network, outage)
    load, mag = mva / rate[None, :], np.abs(v)
    live = mag > 0
    worst = load.argmax(axis=1) if load.shape[1] else np.full(len(load), -1)  # a grid may have no branch
    beyond = np.where(live, np.maximum(low[None, :] - mag, mag - high[None, :]), -np.inf)
    return {
        "loading": load.max(axis=1, initial=0.0), "branch": worst, "vmin": np.where(live, mag, np.inf).min(axis=1),
        "vmax": mag.max(axis=1), "margin": np.maximum(beyond.max(axis=1), 0.0),
    }  # fmt: skip
