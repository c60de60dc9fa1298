"""Listed contingencies and outages of units, after adjustment: each hour as it is finally set."""

from typing import Any

import numpy as np

from bos_core.objects.data import Dataset
from bos_core.objects.program import Program
from bos_core.objects.task import Chunk
from flows.steps.inputs import network_of, reader
from flows.steps.result import StepResult
from slots.algorithms.n1.listed import verify_listed
from slots.contracts.contingency import Contingency, contingencies_of, unit_outages
from slots.grid.network import Network
from slots.grid.operating_point import OperatingPoint

PROGRAM = Program("contingencies", "newton", "full damped Newton after any losses", verify_listed)


def asked_for(network: Network, payload: dict[str, Any]) -> list[Contingency]:
    """The contingencies of a run's parameters.

    Raises:
        ParameterError: one names what the network does not have.
    """
    listed = contingencies_of(network, [(c["name"], c["elements"]) for c in payload["contingencies"]])
    return listed + (unit_outages(network) if payload["unit_outages"] else [])


def run(chunk: Chunk) -> StepResult:
    """Verify the chunk's hours; curative actions belong to outages of branches and are not taken here."""
    net, _ = network_of(chunk.payload["network"])
    contingencies = asked_for(net, chunk.payload)
    source, first, n = reader(chunk, "state"), chunk.first_hour, chunk.hours
    get = {k: source.read(k, first, n) for k in ("vm", "va", "q", "p", "on", "fixed_p", "fixed_q", "shunt", "tap")}
    points = [point_of(net, {k: a[h] for k, a in get.items()}) for h in range(n)]
    result = verify_listed(net, points, contingencies)
    datasets = {
        "hour": Dataset(np.arange(first, first + n), ("hour",), "h", "hours since the scenario's start"),
        "contingency": Dataset(np.array([c.name for c in contingencies]), ("contingency",), "", "what is lost"),
        "insecure": Dataset(
            result.insecure(), ("hour", "contingency"), "", "1 where a limit breaks or no power flow exists"
        ),
    }
    units = {
        "loading": "1",
        "vmin": "p.u.",
        "vmax": "p.u.",
        "margin": "p.u.",
        "lost_load": "MW",
        "lost_generation": "MW",
    }
    for name in result.__dataclass_fields__:
        datasets[name] = Dataset(getattr(result, name), ("hour", "contingency"), units.get(name, ""))
    insecure = result.insecure()
    summary = {"insecure_hours": int(insecure.any(axis=1).sum()), "insecure_cases": int(insecure.sum())}
    return StepResult(datasets, PROGRAM, tasks=n * len(contingencies), summary=summary)


def point_of(net: Network, state: dict[str, Any]) -> OperatingPoint:
    """An hour's operating point from its arrays."""
    on, p = state["on"].astype(bool), state["p"]
    v = state["vm"] * np.exp(1j * state["va"])
    return OperatingPoint(
        p, on, p, p, state["fixed_p"] + 1j * state["fixed_q"], state["q"], v, net.voltage_controlled(on),
        np.zeros(net.grid.n_bus), state["shunt"], state["tap"],
    )  # fmt: skip
