"""Units of a MATPOWER case: limits, ramps, starts and costs as stated, classes for what the case leaves out."""

from dataclasses import replace

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import (
    CONDENSER,
    ISOLATED,
    STORAGE,
    THERMAL,
    VARIABLE,
    Bools,
    Floats,
    Ints,
    Strings,
    Units,
    plain_starts,
)
from slots.grid.reading import ReadingLog
from slots.sources.costs import (
    SEGMENTS,
    UNSTATED_TOLD,
    Curve,
    by_chords,
    chords_above,
    convex,
    share_used,
    table,
    unstated,
)
from slots.sources.matpower import Case
from slots.sources.unit_classes import UnitClass, classify

SMALL_USD = 1e-6  # per hour, that is not worth telling
RAMP_AGC, RAMP_10, RAMP_30, RAMP_Q, APF = 16, 17, 18, 19, 20  # columns of gen
# MW/h per MW/min, per MW in 30 and in 10 minutes; the first that is stated counts
_AN_HOUR = {RAMP_AGC: 60.0, RAMP_30: 2.0, RAMP_10: 6.0}


def units_of(case: Case, bus: Ints, log: ReadingLog) -> tuple[Units, Bools]:
    """The units of a case, `bus` being their positions, and (unit,) those that can hold a voltage: in service in the case.

    Raises:
        GridError: a cost cannot be read, or there are fewer costs than units.
    """
    g, n = case.gen, len(case.gen)
    labels = _labels(case, n, log)
    kinds = [classify(case.name, labels[i], int(g[i, 0]), g[i, 8], g[i, 9]) for i in range(n)]
    kind = np.array([c.kind for c in kinds], dtype=np.str_)
    names = _unit_names(g[:, 0].astype(int))
    pmin, pmax = _limits(g, kind, log)
    stated = (g[:, 7] > 0) & (case.bus[bus, 1] != ISOLATED)
    resting = _weather_off(case, kinds) & ~stated & (case.bus[bus, 1] != ISOLATED)
    loads = (kind == THERMAL) & (pmin < 0) & (pmax <= 0)
    mw, usd = _cost_curves(case, pmin, pmax, kind, names, log)
    ramp, quick = _ramps(g, pmax, log)
    start, stop = _starts(case, kinds, kind, pmax, loads, log)
    units = Units(
        name=names, bus=bus, kind=kind, fuel=np.array([c.fuel for c in kinds], dtype=np.str_),
        technology=np.array([c.technology for c in kinds], dtype=np.str_), p=np.where(resting, 0.0, g[:, 1]),
        q=np.where(resting, 0.0, g[:, 2]), pmin=pmin, pmax=pmax, qmin=np.where(resting, 0.0, g[:, 4]),
        qmax=np.where(resting, 0.0, g[:, 3]), vset=_set_points(g, bus, stated, resting),
        in_service=(stated | resting) & (kind != STORAGE), must_run=np.array([c.must_run for c in kinds], dtype=bool) & ~loads,
        start_cost=start, min_up=np.where(loads, 1.0, [c.min_up for c in kinds]),
        min_down=np.where(loads, 1.0, [c.min_down for c in kinds]), ramp=ramp, ramp_10min=quick, cost_mw=mw, cost_usd=usd,
        energy_max=np.zeros(n), energy_initial=np.zeros(n), charge_max=np.zeros(n), efficiency=np.ones(n),
        plant=np.full(n, ""), source=np.array([c.source for c in kinds], dtype=np.str_), **plain_starts(n),
    )  # fmt: skip
    units = replace(units, stop_cost=stop)
    _tell(case, units, stated, resting, loads, log)
    return units, stated


def _labels(case: Case, n: int, log: ReadingLog) -> list[str]:
    labels = [x.strip().lower() for x in case.names.get("genfuel", [])]
    if labels and len(labels) != n:
        log.leave_out("genfuel", labels, f"there are {len(labels)} for {n} units: no telling which is whose")
    return labels if len(labels) == n else [""] * n


def _weather_off(case: Case, kinds: list[UnitClass]) -> Bools:
    """(unit,) weather-driven units of a data set whose snapshot leaves the weather out: classes of that very case."""
    return np.array([c.kind == VARIABLE and c.case == case.name for c in kinds], dtype=bool)


def _limits(g: Floats, kind: Strings, log: ReadingLog) -> tuple[Floats, Floats]:
    """(unit,) least and most MW; what the case states as infinite gets twice the output."""
    endless, bottomless = ~np.isfinite(g[:, 8]), ~np.isfinite(g[:, 9])
    pmax = np.where(endless, 2 * np.maximum(np.abs(g[:, 1]), 1.0), g[:, 8])
    pmin = np.where(bottomless, np.minimum(2 * g[:, 1], 0.0), g[:, 9])
    log.fill("units.pmax", int(endless.sum()), "twice the output", "the case states no finite maximum")
    log.fill("units.pmin", int(bottomless.sum()), "0, or twice what is taken", "the case states no finite minimum")
    free = (kind == VARIABLE) & (pmin != 0)
    log.fill("units.pmin", int(free.sum()), "0 MW", "weather decides and what is too much is curtailed")
    return np.where(kind == VARIABLE, 0.0, pmin), pmax


def _set_points(g: Floats, bus: Ints, stated: Bools, resting: Bools) -> Floats:
    """(unit,) p.u.; units that the snapshot leaves out follow the last one in service at their bus."""
    last = dict(zip(bus[stated].tolist(), g[stated, 5].tolist(), strict=True))
    follow = np.array([last.get(b, v) for b, v in zip(bus.tolist(), g[:, 5].tolist(), strict=True)])
    return np.where(resting, follow, g[:, 5])


def _ramps(g: Floats, pmax: Floats, log: ReadingLog) -> tuple[Floats, Floats]:
    """(unit,) MW/h and MW in 10 minutes: as stated (0 is not stated), else from the others, else the whole range in an hour."""
    n = len(g)
    ramp, columns = np.zeros(n), {k: g[:, k] if g.shape[1] > k else np.zeros(n) for k in (RAMP_AGC, RAMP_10, RAMP_30)}
    for column, per_hour in _AN_HOUR.items():
        ramp = np.where((ramp <= 0) & (columns[column] > 0), per_hour * columns[column], ramp)
    bare = ramp <= 0
    log.fill("units.ramp", int(bare.sum()), "the whole range in an hour", "the case states no ramp")
    ramp = np.where(bare, np.maximum(pmax, 1.0), ramp)
    # case_RTS_GMLC writes its MW/min into all three columns; a unit cannot give less in ten minutes than in one.
    repeated = (
        (columns[RAMP_AGC] > 0) & (columns[RAMP_10] == columns[RAMP_AGC]) & (columns[RAMP_30] == columns[RAMP_AGC])
    )
    if repeated.any():
        log.warn(
            f"RAMP_10 and RAMP_30 of {int(repeated.sum())} units repeat their RAMP_AGC: all three are taken as MW per minute"
        )
    quick = (columns[RAMP_10] > 0) & ~repeated
    log.fill("units.ramp_10min", int((~quick).sum()), "a sixth of the hourly ramp", "the case states no RAMP_10")
    return ramp, np.where(quick, columns[RAMP_10], np.minimum(ramp / 6, np.maximum(pmax, 0.0)))


def _starts(
    case: Case, kinds: list[UnitClass], kind: Strings, pmax: Floats, loads: Bools, log: ReadingLog
) -> tuple[Floats, Floats]:
    """(unit,) USD of a start and of a stop: as the case states them, 0 included; of a class only where it has no costs."""
    thermal = (kind == THERMAL) & ~loads
    if case.gencost is not None:
        return tuple(np.where(thermal, case.gencost[: len(kinds), k], 0.0) for k in (1, 2))  # type: ignore[return-value]
    per_mw = np.array([float(c.start_usd_per_mw or 0) for c in kinds])
    filled = thermal & (per_mw > 0)
    log.fill("units.start_cost", int(filled.sum()), "class values", "unit_classes.csv; each unit names its source")
    return np.where(thermal, per_mw * pmax, 0.0), np.zeros(len(kinds))


def _cost_curves(
    case: Case, pmin: Floats, pmax: Floats, kind: Strings, names: Strings, log: ReadingLog
) -> tuple[Floats, Floats]:
    """(unit, K) breakpoints: piecewise linear costs with all their points, polynomials by chords."""
    n = len(case.gen)
    if case.gencost is not None and len(case.gencost) < n:
        raise GridError(f"grid {case.name} has {len(case.gencost)} rows of gencost for {n} units", "give each its cost")
    free = np.isin(kind, (VARIABLE, STORAGE, CONDENSER))
    curves: list[Curve] = []
    chords = np.zeros(n)
    share = share_used(float(case.bus[:, 2].sum()), pmax)
    for i in range(n):
        if free[i]:
            curves.append(Curve(np.array([pmin[i], pmax[i]]), np.zeros(2)))
        elif case.gencost is None:
            curves.append(unstated(case.gen[i, 1], pmin[i], pmax[i]))
        else:
            curves.append(_curve(case, i, pmin[i], pmax[i], share))
            chords[i] = _chords(case.gencost[i], pmin[i], pmax[i], share)
    if case.gencost is None:
        log.fill("units.cost_usd", int((~free).sum()), UNSTATED_TOLD, "the case states no costs")
    else:
        _tell_costs(case.gencost[:n], curves, free, chords, names, log)
    return table(curves)


def _curve(case: Case, i: int, pmin: float, pmax: float, share: float) -> Curve:
    assert case.gencost is not None
    row = case.gencost[i]
    terms, model = row[3], row[0]
    needed = 4 + (2 if model == 1 else 1) * terms
    if model not in (1, 2) or terms < (2 if model == 1 else 0) or terms != int(terms) or needed > len(row):
        raise GridError(
            f"grid {case.name}: row {i + 1} of gencost (model {model:g}, {terms:g} terms, {len(row)} columns) is no cost",
            "give model 1 with as many points as stated, or model 2 with as many coefficients",
        )
    numbers = row[4 : int(needed)]
    if not np.isfinite(numbers).all():
        raise GridError(f"grid {case.name}: row {i + 1} of gencost holds what is not a number", "mend the cost")
    if model == 2:
        return by_chords(numbers, pmin, pmax, share)
    if (np.diff(numbers[::2]) < 0).any():
        raise GridError(f"grid {case.name}: the points in row {i + 1} of gencost are not in order", "sort them by MW")
    return convex(numbers[::2], numbers[1::2], pmin, pmax)


def _chords(row: Floats, pmin: float, pmax: float, share: float) -> float:
    return chords_above(row[4 : 4 + int(row[3])], pmin, pmax, share) if row[0] == 2 and row[3] > 2 else 0.0


def _tell_costs(
    costs: Floats, curves: list[Curve], free: Bools, chords: Floats, names: Strings, log: ReadingLog
) -> None:
    gaps = np.array([c.gap for c in curves])
    if (gaps > 0).any():
        worst = int(np.argmax(gaps))
        log.warn(
            f"{int((gaps > 0).sum())} units have a cost that is not convex: its convex envelope replaces it, at most "
            f"{gaps[worst]:.6g} USD/h below (unit {names[worst]})"
        )
    curved = ~free & (chords > SMALL_USD)
    source = f"polynomials by {SEGMENTS} chords, at most {chords.max():.4g} USD/h away"
    log.fill("units.cost_usd", int(curved.sum()), "points of the stated cost", source)
    idle = free & (costs[:, 4:] != 0).any(axis=1)
    log.leave_out("gencost", names[idle].tolist(), "weather, stores and condensers cost nothing here")


def _tell(case: Case, units: Units, stated: Bools, resting: Bools, loads: Bools, log: ReadingLog) -> None:
    g, n = case.gen, len(units)
    log.fill(
        "units.min_up, units.min_down",
        int((~loads).sum()),
        "class values",
        "unit_classes.csv; each unit names its source",
    )
    if resting.any():
        log.warn(f"{int(resting.sum())} weather-driven units that the snapshot leaves out are in service")
    off = ~stated & ~resting & (units.kind != STORAGE)
    log.leave_out("gen", units.name[off].tolist(), "out of service in the file, or at an isolated bus")
    stores = units.name[units.kind == STORAGE].tolist()
    log.leave_out("gen", stores, "a store stays out of service: the case gives no energy content")
    if (loads & stated).any():
        log.warn(
            f"{int((loads & stated).sum())} dispatchable loads (PMIN below 0, PMAX not above it) are units that take between "
            "PMIN and PMAX at their stated cost; their power factor is not held"
        )
    if case.gencost is not None and len(case.gencost) > n:
        log.leave_out("gencost", [f"row {k + 1}" for k in range(n, len(case.gencost))], "costs of reactive power")
    for columns, what, why in (
        (slice(10, 16), "PC1 … QC2MAX", "capability curves: QMIN and QMAX count"),
        (slice(RAMP_Q, RAMP_Q + 1), "RAMP_Q", "reactive power may change at any rate"),
        (slice(APF, APF + 1), "APF", "losses are shared by the room that units have"),
    ):
        if g[:, columns].any():
            log.leave_out(f"column {what} of gen", units.name[(g[:, columns] != 0).any(axis=1)].tolist(), why)


def _unit_names(buses: Ints) -> Strings:
    count: dict[int, int] = {}
    names = []
    for b in buses.tolist():
        count[b] = count.get(b, 0) + 1
        names.append(f"{b}_{count[b]}")
    return np.array(names, dtype=np.str_)
