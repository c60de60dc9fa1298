"""Active power dispatch of a chunk of committed days."""

from dataclasses import replace

import numpy as np

from bos_core.objects.data import Dataset
from bos_core.objects.task import Chunk
from flows.steps.chosen import chosen_for
from flows.steps.inputs import (
    day_borders,
    factors_of,
    horizon,
    network_of,
    pairs_of_network,
    reader,
    with_outages,
)
from flows.steps.result import StepResult
from flows.steps.schedules import schedule_datasets, schedule_summary, stack
from flows.steps.unit_commitment import days_of
from slots.contracts.active_dispatch import ActiveDispatch, ActiveRequest, check_active
from slots.contracts.unit_commitment import Border

SLOT = "active_dispatch"


def request_of(chunk: Chunk, first: int, hours: int) -> ActiveRequest:
    """The dispatch problem of a day: its commitment, and its border bands at the month's ends only."""
    path = chunk.payload["network"]
    net, _ = network_of(path)
    start, end = day_borders(chunk, first, hours)
    month_first, month_hours = chunk.payload["month"]
    start = start if first == month_first else _without_band(start)
    end = end if first + hours == month_first + month_hours else _without_band(end)
    h = with_outages(chunk, horizon(chunk, first, hours, start, end, losses=False))
    br = net.grid.branches
    source = reader(chunk, "commitment")
    on, planned = source.read("on", first, hours).astype(bool), source.read("p", first, hours)
    lost = br.r / net.grid.base_mva
    return ActiveRequest(h, on, factors_of(path)[0], br.f, br.t, lost, pairs_of_network(path), planned)


def _without_band(border: Border | None) -> Border | None:
    """Inside a month days are dispatched apart and their seams checked afterwards."""
    return None if border is None else replace(border, power=np.full(len(border.power), np.nan))


def dispatch_datasets(chunk: Chunk, result: ActiveDispatch) -> dict[str, Dataset]:
    """The arrays of a dispatch."""
    net, _ = network_of(chunk.payload["network"])
    out = schedule_datasets(net, result.horizon, result.schedule)
    out["loss"] = Dataset(result.loss, ("hour",), "MW", "DC losses covered")
    return out


def run(chunk: Chunk) -> StepResult:
    """Dispatch the days of a chunk."""
    chosen = chosen_for(SLOT, chunk)
    parts, totals = [], dict[str, float]()
    for first, hours in days_of(chunk):
        request = request_of(chunk, first, hours)
        result: ActiveDispatch = chosen.call(request)
        check_active(request, result)
        parts.append(dispatch_datasets(chunk, result))
        for k, x in schedule_summary(result.schedule).items():
            totals[k] = totals.get(k, 0.0) + x
    return StepResult(stack(parts, {"unit", "bus", "branch"}), chosen, summary=totals)
