"""Boundary check of reactive dispatch: the month as one file, ramps checked across every hour and its border."""

import numpy as np

from bos_core.objects.data import Dataset
from bos_core.objects.task import Chunk
from flows.steps.chosen import chosen_for
from flows.steps.inputs import network_of, reader
from flows.steps.reactive_dispatch import state_datasets
from flows.steps.result import StepResult
from slots.contracts.unit_commitment import check_ramps


def run(chunk: Chunk) -> StepResult:
    """Join the month's hours; with the month before, so that its last midnight is checked too."""
    net, _ = network_of(chunk.payload["network"])
    source = reader(chunk, "reactive")
    get = {k: source.read(k, chunk.first_hour, chunk.hours)
           for k in ("vm", "va", "q", "p", "on", "fixed_p", "fixed_q", "shunt", "tap", "loss", "feasible", "residual")}  # fmt: skip
    on, p = get["on"].astype(bool), get["p"]
    if chunk.payload["inputs"]["previous"]:
        before = reader(chunk, "previous")
        on = np.vstack([before.read("on", chunk.first_hour - 1, 1).astype(bool), on])
        p = np.vstack([before.read("p", chunk.first_hour - 1, 1), p])
    check_ramps(net.grid.units, on, p)
    v = get["vm"] * np.exp(1j * get["va"])
    fixed = get["fixed_p"] + 1j * get["fixed_q"]
    datasets = state_datasets(
        net, chunk.first_hour, v, get["q"], get["p"], get["on"], fixed, get["shunt"], get["tap"]
    )  # fmt: skip
    for name, unit in (("loss", "MW"), ("feasible", ""), ("residual", "p.u.")):
        datasets[name] = Dataset(get[name], ("hour",), unit)
    return StepResult(datasets, chosen_for("reactive_dispatch", chunk))
