"""The case's own state: AC power flow, assessment, and adjustment until every criterion holds."""

from dataclasses import replace

import numpy as np

from bos_core.objects.errors import GridError
from slots.algorithms.adjustment.successive_lp import successive_lp
from slots.contracts.adjustment import AdjustmentRequest
from slots.contracts.power_flow import collapsed
from slots.contracts.snapshot import Snapshot
from slots.grid.admittance import Admittance, admittance, branch_flows
from slots.grid.dc import start_angles
from slots.grid.model import Bools, Complexes, Floats, Grid
from slots.grid.network import Network, whole
from slots.grid.operating_point import OperatingPoint, settle


def secured(grid: Grid) -> Snapshot:
    """Solve, assess and adjust the initial snapshot.

    Raises:
        GridError: no power flow exists for the case's state.
    """
    net, adm = whole(grid), admittance(grid)
    point = _first_point(net, adm)
    demand = np.maximum(grid.buses.pd, 0.0)
    done = successive_lp(AdjustmentRequest(net, point, demand, np.zeros(0, np.int64)))
    final = done.point
    sf, st = branch_flows(grid, adm, final.v)
    loading = np.maximum(np.abs(sf), np.abs(st)) * grid.base_mva / grid.branches.rate
    loss = float((final.v * np.conj(adm.ybus @ final.v)).real.sum() * grid.base_mva)
    return Snapshot(final, loss, loading, done.moved, done.iterations, _unmet(net, final, loading))


def _first_point(net: Network, adm: Admittance) -> OperatingPoint:
    grid, units = net.grid, net.grid.units
    on = _running(grid)
    p = np.where(on, np.clip(units.p, np.where(units.p > 0, 0, units.pmin), units.pmax), 0.0)
    fixed = net.fixed_injection(grid.buses.pd, grid.buses.qd)
    controlled = net.voltage_controlled(on) & (grid.buses.kind != 1)
    controlled[grid.slack] = True
    vm = grid.buses.vm.copy()
    giving = on & (units.qmax > units.qmin)
    vm[units.bus[giving]] = units.vset[giving]
    q = np.zeros(grid.n_bus)
    np.add.at(q, units.bus[on], units.q[on])
    thermal = units.kind == "thermal"
    low, high = np.where(thermal & on, np.minimum(units.pmin, p), p), np.where(thermal & on, units.pmax, p)
    point = OperatingPoint(
        p, on, low, high, fixed, q, vm * np.exp(1j * grid.buses.va), controlled,
        np.zeros(grid.n_bus), np.zeros(grid.n_bus), np.zeros(len(grid.changers)),
    )  # fmt: skip
    for tried in (point, _balanced(net, point)):
        for start in (lambda: tried.v, lambda: _flat(net, tried), lambda: np.exp(1j * np.angle(_flat(net, tried)))):  # noqa: B023
            settled, ok = settle(net, adm.ybus, replace(tried, v=start()))
            if ok and not collapsed(grid, settled.v, float(vm[controlled].min())):
                return settled
    raise _unsolved(grid)


def _unsolved(grid: Grid) -> GridError:
    load, most = float(grid.buses.pd.sum()), float(grid.units.pmax[grid.units.in_service].sum())
    what = f"no AC power flow was found for the state of grid {grid.name}"
    if load > most:
        short = f"its load of {load:.6g} MW exceeds the {most:.6g} MW that its units in service can give"
        return GridError(f"{what}: {short}", "add capacity or lower the load")
    return GridError(what, "check loads, units and impedances")


def _balanced(net: Network, point: OperatingPoint) -> OperatingPoint:
    """The point with what its dispatch misses of the load shared by the room of the units that run, as far as it goes.

    The state of many files is no dispatch (all units at half their range, say): one bus cannot make up for it.
    """
    units, base = net.grid.units, net.grid.base_mva
    gap = -float(point.injection(net).real.sum()) * base
    limit = np.where(point.on, units.pmax if gap > 0 else np.minimum(units.pmin, point.p), point.p)
    room = np.abs(limit - point.p)
    part = min(1.0, abs(gap) / room.sum()) if room.sum() > 0 else 0.0
    return replace(point, p=point.p + part * (limit - point.p))


def _running(grid: Grid) -> Bools:
    """(unit,) units that run in the case: in service and, if thermal, generating.

    Where none does, those at the slack bus do: many a feeder's file leaves what its source gives to the power flow.
    """
    units = grid.units
    thermal = units.kind == "thermal"
    runs = units.in_service & (~thermal | (units.p > 1e-6) | (units.pmin <= 0))
    return np.asarray(runs if runs.any() else units.in_service & (units.bus == grid.slack))


def _flat(net: Network, point: OperatingPoint) -> Complexes:
    grid = net.grid
    angle = start_angles(grid, point.injection(net).real) + np.angle(point.v[grid.slack])
    return np.asarray(np.abs(point.v) * np.exp(1j * angle))


def _unmet(net: Network, point: OperatingPoint, loading: Floats) -> tuple[str, ...]:
    grid = net.grid
    mag, out = np.abs(point.v), []
    for b in np.flatnonzero((mag < grid.buses.vmin - 1e-4) & grid.live):
        out.append(f"bus {grid.buses.number[b]}: {mag[b]:.4f} p.u., limit {grid.buses.vmin[b]:.3f}")
    for b in np.flatnonzero((mag > grid.buses.vmax + 1e-4) & grid.live):
        out.append(f"bus {grid.buses.number[b]}: {mag[b]:.4f} p.u., limit {grid.buses.vmax[b]:.3f}")
    for k in np.flatnonzero(loading > 1 + 1e-3):
        out.append(f"branch {grid.branches.name[k]}: loaded to {100 * loading[k]:.1f} %")
    low, high = net.reactive_range(point.on)
    for b in np.flatnonzero((point.q < low - 0.5) | (point.q > high + 0.5)):
        out.append(f"bus {grid.buses.number[b]}: {point.q[b]:.1f} MVAr, range {low[b]:.0f} to {high[b]:.0f}")
    over = point.p > grid.units.pmax + 0.5
    out += [
        f"unit {grid.units.name[g]}: {point.p[g]:.1f} MW, most {grid.units.pmax[g]:.1f}" for g in np.flatnonzero(over)
    ]
    return tuple(out)
