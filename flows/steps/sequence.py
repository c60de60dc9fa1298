"""Annual sequence generation: one month of hourly snapshots, and what they inject into the kept buses."""

from functools import lru_cache
from typing import Any

import numpy as np

from bos_core.objects.data import Dataset
from bos_core.objects.errors import InfeasibleError, ParameterError
from bos_core.objects.task import Chunk
from bos_core.plump.registry import ready
from flows.steps.chosen import chosen_for
from flows.steps.inputs import grid_of, network_of
from flows.steps.modelling import model_of
from flows.steps.result import StepResult
from slots.contracts.sequence import SequenceRequest, check_sequence
from slots.grid.model import Floats, Grid
from slots.sources.series import Series


@lru_cache(maxsize=1)
def _year(algorithm: str, settings: tuple[tuple[str, Any], ...], grid_path: str, source: str, model: str,
          power_factor: float, seed: int) -> tuple[Grid, Series]:  # fmt: skip
    grid = grid_of(grid_path)
    payload = {"algorithm": "from-source", "source": source, "model": model, "inverter_power_factor": power_factor}
    own = model_of(Chunk("", "", 0, 0, 0, 0, payload)).series
    request = SequenceRequest(grid, own, seed)
    series: Series = ready("sequence", algorithm, dict(settings)).call(request)
    check_sequence(request, series)
    return grid, series


def run(chunk: Chunk) -> StepResult:
    """Generate the year, keep the chunk's hours, refuse hours that no unit could serve."""
    p = chunk.payload
    settings = tuple(sorted(p.get("settings", {}).items()))
    grid, series = _year(
        p["algorithm"], settings, p["grid"], p["source"], p["model"], p["inverter_power_factor"], p["seed"]
    )
    if chunk.first_hour < series.first or chunk.first_hour + chunk.hours > series.end:
        outside = chunk.first_hour if chunk.first_hour < series.first else chunk.first_hour + chunk.hours - 1
        raise ParameterError(
            f"hour {outside} is outside the series, which hold hours {series.first} to {series.end - 1}",
            f"start at hour {-(-series.first // 24) * 24} or later"
            if chunk.first_hour < series.first
            else "ask for fewer hours or an earlier start",
        )
    window = {k: _to_the_kilowatt(x) for k, x in series.window(chunk.first_hour, chunk.hours).items()}
    if not p.get("allow_shedding"):
        _enough(grid, window["load"], window["available"], chunk.first_hour)
    dims = {"load": "bus", "load_q": "bus", "available": "unit", "floor": "unit", "inflow": "unit"}
    datasets = {
        "hour": Dataset(np.arange(chunk.first_hour, chunk.first_hour + chunk.hours), ("hour",), "h"),
        "unit": Dataset(grid.units.name, ("unit",)),
        "bus": Dataset(grid.buses.number, ("bus",)),
    }
    datasets |= {
        k: Dataset(a, ("hour", dims[k]) if k in dims else ("hour",), "MVAr" if k == "load_q" else "MW")
        for k, a in window.items()
    }
    net, _ = network_of(p["network"])
    fixed = net.fixed_injection(window["load"], window["load_q"])
    told = "injection of everything that is not a unit, on the kept buses"
    datasets["kept_bus"] = Dataset(net.grid.buses.number, ("kept_bus",))
    datasets["fixed_p"] = Dataset(fixed.real, ("hour", "kept_bus"), "p.u.", told)
    datasets["fixed_q"] = Dataset(fixed.imag, ("hour", "kept_bus"), "p.u.", told)
    datasets["kept_unit"] = Dataset(net.grid.units.name, ("kept_unit",))
    for name in ("available", "floor", "inflow"):
        merged = net.of_units(window[name])
        datasets[f"kept_{name}"] = Dataset(merged, ("hour", "kept_unit"), "MW", f"{name} of the units that are kept")
    attributes = {"description": series.description, "start": series.start.isoformat(), "seed": p["seed"]}
    return StepResult(datasets, chosen_for("sequence", chunk), attributes=attributes)


def _to_the_kilowatt(mw: Floats) -> Floats:
    """To a whole 2^-10 MW: what nobody measures is not stored, and two thirds of the bytes go."""
    return np.asarray(np.round(mw * 2.0**10) / 2.0**10)


def _enough(grid: Grid, load: Floats, available: Floats, first: int) -> None:
    """Raise InfeasibleError if there are hours whose load exceeds all capacity there is: which, by how much, and where.

    Args:
        load: (hour, bus) MW; available: (hour, unit) MW, NaN where weather does not decide; first: first hour (h).
    """
    each = np.where(np.isnan(available), grid.units.pmax[None, :], available) * grid.units.in_service[None, :]
    total, cap = load.sum(axis=1), each.sum(axis=1)
    short = np.flatnonzero(total > cap)
    if not len(short):
        return
    h = int(short[(total - cap)[short].argmax()])
    largest = np.argsort(-load[h], kind="stable")[:3]
    where = ", ".join(f"{grid.buses.number[b]} ({load[h, b]:.1f} MW)" for b in largest if load[h, b] > 0)
    raise InfeasibleError(
        f"grid {grid.name} cannot serve its load in {len(short)} of {len(load)} hours, the first of them hour "
        f"{first + short[0]}: in hour {first + h} its load of {total[h]:.1f} MW, most of it at bus {where}, exceeds the "
        f"available capacity of {cap[h]:.1f} MW by {total[h] - cap[h]:.1f} MW",
        "add capacity, lower the load, or go on with --allow-shedding, which plans what is not served",
    )
