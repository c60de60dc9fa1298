"""AC N-1 verification of a chunk of hours; also the re-verification of adjusted ones."""

import numpy as np

from bos_core.objects.data import Dataset
from bos_core.objects.task import Chunk
from bos_core.plump.registry import program
from flows.steps.apart import verify_apart
from flows.steps.inputs import network_of, reader
from flows.steps.result import StepResult
from slots.contracts.n1 import N1Request, request_for
from slots.grid.model import Ints
from slots.grid.network import Network

SLOT = "n1"
LOST = "no power flow exists (confirmed by full Newton)"
KILLED = "whatever computes it dies"

_UNITS = {
    "loading": "1",
    "vmin": "p.u.",
    "vmax": "p.u.",
    "margin": "p.u.",
    "lost_load": "MW",
    "lost_generation": "MW",
}


def request_of(chunk: Chunk, net: Network, hours: Ints) -> N1Request:
    """The verification of some hours of the chunk's state files."""
    source, first, n = reader(chunk, "state"), chunk.first_hour, chunk.hours
    rows = hours - first
    get = {k: source.read(k, first, n)[rows] for k in ("vm", "va", "q", "p", "on", "fixed_p", "fixed_q", "shunt")}
    on = get["on"].astype(bool)
    base = net.grid.base_mva

    injection = get["fixed_p"] + 1j * get["fixed_q"] + (net.unit_map @ get["p"].T).T / base + 1j * get["q"] / base
    v = get["vm"] * np.exp(1j * get["va"])
    return request_for(net, v, injection, get["q"], on, get["shunt"])


def run(chunk: Chunk) -> StepResult:
    """Verify the chunk's hours, or those of them that were adjusted."""
    net, _ = network_of(chunk.payload["network"])
    hours = np.arange(chunk.first_hour, chunk.first_hour + chunk.hours)
    if chunk.payload["only_adjusted"]:
        hours = hours[reader(chunk, "state").read("adjusted", chunk.first_hour, chunk.hours).astype(bool)]
    chosen = program(SLOT, chunk.payload["algorithm"])
    request, killed = request_of(chunk, net, hours), np.zeros(0, dtype=np.int64)
    if chunk.payload.get("apart") and len(hours):
        result, killed = verify_apart(chosen.call, request)
    else:
        result = chosen.call(request)
    insecure = result.insecure()
    cases = 1 + len(result.contingencies)
    datasets = {
        "hour": Dataset(hours, ("hour",), "h", "hours since the scenario's start"),
        "branch_name": Dataset(net.grid.branches.name, (), "", "global ids of the branches"),
        "contingencies": Dataset(result.contingencies, (), "", "branch position of case 1, 2, …; case 0 is intact"),
    }
    for name, data in result.to_arrays().items():
        if name != "contingencies":
            datasets[name] = Dataset(data, ("hour", "case"), _UNITS.get(name, ""))
    datasets["insecure"] = Dataset(insecure, ("hour", "case"), "", "1 where a limit is broken or no solution exists")
    worst = np.nanmax(result.loading, axis=1) if len(hours) else np.zeros(0)
    datasets["worst_loading"] = Dataset(worst, ("hour",), "1", "highest loading over all cases")
    lost = ~result.converged
    notes = tuple(
        (int(h * cases + c), f"hour {hours[h]}, case {c}: {KILLED if c in killed else LOST}")
        for h, c in np.argwhere(lost)
    )
    summary = {"insecure_hours": int(insecure.any(axis=1).sum()), "insecure_cases": int(insecure.sum()),
               "not_converged": int(lost.sum())}  # fmt: skip
    return StepResult(datasets, chosen, tasks=len(hours) * (cases - 1), summary=summary, exceptions=notes)
