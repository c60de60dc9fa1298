"""MATPOWER cases as parameters of routines on a DC network: nothing filled in, nothing rounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from bos_core.objects.errors import GridError
from slots.grid.dc import FactorOperator
from slots.grid.model import ISOLATED, Bools, Floats, Ints
from slots.sources.matpower import Case

_ANGLES = (("angle_low", -1.0), ("angle_high", 1.0))
PIECES = frozenset({"line_slope", "line_start", "lined", "lowest", "highest"})  # parameters of `PieceCost`
LARGEST_ANGLE = np.deg2rad(360.0)  # limits at or beyond mean none, as in MATPOWER


@dataclass(frozen=True)
class Live:
    """Elements of a case that are in service, with positions for bus numbers.

    Attributes:
        buses, units, branches: rows of the case's tables.
        at: (unit,) bus position; f, t: (branch,) bus positions.
    """

    case: Case
    buses: Ints
    units: Ints
    branches: Ints
    at: Ints
    f: Ints
    t: Ints

    @classmethod
    def of(cls, case: Case) -> Live:
        """The live part of a case."""
        kept = np.flatnonzero(case.bus[:, 1] != ISOLATED)
        numbers = case.bus[kept, 0]
        order = np.argsort(numbers)

        def find(values: Floats) -> tuple[Ints, Bools]:
            at = np.clip(np.searchsorted(numbers[order], values), 0, len(order) - 1)
            return order[at], numbers[order][at] == values

        at, known = find(case.gen[:, 0])
        f, begins = find(case.branch[:, 0])
        t, ends = find(case.branch[:, 1])
        units = np.flatnonzero((case.gen[:, 7] > 0) & known)
        branches = np.flatnonzero((case.branch[:, 10] > 0) & begins & ends)
        return cls(case, kept, units, branches, at[units], f[branches], t[branches])


def incidence(rows: int, columns: Ints, values: Floats | float = 1.0) -> sp.csr_matrix:
    """(rows, element) matrix with one value per element."""
    n = len(columns)
    return sp.csr_matrix((np.broadcast_to(values, n), (columns, np.arange(n))), shape=(rows, n))


def network(live: Live, scale: Floats | None = None) -> dict[str, Any]:
    """Parameters of `AngleNetwork`, `AngleLimits` and `AngleDifferences`.

    Args:
        live: the case.
        scale: (hour,) factors on the loads; one hour at 1 if None.
    """
    case, n, m = live.case, len(live.buses), len(live.branches)
    br, bus = case.branch[live.branches], case.bus[live.buses]
    tap = np.where(br[:, 8] == 0, 1.0, br[:, 8])
    if (br[:, 3] == 0).any():
        bad = br[br[:, 3] == 0][0]
        raise GridError(f"grid {case.name}: branch {int(bad[0])}-{int(bad[1])} has no reactance", "give it one")
    b = case.base_mva / (br[:, 3] * tap)
    ends = incidence(n, live.f) - incidence(n, live.t)
    factor = np.ones(1) if scale is None else np.asarray(scale, float)
    low, high = np.deg2rad(br[:, 11]), np.deg2rad(br[:, 12])
    limited = ((low > -LARGEST_ANGLE + 1e-9) | (high < LARGEST_ANGLE - 1e-9)) & ~((low == 0) & (high == 0))
    return {
        "demand": factor[:, None] * bus[:, 2] + bus[:, 4], "ends": ends, "stiffness": sp.diags(b) @ ends.T,
        "across": ends.T, "twist": -b * np.deg2rad(br[:, 9]), "reference": (bus[:, 1] == 3).astype(float),
        "rate": np.where(br[:, 5] > 0, br[:, 5], 0.0), "rated": (br[:, 5] > 0).astype(float) * np.ones(m),
        "angle_low": low, "angle_high": high, "stretched": limited,
    }  # fmt: skip


def factor_network(live: Live, scale: Floats | None = None) -> dict[str, Any]:
    """Parameters of `FactorNetwork`: ratings and angle limits both as limits on the flow."""
    n = network(live, scale)
    slack = int(np.flatnonzero(n["reference"])[0])
    operator = FactorOperator(n["ends"], n["stiffness"], slack)
    stiff, twist = n["stiffness"].max(axis=1).toarray().ravel(), n["twist"]
    rate = np.where(n["rated"] > 0, n["rate"], np.inf)
    negative = stiff <= 0  # a series capacitor: its flow rises as the angle falls
    stiff = np.where(negative, n["stiffness"].min(axis=1).toarray().ravel(), stiff)
    low, high = (np.where(n["stretched"], stiff * n[k] + twist, s * np.inf) for k, s in _ANGLES)
    swap = n["stretched"] & (low > high)
    low, high = np.where(swap, high, low), np.where(swap, low, high)
    twisted = twist - operator.apply((n["ends"] @ twist)[None, :])[0] if twist.any() else twist
    return {
        "load": n["demand"], "factors": operator, "twisted": twisted, "flow_low": np.maximum(low, -rate),
        "flow_high": np.minimum(high, rate),
    }  # fmt: skip


def units(live: Live, hours: int = 1) -> dict[str, Any]:
    """Parameters of `Output`, `QuadraticCost` and `PieceCost`."""
    g = live.case.gen[live.units]
    fixed = {
        "at_bus": incidence(len(live.buses), live.at), "pmin": np.tile(g[:, 9], (hours, 1)),
        "pmax": np.tile(g[:, 8], (hours, 1)),
    }  # fmt: skip
    return {**fixed, **_costs(live)}


def _costs(live: Live) -> dict[str, Any]:
    case, n = live.case, len(live.units)
    rows = np.zeros((n, 4)) if case.gencost is None else case.gencost[live.units]
    poly = np.zeros((n, 3))
    curves: list[tuple[Floats, Floats]] = []
    for k, row in enumerate(rows):
        terms = int(row[3])
        curves.append((np.zeros(0), np.zeros(0)))
        if row[0] == 1 and terms > 1:
            curves[k] = _lines(row[4 : 4 + 2 * terms].reshape(-1, 2))
        elif row[0] == 2:
            high_first = row[4 : 4 + terms]
            if (high_first[:-3] != 0).any():
                raise GridError(f"grid {case.name}: unit {k + 1} has a cost of degree {terms - 1}", "give two at most")
            poly[k, 3 - min(terms, 3) :] = high_first[-3:]
    most = max((len(s) for s, _ in curves), default=0)
    slope, start, lined = np.zeros((n, most)), np.zeros((n, most)), np.zeros((n, most))
    for k, (s, b) in enumerate(curves):
        slope[k, : len(s)], start[k, : len(b)], lined[k, : len(s)] = s, b, 1.0
    free = np.where(lined.any(axis=1), np.inf, 0.0)
    return {
        "c2": poly[:, 0], "c1": poly[:, 1], "c0": poly[:, 2], "line_slope": slope, "line_start": start,
        "lined": lined, "lowest": -free, "highest": free,
    }  # fmt: skip


def _lines(points: Floats) -> tuple[Floats, Floats]:
    """Slope and value at zero of the lines through a curve's points."""
    step = np.diff(points[:, 0])
    keep = step > 0
    slope = np.diff(points[:, 1])[keep] / step[keep]
    return slope, points[:-1, 1][keep] - slope * points[:-1, 0][keep]


def optimal_power_flow(case: Case, scale: Floats | None = None) -> dict[str, Any]:
    """Parameters of `DcOptimalPowerFlow`."""
    live = Live.of(case)
    return {**network(live, scale), **units(live, 1 if scale is None else len(scale))}


def factor_power_flow(case: Case, scale: Floats | None = None) -> dict[str, Any]:
    """Parameters of `FactorOptimalPowerFlow`."""
    live = Live.of(case)
    return {**factor_network(live, scale), **units(live, 1 if scale is None else len(scale))}
