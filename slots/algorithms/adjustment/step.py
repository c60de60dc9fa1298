"""One linear program of an adjustment: the point that meets the working set's rows with the least change."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from slots.algorithms.adjustment.working_set import Row, strong
from slots.contracts.adjustment import SHED_WEIGHT, AdjustmentRequest
from slots.grid.model import THERMAL, VARIABLE, Floats, Ints
from slots.grid.operating_point import OperatingPoint
from slots.scheduling.linear import INF, LinearModel

POWER_STEP = 400.0  # MW a unit may move in a round once steps are being shortened, at most
SHARE_STEP = 0.2  # of the load that it may move then, too: small grids
VOLTAGE_STEP = 0.02  # p.u. a held voltage may move per round
VOLTAGE_WEIGHT = 60.0  # MW of redispatch that a p.u. of held voltage weighs as much as
MOVE_WEIGHT = (
    1.0  # of a MW of redispatch, beside what it costs in MW of the mean unit: long moves leave the linear model
)
CURTAIL_WEIGHT = 2.0
VIOLATION_WEIGHT = 1e6  # per p.u.: constraints give way only where nothing can meet them
LEAST = 1e-6  # MW
NEGLIGIBLE = 1e-3  # share of a row's largest gradient below which others are left out


@dataclass(frozen=True)
class Pieces:
    """By how much units may move from the schedule along the pieces of their cost curves, and at what price.

    Attributes:
        up, down: (piece,) which of the movable units; `most_up`, `most_down`: MW; `price_up`, `price_down`: of a MW, beside
            that of the mean unit.
        sum_up, sum_down: (movable unit, piece) 1 where it is the unit's.
        weight: (movable unit,) of a MW moved, beside its price.
    """

    up: Ints
    most_up: Floats
    price_up: Floats
    down: Ints
    most_down: Floats
    price_down: Floats
    sum_up: Floats
    sum_down: Floats
    weight: Floats

    @classmethod
    def of(cls, request: AdjustmentRequest, movable: Ints) -> "Pieces":
        """Of an hour's units that may move."""
        units, schedule = request.network.grid.units, request.point
        parts: dict[bool, list[tuple[int, float, float]]] = {True: [], False: []}
        for k, g in enumerate(movable.tolist()):
            p, edges = float(schedule.p[g]), [float(schedule.low[g]), float(schedule.high[g])]
            mw, usd = units.cost_mw[g], units.cost_usd[g]
            thermal = units.kind[g] == THERMAL
            inner = mw[(mw > edges[0] + LEAST) & (mw < edges[1] - LEAST)].tolist() if thermal else []
            points = sorted({edges[0], edges[1], min(max(p, edges[0]), edges[1]), *inner})
            for a, b in pairwise(points):
                slope = float(np.diff(np.interp([a, b], mw, usd))[0] / (b - a)) if thermal and b - a > LEAST else 0.0
                parts[a >= p - LEAST].append((k, b - a, slope))
        dear = [abs(slope) for _, _, slope in parts[True] + parts[False]]
        mean = max(float(np.mean(dear)) if dear else 0.0, LEAST)
        up, most_up, price_up = np.array(parts[True], dtype=float).reshape(-1, 3).T
        down, most_down, price_down = np.array(parts[False], dtype=float).reshape(-1, 3).T
        sum_up, sum_down = (
            (np.arange(len(movable))[:, None] == x.astype(np.int64)[None, :]).astype(float) for x in (up, down)
        )
        weight = np.where(units.kind[movable] == VARIABLE, CURTAIL_WEIGHT, MOVE_WEIGHT)
        return cls(
            up.astype(np.int64), most_up, price_up / mean, down.astype(np.int64), most_down, price_down / mean, sum_up,
            sum_down, weight,
        )  # fmt: skip


@dataclass(frozen=True)
class Step:
    """A point by the linear model, and (row,) p.u. by which it says that each row is still missed."""

    point: OperatingPoint
    missed: Floats


def step(
    request: AdjustmentRequest, point: OperatingPoint, rows: list[Row], radius: float, shed_more: bool
) -> Step:  # fmt: skip
    """The point that meets the linearised rows with the least change from the schedule.

    Args:
        request: the hour; `point`: where the rows are linearised.
        rows: the working set's.
        radius: length of the step, 1 at most.
        shed_more: whether load may be shed; what the point sheds stays otherwise.

    Raises:
        InfeasibleError, SolverError: there is no such point, or the solver finds none.
    """
    net, schedule = request.network, request.point
    grid, base = net.grid, net.grid.base_mva
    m = LinearModel()
    movable = np.flatnonzero(schedule.high - schedule.low > 1e-6)
    pieces = Pieces.of(request, movable)
    up = m.columns((len(pieces.up),), 0.0, pieces.most_up, pieces.weight[pieces.up]).index
    down = m.columns((len(pieces.down),), 0.0, pieces.most_down, pieces.weight[pieces.down]).index
    _price(m, pieces, up, down)
    buses = np.flatnonzero((request.demand if shed_more else point.shed) > 1e-6)
    least = 0.0 if shed_more else point.shed[buses]
    most = request.demand[buses] if shed_more else point.shed[buses]
    shed = m.columns((len(buses),), least, most, SHED_WEIGHT).index
    held = np.flatnonzero(point.controlled)
    rise, fall = _voltages(m, request, point, held, VOLTAGE_STEP * radius)
    missing = VIOLATION_WEIGHT * np.array([r.weight for r in rows])
    give = m.columns((len(rows), 2), 0.0, INF, missing[:, None]).index
    # Changes are counted from the schedule; rows from the present point.
    offset = (schedule.p - point.p)[movable]
    if radius < 1:
        reach = min(POWER_STEP, SHARE_STEP * float(request.demand.sum())) * radius
        changes = [(pieces.sum_up, np.broadcast_to(up, pieces.sum_up.shape)),
                   (-pieces.sum_down, np.broadcast_to(down, pieces.sum_down.shape))]  # fmt: skip
        m.rows(changes, -offset - reach, -offset + reach)
        if shed_more:
            m.rows([(1.0, shed)], point.shed[buses] - reach, point.shed[buses] + reach)
    power, volts, reactive = (
        strong(np.array([getattr(r.gradient, k) for r in rows]), NEGLIGIBLE) for k in ("power", "voltage", "reactive")
    )
    per_unit = np.asarray(net.unit_map[:, movable].T @ power.T).T / base
    per_shed = (power + reactive * point.relief()) / base
    known = np.array([r.value for r in rows]) + per_unit @ offset - per_shed @ point.shed

    def every(columns: Ints) -> Ints:
        return np.broadcast_to(columns, (len(rows), len(columns)))

    terms = [
        (per_unit[:, pieces.up], every(up)), (-per_unit[:, pieces.down], every(down)), (per_shed[:, buses], every(shed)),
        (volts[:, held], every(rise)), (-volts[:, held], every(fall)), (np.array([[1.0, -1.0]]), give),
    ]  # fmt: skip
    m.rows(terms, np.array([r.low for r in rows]) - known, np.array([r.high for r in rows]) - known)
    x = m.solver().run("adjustment")
    p, new_shed, new_mag = point.p.copy(), np.zeros(grid.n_bus), np.abs(point.v)
    p[movable] = schedule.p[movable] + pieces.sum_up @ x[up] - pieces.sum_down @ x[down]
    new_shed[buses] = np.where(x[shed] > 1e-6, x[shed], 0.0)
    new_mag[held] += x[rise] - x[fall]
    moved = replace(point, p=p, shed=new_shed, v=new_mag * np.exp(1j * np.angle(point.v)))
    return Step(moved, x[give].max(axis=1))


def _price(m: LinearModel, pieces: Pieces, up: Ints, down: Ints) -> None:
    """What the change costs beyond the schedule; that a schedule is undercut is worth nothing, for it keeps reserves too."""
    if not len(up) and not len(down):
        return
    extra = m.columns((1,), 0.0, INF, 1.0).index
    terms = [(pieces.price_up[None, :], up[None, :]), (-pieces.price_down[None, :], down[None, :]), (-1.0, extra)]
    m.rows(terms, -INF, 0.0)


def _voltages(
    m: LinearModel, request: AdjustmentRequest, point: OperatingPoint, held: Ints, reach: float
) -> tuple[Ints, Ints]:
    """Columns by which held voltages rise and fall, `reach` p.u. at most.

    A bus at the end of its reactive range may have left its voltage's; it has to come back.
    """
    buses, mag = request.network.grid.buses, np.abs(point.v)[held]
    low_by = np.clip(buses.vmin[held] - mag, 0.0, reach)
    high_by = np.clip(mag - buses.vmax[held], 0.0, reach)
    most_up, most_down = np.clip(buses.vmax[held] - mag, 0.0, reach), np.clip(mag - buses.vmin[held], 0.0, reach)
    rise = m.columns((len(held),), low_by, np.maximum(most_up, low_by), VOLTAGE_WEIGHT).index
    fall = m.columns((len(held),), high_by, np.maximum(most_down, high_by), VOLTAGE_WEIGHT).index
    return rise, fall
