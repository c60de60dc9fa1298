"""Transient check of chosen hours, as they are finally set: a fault, its clearing, and whether machines stay together."""

from typing import Any

import numpy as np

from bos_core.objects.data import Dataset
from bos_core.objects.errors import BosError, ParameterError
from bos_core.objects.task import Chunk
from bos_core.plump.models import model_text
from bos_core.plump.registry import ready
from flows.steps.inputs import network_of, reader
from flows.steps.listed import point_of
from flows.steps.result import StepResult
from slots.contracts.time_domain import TimeDomainRequest
from slots.dynamics.equations.code import functions_of
from slots.dynamics.equations.model import model_of
from slots.dynamics.events import fault
from slots.dynamics.from_point import PlantModels, dynamic_of
from slots.dynamics.time_domain import Response
from slots.grid.network import Network
from slots.grid.operating_point import OperatingPoint

FAULT_AT_S = 0.5


def run(chunk: Chunk) -> StepResult:
    """Simulate the chunk's chosen hours, each with a fault at each chosen bus."""
    asked, net = chunk.payload["transient"], network_of(chunk.payload["network"])[0]
    plants = PlantModels(asked["machine"], asked["exciter"], asked["governor"], asked["converter"])
    models = {n.partition("@")[0]: functions_of(model_of(model_text(n))) for n in plants.names()}
    plants = PlantModels(*(n.partition("@")[0] for n in plants.names()))
    solver = ready("time_domain", asked["solver"], {})
    state, rows, notes = reader(chunk, "state"), list[dict[str, Any]](), []
    for hour in [h for h in asked["hours"] if chunk.first_hour <= h < chunk.first_hour + chunk.hours]:
        point = point_of(net, {k: state.read(k, hour, 1)[0] for k in _STATE})
        for bus in buses_of(net, point, asked["buses"]):
            row: dict[str, Any] = {"hour": hour, "bus": int(net.grid.buses.number[bus])}
            try:
                case = dynamic_of(net, point, plants, models)
                events = fault(bus, FAULT_AT_S, FAULT_AT_S + asked["clearing"])
                row |= _told(solver.call(TimeDomainRequest(case, events, asked["seconds"])))
            except BosError as error:  # it has no state of rest with these models
                row |= {"stable": False, "spread": np.nan, "lowest": np.nan, "end": np.nan, "reason": str(error)}
            if not row["stable"]:
                where = f"hour {hour}, fault at bus {row['bus']} for {asked['clearing']:g} s"
                notes.append((len(rows), f"{where}: {row['reason']}"[:300]))
            rows.append(row)
    summary = {"unstable": float(sum(not r["stable"] for r in rows))}
    return StepResult(_datasets(rows), solver, tasks=len(rows), summary=summary, exceptions=tuple(notes))


_STATE = ("vm", "va", "q", "p", "on", "fixed_p", "fixed_q", "shunt", "tap")


def buses_of(net: Network, point: OperatingPoint | None, numbers: list[int]) -> list[int]:
    """Positions of the buses asked for; that of the most generation of a point where none is.

    Raises:
        ParameterError: one is not kept.
    """
    if not numbers:
        return [] if point is None else [int((net.unit_map @ np.maximum(point.p, 0.0)).argmax())]
    at = {int(n): k for k, n in enumerate(net.grid.buses.number)}
    unknown = [n for n in numbers if n not in at]
    if unknown:
        raise ParameterError(
            f"bus {unknown[0]} of the transient check is not kept", "name a bus of the reduced network"
        )
    return [at[n] for n in numbers]


def _told(response: Response) -> dict[str, Any]:
    """What is kept of a simulation."""
    angles = [
        response.of(d.name, "delta") for d in response.system.case.devices if not d.of and _turns(response, d.name)
    ]
    spread = float(np.rad2deg(np.ptp(np.array(angles), axis=0).max())) if angles else 0.0
    v = np.abs(response.v)
    after = response.t > response.t[-1] - 1.0
    return {"stable": response.stable, "spread": spread, "lowest": float(v[after].min()), "end": float(response.t[-1]),
            "reason": response.reason}  # fmt: skip


def _turns(response: Response, device: str) -> bool:
    group, _ = response.system.place(device)
    return "delta" in group.made.unknowns


def _datasets(rows: list[dict[str, Any]]) -> dict[str, Dataset]:
    about = {
        "hour": ("h", "hours since the scenario's start"), "bus": ("", "bus with the fault"),
        "stable": ("", "1 where it went on to the end"), "spread": ("degree", "largest spread of rotor angles"),
        "lowest": ("p.u.", "lowest voltage in the last second"), "end": ("s", "when the simulation ended"),
        "reason": ("", "why it ended early"),
    }  # fmt: skip
    return {k: Dataset(np.array([r[k] for r in rows]), ("case",), unit, told) for k, (unit, told) in about.items()}
