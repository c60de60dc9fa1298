"""A PowSyBl network's tables, each fetched once."""

from typing import Any

import pandas as pd


class Frames:
    """The tables of a PowSyBl network.

    Args:
        network: PowSyBl's; it is only read.
    """

    def __init__(self, network: Any) -> None:
        self.network = network
        self._kept: dict[str, pd.DataFrame] = {}

    def table(self, kind: str) -> pd.DataFrame:
        """What `network.get_KIND(all_attributes=True)` gives, by id."""
        if kind not in self._kept:
            self._kept[kind] = getattr(self.network, f"get_{kind}")(all_attributes=True)
        return self._kept[kind]

    def boundary_lines(self) -> pd.DataFrame:
        """Lines to the border of the file, which earlier releases of PowSyBl call dangling."""
        return self.table("boundary_lines" if hasattr(self.network, "get_boundary_lines") else "dangling_lines")

    def boundary_generation(self) -> pd.DataFrame:
        """Generation at the far end of boundary lines, by line."""
        kind = "boundary_lines" if hasattr(self.network, "get_boundary_lines") else "dangling_lines"
        return self.table(f"{kind}_generation")

    def extension(self, name: str) -> pd.DataFrame:
        """Rows of an extension; empty where the network has none."""
        key = f"extension {name}"
        if key not in self._kept:
            try:
                self._kept[key] = self.network.get_extensions(name)
            except Exception:  # an extension that this release of PowSyBl does not know
                self._kept[key] = pd.DataFrame()
        return self._kept[key]

    def names(self) -> dict[str, str]:
        """Names by id, of the tables fetched so far."""
        named = [t["name"] for t in self._kept.values() if "name" in t and not isinstance(t.index, pd.MultiIndex)]
        return {str(k): str(n) for column in named for k, n in column.items() if n}

    @property
    def kv(self) -> "pd.Series[float]":
        """Nominal voltage of each voltage level."""
        return self.table("voltage_levels").nominal_v

    @property
    def has_dc_network(self) -> bool:
        """Whether DC grids are modelled node by node."""
        return hasattr(self.network, "get_dc_nodes") and bool(len(self.network.get_dc_nodes()))


def called(key: Any, row: Any) -> str:
    """An element's name, or its id where it has none."""
    return str(row["name"] or key)
