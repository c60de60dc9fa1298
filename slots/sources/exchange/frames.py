"""A PowSyBl network's tables, each fetched once."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd


class Row(dict[str, Any]):
    """A row of a table; its values are attributes, too."""

    def __getattr__(self, column: str) -> Any:
        return self[column]


def rows(table: pd.DataFrame) -> Iterator[tuple[str, Row]]:
    """Key and values of each row, as Python's own numbers; much faster than `iterrows`."""
    if not len(table):
        return
    columns = table.columns.tolist()
    for key, values in zip(table.index.tolist(), table.to_numpy(dtype=object).tolist(), strict=True):
        yield key, Row(zip(columns, values, strict=True))


Limits = dict[str, tuple[float, float]]  # least and greatest voltage (p.u.) by id of a bus of the bus-breaker view


class Frames:
    """The tables of a PowSyBl network.

    Args:
        network: PowSyBl's; it is only read.
        limits: of voltages, where the file states them by bus and not by voltage level.
    """

    def __init__(self, network: Any, limits: Limits | None = None) -> None:
        self.network = network
        self._limits = limits or {}
        self._kept: dict[str, pd.DataFrame] = {}

    def table(self, kind: str) -> pd.DataFrame:
        """What `network.get_KIND(all_attributes=True)` gives, by id."""
        if kind not in self._kept:
            self._kept[kind] = getattr(self.network, f"get_{kind}")(all_attributes=True)
        return self._kept[kind]

    def limits(self) -> Limits:
        """Limits of voltages that are stated by bus, by id of a bus of the bus view; of joined ones the tightest."""
        out: Limits = {}
        if not self._limits:
            return out
        for key, bus in self.table("bus_breaker_view_buses").bus_id.items():
            low, high = self._limits.get(str(key), (0.0, np.inf))
            before = out.get(bus, (0.0, np.inf))
            out[bus] = max(low, before[0]), min(high, before[1])
        return {bus: x for bus, x in out.items() if 0 < x[0] < x[1] < np.inf}

    def boundary_lines(self) -> pd.DataFrame:
        """Lines to the border of the file, which earlier releases of PowSyBl call dangling."""
        return self.table("boundary_lines" if hasattr(self.network, "get_boundary_lines") else "dangling_lines")

    def boundary_generation(self) -> pd.DataFrame:
        """Generation at the far end of boundary lines, by line."""
        kind = "boundary_lines" if hasattr(self.network, "get_boundary_lines") else "dangling_lines"
        return self.table(f"{kind}_generation")

    def extension(self, name: str) -> pd.DataFrame:
        """Rows of an extension; empty where the network has none, or the release of PowSyBl does not know it."""
        key = f"extension {name}"
        if key not in self._kept:
            self._kept[key] = self.network.get_extensions(name) if name in self._extensions else pd.DataFrame()
        return self._kept[key]

    def names(self) -> dict[str, str]:
        """Names by id, of the tables fetched so far."""
        named = [t["name"] for t in self._kept.values() if "name" in t and not isinstance(t.index, pd.MultiIndex)]
        return {str(k): str(n) for column in named for k, n in column.items() if n}

    @cached_property
    def kv(self) -> dict[str, float]:
        """Nominal voltage of each voltage level."""
        return {str(k): float(v) for k, v in self.table("voltage_levels").nominal_v.items()}

    @cached_property
    def _extensions(self) -> list[str]:
        import pypowsybl as pp

        return list(pp.network.get_extensions_names())

    @property
    def has_dc_network(self) -> bool:
        """Whether DC grids are modelled node by node."""
        return hasattr(self.network, "get_dc_nodes") and bool(len(self.network.get_dc_nodes()))


def called(key: Any, row: Any) -> str:
    """An element's name, or its id where it has none."""
    return str(row["name"] or key)
