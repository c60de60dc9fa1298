"""Files of unit commitment cases, known by what they hold; and their schedules as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bos_core.objects.errors import GridError, StorageError
from slots.contracts.commitment_case import CaseSchedule, CommitmentCase
from slots.grid.model import Floats
from slots.sources import pglib_uc, unitcommitment_jl
from slots.sources.json_fields import read_document


def read_case_file(path: Path) -> CommitmentCase:
    """The case in a file of PGLib-UC or UnitCommitment.jl, plain or gzip.

    Raises:
        GridError: it is neither, or cannot be used.
    """
    document = read_document(path)
    if pglib_uc.is_pglib_uc(document):
        return pglib_uc.case_of(document, path.name)
    if unitcommitment_jl.is_unitcommitment_jl(document):
        return unitcommitment_jl.case_of(document, path.name)
    raise GridError(
        f"file {path.name} is neither a case of PGLib-UC (no 'thermal_generators') nor of UnitCommitment.jl"
        " (no 'Parameters', 'Buses' and 'Generators')", "give a unit commitment case",
    )  # fmt: skip


def schedule_document(case: CommitmentCase, s: CaseSchedule) -> dict[str, Any]:
    """A schedule by element, powers in MW, one number for each step of time."""

    def by(names: Any, values: Floats) -> dict[str, list[float]]:
        return {str(n): [round(float(x), 6) for x in values[:, k]] for k, n in enumerate(names)}

    return {
        "case": case.name, "step (h)": case.step_h, "cost (USD)": s.cost, "bound (USD)": s.bound, "parts (USD)": s.parts,
        "on": {k: [int(x) for x in v] for k, v in by(case.thermal.name, s.on.astype(float)).items()},
        "output (MW)": by(case.thermal.name, s.p), "reserve (MW)": by(case.thermal.name, s.reserve),
        "profiled units and loads (MW)": by(case.profiled.name, s.profiled),
        "charge (MW)": by(case.stores.name, s.charge), "discharge (MW)": by(case.stores.name, s.discharge),
        "level (MWh)": by(case.stores.name, s.level), "load not served (MW)": by(case.buses, s.short),
        "generation too much (MW)": by(case.buses, s.spill),
        "reserve missing (MW)": by([p.name for p in case.products], s.reserve_short),
        "above line limits (MW)": by(case.lines.name, s.overload),
    }  # fmt: skip


def write_schedule(path: Path, case: CommitmentCase, s: CaseSchedule) -> None:
    """Write a schedule as JSON.

    Raises:
        StorageError: the file cannot be written.
    """
    try:
        path.write_text(json.dumps(schedule_document(case, s)), encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"the schedule cannot be written to {path} ({error.strerror})", "give another path"
        ) from None
