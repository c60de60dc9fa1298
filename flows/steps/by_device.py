"""A stage's hourly arrays once more, laid out for reading few devices over all hours."""

import numpy as np

from bos_core.drwop import store
from bos_core.drwop.reader import Piece
from bos_core.objects.data import Dataset
from bos_core.objects.program import Program
from bos_core.objects.task import Chunk
from flows.steps.result import StepResult


def run(chunk: Chunk) -> StepResult:
    """Copy every (hour, element) array of the stage, one after the other so that memory stays bounded by the file."""
    pieces = [Piece(*p) for p in chunk.payload["inputs"]["source"]]
    source, first, hours = store.Hourly(pieces), chunk.first_hour, chunk.hours
    out = {"hour": Dataset(np.arange(first, first + hours), ("hour",), "h", "hours since the scenario's start")}
    for name, (dims, unit, description) in store.describe(pieces[0].path).items():
        if dims[:1] == ("hour",) and name != "hour":
            out[name] = Dataset(source.read(name, first, hours), dims, unit, description, by_device=True)
        elif len(dims) == 1 and dims[0] == name != "hour":
            out[name] = Dataset(store.read(pieces[0].path, [name])[0][name], dims, unit, description)
    program = Program("layout", "by-device", "copies of a stage's arrays, laid out by device", run)
    return StepResult(out, program, tasks=1, copy_of=chunk.payload["copy_of"])
