"""One outage by a full Newton power flow: the reference for fast engines and the judge of their failures."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from slots.grid.admittance import Admittance
from slots.grid.dc import susceptance
from slots.grid.model import Bools, Complexes, Floats
from slots.grid.network import Network
from slots.grid.newton import DENSE_BUSES, dc_angles, newton


@dataclass(frozen=True)
class Outage:
    """The state after an outage; de-energised buses have voltage 0.

    Attributes:
        v: (bus,) p.u.
        converged: whether it exists.
        ybus: (bus, bus) without the branch.
        kept: (bus,) energised buses.
        lost_load, lost_generation: p.u. cut off.
    """

    v: Complexes
    converged: bool
    ybus: Any
    kept: Bools
    lost_load: float
    lost_generation: float


def without_branch(network: Network, adm: Admittance, branch: int) -> Any:
    """The bus admittance matrix with a branch out; dense for small networks."""
    f, t = network.grid.branches.f[branch], network.grid.branches.t[branch]
    if network.grid.n_bus <= DENSE_BUSES:
        dense = adm.ybus.toarray()
        dense[f, f] -= adm.yff[branch]
        dense[f, t] -= adm.yft[branch]
        dense[t, f] -= adm.ytf[branch]
        dense[t, t] -= adm.ytt[branch]
        return dense
    data = -np.array([adm.yff[branch], adm.yft[branch], adm.ytf[branch], adm.ytt[branch]])
    n = network.grid.n_bus
    return sp.csr_matrix(adm.ybus + sp.csr_matrix((data, ([f, f, t, t], [f, t, f, t])), shape=(n, n)))


def solve_outage(
    network: Network,
    adm: Admittance,
    branch: int,
    v: Complexes,
    s: Complexes,
    controlled: Bools,
    up: Floats,
    down: Floats,
    kept: Bools | None = None,
) -> Outage:
    """Newton from the intact state, then from the DC angles.

    Args:
        network, adm: the intact network.
        branch: what is out.
        v, s: (bus,) intact voltages and scheduled injections (p.u.).
        controlled: (bus,) buses that hold their voltage.
        up, down: (bus,) room of the units to cover what an island takes with it (p.u.).
        kept: (bus,) buses that stay with the slack bus; all by default.
    """
    ybus = without_branch(network, adm, branch)
    kept = np.ones(len(v), bool) if kept is None else kept
    lost_load = lost_generation = 0.0
    if not kept.all():
        outside = s[~kept].real
        lost_load, lost_generation = float(-outside[outside < 0].sum()), float(outside[outside > 0].sum())
        s = s + rebalance(float(outside.sum()), kept, up, down)
    active, slack = np.flatnonzero(kept), network.grid.slack
    pv = np.flatnonzero(controlled & kept)
    flow = newton(ybus, s, v, slack, pv, active=active)
    if not flow.converged:
        flow = newton(ybus, s, _dc_start(network, branch, v, s, kept), slack, pv, active=active, max_iterations=40)
    out = np.where(kept, flow.v, 0.0)
    return Outage(out, flow.converged, ybus, kept, lost_load, lost_generation)


def rebalance(deficit: float, kept: Bools, up: Floats, down: Floats) -> Floats:
    """(bus,) p.u. by which the kept units move to make up for injections that an island took."""
    room = np.where(kept, up if deficit > 0 else down, 0.0)
    total = room.sum()
    return np.asarray(room * (deficit / total)) if total > 1e-9 else np.zeros(len(kept))


def _dc_start(network: Network, branch: int, v: Complexes, s: Complexes, kept: Bools) -> Complexes:
    from dataclasses import replace

    br = network.grid.branches
    on = br.in_service.copy()
    on[branch] = False
    bbus, _, _ = susceptance(network.grid.replace(branches=replace(br, in_service=on)))
    bbus = bbus + sp.diags((~kept).astype(float))
    angles = dc_angles(bbus, np.where(kept, s.real, 0.0), network.grid.slack)
    return np.asarray(np.abs(v) * np.exp(1j * angles))
