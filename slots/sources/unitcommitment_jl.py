"""UnitCommitment.jl's JSON (plain or gzip), versions 0.2 to 0.4, as a commitment case.

Conventions are those of the package: prices are of a step of time; the balance may be missed at a price; reserve counts in
ramps up and in limits of starts, not of stops; units that rest before the first step start without a ramp in it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from slots.contracts.commitment_case import CaseLines, CaseStores, CommitmentCase, Product, Profiled
from slots.grid.model import Bools, Floats, Ints
from slots.grid.reading import ReadingLog
from slots.sources.json_fields import Fields, read_document
from slots.sources.thermal_records import ThermalRecord, no_lines, no_stores, thermal_units

FORMAT = "UnitCommitment.jl"
MINUTES = 60
BALANCE_PRICE, LINE_PRICE = 1000.0, 5000.0  # USD per MW and step, the package's own where a file states none
NO_LIMIT_MW = 1e8
SECTIONS = ("Parameters", "Buses", "Generators", "Storage units", "Price-sensitive loads", "Transmission lines", "Reserves",
            "Contingencies")  # fmt: skip


def is_unitcommitment_jl(document: dict[str, Any]) -> bool:
    """Whether a JSON object is a case of UnitCommitment.jl."""
    return all(isinstance(document.get(k), dict) for k in ("Parameters", "Buses", "Generators"))


def read_unitcommitment_jl(path: Path) -> CommitmentCase:
    """The case in a file.

    Raises:
        GridError: it cannot be used; names the element and the field.
    """
    return case_of(read_document(path), path.name)


def case_of(document: dict[str, Any], name: str) -> CommitmentCase:
    """The case in a JSON object."""
    return _Reader(Fields.of(document, name), name).case()


class _Reader:
    def __init__(self, top: Fields, name: str) -> None:
        self.top, self.name, self.log = top, name, ReadingLog(name, FORMAT)
        self.parameters = Fields.of(top.get("Parameters"), f"{name}, Parameters")
        self.steps, self.per_hour = self._time()
        self.buses = dict(top.objects("Buses"))
        self.position = {k: i for i, k in enumerate(self.buses)}
        if not self.buses:
            raise top.refuse("it has no bus")
        self.sections: list[tuple[str, list[tuple[str, Fields]]]] = []

    def case(self) -> CommitmentCase:
        """The whole."""
        products = self._products()
        self.reserved = {p.name for p in products}
        loads = np.array([f.series("Load (MW)", self.steps) for f in self.buses.values()]).T
        records, profiled = self._generators()
        held = tuple(
            Product(p.name, p.need, np.array([p.name in self.eligible[r.name] for r in records], bool), p.price)
            for p in products
        )
        case = CommitmentCase(
            self.name, 1.0 / self.per_hour, np.array(list(self.buses)), loads,
            self.parameters.series("Power balance penalty ($/MW)", self.steps, BALANCE_PRICE, 0.0),
            thermal_units(records, self.steps, rise_from_rest=False), profiled, held, self._stores(), self._lines(),
            stop_room_holds_reserve=False,
        )  # fmt: skip
        return self._told(case)

    def _time(self) -> tuple[int, int]:
        p = self.parameters
        p.get("Version")
        hours = p.number("Time horizon (h)", p.number("Time (h)", 0.0), 0.0)
        minutes = p.number("Time horizon (min)", MINUTES * hours, 0.0)
        step = p.whole("Time step (min)", MINUTES, 1)
        if MINUTES % step:
            raise p.refuse(f"'Time step (min)' is {step}, no divisor of 60")
        if minutes <= 0 or minutes % step:
            raise p.refuse(f"a horizon of {minutes:g} minutes is not one or more steps of {step}")
        if minutes / step > 10_000:
            raise p.refuse(f"a horizon of {minutes / step:g} steps is too long", "cut it into days")
        return round(minutes / step), MINUTES // step

    def _bus(self, f: Fields, name: str = "Bus") -> int:
        bus = f.text(name)
        if bus not in self.position:
            raise f.refuse(f"'{name}' is {bus}, which is no bus of the file")
        return self.position[bus]

    def _section(self, name: str) -> list[tuple[str, Fields]]:
        found = self.top.objects(name)
        self.sections.append((name, found))
        self.log.read(name.lower(), len(found))
        return found

    def _products(self) -> list[Product]:
        reserves = self.top.get("Reserves") or {}
        if isinstance(reserves, dict) and "Spinning (MW)" in reserves:  # version 0.2
            f = Fields.of(reserves, f"{self.name}, Reserves")
            need = f.series("Spinning (MW)", self.steps, low=0.0)
            self.log.read("reserves", 1)
            return [Product("r1", need, np.zeros(0, bool), None)]
        out = []
        for label, f in self._section("Reserves"):
            kind = f.text("Type").lower()
            if kind != "spinning":
                raise f.refuse(f"its type is {kind}", "keep reserves of type spinning; no other is known here")
            price = f.number("Shortfall penalty ($/MW)", -1.0)
            need = f.series("Amount (MW)", self.steps, low=0.0)
            out.append(Product(label, need, np.zeros(0, bool), price if price >= 0 else None))
        return out

    def _generators(self) -> tuple[list[ThermalRecord], Profiled]:
        records, rows = [], []
        self.eligible: dict[str, set[str]] = {}
        for label, f in self._section("Generators"):
            kind = f.text("Type", "Thermal").lower()
            if kind == "thermal":
                records.append(self._thermal(label, f))
            elif kind == "profiled":
                low, high = f.series("Minimum power (MW)", self.steps, 0.0), f.series("Maximum power (MW)", self.steps)
                rows.append((label, self._bus(f), 1.0, low, high, f.series("Cost ($/MW)", self.steps, 0.0)))
            else:
                raise f.refuse(f"its type is {kind}, neither thermal nor profiled")
            if kind == "profiled" and (low > high).any():
                raise f.refuse("its minimum power is above its maximum")
        for label, f in self._section("Price-sensitive loads"):
            most = f.series("Demand (MW)", self.steps, low=0.0)
            rows.append((label, self._bus(f), -1.0, 0.0 * most, most, -f.series("Revenue ($/MW)", self.steps)))
        if not records:
            raise self.top.refuse("it has no thermal unit")
        names, at = np.array([r[0] for r in rows], dtype=str), np.array([r[1] for r in rows], np.int64)
        low, high, price = (np.array([r[j] for r in rows], float).reshape(-1, self.steps).T for j in (3, 4, 5))
        return records, Profiled(names, at, np.array([r[2] for r in rows], float), low, high, price)

    def _thermal(self, label: str, f: Fields) -> ThermalRecord:
        k, steps = self.per_hour, self.steps
        status = f.number("Initial status (h)")
        if status == 0:
            raise f.refuse("'Initial status (h)' is 0, neither on nor off")
        offers = f.get("Reserve eligibility")
        if offers is None:
            offers = ["r1"] if f.flag("Provides spinning reserves?") and "r1" in self.reserved else []
        if not isinstance(offers, list) or not {str(x) for x in offers} <= self.reserved:
            raise f.refuse(f"'Reserve eligibility' is {offers}, not a list of reserves of the file")
        f.get("Provides spinning reserves?")
        self.eligible[label] = {str(x) for x in offers}
        on, off = self._status(f)
        return ThermalRecord(
            f, label, self._bus(f), self._curve(f, "Production cost curve (MW)"), self._curve(f, "Production cost curve ($)"),
            k * self._list(f, "Startup delays (h)", 1.0), self._list(f, "Startup costs ($)", 0.0),
            k * f.number("Minimum uptime (h)", 1.0, 0.0), k * f.number("Minimum downtime (h)", 1.0, 0.0),
            f.number("Ramp up limit (MW)", np.inf, 0.0), f.number("Ramp down limit (MW)", np.inf, 0.0),
            f.number("Startup limit (MW)", np.inf, 0.0), f.number("Shutdown limit (MW)", np.inf, 0.0),
            (f.flags("Must run?", steps) > 0) | on, off, status > 0, k * abs(status), f.number("Initial power (MW)", low=0.0),
        )  # fmt: skip

    def _status(self, f: Fields) -> tuple[Bools, Bools]:
        """(step,) where a unit's state is given as on, and as off."""
        given = f.get("Commitment status")
        if given is None:
            return np.zeros(self.steps, bool), np.zeros(self.steps, bool)
        if not isinstance(given, list) or len(given) != self.steps or any(x not in (None, True, False) for x in given):
            raise f.refuse(f"'Commitment status' is no list of {self.steps} times true, false or null")
        return np.array([x is not None and bool(x) for x in given]), np.array([x is not None and not x for x in given])

    def _list(self, f: Fields, name: str, default: float) -> Floats:
        value = f.get(name)
        return np.array([default]) if value is None else f.numbers(name)

    def _curve(self, f: Fields, name: str) -> Floats:
        """(step, K) points, each one number or one for every step."""
        value = f.get(name)
        if not isinstance(value, list) or not value:
            raise f.refuse(f"'{name}' is no list of points")
        points = Fields({str(k): x for k, x in enumerate(value)}, f"{f.where}, {name}")
        return np.array([points.series(str(k), self.steps) for k in range(len(value))]).T

    def _stores(self) -> CaseStores:
        found = self._section("Storage units")
        if not found:
            return no_stores(self.steps)

        def table(name: str, default: float | None = None) -> Floats:
            return np.array([f.series(name, self.steps, default, 0.0) for _, f in found]).T

        low, high = table("Minimum level (MWh)", 0.0), table("Maximum level (MWh)")
        low[-1] = [f.number("Last period minimum level (MWh)", low[-1, k], 0.0) for k, (_, f) in enumerate(found)]
        high[-1] = [f.number("Last period maximum level (MWh)", high[-1, k], 0.0) for k, (_, f) in enumerate(found)]
        both = np.array([
            f.flags("Allow simultaneous charging and discharging", self.steps)
            if f.get("Allow simultaneous charging and discharging") is not None else np.ones(self.steps) for _, f in found
        ]).T  # fmt: skip
        shares = [
            table(k, d) for k, d in (("Loss factor", 0.0), ("Charge efficiency", 1.0), ("Discharge efficiency", 1.0))
        ]
        for k, (_, f) in enumerate(found):
            if any((x[:, k] > 1).any() for x in shares) or (shares[2][:, k] <= 0).any():
                raise f.refuse("an efficiency or loss factor is not between 0 and 1")
            if (low[:, k] > high[:, k]).any():
                raise f.refuse("its minimum level is above its maximum")
        return CaseStores(
            np.array([k for k, _ in found]), np.array([self._bus(f) for _, f in found], np.int64),
            np.array([f.number("Initial level (MWh)", 0.0, 0.0) for _, f in found]), low, high, 1.0 - shares[0], shares[1],
            shares[2], table("Minimum charge rate (MW)", 0.0), table("Maximum charge rate (MW)"),
            table("Minimum discharge rate (MW)", 0.0), table("Maximum discharge rate (MW)"), table("Charge cost ($/MW)"),
            table("Discharge cost ($/MW)"), both < 1,
        )  # fmt: skip

    def _lines(self) -> CaseLines:
        found = self._section("Transmission lines")
        outages = self._outages({k: i for i, (k, _) in enumerate(found)})
        if not found:
            return no_lines(self.steps)

        def table(name: str, default: float) -> Floats:
            return np.array([f.series(name, self.steps, default, 0.0) for _, f in found]).T

        limit, emergency = table("Normal flow limit (MW)", NO_LIMIT_MW), table("Emergency flow limit (MW)", NO_LIMIT_MW)
        susceptance = np.array([f.number("Susceptance (S)") for _, f in found])
        for (_, f), b in zip(found, susceptance, strict=True):
            f.get("Reactance (ohms)")  # of the same line; flows follow from the susceptance alone
            if b == 0:
                raise f.refuse("'Susceptance (S)' is 0: it carries nothing", "leave the line out")
        return CaseLines(
            np.array([k for k, _ in found]), np.array([self._bus(f, "Source bus") for _, f in found], np.int64),
            np.array([self._bus(f, "Target bus") for _, f in found], np.int64), susceptance,
            np.where(limit >= NO_LIMIT_MW, np.inf, limit), np.where(emergency >= NO_LIMIT_MW, np.inf, emergency),
            table("Flow limit penalty ($/MW)", LINE_PRICE), outages,
        )  # fmt: skip

    def _outages(self, lines: dict[str, int]) -> Ints:
        out = []
        for _, f in self._section("Contingencies"):
            units = f.get("Affected generators") or f.get("Affected units") or []
            failing = f.get("Affected lines") or []
            if units:
                raise f.refuse("it is the loss of a generator", "keep contingencies of single lines")
            if not isinstance(failing, list) or len(failing) != 1 or str(failing[0]) not in lines:
                raise f.refuse(
                    f"it is not the loss of one line of the file: {failing}", "keep contingencies of single lines"
                )
            out.append(lines[str(failing[0])])
        return np.unique(np.array(out, np.int64))

    def _told(self, case: CommitmentCase) -> CommitmentCase:
        """The case with its reading report: fields that have a value and were not asked for are listed."""
        log = self.log
        log.read("buses", len(self.buses))
        for f in self.buses.values():
            f.get("Load (MW)")
        log.leave_out("section", self.top.unread(), "not part of the format as it is documented")
        self.parameters.get("Scenario name"), self.parameters.get("Scenario weight")
        log.leave_out("parameter", self.parameters.unread(), "not part of the format as it is documented")
        for kind, found in (("buses", list(self.buses.items())), *((k.lower(), v) for k, v in self.sections)):
            for field in dict.fromkeys(x for _, f in found for x in f.unread()):
                names = [k for k, f in found if field in f.unread()]
                log.leave_out(f"{kind}: {field}", names, "a field that the format's documentation does not know")
        used = {"thermal units": len(case.thermal.name), "profiled units and loads": len(case.profiled.name),
                "stores": len(case.stores.name), "lines": len(case.lines.name), "outages": len(case.lines.outages),
                "reserve products": len(case.products), "steps": case.steps}  # fmt: skip
        return replace(case, reading=log.done({k: n for k, n in used.items() if n}))
