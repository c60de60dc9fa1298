"""Studies of a grid beside the chain: a request made from its source, the program of a slot called, the answer as rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bos_core.objects.errors import InfeasibleError, ParameterError
from bos_core.plump.registry import ready
from slots.algorithms.power_flow.newton_polar import newton_polar
from slots.algorithms.sequence.profiles import profiles
from slots.algorithms.snapshot.secured import secured
from slots.contracts.adequacy import AdequacyRequest, check_adequacy
from slots.contracts.commitment_case import check_case_schedule
from slots.contracts.economic_dispatch import EconomicRequest, check_economic
from slots.contracts.load_forecast import ForecastRequest, check_forecast
from slots.contracts.loss_allocation import SolvedState, check_allocation
from slots.contracts.maintenance import MaintenanceRequest, check_maintenance
from slots.contracts.n1 import request_for
from slots.contracts.power_flow import check_power_flow, scheduled
from slots.contracts.representative_days import DaysRequest, check_days, features_of
from slots.contracts.screening import check_ranking
from slots.contracts.sequence import SequenceRequest
from slots.contracts.state_estimation import check_estimate
from slots.grid.admittance import admittance
from slots.grid.model import Bools, Floats, Grid
from slots.grid.network import whole
from slots.grid.reading import Reading
from slots.scheduling.case_search import solve_case
from slots.sources.catalogue import Source, load_source
from slots.sources.commitment_files import read_case_file, write_schedule
from slots.sources.measurements import read_measurements
from slots.sources.series import Series, Spread

Rows = list[dict[str, Any]]
Call = Callable[..., Any]
WEEKS, HOURS_OF_WEEK = 52, 168
WEEKS_OF_PAST = 5
SPARE = 1.1  # of a demand that running units can give
WEEKS_BASE, MW_PER_WEEK, MOST_WEEKS = 2, 150.0, 8  # of maintenance: large units take longer


def analyse(slot: str, grid: str, program: str, settings: dict[str, Any], **options: Any) -> tuple[str, Rows]:
    """A line about the whole, and rows.

    Args:
        slot: one of ANALYSES.
        grid: a grid source.
        program: of the slot; settings: its parameters.
        options: what the analysis itself asks for.

    Raises:
        BosError: a wrong input, in one sentence.
    """
    return study(slot, load_source(grid), program, settings, **options)


def study(slot: str, source: Source, program: str, settings: dict[str, Any], **options: Any) -> tuple[str, Rows]:
    """As `analyse`, of a source that is read already."""
    return ANALYSES[slot](source, ready(slot, program, settings).call, **options)


def unit_commitment(
    path: Path, gap: float, seconds: float, out: Path | None
) -> tuple[str, Rows, Reading, dict[str, float]]:
    """The schedule of a unit commitment case in a file.

    Returns:
        A line, units that run as rows, what was made of the file, and the figures: USD, share, seconds.
    """
    if not 0 < gap < 1:
        raise ParameterError(f"a gap of {gap:g} is no share of the cost", "give one between 0 and 1, such as 0.001")
    case = read_case_file(path)
    s = solve_case(case, gap, seconds)
    check_case_schedule(case, s)
    if out is not None:
        write_schedule(out, case, s)
    starts = (np.diff(np.vstack([case.thermal.on, s.on]).astype(int), axis=0) > 0).sum(axis=0)
    rows = [{"unit": str(n), "steps on": int(s.on[:, k].sum()), "starts": int(starts[k]), "MWh": round(float(s.p[:, k].sum() * case.step_h), 1)}
            for k, n in enumerate(case.thermal.name) if s.on[:, k].any()]  # fmt: skip
    parts = ", ".join(f"{k} {x:,.0f}" for k, x in s.parts.items() if abs(x) >= 0.5)
    line = f"cost {s.cost:,.2f} USD ({parts}), bound {s.bound:,.2f}, gap {s.gap:.2e}, {s.seconds:.1f} CPU s"
    figures = {"cost": s.cost, "bound": s.bound, "gap": s.gap, "seconds": s.seconds, **s.parts}
    return line, rows, case.reading, figures


def power_flow(source: Any, call: Call) -> tuple[str, Rows]:
    """The case's own state."""
    request = scheduled(source.grid)
    result = call(request)
    check_power_flow(request, result)
    if not result.converged:
        why = f": {result.reason}" if result.reason else ""
        raise InfeasibleError(
            f"no state found in {result.iterations} steps{why}", "choose another program, or less load"
        )
    grid, v = request.grid, result.v
    loss = float((v * np.conj(admittance(grid).ybus @ v)).real.sum() * grid.base_mva)
    rows = [{"bus": int(n), "p.u.": round(float(abs(x)), 4), "degrees": round(float(np.rad2deg(np.angle(x))), 2)}
            for n, x in zip(grid.buses.number, v, strict=True)]  # fmt: skip
    return f"{result.iterations} steps, losses {loss:.2f} MW", rows


def screening(source: Any, call: Call) -> tuple[str, Rows]:
    """Outages of the secured snapshot, the worst twenty."""
    net, point = whole(source.grid), secured(source.grid).point
    s = point.injection(net)[None]
    request = request_for(net, point.v[None], s, point.q[None], point.on[None], point.shunt[None], point.tap[None])
    result = call(request)
    check_ranking(request, result)
    name = net.grid.branches.name[net.contingencies]
    rows = [{"rank": k + 1, "outage": str(name[i]), "severity": round(float(x), 4) if np.isfinite(x) else "splits the grid"}
            for k, (i, x) in enumerate(zip(result.order[:20], result.severity[:20], strict=True))]  # fmt: skip
    return f"{len(result.order)} outages ranked", rows


def economic_dispatch(source: Any, call: Call, hour: int) -> tuple[str, Rows]:
    """An hour's net load shared by thermal units: the cheapest at full load that can give it and a tenth more."""
    grid, units = source.grid, source.grid.units
    net = _net(grid, _year(source))
    if not 0 <= hour < len(net):
        raise ParameterError(f"hour {hour} is outside the year", f"name one from 0 to {len(net) - 1}")
    thermal = np.flatnonzero(_thermal(grid))
    order = thermal[np.argsort(units.cost_usd[thermal, -1] / units.pmax[thermal], kind="stable")]
    enough = int(np.searchsorted(np.cumsum(units.pmax[order]), SPARE * net[hour])) + 1
    mine = np.sort(order[:enough])
    request = EconomicRequest(units.cost_mw[mine], units.cost_usd[mine], float(net[hour]))
    result = call(request)
    check_economic(request, result)
    rows = [{"unit": str(n), "MW": round(float(p), 1)} for n, p in zip(units.name[mine], result.p, strict=True)]
    return f"{request.demand:.0f} MW for {result.cost:.0f} USD/h, one more for {result.price:.2f} USD/MWh", rows


def adequacy(source: Any, call: Call, outage_rate: float, seed: int) -> tuple[str, Rows]:
    """The year's load, less what weather gives, against the thermal units."""
    grid = source.grid
    capacity = grid.units.pmax[_thermal(grid)]
    request = AdequacyRequest(capacity, np.full(len(capacity), outage_rate), _net(grid, _year(source)).clip(0), seed)
    result = call(request)
    check_adequacy(request, result)
    rows = [{"indicator": n, "value": f"{x:.4g}", "unit": u, "standard error": f"{e:.2g}"}
            for n, x, u, e in (("LOLE", result.lole, "h", result.lole_error), ("EENS", result.eens, "MWh", result.eens_error))]  # fmt: skip
    return f"{len(capacity)} units, {capacity.sum():.0f} MW, peak {request.load.max():.0f} MW", rows


def representative_days(source: Any, call: Call, count: int, seed: int) -> tuple[str, Rows]:
    """Days of the grid's year."""
    year = _year(source)
    request = DaysRequest(features_of(_total(year.load), np.nansum(year.available, axis=1)), count, seed)
    if not 1 <= count <= len(request.features):
        raise ParameterError(f"{count} days cannot be chosen", f"ask for 1 to {len(request.features)}")
    result = call(request)
    check_days(request, result)
    rows = [{"day of year": int(d) + 1, "stands for": int(w)} for d, w in zip(result.day, result.weight, strict=True)]
    return f"{count} of {len(request.features)} days", rows


def maintenance(source: Any, call: Call, crews: int, seed: int) -> tuple[str, Rows]:
    """Every thermal unit once in a year, longer the larger it is."""
    grid = source.grid
    mine = _thermal(grid)
    capacity, n = grid.units.pmax[mine], int(mine.sum())
    duration = np.minimum(WEEKS_BASE + capacity // MW_PER_WEEK, MOST_WEEKS).astype(np.int64)
    net = _net(grid, _year(source))[: WEEKS * HOURS_OF_WEEK]
    if len(net) < WEEKS * HOURS_OF_WEEK:
        raise ParameterError("the grid's series are shorter than a year", "use those that BOS makes")
    peak = net.reshape(WEEKS, -1).max(axis=1)
    first, last = np.zeros(n, np.int64), np.full(n, WEEKS - 1)
    request = MaintenanceRequest(capacity, np.full(n, 0.05), duration, first, last, peak, crews, seed)
    plan = call(request)
    check_maintenance(request, plan)
    rows = [{"unit": str(u), "MW": float(c), "from week": int(t) + 1, "weeks": int(d)}
            for u, c, t, d in zip(grid.units.name[mine], capacity, plan.start, duration, strict=True)]  # fmt: skip
    return f"{plan.reserve.min():.0f} MW of reserve in the worst week, {int(plan.reserve.argmin()) + 1}", rows


def load_forecast(source: Any, call: Call, hour: int, hours: int) -> tuple[str, Rows]:
    """The hours ahead of an hour of the grid's year, from those before it, beside what the year has."""
    y = _total(_year(source).load)
    if not WEEKS_OF_PAST * HOURS_OF_WEEK <= hour <= len(y) - hours:
        raise ParameterError(
            f"no forecast of {hours} hours from hour {hour} can be judged",
            f"begin between hours {WEEKS_OF_PAST * HOURS_OF_WEEK} and {len(y) - hours}",
        )
    request = ForecastRequest(y[:hour], hours)
    told = call(request)
    check_forecast(request, told)
    true = y[hour : hour + hours]
    rows = [{"hour": hour + k, "forecast MW": round(float(a), 1), "MW": round(float(b), 1)}
            for k, (a, b) in enumerate(zip(told, true, strict=True))]  # fmt: skip
    return f"{100 * float(np.abs(told / true - 1).mean()):.1f} % off on average", rows


def loss_allocation(source: Any, call: Call) -> tuple[str, Rows]:
    """The losses of the case's own state."""
    request = scheduled(source.grid)
    grid = request.grid
    found = newton_polar(request)
    if not found.converged:
        raise InfeasibleError(f"no state of grid {grid.name} is found", "see `bos analyse power-flow`")
    s = (found.v * np.conj(admittance(grid).ybus @ found.v)).real * grid.base_mva
    state = SolvedState(grid, found.v, np.maximum(s + grid.buses.pd, 0.0).round(9), np.maximum(grid.buses.pd, 0.0))
    result = call(state)
    check_allocation(state, result)
    rows = [{"bus": int(n), "to generation, MW": round(float(g), 3), "to load, MW": round(float(x), 3)}
            for n, g, x in zip(grid.buses.number, result.to_generation, result.to_load, strict=True) if g or x]  # fmt: skip
    return f"{state.losses():.2f} MW", rows


def state_estimation(source: Any, call: Call, measurements: Path) -> tuple[str, Rows]:
    """The state that a file of measurements speaks for."""
    request = read_measurements(measurements, source.grid)
    result = call(request)
    check_estimate(request, result)
    if not result.converged:
        raise InfeasibleError("no state is found", "see whether the measurements reach every bus")
    rows = [{"bus": int(n), "p.u.": round(float(abs(x)), 4), "degrees": round(float(np.rad2deg(np.angle(x))), 2)}
            for n, x in zip(source.grid.buses.number, result.v, strict=True)]  # fmt: skip
    wrong = ", ".join(str(k + 2) for k in np.flatnonzero(result.bad)) or "none"
    return f"{len(request.kind)} measurements; held for wrong, by line of the file: {wrong}", rows


ANALYSES: dict[str, Callable[..., tuple[str, Rows]]] = {
    f.__name__: f
    for f in (
        power_flow,
        screening,
        economic_dispatch,
        adequacy,
        representative_days,
        maintenance,
        load_forecast,
        loss_allocation,
        state_estimation,
    )
}


def _thermal(grid: Grid) -> Bools:
    units = grid.units
    return np.asarray((units.kind == "thermal") & units.in_service & (units.pmax > 0))


def _year(source: Any) -> Series:
    own: Series | None = source.series
    return own if own is not None else profiles(SequenceRequest(source.grid, None, 1))


def _total(load: Floats | Spread) -> Floats:
    return load.total() if isinstance(load, Spread) else np.asarray(load.sum(axis=1))


def _net(grid: Grid, year: Series) -> Floats:
    """(hour,) MW that thermal units must give."""
    weather = (grid.units.kind == "variable") & grid.units.in_service
    return np.asarray(_total(year.load) - np.nansum(year.available[:, weather], axis=1))
