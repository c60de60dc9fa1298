"""Monthly unit commitment: the midnights that the daily problems share."""

import numpy as np

from bos_core.objects.data import Dataset
from bos_core.objects.task import Chunk
from flows.steps.chosen import chosen_for
from flows.steps.inputs import border_at, horizon, network_of
from flows.steps.result import StepResult
from slots.contracts.borders import check_borders
from slots.contracts.unit_commitment import Border

SLOT = "borders"

_UNITS = {"on": "", "hours": "h", "power": "MW", "energy": "MWh", "cap": "MW", "past": "h"}


def run(chunk: Chunk) -> StepResult:
    """Plan the month with its look-ahead and keep its midnights."""
    net, _ = network_of(chunk.payload["network"])
    start = border_at(chunk, chunk.first_hour)
    span = chunk.hours + int(chunk.payload["look_ahead"])
    h = horizon(chunk, chunk.first_hour, span, start, None, losses=True)
    chosen = chosen_for(SLOT, chunk)
    borders: list[Border] = chosen.call(h, chunk.hours // 24)
    check_borders(h, borders)
    datasets = {"unit": Dataset(net.grid.units.name, ("unit",))}
    for k, border in enumerate(borders):
        hour = chunk.first_hour + 24 * (k + 1)
        for name, data in border.to_arrays(str(hour)).items():
            datasets[name] = Dataset(np.asarray(data), ("unit",), _UNITS[name.split("/")[1]])
    return StepResult(datasets, chosen)
