"""Writes the table of grids that can be named: `python -m slots.sources.sizes [NAME …]`.

With names, only their lines are made anew. It reads every grid, which takes minutes.
"""

import csv
import inspect
import sys
import warnings
from dataclasses import asdict, fields
from pathlib import Path

from slots.grid.model import Grid
from slots.sources.aggregated import REGIONS
from slots.sources.catalogue import load_listed, shipped_grids
from slots.sources.exchange.shipped import shipped_names
from slots.sources.listed import TABLE, Listed, listed_grids
from slots.sources.pandapower_networks.simbench_grids import simbench_codes

NO_NETWORKS = ("create_empty_network", "create_examples")


def all_names() -> list[str]:
    """Every grid that the installed packages bring."""
    return [
        *REGIONS,
        *shipped_grids(),
        *(f"pandapower:{n}" for n in pandapower_networks()),
        *(f"simbench:{n}" for n in simbench_codes()),
        *(f"powsybl:{n}" for n in shipped_names()),
    ]


def pandapower_networks() -> list[str]:
    """Functions of `pandapower.networks` that need no argument and make one network."""
    import pandapower.networks as networks

    makers = inspect.getmembers(networks, inspect.isfunction)
    return [n for n, f in makers if f.__module__.startswith("pandapower.networks.") and _makes_one(n, f)]


def _makes_one(name: str, function: object) -> bool:
    needed = [p for p in inspect.signature(function).parameters.values()  # type: ignore[arg-type]
              if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]  # fmt: skip
    return not needed and not name.startswith("_")


def size_of(name: str, grid: Grid) -> Listed:
    """A grid's line."""
    buses, live = grid.buses, grid.live
    return Listed(
        name, int(live.sum()), int(grid.branches.in_service.sum()), int(grid.units.in_service.sum()),
        round(float(buses.pd[live].sum()), 3), float(f"{buses.kv.max(initial=0.0):g}"),
    )  # fmt: skip


def write(only: list[str]) -> None:
    """Write the table; the sizes of grids that are refused are 0, and why is told on stderr."""
    known = {g.grid: g for g in listed_grids()}
    rows = []
    for name in all_names():
        if only and name not in only:
            rows += [known[name]] if name in known else []
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rows.append(size_of(name, load_listed(name).grid))
        except Exception as error:  # the table is made whatever a reader does
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
            rows.append(Listed(name, 0, 0, 0, 0.0, 0.0))
    with (Path(__file__).parent / TABLE).open("w", newline="") as file:
        table = csv.DictWriter(file, [f.name for f in fields(Listed)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(r) for r in rows)


if __name__ == "__main__":
    write(sys.argv[1:])
