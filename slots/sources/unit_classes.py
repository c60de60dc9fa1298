"""Classes of units: what to assume where a case says nothing (`unit_classes.csv`)."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class UnitClass:
    """One line of `unit_classes.csv`.

    Attributes:
        case, label, bus, pmax, pmin: what a unit must have to be of the class; empty ones match anything.
        min_up, min_down: h; start_usd_per_mw: USD per MW of capacity. The rest is as in `Units`.
    """

    case: str
    label: str
    bus: str
    pmax: str
    pmin: str
    fuel: str
    technology: str
    kind: str
    min_up: float
    min_down: float
    ramp_mw_min: str
    start_usd_per_mw: str
    must_run: bool
    source: str

    def fits(self, case: str, label: str, bus: int, pmax: float, pmin: float) -> bool:
        """Whether a unit is of this class; empty fields match anything."""
        return (
            self.case in ("", case)
            and self.label in ("", label)
            and self.bus in ("", str(bus))
            and (not self.pmax or abs(float(self.pmax) - pmax) < 1e-6)
            and (not self.pmin or abs(float(self.pmin) - pmin) < 1e-6)
        )


@cache
def unit_classes() -> tuple[UnitClass, ...]:
    """The class table, most specific lines first."""
    text = resources.files("slots.sources").joinpath("unit_classes.csv").read_text()
    rows = csv.DictReader(text.splitlines())
    return tuple(
        UnitClass(**{**r, "min_up": float(r["min_up"]), "min_down": float(r["min_down"]),
                     "must_run": r["must_run"] == "1"})  # type: ignore[arg-type]
        for r in rows
    )  # fmt: skip


def classify(case: str, label: str, bus: int, pmax: float, pmin: float) -> UnitClass:
    """The first class that fits a unit; the last line fits all."""
    return next(c for c in unit_classes() if c.fits(case, label, bus, pmax, pmin))
