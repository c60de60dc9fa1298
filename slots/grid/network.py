"""The network that the year is computed on: a grid, or its equivalent, with the maps from full to kept buses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from slots.grid.model import VARIABLE, Bools, Complexes, Floats, Grid, Ints


@dataclass(frozen=True)
class Network:
    """A (reduced) grid and how injections of the full grid act on it.

    Attributes:
        grid: kept buses, kept and equivalent branches, all units (`bus` is the host with the largest share).
        kept: (bus,) positions of the kept buses in the full grid.
        load_map: (bus, full bus) share of a full bus's injection that acts on a kept bus; columns sum to 1.
        unit_map: (bus, unit) participation factors of the units; columns sum to 1.
        correction: (bus,) fixed injection (p.u.) that makes the base state exact.
        voltage_support: (bus,) MVAr of range above which a bus holds its voltage.
        unit_of: (full unit,) the unit that each unit of the full grid has become part of.
        outages: positions of the branches whose outage is verified; None for all real ones in service that the grid says.
    """

    grid: Grid
    kept: Ints
    load_map: sp.csr_matrix
    unit_map: sp.csr_matrix
    correction: Complexes
    voltage_support: Floats
    unit_of: Ints
    outages: Ints | None = None

    @property
    def contingencies(self) -> Ints:
        """Positions of the branches whose outage is verified."""
        if self.outages is not None:
            return self.outages
        br = self.grid.branches
        return np.flatnonzero(br.in_service & ~br.equivalent & br.contingency)

    def fixed_injection(self, load: Floats, load_q: Floats) -> Complexes:
        """(…, bus) p.u. injection of loads, DC links and the correction; loads are (…, full bus) MW, MVAr."""
        base = self.grid.base_mva
        active = (self.grid.dc_injection() - self._mapped(load)) / base + self.correction.real
        return np.asarray(active + 1j * (self.correction.imag - self._mapped(load_q) / base))

    def _mapped(self, x: Floats) -> Floats:
        mapped = (self.load_map @ np.atleast_2d(x).T).T
        return np.asarray(mapped.reshape(*np.shape(x)[:-1], self.grid.n_bus))

    def of_units(self, x: Floats) -> Floats:
        """(hour, unit) sums of an (hour, full unit) series in MW; NaN where weather does not decide."""
        n = len(self.grid.units)
        if len(self.unit_of) == n:
            return x
        member = sp.csr_matrix((np.ones(len(self.unit_of)), (self.unit_of, np.arange(len(self.unit_of)))))
        out = np.asarray((member @ np.nan_to_num(x, nan=0.0).T).T)
        if np.isnan(x).any():
            out[:, self.grid.units.kind != VARIABLE] = np.nan
        return out

    def reactive_range(self, on: Bools) -> tuple[Floats, Floats]:
        """(bus,) least and most MVAr that the units that are on can give at each bus."""
        units = self.grid.units
        low = self.unit_map @ np.where(on, units.qmin, 0.0)
        high = self.unit_map @ np.where(on, units.qmax, 0.0)
        return np.asarray(low), np.asarray(high)

    def shunt_range(self) -> tuple[Floats, Floats, Floats]:
        """(bus,) p.u. by which banks can take the shunt susceptance below and above the grid's own, and their step."""
        b, base = self.grid.buses, self.grid.base_mva
        step = b.bs_step / base
        whole = np.where(step > 0, step, 1.0)
        down, up = np.floor((b.bs - b.bs_low) / base / whole + 1e-9), np.floor((b.bs_high - b.bs) / base / whole + 1e-9)
        return -down * step, up * step, step

    def tap_range(self) -> tuple[Floats, Floats, Floats]:
        """(changer,) by which ratios can go below and above the grid's own, in whole steps, and their step."""
        br, k = self.grid.branches, self.grid.changers
        step = br.tap_step[k]
        down = np.floor((br.tap[k] - br.tap_low[k]) / step + 1e-9)
        up = np.floor((br.tap_high[k] - br.tap[k]) / step + 1e-9)
        return -down * step, up * step, step

    def voltage_controlled(self, on: Bools) -> Bools:
        """(bus,) whether a bus holds its voltage with these units on; the slack bus always does."""
        low, high = self.reactive_range(on)
        out = (high - low) >= self.voltage_support
        out[self.grid.slack] = True
        return np.asarray(out)

    def to_arrays(self) -> dict[str, Any]:
        """Flat arrays for a file."""
        out = self.grid.to_arrays()
        for name in ("load_map", "unit_map"):
            m = getattr(self, name).tocoo()
            out[f"{name}/row"], out[f"{name}/col"], out[f"{name}/share"] = m.row, m.col, m.data
            out[f"{name}/shape"] = np.array(m.shape)
        out.update(
            kept=self.kept, correction=self.correction, voltage_support=self.voltage_support, unit_of=self.unit_of
        )
        return out

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any], header: dict[str, Any]) -> Network:
        """The inverse of `to_arrays`."""

        def matrix(name: str) -> sp.csr_matrix:
            rc = (arrays[f"{name}/row"], arrays[f"{name}/col"])
            return sp.csr_matrix((arrays[f"{name}/share"], rc), shape=tuple(arrays[f"{name}/shape"]))

        return cls(
            Grid.from_arrays(arrays, header), arrays["kept"], matrix("load_map"), matrix("unit_map"),
            arrays["correction"], arrays["voltage_support"], arrays["unit_of"],
        )  # fmt: skip


def whole(grid: Grid) -> Network:
    """The network that keeps everything."""
    n, units = grid.n_bus, len(grid.units)
    unit_map = sp.csr_matrix((np.ones(units), (grid.units.bus, np.arange(units))), shape=(n, units))
    one = sp.identity(n, format="csr")
    return Network(grid, np.arange(n), one, unit_map, np.zeros(n, complex), np.full(n, 1.0), np.arange(len(grid.units)))
