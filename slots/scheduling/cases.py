"""MATPOWER cases as parameters of routines on a DC network: nothing filled in, nothing rounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from bos_core.objects.errors import GridError
from slots.grid.dc import FactorOperator
from slots.grid.model import ISOLATED, Bools, Floats, Ints
from slots.sources.costs import lower_envelope
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
    case, n = live.case, len(live.buses)
    br, bus = case.branch[live.branches], case.bus[live.buses]
    tap = np.where(br[:, 8] == 0, 1.0, br[:, 8])
    # A branch without reactance, which this model does not know, is as stiff as its resistance.
    x = np.where(br[:, 3] == 0, br[:, 2], br[:, 3])
    if (x == 0).any():
        bad = br[x == 0][0]
        raise GridError(f"grid {case.name}: branch {int(bad[0])}-{int(bad[1])} has no impedance", "give it one")
    b = case.base_mva / (x * tap)
    ends = incidence(n, live.f) - incidence(n, live.t)
    factor = np.ones(1) if scale is None else np.asarray(scale, float)
    return {
        "demand": factor[:, None] * bus[:, 2] + bus[:, 4], "ends": ends, "stiffness": sp.diags(b) @ ends.T,
        "across": ends.T, "twist": -b * np.deg2rad(br[:, 9]), "reference": (bus[:, 1] == 3).astype(float),
        **limits(live),
    }  # fmt: skip


def limits(live: Live) -> dict[str, Any]:
    """Ratings and angle limits of the branches, as parameters of `AngleLimits` and `AngleDifferences`."""
    br = live.case.branch[live.branches]
    wide = np.zeros((2, len(br))) if br.shape[1] < 13 else br[:, 11:13].T
    low, high = np.deg2rad(wide)
    limited = ((low > -LARGEST_ANGLE + 1e-9) | (high < LARGEST_ANGLE - 1e-9)) & ~((low == 0) & (high == 0))
    return {
        "rate": np.where(br[:, 5] > 0, br[:, 5], 0.0), "rated": (br[:, 5] > 0).astype(float),
        "angle_low": low, "angle_high": high, "stretched": limited,
    }  # fmt: skip


@dataclass(frozen=True)
class Links:
    """DC lines in service, one for each way that power may go; (link,) arrays.

    Attributes:
        f, t: bus positions where power enters and leaves.
        least, most: MW that may enter.
        arriving, constant: what leaves is `arriving` times what enters less `constant` MW.
        qf_low, qf_high, qt_low, qt_high: MVAr that the ends may give.
    """

    f: Ints
    t: Ints
    least: Floats
    most: Floats
    arriving: Floats
    constant: Floats
    qf_low: Floats
    qf_high: Floats
    qt_low: Floats
    qt_high: Floats


def links(live: Live) -> Links:
    """The DC lines of a case (MATPOWER manual, section 7.6.3); both ways lose power, the fixed part once."""
    case = live.case
    table = np.zeros((0, 17)) if case.dcline is None else case.dcline
    place = {int(number): k for k, number in enumerate(case.bus[live.buses, 0])}
    out: list[tuple[float, ...]] = []
    for row in table[table[:, 2] > 0]:
        f, t = (place.get(int(number)) for number in row[:2])
        if f is None or t is None:
            continue
        (low, high), (q_f, q_t), (fixed, share) = row[9:11], (row[11:13], row[13:15]), row[15:17]
        if high > 0 or low >= 0:
            out.append((f, t, max(low, 0.0), high, 1 - share, fixed, *q_f, *q_t))
        if low < 0:  # stated by what comes out
            both = high > 0
            enters = [(1 + share) * p + (0.0 if both else fixed) for p in (max(-high, 0.0), -low)]
            rest = np.zeros(4) if both else np.array([*q_t, *q_f])
            out.append((t, f, *enters, 1 / (1 + share), 0.0 if both else fixed / (1 + share), *rest))
    columns = np.array(out).reshape(len(out), 10).T
    return Links(columns[0].astype(np.int64), columns[1].astype(np.int64), *columns[2:])


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


def units(live: Live, hours: int = 1, polynomial: bool = True) -> dict[str, Any]:
    """Parameters of `Output`, `QuadraticCost` and `PieceCost`; with `polynomial` off, costs of all but lines are zero.

    Raises:
        GridError: a polynomial of more than degree two.
    """
    g = live.case.gen[live.units]
    fixed = {
        "at_bus": incidence(len(live.buses), live.at), "pmin": np.tile(g[:, 9], (hours, 1)),
        "pmax": np.tile(g[:, 8], (hours, 1)),
    }  # fmt: skip
    poly = polynomials(live) if polynomial else np.zeros((len(live.units), 3))
    steep = np.flatnonzero((poly[:, 3:] != 0).any(axis=1))
    if len(steep):
        which = f"unit {live.units[steep[0]] + 1} has a cost of degree {int(np.flatnonzero(poly[steep[0]]).max())}"
        raise GridError(f"grid {live.case.name}: {which}", "give two at most")
    return {**fixed, "c2": poly[:, 2], "c1": poly[:, 1], "c0": poly[:, 0], **_pieces(live)}


def _rows_of_cost(live: Live) -> Floats:
    case = live.case
    return np.zeros((len(live.units), 4)) if case.gencost is None else case.gencost[live.units]


def polynomials(live: Live) -> Floats:
    """(unit, power) USD/h per MW to that power; three powers at least, zero for units with costs of another kind."""
    rows = _rows_of_cost(live)
    polynomial = rows[:, 0] == 2
    most = int(rows[polynomial, 3].max(initial=3))
    out = np.zeros((len(rows), max(most, 3)))
    for k in np.flatnonzero(polynomial):
        terms = int(rows[k, 3])
        out[k, :terms] = rows[k, 4 : 4 + terms][::-1]
    return out


def _pieces(live: Live) -> dict[str, Any]:
    n = len(live.units)
    curves: list[tuple[Floats, Floats]] = []
    for row in _rows_of_cost(live):
        terms = int(row[3])
        lined = row[0] == 1 and terms > 1
        curves.append(_lines(row[4 : 4 + 2 * terms].reshape(-1, 2)) if lined else (np.zeros(0), np.zeros(0)))
    most = max((len(s) for s, _ in curves), default=0)
    slope, start, lined = np.zeros((n, most)), np.zeros((n, most)), np.zeros((n, most))
    for k, (s, b) in enumerate(curves):
        slope[k, : len(s)], start[k, : len(b)], lined[k, : len(s)] = s, b, 1.0
    free = np.where(lined.any(axis=1), np.inf, 0.0)
    return {"line_slope": slope, "line_start": start, "lined": lined, "lowest": -free, "highest": free}


def _lines(points: Floats) -> tuple[Floats, Floats]:
    """Slope and value at zero of the lines through a curve's points; of its convex part where it falls back."""
    rising = np.concatenate([[True], np.diff(points[:, 0]) > 0])
    x, y = lower_envelope(points[rising, 0], points[rising, 1])
    slope = np.diff(y) / np.diff(x)
    return slope, y[:-1] - slope * x[:-1]


def optimal_power_flow(case: Case, scale: Floats | None = None) -> dict[str, Any]:
    """Parameters of `DcOptimalPowerFlow`."""
    live = Live.of(case)
    return _with_links(live, {**network(live, scale), **units(live, 1 if scale is None else len(scale))}, "demand")


def factor_power_flow(case: Case, scale: Floats | None = None) -> dict[str, Any]:
    """Parameters of `FactorOptimalPowerFlow`."""
    live = Live.of(case)
    return _with_links(live, {**factor_network(live, scale), **units(live, 1 if scale is None else len(scale))}, "load")


def _with_links(live: Live, given: dict[str, Any], load: str) -> dict[str, Any]:
    """The parameters with DC lines as units behind the case's own: they take from one bus what they give to another."""
    k, n, hours = links(live), len(live.buses), len(given["pmin"])
    if not len(k.f):
        return given
    through = incidence(n, k.t, k.arriving) - incidence(n, k.f)
    lost = np.zeros(n)
    np.add.at(lost, k.t, k.constant)
    costs = {"c2", "c1", "c0", "line_slope", "line_start", "lined", "lowest", "highest"}
    return given | {
        "at_bus": sp.hstack([given["at_bus"], through], format="csr"), load: given[load] + lost,
        "pmin": np.hstack([given["pmin"], np.tile(k.least, (hours, 1))]),
        "pmax": np.hstack([given["pmax"], np.tile(k.most, (hours, 1))]),
        **{c: np.concatenate([given[c], np.zeros((len(k.f), *given[c].shape[1:]))]) for c in costs},
    }  # fmt: skip
