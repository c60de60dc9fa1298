"""Parameters of the routines from an AMS workbook, in MW.

AMS counts a real-time interval of t hours as t² c2 p² + t c1 p + c0; the routines count t (c2 p² + c1 p + c0).
`as_ams` scales c2 and c0 so that both objectives are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from slots.grid.model import Floats
from slots.scheduling.cases import Live, incidence, network, units
from slots.sources.workbook import BASE_MVA, Workbook, column

RTED_H = 5 / 60
UNLIMITED_PU = 999.0
BIG = 10.0  # times the largest unit: AMS's bound on what a store charges


class Scheduling:
    """A workbook's scheduling data over its live units.

    Args:
        sheet: "ED", "UC" for their slots and load factors, "" for one interval.
    """

    def __init__(self, book: Workbook, sheet: str = "") -> None:
        self.book, self.live = book, Live.of(book.case)
        self.idx = [book.units[k] for k in self.live.units]
        areas = list(dict.fromkeys(book.table("Bus")["area"]))
        self._areas = areas
        self.area_of_bus = np.array([areas.index(a) for a in book.table("Bus")["area"]])[self.live.buses]
        self.factors = self._load_factors(f"{sheet}Slot") if sheet else np.ones((1, len(areas)))
        self.hours = len(self.factors)
        self.step = 1.0 if sheet else RTED_H

    def _load_factors(self, sheet: str) -> Floats:
        """(hour, area) factors on the loads."""
        slots = list(self.book.table(sheet)["idx"])
        table = self.book.table(f"{sheet}Load").pivot(index="slot", columns="area", values="sd")
        return np.asarray(table.reindex(index=slots, columns=self._areas).fillna(1.0), dtype=np.float64)

    def unit(self, sheet: str, name: str, default: float) -> Floats:
        """(unit,) a column of a sheet that refers to units by `gen`."""
        table = self.book.table(sheet)
        if table.empty:
            return np.full(len(self.idx), float(default))
        return column(table.set_index("gen").reindex(self.idx), name, default)

    def static(self, name: str, default: float) -> Floats:
        """(unit,) a column of the PV and Slack sheets."""
        both = pd.concat([self.book.table(s) for s in ("PV", "Slack") if len(self.book.table(s))])
        return column(both.set_index("idx").reindex(self.idx), name, default)

    def zone(self, sheet: str, name: str) -> Floats:
        """(zone,) a column of a sheet that refers to areas."""
        table = self.book.table(sheet)
        key = "area" if "area" in table else "zone"
        if table.empty:
            return np.zeros(len(self._areas))
        return column(table.set_index(key).reindex(self._areas), name, 0.0)

    @property
    def zone_load(self) -> Floats:
        """(zone,) MW of load at factor one."""
        load = self.book.case.bus[self.live.buses, 2]
        return np.bincount(self.area_of_bus, load, len(self._areas)).astype(np.float64)

    def common(self) -> dict[str, Any]:
        """Network, units and zones."""
        bus = self.book.case.bus[self.live.buses]
        out = {**network(self.live), **units(self.live, self.hours)}
        for lines in (
            "line_slope",
            "line_start",
            "lined",
            "lowest",
            "highest",
            "across",
            "angle_low",
            "angle_high",
            "stretched",
        ):
            del out[lines]
        out["demand"] = self.factors[:, self.area_of_bus] * bus[:, 2] + bus[:, 4]
        zones = self.area_of_bus[self.live.at]
        out["zone_of"] = incidence(len(self._areas), zones)
        out["step"] = self.step
        return out

    def _regulation(self) -> dict[str, Any]:
        need = {
            k: np.tile(self.zone_load * self.zone("SFR", c), (self.hours, 1)) for k, c in (("up", "du"), ("down", "dd"))
        }
        return {
            "up_need": need["up"], "down_need": need["down"], "up_price": self.unit("SFRCost", "cru", 0) / BASE_MVA,
            "down_price": self.unit("SFRCost", "crd", 0) / BASE_MVA,
        }  # fmt: skip

    def _ramps(self, name: str) -> dict[str, Any]:
        rate = BASE_MVA * self.static(name, UNLIMITED_PU)
        return {"p_before": BASE_MVA * self.static("p0", 0.0), "rise_most": rate, "fall_most": rate}

    def as_ams(self, out: dict[str, Any]) -> dict[str, Any]:
        """Costs scaled so that the objective is AMS's; see the module's description."""
        return {**out, "c2": out["c2"] * self.step, "c0": out["c0"] / self.step}

    def real_time(self) -> dict[str, Any]:
        """Parameters of `RealTimeDispatch`."""
        return self.as_ams({**self.common(), **self._regulation(), **self._ramps("R10")})

    def _running(self) -> Floats:
        """(hour, unit) given commitment of an economic dispatch."""
        table = self.book.table("EDSlotGen")
        if table.empty:
            return np.ones((self.hours, len(self.idx)))
        given = table.pivot(index="slot", columns="gen", values="ug")
        slots = list(self.book.table("EDSlot")["idx"])
        return np.asarray(given.reindex(index=slots, columns=self.idx).fillna(1.0), dtype=np.float64)

    def _spinning(self) -> dict[str, Any]:
        need = self.zone_load * self.zone("SR", "demand") * self.factors
        most = np.tile(self.book.case.gen[self.live.units, 8], (self.hours, 1))
        return {"spinning_need": need, "spinning_price": self.unit("SRCost", "csr", 0) / BASE_MVA, "most": most}

    def dispatch(self) -> dict[str, Any]:
        """Parameters of `EconomicDispatch`."""
        out, on = self.common(), self._running()
        out.update(pmin=out["pmin"] * on, pmax=out["pmax"] * on, running=on)
        return {**out, **self._regulation(), **self._spinning(), **self._ramps("R30")}

    def commitment(self) -> dict[str, Any]:
        """Parameters of `UnitCommitment`."""
        out = self.common()
        need = self.zone_load * self.zone("NSR", "demand") * self.factors
        g = self.book.case.gencost
        price = np.zeros(len(self.live.buses))
        loads, value = self.book.table("PQ"), self.book.table("DCost")
        if len(value):
            rows = {b: self.book.joined[k] for k, b in enumerate(self.book.table("Bus")["idx"])}
            at = {b: int(np.searchsorted(self.live.buses, row)) for b, row in rows.items()}
            bus_of = {i: at[b] for i, b in zip(loads["idx"], loads["bus"], strict=True)}
            price[[bus_of[pq] for pq in value["pq"]]] = column(value, "cdp", 999) / BASE_MVA
        return {
            **out, **self._spinning(), "pmin": 0.0, "least": out["pmin"], "resting_need": need,
            "resting_price": self.unit("NSRCost", "cnsr", 0) / BASE_MVA, "shed_value": price,
            "shed_most": np.maximum(out["demand"], 0.0) * (price > 0), "u_before": self.static("u", 1),
            "start_cost": np.zeros(len(self.idx)) if g is None else g[self.live.units, 1],
            "stop_cost": np.zeros(len(self.idx)) if g is None else g[self.live.units, 2],
            "tier_of": sp.csr_matrix((0, len(self.idx))), "warm_for": np.zeros(0), "saving": np.zeros(0),
            "min_up": np.maximum(np.ceil(self.static("td1", 1)), 1), "min_down": np.maximum(np.ceil(self.static("td2", 0.5)), 1),
        }  # fmt: skip

    def with_stores(self, out: dict[str, Any]) -> dict[str, Any]:
        """The same with the parameters of `UnitStores`; as in AMS a unit that stands for a store has no fuel cost."""
        t = self.book.table("ESD1")
        content = BASE_MVA * column(t, "En", 100)
        most = np.full(len(t), BIG * self.book.case.gen[self.live.units, 8].max())
        least = np.tile(column(t, "SOCmin", 0.1) * content, (self.hours, 1))
        least[-1] = np.maximum(least[-1], column(t, "SOCend", 0.1) * content)
        row = np.arange(len(t))
        own = np.isin(self.idx, list(t["gen"]))
        free = {"c1": np.where(own, 0.0, out["c1"]), "c2": np.where(own, 0.0, out["c2"])}
        return {
            **out, **free,
            "store_at": sp.csr_matrix((len(self.live.buses), len(t))), "charge_max": most, "discharge_max": most,
            "energy_min": least, "energy_max": column(t, "SOCmax", 0.9) * content,
            "energy_before": column(t, "SOCinit", 0.8) * content, "eta_in": column(t, "EtaC", 1),
            "eta_out": column(t, "EtaD", 1),
            "stands_for": sp.csr_matrix((np.ones(len(t)), (row, [self.idx.index(g) for g in t["gen"]])),
                                        shape=(len(t), len(self.idx))),
            "charge_value": column(t, "cesdc", 0.1) / BASE_MVA, "discharge_price": column(t, "cesdd", 0.1) / BASE_MVA,
        }  # fmt: skip
