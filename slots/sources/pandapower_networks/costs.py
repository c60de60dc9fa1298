"""Hourly costs of units of a pandapower network: `poly_cost` and `pwl_cost` on active power."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from slots.grid.model import Floats
from slots.grid.reading import ReadingLog
from slots.sources.costs import SEGMENTS, breakpoints, chord_points
from slots.sources.pandapower_networks.expansion import numbers, texts

_POLYNOMIAL = ("cp2_eur_per_mw2", "cp1_eur_per_mw", "cp0_eur")
_REACTIVE = ("cq2_eur_per_mvar2", "cq1_eur_per_mvar", "cq0_eur")
_REDISPATCH = ("redispatch_up_eur_per_mw", "redispatch_down_eur_per_mw")
_UNITS = ("ext_grid", "gen", "sgen")  # what has a cost that is used
Key = tuple[str, int]


@dataclass(frozen=True)
class Costs:
    """Stated costs by table and index of an element.

    Attributes:
        polynomial: coefficients, highest power first.
        points: MW and USD/h of the corners of a piecewise linear curve.
        offset: USD/h to be added, which BOS's own export keeps beside a curve that begins at zero.
    """

    polynomial: dict[Key, Floats]
    points: dict[Key, tuple[Floats, Floats]]
    offset: dict[Key, float]

    def curve(self, key: Key, pmin: float, pmax: float, share: float = 1.0) -> tuple[Floats, Floats, float] | None:
        """Breakpoints of an element's convex cost between its limits and how far they are from what is stated (USD/h).

        None where no cost is stated. Of several rows of an element the last counts, a piecewise linear one first. `share`: of its capacity that is used.
        """
        span = np.linspace(pmin, pmax, 8 * SEGMENTS + 1)
        if key in self.points:
            x, y = self.points[key]
            mw, usd = breakpoints(x, y + self.offset.get(key, 0.0), pmin, pmax)
            inside = np.unique(np.concatenate([mw, np.clip(x, pmin, pmax)]))
            gap = np.interp(inside, x, y) + self.offset.get(key, 0.0) - np.interp(inside, mw, usd)
            outside = (inside < x[0]) | (inside > x[-1])
            return mw, usd, float(np.abs(np.where(outside, 0.0, gap)).max())
        if key in self.polynomial:
            at = chord_points(pmin, pmax, share)
            mw, usd = breakpoints(at, np.asarray(np.polyval(self.polynomial[key], at), float), pmin, pmax)
            gap = np.interp(span, mw, usd) - np.polyval(self.polynomial[key], span)
            return mw, usd, float(np.abs(gap).max()) if self.polynomial[key][0] < 0 else 0.0
        return None


def read_costs(net: Any, log: ReadingLog) -> Costs:
    """The costs that a network states; those of what is scheduled elsewhere, and of reactive power, are told."""
    poly, pwl = net.poly_cost, net.pwl_cost
    log.read("poly_cost", len(poly))
    log.read("pwl_cost", len(pwl))
    costs = Costs({}, {}, {})
    _tell(poly, pwl, log)
    terms = np.column_stack([numbers(poly, c, 0.0) for c in _POLYNOMIAL])
    for et, element, row in zip(texts(poly, "et"), poly.element, terms, strict=True):
        if et in _UNITS:
            costs.polynomial[et, int(element)] = row
    power = texts(pwl, "power_type")
    offsets = numbers(pwl, "bos_offset", 0.0)
    for et, element, kind, points, usd in zip(texts(pwl, "et"), pwl.element, power, pwl.points, offsets, strict=True):
        if et in _UNITS and kind != "q":
            costs.points[et, int(element)] = _corners(points)
            costs.offset[et, int(element)] = float(usd)
    return costs


def _corners(points: Any) -> tuple[Floats, Floats]:
    """Corners of pieces `(from, to, price)`, as pandapower's `costs_from_areas`: the first piece is continued to zero."""
    steps = np.asarray(points, dtype=float).reshape(-1, 3)
    first = steps[0, 0] * steps[0, 2]
    usd = first + np.concatenate([[0.0], np.cumsum((steps[:, 1] - steps[:, 0]) * steps[:, 2])])
    return np.concatenate([steps[:1, 0], steps[:, 1]]), usd


def _tell(poly: Any, pwl: Any, log: ReadingLog) -> None:
    for name, table in (("poly_cost", poly), ("pwl_cost", pwl)):
        rows = [f"{et} {k}" for et, k in zip(texts(table, "et"), table.element, strict=True) if et not in _UNITS]
        log.leave_out(name, rows, "loads, stores and DC lines are on their schedule, or cost nothing")
        keys = list(zip(texts(table, "et"), table.element.tolist(), texts(table, "power_type"), strict=True))
        twice = [f"{et} {k}" for n, (et, k, power) in enumerate(keys) if (et, k, power) in keys[:n]]
        log.leave_out(name, twice, "an element has several rows: its last one counts")
    reactive = np.any([numbers(poly, c, 0.0) != 0 for c in _REACTIVE], axis=0)
    redispatch = np.any([numbers(poly, c, 0.0) != 0 for c in _REDISPATCH], axis=0)
    called = np.array([f"{et} {k}" for et, k in zip(texts(poly, "et"), poly.element, strict=True)], dtype=object)
    log.leave_out("cost of reactive power", called[reactive].tolist(), "reactive power costs nothing here")
    log.leave_out("price of redispatch", called[redispatch].tolist(), "redispatch is priced by the cost curve")
    q = [
        f"{et} {k}"
        for et, k, p in zip(texts(pwl, "et"), pwl.element, texts(pwl, "power_type"), strict=True)
        if p == "q"
    ]
    log.leave_out("cost of reactive power", q, "reactive power costs nothing here")
