"""System modelling: the grid source becomes the scenario's model."""

from datetime import datetime

from bos_core.drwop import store
from bos_core.objects.data import Dataset
from bos_core.objects.task import Chunk
from flows.steps.chosen import chosen_for
from flows.steps.inputs import decoded
from flows.steps.result import StepResult
from slots.contracts.modelling import ModellingRequest, SystemModel
from slots.grid.model import Grid
from slots.sources.own_state import with_own_state
from slots.sources.series import Series

_UNITS = {
    "kv": "kV", "pd": "MW", "qd": "MVAr", "gs": "MW", "bs": "MVAr", "vm": "p.u.", "va": "rad", "vmin": "p.u.",
    "vmax": "p.u.", "r": "p.u.", "x": "p.u.", "b": "p.u.", "g_f": "p.u.", "b_f": "p.u.", "g_t": "p.u.", "b_t": "p.u.", "r_asym": "p.u.", "x_asym": "p.u.", "shift": "rad", "rate": "MVA", "rate_emergency": "MVA",
    "p": "MW", "q": "MVAr", "pmin": "MW", "pmax": "MW", "qmin": "MVAr", "qmax": "MVAr", "vset": "p.u.",
    "start_cost": "USD", "stop_cost": "USD", "start_off": "h", "start_limit": "MW", "stop_limit": "MW", "min_up": "h", "min_down": "h", "ramp": "MW/h", "ramp_10min": "MW", "cost_mw": "MW",
    "cost_usd": "USD/h", "energy_max": "MWh", "energy_initial": "MWh", "charge_max": "MW", "lat": "degree",
    "lon": "degree", "loss0": "MW",
}  # fmt: skip


def model_of(chunk: Chunk) -> SystemModel:
    """The system model that the chunk's parameters describe: a source's, or a scenario version's as it is."""
    if chunk.payload.get("model"):
        return _laid_down(chunk.payload["model"])
    chosen = chosen_for("modelling", chunk)
    request = ModellingRequest(chunk.payload["source"], chunk.payload["inverter_power_factor"])
    model: SystemModel = chosen.call(request)
    return model


def _laid_down(path: str) -> SystemModel:
    arrays, told = store.read(path)
    grid = Grid.from_arrays(decoded(arrays), told)
    if "series_first" not in told:
        return SystemModel(grid, None)
    series = {k.removeprefix("series/"): v for k, v in arrays.items() if k.startswith("series/")}
    start, first = datetime.fromisoformat(str(told["start"])), int(told["series_first"])
    return SystemModel(grid, Series(start, **series, description=str(told["description"]), first=first))


def grid_datasets(grid: Grid) -> dict[str, Dataset]:
    """A grid's arrays with their units."""
    return {k: Dataset(v, (), _UNITS.get(k.split("/")[-1], "")) for k, v in grid.to_arrays().items()}


def span(series: Series) -> dict[str, str | int]:
    """What a model file says of its series: timestamp of hour 0, first hour, hours."""
    return {"start": series.start.isoformat(), "series_first": series.first, "series_hours": series.hours}


def run(chunk: Chunk) -> StepResult:
    """Read, validate and store the grid."""
    model = model_of(chunk)
    grid, series = with_own_state(model.grid), model.series
    summary = {"buses": grid.n_bus, "branches": len(grid.branches), "units": len(grid.units)}
    return StepResult(
        grid_datasets(grid),
        chosen_for("modelling", chunk),
        attributes=grid.header() | (span(series) if series is not None else {}),
        summary=summary,
    )
