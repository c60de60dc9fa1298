"""How near an equivalent can come after outages: `python benchmarks/equivalence_limit.py [--quick] [--json]`.

Every outage of a kept branch of `aggregated-25k` that splits nothing (every twentieth with --quick), in the initial state:
largest difference of a kept voltage (p.u.) between the full grid of 16,884 buses and

- `ward`: the equivalent that the chain computes on;
- `tangent`: the equivalent with the whole tangent of the full grid, that is with the full Jacobian's Schur complement
  instead of the equivalent's own at the base state: what an equivalent that is linear in what was cut away could do at
  best. No network of branches, units and shunts is that, so this is a bound, not a method.

With --json the last line is {name: {"cases", "median", "p90", "p99", "max", "above_0.01"}}.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.n1_cases import region
from slots.algorithms.equivalence.ward import ward
from slots.contracts.equivalence import EquivalenceRequest
from slots.grid.admittance import admittance
from slots.grid.connectivity import islanding_outages
from slots.grid.equivalence_error import Both
from slots.grid.model import PV, Complexes, Floats, Grid, Ints
from slots.grid.network import Network
from slots.grid.newton import power_derivatives
from slots.grid.outage import without_branches

KEEP_KV = 500.0
STEPS = 15


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="every twentieth outage")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    asked = parser.parse_args()
    grid, v, s = region("aggregated-25k")
    net = ward(EquivalenceRequest(grid, v, s, KEEP_KV))
    splitting = islanding_outages(net.grid, net.contingencies)
    sound = [k for k in net.contingencies.tolist() if k not in splitting][:: 20 if asked.quick else 1]
    both, tangent = Both(grid, v, s, net), _Tangent(grid, v, net)
    still = np.zeros(grid.n_bus, complex)
    apart: dict[str, list[float]] = {"ward": [], "tangent": []}
    for k in sound:
        full, small = both.solve(still, k)
        if full is None:
            continue
        for name, found in (("ward", small), ("tangent", tangent.solve(k))):
            apart[name].append(np.inf if found is None else float(np.abs(np.abs(full) - np.abs(found)).max()))
    figures = {name: _summary(np.array(x)) for name, x in apart.items()}
    print(json.dumps(figures) if asked.json else "\n".join(f"{k}: {v}" for k, v in figures.items()))


def _summary(dv: Floats) -> dict[str, float]:
    at = dict(zip(("median", "p90", "p99", "max"), np.percentile(dv, [50, 90, 99, 100]).tolist(), strict=True))
    return {"cases": len(dv), **at, "above_0.01": int((dv > 0.01).sum())}


class _Tangent:
    """The equivalent plus what its Jacobian lacks of the full grid's, times how far the state is from the base."""

    def __init__(self, grid: Grid, v: Complexes, net: Network) -> None:
        self._net, self._adm, self._v = net, admittance(net.grid), v[net.kept]
        own = _jacobian(self._adm.ybus, self._v)
        self._lacking = _seen_from(grid, v, net.kept) - own
        units = net.grid.units
        low, high = net.reactive_range(units.in_service)
        mine = (net.voltage_support <= 1.0) & (high - low >= 1.0) & (net.grid.buses.kind == PV)
        n, slack = net.grid.n_bus, net.grid.slack
        angles = np.setdiff1d(np.arange(n), [slack])
        self._free = np.setdiff1d(np.arange(n), np.append(np.flatnonzero(mine), slack))
        self._unknown = np.concatenate([angles, n + self._free])
        self._rows = np.concatenate([np.arange(n), n + self._free])
        droop = net.unit_map @ np.where(units.in_service & (units.kind == "thermal"), units.pmax, 0.0)
        self._share = np.concatenate([droop / droop.sum(), np.zeros(len(self._free))])

    def solve(self, branch: int) -> Complexes | None:
        """(bus,) voltages after an outage by Newton's method; None without a solution."""
        n, v = self._net.grid.n_bus, self._v
        ybus = sp.csr_matrix(without_branches(self._net, self._adm, np.array([branch])))
        x0 = np.concatenate([np.angle(v), np.abs(v)])
        x, deficit, given = x0.copy(), 0.0, v * np.conj(self._adm.ybus @ v)
        for _ in range(STEPS):
            now = x[n:] * np.exp(1j * x[:n])
            s = now * np.conj(ybus @ now) - given
            miss = (np.concatenate([s.real, s.imag]) + self._lacking @ (x - x0))[self._rows] - deficit * self._share
            if np.abs(miss).max() < 1e-8:
                return np.asarray(now)
            j = (_jacobian(ybus, now) + self._lacking)[self._rows][:, self._unknown]
            step = np.linalg.solve(np.column_stack([j, -self._share]), miss)
            x[self._unknown] -= step[:-1]
            deficit -= float(step[-1])
        return None


def _jacobian(ybus: sp.csr_matrix, v: Complexes) -> Floats:
    """(2 bus, 2 bus) active, then reactive power by angle, then magnitude."""
    da, dm = (x.toarray() for x in power_derivatives(ybus, v))
    return np.block([[da.real, dm.real], [da.imag, dm.imag]])


def _seen_from(grid: Grid, v: Complexes, kept: Ints) -> Floats:
    """The full grid's Jacobian at the kept buses, all else eliminated, units there holding their voltages."""
    da, dm = power_derivatives(admittance(grid).ybus, v)
    outside = np.setdiff1d(np.flatnonzero(grid.live), kept)
    floating = outside[grid.buses.kind[outside] != PV]

    def block(p: Ints, q: Ints, angle: Ints, mag: Ints) -> sp.csc_matrix:
        rows = [[da[p][:, angle].real, dm[p][:, mag].real], [da[q][:, angle].imag, dm[q][:, mag].imag]]
        return sp.csc_matrix(sp.bmat(rows))

    across = block(outside, floating, kept, kept)
    reached = np.flatnonzero(np.diff(across.indptr))
    seen = block(kept, kept, kept, kept).toarray()
    inner = splu(block(outside, floating, outside, floating)).solve(across[:, reached].toarray())
    seen[:, reached] -= block(kept, kept, outside, floating) @ inner
    return np.asarray(seen)


if __name__ == "__main__":
    main()
