"""AC N-1 verification of a chunk of hours; also the re-verification of adjusted ones."""

from collections.abc import Callable
from dataclasses import fields

import numpy as np

from bos_core.objects.data import Dataset
from bos_core.objects.task import Chunk
from flows.steps.actions import FIGURES, actions_of, joined, verify_actions
from flows.steps.apart import verify_apart
from flows.steps.chosen import chosen_for
from flows.steps.inputs import network_of, reader
from flows.steps.result import StepResult
from slots.contracts.n1 import N1Request, N1Result, request_for
from slots.grid.model import Bools, Ints
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
    get = {
        k: source.read(k, first, n)[rows] for k in ("vm", "va", "q", "p", "on", "fixed_p", "fixed_q", "shunt", "tap")
    }
    on = get["on"].astype(bool)
    base = net.grid.base_mva

    injection = get["fixed_p"] + 1j * get["fixed_q"] + (net.unit_map @ get["p"].T).T / base + 1j * get["q"] / base
    v = get["vm"] * np.exp(1j * get["va"])
    return request_for(net, v, injection, get["q"], on, get["shunt"], get["tap"])


def _flag(chunk: Chunk, name: str) -> Bools:
    """(hour,) a flag of the chunk's state files."""
    return np.asarray(reader(chunk, "state").read(name, chunk.first_hour, chunk.hours).astype(bool))


def _verify_again(
    chunk: Chunk, net: Network, call: Callable[[N1Request], N1Result], request: N1Request, hours: Ints
) -> N1Result:
    """Every case of the hours whose operating point was moved; of the others what the first verification found."""
    moved = _flag(chunk, "changed")[hours - chunk.first_hour]
    source, rows = reader(chunk, "verification"), hours[~moved] - chunk.first_hour
    known = {k: source.read(k, chunk.first_hour, chunk.hours)[rows] for k in FIGURES}
    before = N1Result(net.contingencies, **{**known, "converged": known["converged"].astype(bool)})
    changed = {f.name: getattr(request, f.name)[moved] for f in fields(N1Request) if f.name != "network"}
    return joined([(moved, call(N1Request(net, **changed))), (~moved, before)], net.contingencies)


def run(chunk: Chunk) -> StepResult:
    """Verify the chunk's hours; or again those that were adjusted, outages followed by their curative actions."""
    net, header = network_of(chunk.payload["network"])
    hours = np.arange(chunk.first_hour, chunk.first_hour + chunk.hours)
    again = bool(chunk.payload["only_adjusted"])
    if again:
        hours = hours[_flag(chunk, "adjusted")[hours - chunk.first_hour]]
    chosen = chosen_for(SLOT, chunk)
    request, killed = request_of(chunk, net, hours), np.zeros(0, dtype=np.int64)
    if chunk.payload.get("apart") and len(hours):
        result, killed = verify_apart(chosen.call, request)
    elif again:
        result = _verify_again(chunk, net, chosen.call, request, hours)
    else:
        result = chosen.call(request)
    computed = len(hours) * len(result.contingencies)
    if again and len(hours):
        when, outages, changes = actions_of(chunk, net)
        verify_actions(request, np.searchsorted(hours, when), outages, changes, result)
        moved = _flag(chunk, "changed")[hours - chunk.first_hour]
        computed = int(moved.sum()) * len(result.contingencies) + int((~moved[np.searchsorted(hours, when)]).sum())
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
    if header.get("verification") and not again:
        notes = ((0, str(header["verification"])), *notes)
    summary = {"insecure_hours": int(insecure.any(axis=1).sum()), "insecure_cases": int(insecure.sum()),
               "not_converged": int(lost.sum())}  # fmt: skip
    return StepResult(datasets, chosen, tasks=computed, summary=summary, exceptions=notes)
