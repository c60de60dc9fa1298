"""Inter-day boundary check of active dispatch: ramps across the midnights of a month, repaired where broken."""

import numpy as np

from bos_core.drwop import store
from bos_core.objects.data import Dataset
from bos_core.objects.task import Chunk
from flows.steps.active_dispatch import dispatch_datasets, request_of
from flows.steps.chosen import chosen_for
from flows.steps.inputs import network_of, reader
from flows.steps.result import StepResult
from flows.steps.schedules import stack
from flows.steps.unit_commitment import days_of
from slots.algorithms.active_dispatch.loss_iterated import broken_seam, join_days
from slots.contracts.active_dispatch import ActiveDispatch
from slots.contracts.unit_commitment import check_ramps

_NAMES = {"unit", "bus", "branch"}
_HOURLY = ("on", "p", "reserve", "energy", "shed", "spill", "reserve_short", "reserve_required", "demand",
           "overload", "loss")  # fmt: skip


def run(chunk: Chunk) -> StepResult:
    """Check the month's seams, dispatch the two days at a broken one together, and store the whole month."""
    days = days_of(chunk)
    stored = _read(chunk)
    parts = [_rows(stored, slice(first - chunk.first_hour, first - chunk.first_hour + hours)) for first, hours in days]
    units, repaired = network_of(chunk.payload["network"])[0].grid.units, []
    for k in range(len(days) - 1):
        on = tuple(p["on"].data.astype(bool) for p in parts[k : k + 2])
        p = tuple(x["p"].data for x in parts[k : k + 2])
        if not broken_seam(units, (on[0], on[1]), (p[0], p[1])).any():
            continue
        before = parts[k - 1]["p"].data[-1] if k else None
        after = parts[k + 2]["p"].data[0] if k + 2 < len(days) else None
        joined = join_days(request_of(chunk, *days[k]), request_of(chunk, *days[k + 1]), before, after)
        parts[k], parts[k + 1] = _split(chunk, joined, days[k][1])
        repaired.append(k)
    month = stack(parts, _NAMES)
    check_ramps(units, month["on"].data.astype(bool), month["p"].data)
    chosen = chosen_for("active_dispatch", chunk)
    notes = tuple((k, f"seam after day {k + 1} of the chunk was repaired") for k in repaired)
    return StepResult(month, chosen, summary={"repaired": len(repaired)}, exceptions=notes)


def _read(chunk: Chunk) -> dict[str, Dataset]:
    """The month as the days were dispatched."""
    source, first, hours = reader(chunk, "dispatch"), chunk.first_hour, chunk.hours
    names, _ = store.read(chunk.payload["inputs"]["dispatch"][0][0], sorted(_NAMES))
    out = {k: Dataset(v, (k,)) for k, v in names.items()}
    out["hour"] = Dataset(np.arange(first, first + hours), ("hour",), "h")
    for name in _HOURLY:
        data = source.read(name, first, hours)
        unit = {"on": "", "energy": "MWh"}.get(name, "MW")
        out[name] = Dataset(data, ("hour", "unit")[: data.ndim], unit)
    return out


def _rows(datasets: dict[str, Dataset], hours: slice) -> dict[str, Dataset]:
    return {
        k: d if k in _NAMES else Dataset(np.asarray(d.data)[hours], d.dims, d.unit, d.description)
        for k, d in datasets.items()
    }


def _split(chunk: Chunk, joined: ActiveDispatch, hours: int) -> tuple[dict[str, Dataset], dict[str, Dataset]]:
    whole = dispatch_datasets(chunk, joined)
    return _rows(whole, slice(0, hours)), _rows(whole, slice(hours, None))
