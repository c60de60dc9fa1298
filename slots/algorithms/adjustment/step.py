"""One linear program of an adjustment: the point that meets the working set's rows with the least change."""

from dataclasses import dataclass, replace

import numpy as np

from slots.algorithms.adjustment.working_set import Row, strong
from slots.contracts.adjustment import SHED_WEIGHT, AdjustmentRequest
from slots.grid.model import Floats, Ints
from slots.grid.operating_point import OperatingPoint
from slots.scheduling.linear import INF, LinearModel

POWER_STEP = 400.0  # MW a unit may move in a round once steps are being shortened, at most
SHARE_STEP = 0.2  # of the load that it may move then, too: small grids
VOLTAGE_STEP = 0.02  # p.u. a held voltage may move per round
VOLTAGE_WEIGHT = 200.0  # MW of redispatch that a p.u. of held voltage weighs as much as
CURTAIL_WEIGHT = 2.0
VIOLATION_WEIGHT = 1e6  # per p.u.: constraints give way only where nothing can meet them
NEGLIGIBLE = 1e-3  # share of a row's largest gradient below which others are left out


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
    weight = np.where(grid.units.kind[movable] == "variable", CURTAIL_WEIGHT, 1.0)
    room_up = np.clip(schedule.high - schedule.p, 0, None)[movable]
    room_down = np.clip(schedule.p - schedule.low, 0, None)[movable]
    up = m.columns((len(movable),), 0.0, room_up, weight).index
    down = m.columns((len(movable),), 0.0, room_down, weight).index
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
        m.rows([(1.0, up), (-1.0, down)], -offset - reach, -offset + reach)
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
        (per_unit, every(up)), (-per_unit, every(down)), (per_shed[:, buses], every(shed)),
        (volts[:, held], every(rise)), (-volts[:, held], every(fall)), (np.array([[1.0, -1.0]]), give),
    ]  # fmt: skip
    m.rows(terms, np.array([r.low for r in rows]) - known, np.array([r.high for r in rows]) - known)
    x = m.solver().run("adjustment")
    p, new_shed, new_mag = point.p.copy(), np.zeros(grid.n_bus), np.abs(point.v)
    p[movable] = schedule.p[movable] + x[up] - x[down]
    new_shed[buses] = np.where(x[shed] > 1e-6, x[shed], 0.0)
    new_mag[held] += x[rise] - x[fall]
    moved = replace(point, p=p, shed=new_shed, v=new_mag * np.exp(1j * np.angle(point.v)))
    return Step(moved, x[give].max(axis=1))


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
