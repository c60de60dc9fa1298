"""Units of an RTS-GMLC folder: kinds, costs of heat rates, starts by time off, stores."""

from typing import Any

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import CONDENSER, STORAGE, THERMAL, VARIABLE, Bools, Floats, Strings, Units
from slots.grid.reading import ReadingLog
from slots.sources.costs import Curve, convex, table
from slots.sources.rts_gmlc.sheets import Sheet

_KIND = {
    "solar pv": VARIABLE, "solar rtpv": VARIABLE, "wind": VARIABLE, "hydro": VARIABLE, "ror": VARIABLE,
    "storage": STORAGE, "csp": STORAGE, "sync_cond": CONDENSER, "nuclear": THERMAL, "coal": THERMAL, "gas cc": THERMAL,
    "gas ct": THERMAL, "oil ct": THERMAL, "oil st": THERMAL, "gas st": THERMAL, "biomass": THERMAL,
}  # fmt: skip
_FUEL = {"ng": "gas", "sync_cond": "none"}
POINTS = 5  # of a heat rate curve at most


def units_of(s: Sheet, stores: Sheet, weather: set[str], buses: list[int], log: ReadingLog) -> Units:
    """gen.csv and storage.csv.

    Args:
        weather: names of units whose greatest output is a series.
        buses: numbers, in the grid's order.

    Raises:
        GridError: a number is none, a bus is unknown, or nothing tells what a unit is.
    """
    n, names = len(s), s.names("GEN UID")
    position = {b: k for k, b in enumerate(buses)}
    at = s.whole("Bus ID").tolist()
    lost = next((k for k, b in enumerate(at) if b not in position), None)
    if lost is not None:
        raise GridError(
            f"gen.csv, row {lost + 2}: bus {at[lost]} is not in bus.csv", "add the bus, or take the row out"
        )
    kind = _kinds(s, names, weather, log)
    thermal = kind == THERMAL
    pmax, low = s.floats("PMax MW"), s.floats("PMin MW", 0.0)
    log.leave_out("PMin MW", [x for x, k, p in zip(names, kind, low, strict=True) if k != THERMAL and p > 0],
                  "only thermal units have a least output")  # fmt: skip
    pmin = np.where(thermal, low, 0.0)
    bad = np.flatnonzero(pmax < pmin)
    if len(bad):
        raise GridError(
            f"gen.csv, row {bad[0] + 2}: PMax MW {pmax[bad[0]]:g} is below PMin MW {pmin[bad[0]]:g}", "mend it"
        )
    mw, usd = _costs(s, names, thermal, pmin, pmax, log)
    ramp = 60.0 * s.floats("Ramp Rate MW/Min", 0.0)
    free = ~thermal | (ramp <= 0)
    log.fill("units.ramp", int((free & thermal).sum()), "PMax within a minute", "Ramp Rate MW/Min is 0 or missing")
    ramp = np.where(free, 60.0 * np.maximum(pmax, 1.0), ramp)
    nuclear = np.array([f.lower() == "nuclear" for f in s.texts("Fuel", "")])
    log.fill("units.must_run", int((nuclear & thermal).sum()), "yes", "nuclear units do not stop")
    for column in ("Gen ID", "Unit Group", "Unit Type"):
        s.read.add(column)  # what GEN UID says
    size, initial = _stores(stores, names, kind == STORAGE, log)
    start, off, share = _starts(s, thermal, log)
    return Units(
        name=np.array(names, dtype=np.str_), bus=np.array([position[b] for b in at], np.int64), kind=kind,
        fuel=np.array([_FUEL.get(f.lower(), f.lower()) for f in s.texts("Fuel", "none")], dtype=np.str_),
        technology=np.array([c.lower() for c in s.texts("Category")], dtype=np.str_),
        p=s.floats("MW Inj", 0.0), q=s.floats("MVAR Inj", 0.0), pmin=pmin, pmax=pmax, qmin=s.floats("QMin MVAR", 0.0),
        qmax=s.floats("QMax MVAR", 0.0), vset=s.floats("V Setpoint p.u.", 1.0), in_service=np.ones(n, bool),
        must_run=nuclear & thermal, start_cost=start, min_up=np.ceil(s.floats("Min Up Time Hr", 0.0)),
        min_down=np.ceil(s.floats("Min Down Time Hr", 0.0)), ramp=ramp, ramp_10min=np.minimum(ramp / 6, pmax), cost_mw=mw,
        cost_usd=usd, energy_max=size, energy_initial=initial, charge_max=s.floats("Pump Load MW", 0.0),
        efficiency=_efficiency(s, kind == STORAGE, log), plant=np.full(n, ""), source=np.full(n, "SourceData/gen.csv"),
        stop_cost=np.where(thermal, s.floats("Non Fuel Shutdown Cost $", 0.0), 0.0), start_off=off, start_share=share,
        start_limit=np.full(n, np.inf), stop_limit=np.full(n, np.inf),
    )  # fmt: skip


def _kinds(s: Sheet, names: list[str], weather: set[str], log: ReadingLog) -> Strings:
    """What each unit is by its category; of an unknown one by what the folder has of it."""
    out, strange = [], []
    rated = s.floats("HR_avg_0", np.nan) if s.has("HR_avg_0") else np.full(len(s), np.nan)
    for k, (name, category) in enumerate(zip(names, s.texts("Category"), strict=True)):
        kind = _KIND.get(category.lower())
        if kind is None:
            kind = VARIABLE if name in weather else THERMAL if np.isfinite(rated[k]) else None
            strange.append(f"{name} ({category}: {kind})")
        if kind is None:
            raise GridError(f"gen.csv, row {k + 2}: category '{category}' is unknown, and {name} has neither heat rates nor a "
                            "series", "use a category of RTS-GMLC")  # fmt: skip
        out.append(kind)
    if strange:
        log.warn(f"{len(strange)} units of unknown categories are what their data say: {', '.join(strange[:5])}")
    return np.array(out, dtype=np.str_)


def _costs(
    s: Sheet, names: list[str], thermal: Bools, pmin: Floats, pmax: Floats, log: ReadingLog
) -> tuple[Floats, Floats]:
    """(unit, K) breakpoints of hourly costs (MW, USD/h)."""
    shares = [s.floats(f"Output_pct_{k}", np.nan) for k in range(POINTS)]
    rates = [s.floats("HR_avg_0", np.nan), *(s.floats(f"HR_incr_{k}", np.nan) for k in range(1, POINTS))]
    fuel, other = s.floats("Fuel Price $/MMBTU", 0.0), s.floats("VOM", 0.0)
    curves: list[Curve] = []
    bare = []
    for i in range(len(s)):
        points = [k for k in range(POINTS) if np.isfinite(shares[k][i])]
        if not thermal[i] or not points or not np.isfinite(rates[0][i]):
            bare += [names[i]] if thermal[i] else []
            cost = other[i] if thermal[i] else 0.0
            x = np.array([pmin[i], pmax[i]])
            curves.append(convex(x, cost * x, pmin[i], pmax[i]))
            continue
        curve = np.array([[shares[k][i], rates[k][i]] for k in points])
        if (np.diff(curve[:, 0]) <= 0).any() or not np.isfinite(curve).all():
            raise GridError(f"gen.csv, row {i + 2}: the heat rate curve of {names[i]} is not one of rising outputs, each with "
                            "its heat rate", "mend Output_pct and HR columns")  # fmt: skip
        x, y = heat_rate_cost(curve[:, 0] * pmax[i], curve[:, 1], fuel[i], other[i])
        curves.append(convex(x, y, pmin[i], pmax[i]))
    gaps = [c.gap for c in curves]
    if any(gaps):
        log.warn(
            f"{sum(g > 0 for g in gaps)} units have heat rates that fall with output: the convex envelope of their cost replaces "
            f"it, at most {max(gaps):.6g} USD/h below (unit {names[gaps.index(max(gaps))]})"
        )
    log.fill("units.cost_usd", len(bare), "VOM alone", "gen.csv has no heat rates of them")
    return table(curves, POINTS)


def heat_rate_cost(mw: Floats, rates: Floats, fuel: float, other: float) -> tuple[Floats, Floats]:
    """Points (MW, USD/h) from the average heat rate at the first output and the incremental ones after it.

    Args:
        mw: outputs; rates: BTU/kWh; fuel: USD per million BTU; other: USD/MWh.
    """
    first = rates[0] * mw[0]
    heat = np.concatenate([[first], first + np.cumsum(np.diff(mw) * rates[1:])]) / 1e3
    return mw, heat * fuel + other * mw


def _starts(s: Sheet, thermal: Bools, log: ReadingLog) -> tuple[Floats, Floats, Floats]:
    """Cost of a cold start (USD), hours off of each tier, and the share that it costs.

    A start is hot until `Start Time Warm Hr` after the stop, warm until `Start Time Cold Hr`, then cold; each takes its heat
    at the fuel's price and the rest that does not depend on it. A tier that ends before the unit may start again is none.
    """
    cold = s.floats("Start Heat Cold MBTU", 0.0)
    heat = [s.floats("Start Heat Hot MBTU", np.nan), s.floats("Start Heat Warm MBTU", np.nan), cold]
    s.read.add("Start Time Hot Hr")  # how long heating takes from then on is not modelled
    after = [np.zeros(len(s)), s.floats("Start Time Warm Hr", 0.0), s.floats("Start Time Cold Hr", 0.0)]
    price, rest = s.floats("Fuel Price $/MMBTU", 0.0), s.floats("Non Fuel Start Cost $", 0.0)
    down = np.ceil(s.floats("Min Down Time Hr", 0.0))
    cost, off, share = np.zeros(len(s)), np.zeros((len(s), 3)), np.ones((len(s), 3))
    falling = 0
    for i in np.flatnonzero(thermal):
        stated = [(after[k][i], heat[k][i]) for k in range(3) if np.isfinite(heat[k][i])]
        tiers: list[tuple[float, float]] = []
        for k, (begins, mbtu) in enumerate(stated):
            ends = min((later for later, _ in stated[k + 1 :]), default=np.inf)
            if ends > max(begins, down[i]):
                tiers.append((begins if tiers else 0.0, mbtu * price[i] + rest[i]))
        costs = np.maximum.accumulate([c for _, c in tiers])
        falling += int((costs != [c for _, c in tiers]).any())
        cost[i] = costs[-1]
        spare = 3 - len(tiers)
        off[i] = [t for t, _ in tiers] + [tiers[-1][0]] * spare
        share[i] = np.concatenate([costs / cost[i] if cost[i] > 0 else np.ones(len(costs)), np.ones(spare)])
    log.fill("units.start_share", falling, "no less than after less time off", "heats of gen.csv fall with time off")
    return cost, off, share


def _stores(s: Sheet, names: list[str], is_store: Bools, log: ReadingLog) -> tuple[Floats, Floats]:
    """(unit,) MWh that fit, and that are there at first."""
    size, initial = np.zeros(len(names)), np.zeros(len(names))
    position = {n: k for k, n in enumerate(names)}
    if len(s):
        most, there = 1e3 * s.floats("Max Volume GWh"), 1e3 * s.floats("Initial Volume GWh", 0.0)
        heads, owner = s.texts("position", "head"), s.texts("GEN UID")
        s.read.update(("Storage",))
        water, lost = [], []
        for k, name in enumerate(owner):
            if name not in position:
                lost.append(name)
            elif not is_store[position[name]]:
                water.append(name)
            elif heads[k].lower() == "head":
                size[position[name]] += most[k]
                initial[position[name]] += there[k]
        log.leave_out("storage", lost, "gen.csv has no such unit")
        log.leave_out("storage", water, "the unit's own series says what it gives")
        log.leave_out("storage", [n for n, h in zip(owner, heads, strict=True) if h.lower() != "head"],
                      "only the upper store bounds what a unit gives")  # fmt: skip
    over = initial > size
    log.fill("units.energy_initial", int(over.sum()), "a full store", "Initial Volume GWh is beyond Max Volume GWh")
    none = [n for n, store, e in zip(names, is_store, size, strict=True) if store and e == 0]
    if none:
        log.warn(
            f"{len(none)} stores have no volume in storage.csv and give nothing but their inflow: {', '.join(none[:5])}"
        )
    return size, np.minimum(initial, size)


def _efficiency(s: Sheet, is_store: Bools, log: ReadingLog) -> Floats:
    percent: Any = s.floats("Storage Roundtrip Efficiency", 0.0)
    bad = np.flatnonzero((percent < 0) | (percent > 100))
    if len(bad):
        raise GridError(f"gen.csv, row {bad[0] + 2}: a round trip efficiency of {percent[bad[0]]:g} %", "give 0 to 100")
    log.fill(
        "units.efficiency", int((is_store & (percent == 0)).sum()), "1", "Storage Roundtrip Efficiency is 0 or missing"
    )
    return np.where(percent > 0, percent / 100.0, 1.0)
