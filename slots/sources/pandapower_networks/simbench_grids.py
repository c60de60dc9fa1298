"""SimBench's grids (`simbench:CODE`) with their own year: quarter hours of 2016, averaged to hours.

Licence of the data: ODbL. Profiles are those that the data set gives each load, infeed and store.
"""

from importlib.util import find_spec
from typing import Any

import numpy as np

from bos_core.objects.errors import GridError
from slots.grid.model import STORAGE, VARIABLE, Floats, Grid, Ints
from slots.sources.pandapower_networks.expansion import flags, quiet
from slots.sources.pandapower_networks.reader import placed
from slots.sources.series import Series, calendar_start

LEVELS = {"HV": ("mixed", "urban"), "MV": ("rural", "semiurb", "urban", "comm")}
QUARTERS = 4
YEAR = 2016


def simbench_codes() -> list[str]:
    """Codes of SimBench's high and medium voltage grids of today; every other code can be typed too."""
    return [f"1-{level}-{kind}--0-no_sw" for level, kinds in LEVELS.items() for kind in kinds]


def read_simbench(code: str) -> tuple[Grid, Series]:
    """A grid of SimBench and its year.

    Raises:
        GridError: simbench is not installed, or there is no such code, or its grid cannot be used.
    """
    if find_spec("simbench") is None:
        raise GridError("the simbench package is not installed", "install it with pip")
    import simbench

    with quiet():
        if code not in simbench.collect_all_simbench_codes():
            raise GridError(f"SimBench has no grid with the code '{code}'", "see `bos grids`")
        net = simbench.get_simbench_net(code)
        profiles = simbench.get_absolute_values(net, profiles_instead_of_study_cases=True)
    grid, position = placed(net, code, f"simbench:{code}")
    return grid, _series(net, grid, position, profiles)


def hourly(quarters: Any) -> Floats:
    """(hour, element) means of an (quarter, element) table; holes stay NaN."""
    values = np.asarray(quarters, dtype=float)
    whole = len(values) // QUARTERS * QUARTERS
    return np.asarray(values[:whole].reshape(-1, QUARTERS, values.shape[1]).mean(axis=1))


def _series(net: Any, grid: Grid, position: Ints, profiles: dict[tuple[str, str], Any]) -> Series:
    hours = len(next(iter(profiles.values()))) // QUARTERS
    load, load_q = (_loads(net, grid, position, profiles, c, hours) for c in ("p_mw", "q_mvar"))
    available = np.full((hours, len(grid.units)), np.nan)
    decided = grid.units.kind == VARIABLE
    available[:, decided] = grid.units.pmax[decided]
    place = {str(n): k for k, n in enumerate(grid.units.name)}
    table = profiles.get(("sgen", "p_mw"))
    if table is not None:
        by_name = net.sgen["name"].astype(str)
        values = np.maximum(hourly(table) * net.sgen.scaling.loc[table.columns].to_numpy(), 0.0)
        for column, key in enumerate(table.columns):
            unit = place.get(by_name[key], place.get(f"{by_name[key]} (sgen {key})"))
            if unit is not None:
                available[:, unit] = np.minimum(values[:, column], grid.units.pmax[unit])
    fixed = decided & grid.units.must_run
    floor = np.where(fixed[None, :], np.nan_to_num(available, nan=0.0), 0.0)
    series = Series(
        calendar_start(YEAR), load, load_q, available, floor, np.zeros_like(floor), np.zeros(hours),
        "SimBench's own profiles of 2016 (ODbL), quarter hours averaged; the data set states no reserve",
    )  # fmt: skip
    series.check(grid)
    return series


def _loads(
    net: Any, grid: Grid, position: Ints, profiles: dict[tuple[str, str], Any], column: str, hours: int
) -> Floats:
    """(hour, bus) load; what has no profile keeps what the grid has, and so do stores that are units."""
    base = grid.buses.pd if column == "p_mw" else grid.buses.qd
    out = np.broadcast_to(base, (hours, grid.n_bus)).copy()
    stores = set(grid.units.name[grid.units.kind == STORAGE].tolist())
    for kind in ("load", "storage"):
        table = profiles.get((kind, column))
        if table is None or not len(table.columns):
            continue
        rows = net[kind].loc[table.columns]
        on = flags(rows, "in_service", True) & np.array([str(n) not in stores for n in rows["name"]])
        change = (hourly(table) - rows[column].to_numpy()) * rows.scaling.to_numpy() * on
        for k, at in enumerate(position[rows.bus.to_numpy(dtype=np.int64)].tolist()):
            out[:, at] += change[:, k]
    out[:, ~grid.live] = 0.0
    return out
