"""Networks and hours that the N-1 benchmark runs on, all made from installed packages."""

from dataclasses import replace

import numpy as np

from slots.algorithms.equivalence.ward import ward
from slots.contracts.equivalence import EquivalenceRequest
from slots.contracts.n1 import N1Request
from slots.grid.admittance import admittance, branch_flows
from slots.grid.connectivity import islanding_outages
from slots.grid.model import PV, SLACK, Complexes, Floats, Grid, Ints
from slots.grid.network import Network, whole
from slots.grid.newton import newton
from slots.grid.outage import REACTIVE_TOLERANCE, Hour, solve_outage
from slots.sources.catalogue import load_source

CUT_BUSES = 619
CASES_A_CUT = 705  # outages of the reference study
NOISE = 0.03  # of each bus's load, hour by hour


def cut_of(grid: Grid, size: int) -> Grid:
    """A well-connected part of a grid without its radial ends; what flows over its borders becomes load."""
    v = solved(grid)
    inside = np.zeros(grid.n_bus, bool)
    inside[_grown(grid, size)] = True
    at = np.full(grid.n_bus, -1)
    at[inside] = np.arange(size)
    br, load = grid.branches, grid.buses.pd + 1j * grid.buses.qd
    sf, st = branch_flows(grid, admittance(grid), v)
    for here, there, s in ((br.f, br.t, sf), (br.t, br.f, st)):
        tie = br.in_service & inside[here] & ~inside[there]
        np.add.at(load, here[tie], s[tie] * grid.base_mva)
    own = br.take(br.in_service & inside[br.f] & inside[br.t])
    units = grid.units.take(inside[grid.units.bus])
    buses = replace(
        grid.buses, pd=load.real, qd=load.imag, vm=np.abs(v), va=np.angle(v)
    ).take(inside)  # fmt: skip
    return grid.replace(
        name=f"{grid.name} cut", buses=buses, branches=replace(own, f=at[own.f], t=at[own.t]),
        units=replace(units, bus=at[units.bus]), dc_links=grid.dc_links.take(np.zeros(len(grid.dc_links), bool)),
    )  # fmt: skip


def _grown(grid: Grid, size: int) -> list[int]:
    """Buses around the slack, each time the one with most neighbours inside."""
    near: list[set[int]] = [set() for _ in range(grid.n_bus)]
    on = grid.branches.in_service
    for f, t in zip(grid.branches.f[on].tolist(), grid.branches.t[on].tolist(), strict=True):
        near[f].add(t)
        near[t].add(f)
    ends = [b for b in range(grid.n_bus) if len(near[b]) <= 1 and b != grid.slack]
    while ends:
        end = ends.pop()
        for other in near[end]:
            near[other].discard(end)
            if len(near[other]) == 1 and other != grid.slack:
                ends.append(other)
        near[end] = set()
    inside, touched = {grid.slack}, {b: 1 for b in near[grid.slack]}
    while len(inside) < size:
        best = max(touched, key=lambda b: (touched[b] - 0.5 * len(near[b]), -len(near[b])))
        inside.add(best)
        del touched[best]
        for b in near[best] - inside:
            touched[b] = touched.get(b, 0) + 1
    return sorted(inside)


def solved(grid: Grid) -> Complexes:
    """(bus,) voltages of a case's own state."""
    s = _injection(grid)
    held = np.flatnonzero(grid.buses.kind == PV)
    vm = grid.buses.vm.copy()
    on = grid.units.in_service & (grid.buses.kind[grid.units.bus] != 1)
    vm[grid.units.bus[on]] = grid.units.vset[on]
    flow = newton(admittance(grid).ybus, s, vm * np.exp(1j * grid.buses.va), grid.slack, held,
                  active=np.flatnonzero(grid.live))  # fmt: skip
    assert flow.converged, grid.name
    return flow.v


def _injection(grid: Grid) -> Complexes:
    units, s = grid.units, -(grid.buses.pd + 1j * grid.buses.qd) + grid.dc_injection()
    on = units.in_service
    np.add.at(s, units.bus[on], units.p[on] + 1j * units.q[on])
    return np.asarray(s / grid.base_mva, dtype=complex)


def fixed_hours(name: str, hours: int) -> N1Request:
    """Hours of a case with fixed voltages and no reactive limits, the slack bus balancing; outages that split left out."""
    grid = load_source("case2869pegase" if name == "case619" else name).grid
    grid = cut_of(grid, CUT_BUSES) if name == "case619" else grid
    net = whole(grid)
    sound = _sound(net)
    net = replace(net, outages=sound[:CASES_A_CUT] if name == "case619" else sound)
    held = (grid.buses.kind == PV) | (grid.buses.kind == SLACK)
    share = (grid.buses.kind == SLACK).astype(float)
    free = np.full(grid.n_bus, np.inf)
    v, s = _states(grid, solved(grid), hours, held, share)
    still = (np.zeros(grid.n_bus), np.zeros(len(grid.changers)))
    one = [np.tile(x, (hours, 1)) for x in (held, share, -free, free, *still)]
    return N1Request(net, v, s, *one)


def _sound(net: Network) -> Ints:
    splitting = islanding_outages(net.grid, net.contingencies)
    return np.array([k for k in net.contingencies if k not in splitting], dtype=np.int64)


def _states(grid: Grid, v: Floats, hours: int, held: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Voltages and injections of hours: a daily profile with noise at every bus."""
    rng, ybus = np.random.default_rng(0), admittance(grid).ybus
    volts, injected = [], []
    base = v * np.conj(ybus @ v)
    for h in range(hours):
        level = 0.85 + 0.1 * np.sin(h / 24 * 2 * np.pi)
        s = base * level * (1 + NOISE * rng.standard_normal(grid.n_bus) * ~held)
        flow = newton(
            ybus, s, volts[-1] if volts else v, grid.slack, np.flatnonzero(held), share=share, tolerance=1e-10
        )
        assert flow.converged
        volts.append(flow.v)
        true = flow.v * np.conj(ybus @ flow.v)
        injected.append(np.where(held, true, s))
    return np.array(volts), np.array(injected)


def region(name: str) -> tuple[Grid, Complexes, Complexes]:
    """A study grid with the voltages and injections (without links) of its own state."""
    grid = load_source(name).grid
    v = grid.buses.vm * np.exp(1j * grid.buses.va)
    s = v * np.conj(admittance(grid).ybus @ v) - grid.dc_injection() / grid.base_mva
    return grid, v, s


def limited_hours(name: str, hours: int) -> N1Request:
    """Hours of a region's equivalent at 500 kV with reactive limits and shared deficits."""
    grid, v, s = region(name)
    net = ward(EquivalenceRequest(grid, v, s, 500.0))
    small, base = net.grid, net.grid.base_mva
    on = small.units.in_service
    held = net.voltage_controlled(on)
    low, high = (x / base for x in net.reactive_range(on))
    droop = np.where(held, net.unit_map @ np.where(small.units.kind == "thermal", small.units.pmax, 0.0), 0.0)
    share = droop / droop.sum()
    volts, injected = _states(small, v[net.kept], hours, held, share)
    p_unit = np.bincount(net.unit_of, grid.units.q * grid.units.in_service, len(small.units))
    given = net.unit_map @ p_unit / base  # reactive output of the units in the case's own state
    out: dict[str, list[Floats]] = {k: [] for k in ("v", "s", "low", "high")}
    for h in range(hours):
        rest = injected[h].imag - np.clip(given, low, high)
        hour = Hour(
            volts[h],
            injected[h],
            held,
            share,
            rest + low,
            rest + high,
            np.zeros(len(rest)),
            np.zeros(len(small.changers)),
        )
        intact = solve_outage(net, admittance(small), np.zeros(0, np.int64), hour)
        assert intact.converged
        for name_, x in (("v", intact.v), ("s", intact.v * np.conj(admittance(small).ybus @ intact.v)),
                         ("low", rest + low - REACTIVE_TOLERANCE), ("high", rest + high + REACTIVE_TOLERANCE)):  # fmt: skip
            out[name_].append(x)
    v_, s_, low_, high_ = (np.array(out[k]) for k in ("v", "s", "low", "high"))
    tiled = [np.tile(x, (hours, 1)) for x in (held, share)]
    return N1Request(net, v_, s_, *tiled, low_, high_, np.zeros(low_.shape), np.zeros((hours, len(small.changers))))
