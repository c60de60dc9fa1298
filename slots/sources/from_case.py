"""From a MATPOWER case to a grid: positions for bus numbers, classes for what the case leaves out."""

import csv
from dataclasses import dataclass
from importlib import resources

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import (
    CONDENSER,
    ISOLATED,
    STORAGE,
    THERMAL,
    VARIABLE,
    Branches,
    Buses,
    DcLinks,
    Floats,
    Grid,
    Ints,
    Units,
    plain_pi,
    plain_starts,
)
from slots.grid.reading import ReadingLog
from slots.grid.reference import normalised
from slots.sources.costs import SEGMENTS, breakpoints, polynomial
from slots.sources.matpower import Case

DEFAULT_COST_USD_MWH = 30.0


@dataclass(frozen=True)
class UnitClass:
    """One line of `unit_classes.csv`: what to assume where a case says nothing."""

    case: str
    label: str
    bus: str
    pmax: str
    pmin: str
    fuel: str
    technology: str
    kind: str
    min_up: float
    min_down: float
    ramp_mw_min: str
    start_usd_per_mw: str
    must_run: bool
    source: str

    def fits(self, case: str, label: str, bus: int, pmax: float, pmin: float) -> bool:
        """Whether a unit is of this class; empty fields match anything."""
        return (
            self.case in ("", case)
            and self.label in ("", label)
            and self.bus in ("", str(bus))
            and (not self.pmax or abs(float(self.pmax) - pmax) < 1e-6)
            and (not self.pmin or abs(float(self.pmin) - pmin) < 1e-6)
        )


def unit_classes() -> list[UnitClass]:
    """The class table, most specific lines first."""
    text = resources.files("slots.sources").joinpath("unit_classes.csv").read_text()
    rows = csv.DictReader(text.splitlines())
    return [
        UnitClass(**{**r, "min_up": float(r["min_up"]), "min_down": float(r["min_down"]),
                     "must_run": r["must_run"] == "1"})  # type: ignore[arg-type]
        for r in rows
    ]  # fmt: skip


def grid_from_case(case: Case, origin: str = "") -> Grid:
    """The grid of a case, unaltered, plus class values marked with their source.

    Raises:
        GridError: an element names a bus that does not exist, or an impedance is zero.
    """
    position = {int(n): i for i, n in enumerate(case.bus[:, 0])}
    if len(position) != len(case.bus):
        raise GridError(f"grid {case.name} has two buses with the same number", "number them uniquely")
    log = ReadingLog(case.name, "MATPOWER case")
    log.read("bus", len(case.bus))
    log.read("gen", len(case.gen))
    log.read("branch", len(case.branch))
    units, links = _units(case, position, log), _dc_links(case, position)
    log.read("dcline", len(links))
    buses, branches = _buses(case), _branches(case, position)
    used = {"buses": len(buses), "branches": len(branches), "units": len(units), "dc_links": len(links)}
    grid = normalised(Grid(case.name, case.base_mva, buses, branches, units, links, origin), log)
    return grid.replace(reading=log.done(used))


def _positions(case: Case, numbers: Floats, what: str, position: dict[int, int]) -> Ints:
    try:
        return np.array([position[int(n)] for n in numbers], dtype=np.int64)
    except KeyError as error:
        raise GridError(
            f"grid {case.name}: a {what} is connected to bus {error.args[0]}, which does not exist",
            "add the bus or mend the number",
        ) from None


def _buses(case: Case) -> Buses:
    b, n = case.bus, len(case.bus)
    names = case.names.get("bus_name") or [f"bus {int(k)}" for k in b[:, 0]]
    return Buses(
        number=b[:, 0].astype(np.int64), name=np.array([x.strip() for x in names]), kv=b[:, 9].copy(),
        kind=b[:, 1].astype(np.int64), pd=b[:, 2].copy(), qd=b[:, 3].copy(), gs=b[:, 4].copy(),
        bs=b[:, 5].copy(), bs_low=b[:, 5].copy(), bs_high=b[:, 5].copy(), bs_step=np.zeros(n), vm=b[:, 7].copy(), va=np.deg2rad(b[:, 8]), vmin=b[:, 12].copy(),
        vmax=b[:, 11].copy(), area=b[:, 6].astype(np.int64), lat=np.full(n, np.nan), lon=np.full(n, np.nan),
    )  # fmt: skip


def _branches(case: Case, position: dict[int, int]) -> Branches:
    b = case.branch
    f = _positions(case, b[:, 0], "branch", position)
    t = _positions(case, b[:, 1], "branch", position)
    on = (b[:, 10] > 0) & (case.bus[f, 1] != ISOLATED) & (case.bus[t, 1] != ISOLATED)
    zero = np.flatnonzero(on & (b[:, 2] == 0) & (b[:, 3] == 0))
    if len(zero):
        raise GridError(
            f"grid {case.name}: branch {int(b[zero[0], 0])}-{int(b[zero[0], 1])} has no impedance",
            "merge its buses or give it a reactance",
        )
    rate = np.where(b[:, 5] > 0, b[:, 5], np.inf)
    emergency = np.maximum(rate, np.where(b[:, 6] > 0, b[:, 6], 0.0))
    seen: dict[tuple[int, int], int] = {}
    names = []
    for a, c in zip(b[:, 0].astype(int), b[:, 1].astype(int), strict=True):
        seen[(a, c)] = seen.get((a, c), 0) + 1
        names.append(f"{a}-{c}" if seen[(a, c)] == 1 else f"{a}-{c} #{seen[(a, c)]}")
    return Branches(
        name=np.array(names), f=f, t=t, r=b[:, 2].copy(), x=b[:, 3].copy(), b=b[:, 4].copy(),
        **plain_pi(np.where(b[:, 8] == 0, 1.0, b[:, 8])), shift=np.deg2rad(b[:, 9]), rate=rate,
        rate_emergency=emergency, in_service=on, equivalent=np.zeros(len(b), bool),
    )  # fmt: skip


def _units(case: Case, position: dict[int, int], log: ReadingLog) -> Units:
    g, n = case.gen, len(case.gen)
    labels = case.names.get("genfuel") or [""] * n
    classes = unit_classes()
    kinds = [_classify(case, labels[i].lower(), i, classes) for i in range(n)]
    kind = np.array([c.kind for c in kinds])
    boundless = ~np.isfinite(g[:, 8])
    pmin, pmax = g[:, 9].copy(), np.where(boundless, 2 * np.maximum(np.abs(g[:, 1]), 1.0), g[:, 8])
    variable = kind == VARIABLE
    pmin[variable] = 0.0
    weather_off = variable & (g[:, 7] <= 0)
    status = (g[:, 7] > 0) | variable
    status &= kind != STORAGE  # a case gives no energy content
    mw, usd = _cost_curves(case, pmin, pmax, kind)
    ramp_min = g[:, 16] if g.shape[1] > 16 else np.zeros(n)
    ramp_h = np.where(ramp_min > 0, 60.0 * ramp_min, np.maximum(pmax, 1.0))
    start = case.gencost[:n, 1].copy() if case.gencost is not None else np.zeros(n)
    per_mw = np.array([float(c.start_usd_per_mw or 0) for c in kinds])
    start = np.where((start <= 0) & (kind == THERMAL), per_mw * pmax, start)
    bus = _positions(case, g[:, 0], "unit", position)
    status &= case.bus[bus, 1] != ISOLATED
    units = Units(
        name=_unit_names(g[:, 0].astype(int)), bus=bus, kind=kind,
        fuel=np.array([c.fuel for c in kinds]), technology=np.array([c.technology for c in kinds]),
        p=np.where(weather_off, 0.0, g[:, 1]), q=np.where(weather_off, 0.0, g[:, 2]), pmin=pmin, pmax=pmax,
        qmin=np.where(weather_off, 0.0, g[:, 4]), qmax=np.where(weather_off, 0.0, g[:, 3]),
        vset=g[:, 5].copy(), in_service=status, must_run=np.array([c.must_run for c in kinds]),
        start_cost=np.where(kind == THERMAL, start, 0.0), min_up=np.array([c.min_up for c in kinds]),
        min_down=np.array([c.min_down for c in kinds]), ramp=ramp_h, ramp_10min=np.minimum(ramp_h / 6, pmax),
        cost_mw=mw, cost_usd=usd, energy_max=np.zeros(n), energy_initial=np.zeros(n),
        charge_max=np.zeros(n), efficiency=np.ones(n), plant=np.full(n, ""), source=np.array([c.source for c in kinds]), **plain_starts(n),
    )  # fmt: skip
    log.fill("units.min_up, units.min_down", n, "class values", "unit_classes.csv; each unit names its source")
    log.fill("units.pmax", int(boundless.sum()), "twice the output", "the case states no maximum")
    if weather_off.any():
        log.warn(f"{int(weather_off.sum())} weather-driven units that the case leaves out are in service")
    stores = units.name[kind == STORAGE].tolist()
    log.leave_out("gen", stores, "a store stays out of service: the case gives no energy content")
    return units


def _classify(case: Case, label: str, i: int, classes: list[UnitClass]) -> UnitClass:
    g = case.gen[i]
    return next(c for c in classes if c.fits(case.name, label, int(g[0]), float(g[8]), float(g[9])))


def _unit_names(buses: Ints) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    count: dict[int, int] = {}
    names = []
    for b in buses.tolist():
        count[b] = count.get(b, 0) + 1
        names.append(f"{b}_{count[b]}")
    return np.array(names)


def _cost_curves(case: Case, pmin: Floats, pmax: Floats, kind: np.ndarray) -> tuple[Floats, Floats]:  # type: ignore[type-arg]
    n = len(case.gen)
    mw, usd = np.zeros((n, SEGMENTS + 1)), np.zeros((n, SEGMENTS + 1))
    for i in range(n):
        if kind[i] in (VARIABLE, STORAGE, CONDENSER):
            x = np.linspace(pmin[i], pmax[i], 2)
            mw[i], usd[i] = breakpoints(x, np.zeros(2), pmin[i], pmax[i])
        elif case.gencost is None:
            mw[i], usd[i] = polynomial(np.array([DEFAULT_COST_USD_MWH, 0.0]), pmin[i], pmax[i])
        else:
            row = case.gencost[i]
            terms = int(row[3])
            if row[0] == 1:
                points = row[4 : 4 + 2 * terms].reshape(-1, 2)
                mw[i], usd[i] = breakpoints(points[:, 0], points[:, 1], pmin[i], pmax[i])
            else:
                mw[i], usd[i] = polynomial(row[4 : 4 + terms], pmin[i], pmax[i])
    return mw, usd


def _dc_links(case: Case, position: dict[int, int]) -> DcLinks:
    d = case.dcline if case.dcline is not None else np.zeros((0, 17))
    return DcLinks(
        name=np.array([f"dc {int(r[0])}-{int(r[1])}" for r in d], dtype=np.str_),
        f=_positions(case, d[:, 0], "DC line", position), t=_positions(case, d[:, 1], "DC line", position),
        p=d[:, 3].copy(), pmin=d[:, 9].copy(), pmax=d[:, 10].copy(), loss0=d[:, 15].copy(),
        loss1=d[:, 16].copy(), in_service=d[:, 2] > 0,
    )  # fmt: skip
