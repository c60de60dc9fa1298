"""How far an equivalent is from the full grid, on random states and outages around the base."""

import numpy as np

from slots.grid.admittance import admittance, branch_flows
from slots.grid.connectivity import islanding_outages
from slots.grid.model import THERMAL, Complexes, Floats, Grid, Ints
from slots.grid.network import Network, whole
from slots.grid.newton import newton
from slots.grid.outage import without_branches

STATES = 8
OUTAGES = 12


def compare(grid: Grid, v: Complexes, injection: Complexes, net: Network, p: Floats, seed: int) -> dict[str, float]:
    """Errors of the equivalent against the full grid.

    States vary the load of each area by -15 to +5 % and every unit by ±20 %, rebalanced over the units;
    outages are those of the kept branches. In both networks the same kept buses hold their voltage, and thermal units
    share what losses change.

    Args:
        grid, v, injection: the full grid and its base state (p.u.).
        net: the equivalent.
        p: (unit,) base outputs (MW).
        seed: of the random states.

    Returns:
        `dv_max` p.u., `flow_error_max_mw`, `flow_error_mean_share` (of the mean flow), the same for outages,
        `not_comparable`: states that neither network has; `lost`: states that only the full grid has.
    """
    rng = np.random.default_rng(seed)
    both = Both(grid, v, injection, net)
    changes = [(_random_change(grid, p, rng), -1) for _ in range(STATES)]
    still = np.zeros(grid.n_bus, complex)
    splitting = islanding_outages(net.grid, net.contingencies)
    sound = np.array([k for k in net.contingencies if k not in splitting], dtype=np.int64)
    outages = rng.choice(sound, min(OUTAGES, len(sound)), replace=False) if len(sound) else sound
    changes += [(still, int(k)) for k in outages]
    solved = [(*both.solve(change, branch), branch) for change, branch in changes]
    out = {
        "not_comparable": float(sum(a is None for a, _, _ in solved)),
        "lost": float(sum(a is not None and b is None for a, b, _ in solved)),
    }
    found = [(a, b, branch) for a, b, branch in solved if a is not None and b is not None]
    for prefix, mine in (("", [x for x in found if x[2] < 0]), ("outage_", [x for x in found if x[2] >= 0])):
        out |= {prefix + k: x for k, x in _errors(net, mine).items()}
    return out


def _random_change(grid: Grid, p: Floats, rng: np.random.Generator) -> Complexes:
    areas, area = np.unique(grid.buses.area, return_inverse=True)
    factor = rng.uniform(0.85, 1.05, len(areas))[area] - 1
    change: Complexes = np.asarray(-(grid.buses.pd + 1j * grid.buses.qd) * factor, dtype=np.complex128)
    move = p * rng.uniform(-0.2, 0.2, len(p))
    move -= p * ((move.sum() + change.real.sum()) / max(p.sum(), 1e-9))
    np.add.at(change, grid.units.bus, move.astype(complex))
    return np.asarray(change / grid.base_mva)


class Both:
    """The full grid and its equivalent, side by side."""

    def __init__(self, grid: Grid, v: Complexes, injection: Complexes, net: Network) -> None:
        self._grid, self._v, self._injection, self._net = grid, v, injection, net
        self._whole, self._adm, self._adm_net = whole(grid), admittance(grid), admittance(net.grid)
        units = net.grid.units
        self._shares = [_shares(whole(grid), grid), _shares(net, net.grid)]
        low, high = net.reactive_range(units.in_service)
        self._held = np.flatnonzero((net.grid.buses.kind == 2) & ((high - low) >= net.voltage_support))

    def solve(self, change: Complexes, branch: int) -> tuple[Complexes | None, Complexes | None]:
        """Kept-bus voltages of the full grid and of the equivalent; None without a solution."""
        grid, net, base = self._grid, self._net, self._grid.base_mva
        out = np.array([branch]) if branch >= 0 else np.zeros(0, np.int64)
        ybus = without_branches(self._whole, self._adm, _same_branches(grid, net, out))
        s = self._injection + change + grid.dc_injection() / base
        held, live = np.flatnonzero(grid.buses.kind == 2), np.flatnonzero(grid.live)
        # Both networks count angles from the same kept slack bus.
        slack = int(net.kept[net.grid.slack])
        full = newton(ybus, s, self._v, slack, held, active=live, share=self._shares[0])
        t = net.load_map @ (self._injection + change) + net.correction + net.grid.dc_injection() / base
        small = newton(
            without_branches(net, self._adm_net, out), t, self._v[net.kept], net.grid.slack, self._held,
            share=self._shares[1],
        )  # fmt: skip
        return (full.v[net.kept] if full.converged else None), (small.v if small.converged else None)


def _shares(net: Network, grid: Grid) -> Floats:
    units = grid.units
    running = units.in_service & (units.kind == THERMAL)
    droop = net.unit_map @ np.where(running, units.pmax, 0.0)
    return np.asarray(droop / droop.sum()) if droop.sum() > 0 else np.eye(grid.n_bus)[grid.slack]


def _same_branches(grid: Grid, net: Network, branches: Ints) -> Ints:
    """Positions in the full grid of kept branches: real branches keep their order."""
    keep = np.zeros(grid.n_bus, bool)
    keep[net.kept] = True
    return np.flatnonzero(keep[grid.branches.f] & keep[grid.branches.t])[branches]


def _errors(net: Network, solved: list[tuple[Complexes, Complexes, int]]) -> dict[str, float]:
    if not solved or net.grid.branches.equivalent.all():
        return {"dv_max": 0.0, "flow_error_max_mw": 0.0, "flow_error_mean_share": 0.0}
    adm, base = admittance(net.grid), net.grid.base_mva
    real = np.flatnonzero(~net.grid.branches.equivalent)
    error, scale, dv = [], [], 0.0
    for a, b, branch in solved:
        full, small = (branch_flows(net.grid, adm, v)[0].real[real[real != branch]] * base for v in (a, b))
        error.append(np.abs(full - small))
        scale.append(np.abs(full).mean())
        dv = max(dv, float(np.abs(np.abs(a) - np.abs(b)).max()))
    return {
        "dv_max": dv,
        "flow_error_max_mw": float(max(e.max() for e in error)),
        "flow_error_mean_share": float(np.mean([e.mean() for e in error]) / max(float(np.mean(scale)), 1e-9)),
    }
