"""Unit commitment of a chunk of days, each between its borders."""

from bos_core.objects.task import Chunk
from flows.steps.chosen import chosen_for
from flows.steps.inputs import day_borders, horizon, network_of
from flows.steps.result import StepResult
from flows.steps.schedules import schedule_datasets, schedule_summary, stack
from slots.contracts.unit_commitment import Schedule, check_schedule
from slots.scheduling.losses import with_relaxed_losses

SLOT = "unit_commitment"


def days_of(chunk: Chunk) -> list[tuple[int, int]]:
    """(first hour, hours) of each day of a chunk; the last may be cut short by the horizon's end."""
    end = chunk.first_hour + chunk.hours
    return [(h, min(24, end - h)) for h in range(chunk.first_hour, end, 24)]


def run(chunk: Chunk) -> StepResult:
    """Commit the days of a chunk."""
    net, _ = network_of(chunk.payload["network"])
    loss_factors = net.grid.branches.r / net.grid.base_mva
    chosen = chosen_for(SLOT, chunk)
    parts, totals = [], dict[str, float]()
    for first, hours in days_of(chunk):
        start, end = day_borders(chunk, first, hours)
        h = with_relaxed_losses(horizon(chunk, first, hours, start, end, losses=False), loss_factors)
        s: Schedule = chosen.call(h, chunk.payload["gap"])
        check_schedule(h, s)
        parts.append(schedule_datasets(net, h, s))
        for k, x in schedule_summary(s).items():
            totals[k] = totals.get(k, 0.0) + x
    return StepResult(stack(parts, {"unit", "bus", "branch"}), chosen, summary=totals)
