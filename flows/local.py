"""The chain in this process, without services: the same stages and steps, for tests, benchmarks and notebooks.

What it computes are files in the result store, as always; nothing is noted in the index.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from bos_core.drwop import store
from bos_core.drwop.reader import Piece
from bos_core.objects.task import Chunk, Receipt
from flows.chain import STAGE, Month, elements
from flows.parameters import PlanningParameters
from flows.pipeline import Done, run_chain
from flows.steps.result import execute
from slots.grid.model import Grid

Told = Callable[[str, Receipt], None]


@dataclass
class LocalRun:
    """A run and its results so far, by stage.

    Attributes:
        set_id: folder of its results.
        told: is called with the stage and the receipt of each chunk.
    """

    set_id: str
    told: Told = lambda stage, receipt: None
    files: dict[str, list[tuple[str, int, int]]] = field(default_factory=dict)
    receipts: dict[str, list[Receipt]] = field(default_factory=dict)
    _one: Lock = field(default_factory=Lock)

    def stage(
        self, stage: str, month: Month, payload: dict[str, Any], parent: int | None, contingencies: int = 0
    ) -> Done:
        """Run a stage of a month as one chunk; one after the other, for solvers and caches are the process's."""
        spec = STAGE[stage]
        common = {**payload, "task_set": self.set_id, "step": spec.step, "month": (month.first_hour, month.hours)}
        count = elements(spec, month.hours, contingencies)
        key = f"{self.set_id}/{stage}/{month.number:02d}-000"
        chunk = Chunk(key, stage, 0, count, month.first_hour, month.hours, common, float(month.hours))
        with self._one:
            receipt = execute(vars(chunk))
            piece = (receipt.path, month.first_hour, month.hours)
            self.files.setdefault(stage, []).append(piece)
            self.receipts.setdefault(stage, []).append(receipt)
            self.told(stage, receipt)
        return Done([piece])

    def modelled(self, version: int | None, grid: Grid, sequence: str) -> None:
        """There is no ontology to write."""

    def pieces(self, stage: str) -> list[tuple[str, int, int]]:
        """The files of a stage, of all months."""
        return self.files[stage]

    def read(self, stage: str, name: str) -> Any:
        """(hour, …) array of a stage over the horizon.

        Raises:
            StorageError: a file cannot be read.
        """
        sequence = self.files["sequence"]
        first, hours = min(p[1] for p in sequence), sum(p[2] for p in sequence)
        return store.Hourly([Piece(*p) for p in self.files[stage]]).read(name, first, hours)

    def summed(self, stage: str, figure: str) -> float:
        """A figure of a stage's receipts, summed."""
        return sum(float(r.summary.get(figure, 0.0)) for r in self.receipts.get(stage, []))


def plan_locally(parameters: PlanningParameters, set_id: str, told: Told | None = None) -> LocalRun:
    """Run the whole chain here; `set_id` is one that no run of this process had, for what is read is kept by it.

    Raises:
        BosError: what stopped it.
    """
    parameters.check_horizon()
    run = LocalRun(set_id, told) if told else LocalRun(set_id)
    run_chain(run, parameters)
    return run
