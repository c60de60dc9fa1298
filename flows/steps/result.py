"""What a step gives back and how a container turns it into a file and a receipt."""

import os
import resource
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from bos_core.drwop import store
from bos_core.objects.data import Dataset
from bos_core.objects.program import Program
from bos_core.objects.task import Chunk, Receipt
from flows.steps.inputs import prepare


@dataclass(frozen=True)
class StepResult:
    """A step's result.

    Attributes:
        datasets: what goes into the file.
        program: what computed it.
        tasks: number of BOS tasks done, where the step decides; the chunk's count otherwise.
        attributes: further attributes of the file.
        summary: small figures for the index.
        exceptions: (task offset, reason) of tasks that need attention.
        copy_of: stage of which the file is a copy by device; empty for a result of its own.
    """

    datasets: dict[str, Dataset]
    program: Program
    tasks: int | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    summary: Mapping[str, float] = field(default_factory=dict)
    exceptions: tuple[tuple[int, str], ...] = ()
    copy_of: str = ""


def relative_path(chunk: Chunk) -> str:
    """Where a chunk's file lies in the result store."""
    return f"{chunk.payload['task_set']}/{chunk.stage}/{chunk.key.split('/', 1)[1].replace('/', '-')}.h5"


def execute(message: dict[str, Any]) -> Receipt:
    """Run a chunk: called on a container with the chunk as plain data; returns its receipt."""
    chunk = Chunk(**message)
    start_mib = _begin_peak()
    wall, cpu, data = time.perf_counter(), time.process_time(), store.spent()
    step = import_module(f"flows.steps.{chunk.payload['step']}")
    if hasattr(step, "SLOT"):
        prepare(step.SLOT, chunk)
    loaded = time.perf_counter() - wall
    result: StepResult = step.run(chunk)
    path = relative_path(chunk)
    provenance = {
        "task_set": chunk.payload["task_set"], "chunk": chunk.key, "stage": chunk.stage,
        "tasks": f"{chunk.offset}+{chunk.count}", "first_hour": chunk.first_hour, "hours": chunk.hours,
        "scenario_version": chunk.payload.get("scenario") or 0, "program": result.program.identity,
        "start": chunk.payload.get("start", ""), "confinement": ", ".join(result.program.confinement),
        **result.attributes,
    }  # fmt: skip
    digest, size = store.write(path, result.datasets, provenance)
    return Receipt(
        path=path, sha256=digest, size=size, seconds=time.perf_counter() - wall,
        cpu_seconds=time.process_time() - cpu,
        peak_mib=_peak_mib(), container=_container(),
        program=result.program.identity, tasks=chunk.count if result.tasks is None else result.tasks,
        summary=dict(result.summary), exceptions=result.exceptions, data_seconds=store.spent() - data,
        copy_of=result.copy_of, load_seconds=loaded, start_mib=start_mib,
    )  # fmt: skip


def _begin_peak() -> float:
    """Forget the process's peak of resident memory so far, where the system can (Linux); what is resident now (MiB)."""
    with suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return _resident_mib("VmRSS")


def _peak_mib() -> float:
    """Peak of resident memory since `_begin_peak`, or of the process where the system does not tell (MiB)."""
    return _resident_mib("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _resident_mib(name: str) -> float:
    """A line of the process's status (MiB), 0 where there is none."""
    with suppress(OSError), open("/proc/self/status") as file:
        told = dict(line.split(":", 1) for line in file if line.startswith(name))
        return float(told[name].split()[0]) / 1024 if name in told else 0.0
    return 0.0


def _container() -> str:
    from distributed import get_worker

    try:
        return str(get_worker().name)
    except ValueError:  # in a test or a notebook
        return f"process {os.getpid()}"
