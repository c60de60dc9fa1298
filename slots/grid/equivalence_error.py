"""How far an equivalent is from the full grid, on random states and outages around the base."""

import numpy as np

from slots.grid.admittance import admittance, branch_flows
from slots.grid.connectivity import islanding_outages
from slots.grid.model import Complexes, Floats, Grid
from slots.grid.network import Network
from slots.grid.newton import newton
from slots.grid.outage import without_branch

STATES = 8
OUTAGES = 12


def compare(grid: Grid, v: Complexes, injection: Complexes, net: Network, p: Floats, seed: int) -> dict[str, float]:
    """Errors of the equivalent against the full grid.

    States vary the load of each area by -15 to +5 % and every unit by ±20 %, rebalanced over the units;
    outages are those of the kept branches. In both networks the same kept buses hold their voltage.

    Args:
        grid, v, injection: the full grid and its base state (p.u.).
        net: the equivalent.
        p: (unit,) base outputs (MW).
        seed: of the random states.

    Returns:
        `dv_max` p.u., `flow_error_max_mw`, `flow_error_mean_share` (of the mean flow), the same for outages,
        `not_comparable`: states that either network could not solve.
    """
    rng = np.random.default_rng(seed)
    pairs, failed = [], 0
    for _ in range(STATES):
        change = _random_change(grid, p, rng)
        a, b = _solve(grid, v, injection, net, change, None)
        pairs += [(a, b)] if a is not None and b is not None else []
        failed += a is None or b is None
    kept = net.contingencies
    splitting = islanding_outages(net.grid, kept)
    sound = np.array([k for k in kept if k not in splitting])
    outages = rng.choice(sound, min(OUTAGES, len(sound)), replace=False) if len(sound) else sound
    after = []
    for branch in outages:
        a, b = _solve(grid, v, injection, net, np.zeros(grid.n_bus, complex), int(branch))
        after += [(a, b)] if a is not None and b is not None else []
        failed += a is None or b is None
    out = {"not_comparable": float(failed)}
    for prefix, found in (("", pairs), ("outage_", after)):
        out |= {prefix + k: x for k, x in _errors(net, found).items()}
    return out


def _random_change(grid: Grid, p: Floats, rng: np.random.Generator) -> Complexes:
    areas, area = np.unique(grid.buses.area, return_inverse=True)
    factor = rng.uniform(0.85, 1.05, len(areas))[area] - 1
    change: Complexes = np.asarray(-(grid.buses.pd + 1j * grid.buses.qd) * factor, dtype=np.complex128)
    move = p * rng.uniform(-0.2, 0.2, len(p))
    move -= p * ((move.sum() + change.real.sum()) / max(p.sum(), 1e-9))
    np.add.at(change, grid.units.bus, move.astype(complex))
    return np.asarray(change / grid.base_mva)


def _solve(
    grid: Grid, v: Complexes, injection: Complexes, net: Network, change: Complexes, branch: int | None
) -> tuple[Complexes | None, Complexes | None]:
    """Kept-bus voltages of the full grid and of the equivalent; None without a solution."""
    held_full = np.flatnonzero(grid.buses.kind == 2)
    # Both networks balance at the same kept slack bus.
    slack = int(net.kept[net.grid.slack])
    adm, adm_net = admittance(grid), admittance(net.grid)
    ybus, ybus_net = adm.ybus, adm_net.ybus
    if branch is not None:
        ybus_net = without_branch(net, adm_net, branch)
        same = _same_branch(grid, net, branch)
        from slots.grid.network import whole

        ybus = without_branch(whole(grid), adm, same)
    s = injection + change + grid.dc_injection() / grid.base_mva
    full = newton(ybus, s, v, slack, held_full)
    t = net.load_map @ (injection + change) + net.correction + net.grid.dc_injection() / grid.base_mva
    low, high = net.reactive_range(grid.units.in_service)
    held = np.flatnonzero((net.grid.buses.kind == 2) & ((high - low) >= net.voltage_support))
    small = newton(ybus_net, t, v[net.kept], net.grid.slack, held)
    return (full.v[net.kept] if full.converged else None), (small.v if small.converged else None)


def _same_branch(grid: Grid, net: Network, branch: int) -> int:
    """Position in the full grid of a kept branch: real branches keep their order."""
    keep = np.zeros(grid.n_bus, bool)
    keep[net.kept] = True
    return int(np.flatnonzero(keep[grid.branches.f] & keep[grid.branches.t])[branch])


def _errors(net: Network, pairs: list[tuple[Complexes, Complexes]]) -> dict[str, float]:
    if not pairs:
        return {"dv_max": 0.0, "flow_error_max_mw": 0.0, "flow_error_mean_share": 0.0}
    adm, base = admittance(net.grid), net.grid.base_mva
    real = ~net.grid.branches.equivalent
    flows = [[branch_flows(net.grid, adm, v)[0].real[real] * base for v in pair] for pair in pairs]
    error = np.array([np.abs(a - b) for a, b in flows])
    scale = np.mean([np.abs(a).mean() for a, _ in flows])
    return {
        "dv_max": float(max(np.abs(np.abs(a) - np.abs(b)).max() for a, b in pairs)),
        "flow_error_max_mw": float(error.max()),
        "flow_error_mean_share": float(error.mean() / scale),
    }
