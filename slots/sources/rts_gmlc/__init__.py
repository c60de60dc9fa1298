"""Reader of a folder in the RTS-GMLC format: `SourceData` and its series, day-ahead ones first.

Heat rates give costs, the unit table gives minimum times, ramps and start-up fuel by time off, and the series give load,
wind, sun, water and reserves. What the folder does not state or what plays no part is in the reading report.
"""

from pathlib import Path

from slots.grid.model import Grid
from slots.grid.reading import ReadingLog
from slots.grid.reference import normalised
from slots.sources.rts_gmlc.equipment import branches_of, buses_of, dc_links_of
from slots.sources.rts_gmlc.machines import units_of
from slots.sources.rts_gmlc.series import series_of
from slots.sources.rts_gmlc.sheets import Sheet, optional_sheet, pointers_of, sheet
from slots.sources.series import Series

BASE_MVA = 100.0


def read_rts_gmlc(folder: Path) -> tuple[Grid, Series]:
    """The grid and its series, whose hour 0 is their first.

    Raises:
        GridError: a table or a column of it is missing, or a value is none; one sentence with its place.
        ProfileError: a series file is missing, has holes, or does not fit the grid.
    """
    log = ReadingLog(str(folder), "RTS-GMLC folder")
    bus, gen, branch = (sheet(folder, f"{name}.csv") for name in ("bus", "gen", "branch"))
    links, stores = (optional_sheet(folder, f"{name}.csv", log) for name in ("dc_branch", "storage"))
    reserves, pointers = optional_sheet(folder, "reserves.csv", log), pointers_of(folder)
    for s in (bus, gen, branch, links, stores, reserves):
        log.read(s.name.removesuffix(".csv"), len(s))
    buses = buses_of(bus, log)
    units = units_of(gen, stores, set(pointers.weather()), buses.number.tolist(), log)
    grid = Grid(
        "rts-gmlc", BASE_MVA, buses, branches_of(branch, buses, log), units, dc_links_of(links, buses, log),
        f"RTS-GMLC data set of GridMod ({folder.name}), NREL data use notice applies",
    )  # fmt: skip
    grid = normalised(grid, log)
    series = series_of(folder, grid, pointers, stores, reserves, log)
    _tell_unused([bus, gen, branch, links, stores, reserves], log)
    used = {"buses": grid.n_bus, "branches": len(grid.branches), "units": len(grid.units),
            "dc_links": len(grid.dc_links), "hours": series.hours}  # fmt: skip
    grid = grid.replace(reading=log.done(used))
    series.check(grid)
    return grid, series


def _tell_unused(sheets: list[Sheet], log: ReadingLog) -> None:
    for s in sheets:
        log.leave_out(f"column of {s.name}", s.unused(), "nothing that plans the steady state reads it")
