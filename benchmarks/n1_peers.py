"""Outages solved by pypowsybl and pandapower with reactive limits on: `python benchmarks/n1_peers.py [--quick] [--json]`.

Random (hour, outage) pairs of the 614-bus equivalent of `aggregated-25k`, lines only. Deficits are left to the slack bus,
which every tool can do. With --json the last line is {tool: {"pairs", "median_dv", "max_dv", "other_limits"}}: the
largest difference of a voltage (p.u.) where both hold the same buses at limits, and how many pairs end with other buses
there (pandapower never takes a voltage up again once it was given up; a bus within 0.01 MVAr of its limit may be
counted on either side).
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.n1_cases import limited_hours
from slots.algorithms.n1.batched import batched_engine_of
from slots.contracts.n1 import N1Request
from slots.grid.network import Network
from slots.grid.outage import Hour
from slots.sources.matpower_export import matrices
from slots.sources.pandapower_networks.hour import to_net

SAME = 1e-3  # p.u.; above, the tools hold other buses at their limits


def pairs(request: N1Request, count: int, seed: int = 0) -> Iterator[tuple[Hour, int]]:
    """Random hours, with the slack bus balancing, and outages that split nothing."""
    rng, net = np.random.default_rng(seed), request.network
    splitting = batched_engine_of(net).splitting
    plain = net.grid.branches
    kv = net.grid.buses.kv
    sound = [k for k, b in enumerate(net.contingencies.tolist())
             if b not in splitting and plain.tap[b] == 1 and plain.shift[b] == 0 and kv[plain.f[b]] == kv[plain.t[b]]]  # fmt: skip
    slack = np.eye(net.grid.n_bus)[net.grid.slack]
    for _ in range(count):
        hour = request.hour(int(rng.integers(len(request.v))))
        yield replace(hour, share=slack), int(rng.choice(sound))


def ours(net: Network, hour: Hour, case: int) -> Any:
    """(bus,) voltages after an outage; None without a solution."""
    found = batched_engine_of(net).cases(hour, np.array([case]))
    return found.v[1] if found.converged[1] else None


def pandapower(net: Network, hour: Hour, case: int) -> Any:
    """The same by pandapower."""
    import pandapower as pp

    if (key := hour.s.tobytes()) not in _nets:
        _nets[key] = _pandapower_net(net, hour)
    made = _nets[key]
    line = made.line.index[made.line.name == str(net.contingencies[case])]
    made.line.loc[line, "in_service"] = False
    try:
        pp.runpp(made, enforce_q_lims=True, calculate_voltage_angles=True, numba=False, tolerance_mva=1e-8, init="dc",
                 max_iteration=40)  # fmt: skip
    except pp.LoadflowNotConverged:
        return None
    finally:
        made.line.loc[line, "in_service"] = True
    return made.res_bus.vm_pu.to_numpy() * np.exp(1j * np.deg2rad(made.res_bus.va_degree.to_numpy()))


_nets: dict[bytes, Any] = {}  # by the injections of the hour: one takes ten seconds to make


def _pandapower_net(net: Network, hour: Hour) -> Any:
    """An intact hour; its lines are named by their positions."""
    grid = net.grid
    names = np.arange(len(grid.branches)).astype(np.str_)
    grid = grid.replace(
        buses=replace(grid.buses, bs=grid.buses.bs + hour.shunt * grid.base_mva),
        branches=replace(grid.branches, name=names),
    )
    made = to_net(grid, hour.s, hour.v, hour.controlled)
    at = made.gen.bus.to_numpy()
    made.gen["min_q_mvar"], made.gen["max_q_mvar"] = hour.low[at] * grid.base_mva, hour.high[at] * grid.base_mva
    return made


def pypowsybl(net: Network, hour: Hour, case: int) -> Any:
    """The same by pypowsybl's OpenLoadFlow; magnitudes only."""
    import pypowsybl as pp
    from scipy.io import savemat

    grid, branch = net.grid, int(net.contingencies[case])
    base, n = grid.base_mva, grid.n_bus
    mpc = {"version": "2", "baseMVA": base, **_hour_matrices(net, hour)}
    mpc["branch"][branch, 10] = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hour.mat"
        savemat(path, {"mpc": mpc})
        network = pp.network.load(str(path))
    parameters = pp.loadflow.Parameters(
        distributed_slack=False, use_reactive_limits=True, read_slack_bus=True,
        voltage_init_mode=pp.loadflow.VoltageInitMode.DC_VALUES,
        provider_parameters={"newtonRaphsonConvEpsPerEq": "1e-9", "maxNewtonRaphsonIterations": "60",
                             "minPlausibleTargetVoltage": "0.5", "maxPlausibleTargetVoltage": "1.6"},
    )  # fmt: skip
    result = pp.loadflow.run_ac(network, parameters)[0]
    if result.status != pp.loadflow.ComponentStatus.CONVERGED:
        return None
    buses = network.get_bus_breaker_view_buses()
    levels = network.get_voltage_levels()["nominal_v"]
    out = np.full(n, np.nan)
    for name, row in buses.iterrows():
        out[int(str(name).rsplit("-", 1)[1]) - 1] = row.v_mag / levels[row.voltage_level_id]
    return out


def _hour_matrices(net: Network, hour: Hour) -> dict[str, Any]:
    """An hour as MATPOWER matrices: a load at every bus whose voltage floats, a unit at every other."""
    grid, base, n = net.grid, net.grid.base_mva, net.grid.n_bus
    out = matrices(grid)
    bus, held = np.array(out["bus"]), hour.controlled
    bus[:, 0], bus[:, 1] = np.arange(1, n + 1), np.where(np.arange(n) == grid.slack, 3, np.where(held, 2, 1))
    bus[:, 2], bus[:, 3] = np.where(held, 0.0, -hour.s.real * base), np.where(held, 0.0, -hour.s.imag * base)
    bus[:, 5] += hour.shunt * base
    bus[:, 7], bus[:, 8] = np.abs(hour.v), np.rad2deg(np.angle(hour.v))
    at = np.flatnonzero(held)
    gen = np.zeros((len(at), 21))
    gen[:, 0], gen[:, 1], gen[:, 5], gen[:, 6], gen[:, 7] = at + 1, hour.s.real[at] * base, np.abs(hour.v[at]), base, 1
    wide = np.where(at == grid.slack, 1e4, 0.0)
    gen[:, 3] = np.minimum(hour.high[at], 1e3) * base + wide
    gen[:, 4] = np.maximum(hour.low[at], -1e3) * base - wide
    gen[:, 8], gen[:, 9] = 1e5, -1e5
    branch = np.array(out["branch"])
    branch[:, 0], branch[:, 1] = grid.branches.f + 1, grid.branches.t + 1
    branch[:, 5:8] = 0
    return {"bus": bus, "gen": gen, "branch": branch}


def compare(request: N1Request, tool: Any, count: int) -> dict[str, float]:
    """Differences over random pairs."""
    found, other, alone = [], 0, 0
    for hour, case in pairs(request, count):
        a, b = ours(request.network, hour, case), tool(request.network, hour, case)
        if a is None or b is None:
            alone += (a is None) != (b is None)
            continue
        dv = float(np.nanmax(np.abs(np.abs(a) - np.abs(b))))
        other += dv > SAME
        found += [dv] if dv <= SAME else []
    return {
        "pairs": count, "median_dv": float(np.median(found)), "max_dv": float(max(found)), "other_limits": other,
        "one_without_solution": alone,
    }  # fmt: skip


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="10 pairs each")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    asked = parser.parse_args()
    count = 10 if asked.quick else 500
    request = limited_hours("aggregated-25k", 4)
    figures = {}
    for tool in (pypowsybl, pandapower):
        figures[tool.__name__] = compare(request, tool, count)
        print(tool.__name__, figures[tool.__name__], flush=True)
    print(json.dumps(figures) if asked.json else "\n".join(f"{k}: {v}" for k, v in figures.items()))


if __name__ == "__main__":
    main()
