"""PyPSA's generators, storage units and stores as units."""

from typing import Any

import numpy as np
import pandas as pd

from slots.grid.model import STORAGE, THERMAL, VARIABLE, Bools, Floats, Strings, Units
from slots.grid.reading import ReadingLog
from slots.sources.costs import polynomial
from slots.sources.pypsa.file import NetworkFile
from slots.sources.pypsa.stores import Store, stores_of

FUELS = {"wind": "wind", "solar": "solar", "pv": "solar", "hydro": "hydro", "ror": "hydro", "water": "hydro", "phs": "hydro",
         "nuclear": "nuclear", "uranium": "nuclear", "lignite": "coal", "coal": "coal", "ocgt": "gas", "ccgt": "gas", "gas": "gas",
         "oil": "oil", "diesel": "oil", "biomass": "biomass", "biogas": "biomass", "geothermal": "geothermal",
         "battery": "battery"}  # fmt: skip
WEATHER = ("wind", "solar", "hydro")
SHEDDING = ("load", "load shedding", "load-shedding", "load_shedding", "curtailment", "voll")
RATED_POWER_FACTOR = 0.85  # of generators, lagging (IEC 60034-3: 0.8, 0.85 or 0.9)


def generators_kept(file: NetworkFile, at: dict[str, int], log: ReadingLog) -> pd.DataFrame:
    """The generators that become units, with `size` (MW, its sign applied) and `weather`: whether weather decides them."""
    table = file.static["generators"].copy()
    inside = table.bus.isin(at)
    log.leave_out("generators", table.index[~inside].tolist(), "their bus is not part of the AC network")
    shedding = inside & table.carrier.str.lower().isin(SHEDDING)
    log.leave_out(
        "generators", table.index[shedding].tolist(), "they stand for load shedding, which is priced by itself"
    )
    built = inside & ~shedding & table.p_nom_extendable & (table.p_nom_opt > 0)
    if built.any():
        log.warn(f"{int(built.sum())} generators that PyPSA may extend have the size of the file's own optimum")
    table["size"] = np.where(built, table.p_nom_opt, table.p_nom) * table.sign
    fuel = pd.Series(fuels(table.carrier), index=table.index)
    varying = pd.Series(file.varying("generators", "p_max_pu"), index=table.index)
    table["weather"] = fuel.isin(WEATHER) | (varying & (table.marginal_cost <= 1.0))
    return table[inside & ~shedding]


def fuels(carriers: Any) -> list[str]:
    """The fuel that a carrier's name tells, else the name itself."""
    out = []
    for name in map(str, carriers):
        words = name.lower().replace("-", " ").replace("_", " ").split()
        hit = next((FUELS[w] for w in words if w in FUELS), None)
        hit = hit or next((fuel for word, fuel in FUELS.items() if len(word) > 3 and word in name.lower()), None)
        out.append(hit or name.lower() or "other")
    return out


def units_of(
    file: NetworkFile, at: dict[str, int], vset: Floats, log: ReadingLog
) -> tuple[Units, pd.DataFrame, list[Store]]:
    """All units: generators, then stores; with the table of the generators and the stores that they stand for."""
    table, stores = generators_kept(file, at, log), stores_of(file, at, log)
    g, s = _generators(file, table, at, log), _stores(stores)
    columns = {k: np.concatenate([g[k], s[k]]) for k in g}
    columns["vset"] = vset[columns["bus"]]
    _tell(columns, table, log)
    return Units(**columns), table, stores


def _generators(file: NetworkFile, table: pd.DataFrame, at: dict[str, int], log: ReadingLog) -> dict[str, Any]:
    n, names = len(table), table.index
    all_names = file.static["generators"].index
    rows = all_names.get_indexer(names)
    size = table["size"].to_numpy()
    weather = table.weather.to_numpy(bool)
    high, low = _share(file, rows, "p_max_pu", weather, log), _share(file, rows, "p_min_pu", weather, log)
    kind = np.where(weather, VARIABLE, THERMAL)
    pmax, pmin = np.where(weather, size, size * high), np.where(weather, 0.0, size * low)
    switched = table.committable.to_numpy(bool)
    cost = _curves(table, pmin, pmax, weather, switched)
    p, q = file.values("generators", "p_set")[rows], file.values("generators", "q_set")[rows]
    up, down = (_ramp(table, f"ramp_limit_{way}", size) for way in ("up", "down"))
    limits = {k: _limit(table, f"ramp_limit_{k}", size, switched) for k in ("start_up", "shut_down")}
    return {
        "name": np.array(names.tolist(), dtype=np.str_), "bus": np.array([at[b] for b in table.bus], dtype=np.int64),
        "kind": kind, "fuel": np.array(fuels(table.carrier), dtype=np.str_),
        "technology": np.array(table.carrier.str.lower().tolist(), dtype=np.str_), "p": p * table.sign.to_numpy(),
        "q": q * table.sign.to_numpy(), "pmin": pmin, "pmax": pmax, **_reactive(size, weather),
        "in_service": table.active.to_numpy(bool) & (np.abs(size) > 0), "must_run": ~switched & ~weather & (pmin != 0),
        "start_cost": np.where(switched, table.start_up_cost, 0.0),
        "min_up": np.where(switched, np.maximum(table.min_up_time, 1.0), 1.0),
        "min_down": np.where(switched, np.maximum(table.min_down_time, 1.0), 1.0),
        "ramp": np.minimum(up, down), "ramp_10min": np.minimum(np.minimum(up, down) / 6, np.maximum(pmax, 0.0)),
        **cost, **_no_store(n), "plant": np.full(n, ""), "source": np.full(n, "PyPSA file"),
        "stop_cost": np.where(switched, table.shut_down_cost, 0.0), "start_off": np.zeros((n, 1)),
        "start_share": np.ones((n, 1)), "start_limit": limits["start_up"], "stop_limit": limits["shut_down"],
    }  # fmt: skip


def _share(file: NetworkFile, rows: Any, attribute: str, weather: Bools, log: ReadingLog) -> Floats:
    """(unit,) share of capacity; where it varies and weather does not decide, its mean."""
    out = file.static["generators"][attribute].to_numpy(float).copy()
    series = file.series.get(("generators", attribute))
    if series is not None:
        at = file.static["generators"].index.get_indexer(series.columns)
        out[at] = series.mean().to_numpy(float)
        told = int((file.varying("generators", attribute)[rows] & ~weather).sum())
        if told:
            log.warn(f"{attribute} of {told} generators varies with time in the file: its mean holds in all hours")
    return np.asarray(out[rows])


def _curves(table: pd.DataFrame, pmin: Floats, pmax: Floats, weather: Bools, switched: Bools) -> dict[str, Floats]:
    """Cost per hour: the quadratic of the file, and what running costs where a unit may be stopped."""
    terms = zip(
        table.marginal_cost_quadratic / table.sign, table.marginal_cost / table.sign,
        np.where(switched, table.stand_by_cost, 0.0), pmin, pmax, weather, strict=True,
    )  # fmt: skip
    curves = [polynomial(np.zeros(1) if w else np.array([c2, c1, c0]), low, high) for c2, c1, c0, low, high, w in terms]
    if not curves:
        mw, usd = polynomial(np.zeros(1), 0.0, 0.0)
        return {"cost_mw": np.zeros((0, len(mw))), "cost_usd": np.zeros((0, len(usd)))}
    return {"cost_mw": np.array([m for m, _ in curves]), "cost_usd": np.array([u for _, u in curves])}


def _ramp(table: pd.DataFrame, attribute: str, size: Floats) -> Floats:
    stated = table[attribute].to_numpy()
    return np.asarray(np.where(np.isfinite(stated), stated * size, np.maximum(size, 1.0)))


def _limit(table: pd.DataFrame, attribute: str, size: Floats, switched: Bools) -> Floats:
    stated = table[attribute].to_numpy()
    return np.asarray(np.where(np.isfinite(stated) & switched, stated * size, np.inf))


def _reactive(size: Floats, weather: Bools) -> dict[str, Floats]:
    """PyPSA knows no reactive limits: synchronous units get those of their rated power factor; what weather decides, none."""
    room = np.where(weather, 0.0, np.abs(size) * np.tan(np.arccos(RATED_POWER_FACTOR)))
    return {"qmin": -room, "qmax": room}


def _no_store(n: int) -> dict[str, Floats]:
    zero = {k: np.zeros(n) for k in ("energy_max", "energy_initial", "charge_max")}
    return {**zero, "efficiency": np.ones(n)}


def _stores(stores: list[Store]) -> dict[str, Any]:
    n = len(stores)

    def column(name: str) -> Floats:
        return np.array([getattr(s, name) for s in stores], dtype=float)

    room = column("pmax") * np.tan(np.arccos(RATED_POWER_FACTOR))
    mw, usd = polynomial(np.zeros(1), 0.0, 0.0)
    pmax = column("pmax")
    curve = np.tile(mw, (n, 1))
    curve[:, -1:] = pmax[:, None]
    names: Strings = np.array([s.name for s in stores], dtype=np.str_)
    return {
        "name": names, "bus": np.array([s.bus for s in stores], dtype=np.int64), "kind": np.full(n, STORAGE),
        "fuel": np.array(fuels([s.carrier for s in stores]), dtype=np.str_),
        "technology": np.array([s.carrier.lower() for s in stores], dtype=np.str_), "p": column("p"), "q": column("q"),
        "pmin": np.zeros(n), "pmax": pmax, "qmin": -room, "qmax": room,
        "in_service": np.array([s.in_service for s in stores], dtype=bool), "must_run": np.zeros(n, bool),
        "start_cost": np.zeros(n), "min_up": np.ones(n), "min_down": np.ones(n), "ramp": np.maximum(60 * pmax, 1.0),
        "ramp_10min": pmax.copy(), "cost_mw": curve, "cost_usd": np.tile(usd, (n, 1)),
        "energy_max": column("energy_max"), "energy_initial": column("energy_initial"),
        "charge_max": column("charge_max"), "efficiency": column("efficiency"), "plant": np.full(n, ""),
        "source": np.full(n, "PyPSA file"), "stop_cost": np.zeros(n), "start_off": np.zeros((n, 1)),
        "start_share": np.ones((n, 1)), "start_limit": np.full(n, np.inf), "stop_limit": np.full(n, np.inf),
    }  # fmt: skip


def _tell(columns: dict[str, Any], table: pd.DataFrame, log: ReadingLog) -> None:
    synchronous = int((columns["kind"] != VARIABLE).sum())
    log.fill("units.qmin, units.qmax", synchronous, f"those of power factor {RATED_POWER_FACTOR:g} at capacity",
             "PyPSA states no reactive limits; rated power factor of IEC 60034-3")  # fmt: skip
    free = table.ramp_limit_up.isna() & table.ramp_limit_down.isna() & ~table.weather
    log.fill("units.ramp", int(free.sum()), "their capacity in an hour", "the file limits no ramp")
    paid = table.weather & (table.marginal_cost != 0)
    if paid.any():
        log.warn(
            f"{int(paid.sum())} generators that weather decides have a marginal cost in the file: they run first anyway"
        )
    uneven = ~table.weather & table.ramp_limit_up.notna() & table.ramp_limit_down.notna()
    uneven &= table.ramp_limit_up != table.ramp_limit_down
    if uneven.any():
        log.warn(f"ramps up and down of {int(uneven.sum())} generators differ: the slower one holds both ways")
