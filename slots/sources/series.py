"""Hourly series of a year that come with a grid."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bos_core.objects.errors import ProfileError
from slots.grid.model import Floats, Grid, Ints

UNKNOWN_YEAR = 2016  # of profiles that count hours and say no date; that of the synthetic shapes, a leap year


@dataclass(frozen=True)
class Spread:
    """An (hour, bus) series too large to write down: the buses of a zone follow its shape.

    Attributes:
        shape_by_zone: (hour, zone); zone: (bus,) of each bus; size: (bus,) factor of each bus.
    """

    shape_by_zone: Floats
    zone: Ints
    size: Floats

    @property
    def shape(self) -> tuple[int, int]:
        """(hours, buses)."""
        return len(self.shape_by_zone), len(self.zone)

    def __len__(self) -> int:
        return len(self.shape_by_zone)

    def __getitem__(self, rows: Any) -> Floats:
        return np.asarray(self.shape_by_zone[rows][..., self.zone] * self.size)

    def total(self) -> Floats:
        """(hour,) sum over the buses."""
        return np.asarray(self.shape_by_zone @ np.bincount(self.zone, self.size, self.shape_by_zone.shape[1]))

    def finite(self) -> bool:
        """Whether every value is a number."""
        return bool(np.isfinite(self.shape_by_zone).all() and np.isfinite(self.size).all())


@dataclass(frozen=True)
class Series:
    """Hourly series in MW, hour 0 at `start`.

    Attributes:
        start: timestamp of hour 0 (UTC).
        load: (hour, bus) active load; `load_q` (hour, bus) reactive (MVAr).
        available: (hour, unit) what weather allows; NaN for units it does not decide.
        floor: (hour, unit) output that cannot be curtailed.
        inflow: (hour, unit) energy that flows into a storage.
        reserve: (hour,) spinning reserve required.
        description: where the series come from, and whether they are measured or synthetic.
        first: hour of the first row.
    """

    start: datetime
    load: Floats | Spread
    load_q: Floats | Spread
    available: Floats
    floor: Floats
    inflow: Floats
    reserve: Floats
    description: str
    first: int = 0

    @property
    def hours(self) -> int:
        """Number of hours."""
        return len(self.load)

    @property
    def end(self) -> int:
        """The hour after the last row."""
        return self.first + self.hours

    def window(self, first: int, hours: int) -> dict[str, Any]:
        """The arrays of `hours` hours from `first`."""
        rows = slice(first - self.first, first - self.first + hours)
        names = ("load", "load_q", "available", "floor", "inflow", "reserve")
        return {name: getattr(self, name)[rows] for name in names}

    def check(self, grid: Grid) -> None:
        """Raise ProfileError on holes, negative values or wrong shapes."""
        n_bus, n_unit = grid.n_bus, len(grid.units)
        shapes = {"load": n_bus, "load_q": n_bus, "available": n_unit, "floor": n_unit, "inflow": n_unit}
        for name, width in shapes.items():
            values = getattr(self, name)
            if values.shape != (self.hours, width):
                raise ProfileError(
                    f"the {name} series has shape {values.shape}, not {(self.hours, width)}",
                    "mend the series",
                )
        decided = grid.units.kind == "variable"
        checks: dict[str, Any] = {"load": self.load, "load_q": self.load_q, "reserve": self.reserve[:, None],
                                  "inflow": self.inflow, "available": self.available[:, decided]}  # fmt: skip
        for name, values in checks.items():
            if isinstance(values, Spread):
                values = values.shape_by_zone * (1.0 if values.finite() else np.nan)
            bad = np.argwhere(~np.isfinite(values))
            if len(bad):
                raise ProfileError(
                    f"the {name} series has no number at hour {int(bad[0][0])}, column {int(bad[0][1])}",
                    "fill the hole in the profile",
                )
        if (self.available[:, decided] < -1e-9).any():
            raise ProfileError("the available series holds negative power", "give MW at or above zero")


def calendar_start(year: int) -> datetime:
    """Midnight of 1 January, UTC."""
    return datetime(year, 1, 1, tzinfo=UTC)
